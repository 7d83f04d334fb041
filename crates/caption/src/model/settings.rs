//! What decides the shape of a captioner, and which shapes there are.

use nn::{NamedCell, Params, cells, output_width};
use serde::{Deserialize, Serialize};
use tape::DType;

use super::Vision;
use crate::data::collection::LARGEST_SIDE;
use crate::data::encoder::Origin;
use crate::data::{Captions, Input, NULL};
use crate::error::Error;

/// What decides the shape of a captioner; saved beside its weights.
///
/// What is as in [`ModelSettings::default`] need not be written, so that files from before a setting was there still say
/// the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// What the network sees.
    pub input: Input,
    /// Which encoder made the features that it sees, where that is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub origin: Option<Origin>,
    /// The name of the recurrent cell: one of [`nn::cells`], or a user's. A transformer has none.
    pub cell: String,
    /// Width of a word's vector, W.
    pub embedding: usize,
    /// Width of the hidden state, H; in a transformer that of each feed-forward network.
    pub hidden: usize,
    /// Words of the vocabulary, V.
    pub vocabulary: usize,
    /// Whether the picture is shown at every step; else only by the first hidden state.
    pub picture_at_every_step: bool,
    /// What carries the sentence so far.
    #[serde(default, skip_serializing_if = "is_default")]
    pub architecture: Architecture,
    /// Whether the scores of words are products with the words' own vectors (Press and Wolf, "Using the output embedding to
    /// improve language models", 2017, <https://arxiv.org/abs/1608.05859>).
    #[serde(default, skip_serializing_if = "is_default")]
    pub tied: bool,
    /// What is dropped in training.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dropout: Dropouts,
}

/// What carries the sentence so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// A recurrent cell, which starts from the picture.
    #[default]
    Recurrent,
    /// A recurrent cell that looks at the places of the picture at every step (Xu et al., "Show, attend and tell", 2015,
    /// <https://arxiv.org/abs/1502.03044>, with soft attention).
    Attention {
        /// Hidden units that hold the state against a place, A.
        width: usize,
    },
    /// A transformer decoder over the places of the picture (Vaswani et al., "Attention is all you need", 2017,
    /// <https://arxiv.org/abs/1706.03762>).
    Transformer {
        /// How many layers.
        layers: usize,
        /// Heads of each attention.
        heads: usize,
        /// The most words of a caption, `<START>` counted.
        positions: usize,
        /// Whether layer normalisation stands before attention and feed-forward; else after, as in the paper.
        norm_first: bool,
    },
}

/// Rates of dropout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropouts {
    /// Of what a cell is given, the same units for a whole caption; everywhere in a transformer.
    pub inputs: f64,
    /// Of what a cell's products see of its hidden state, the same units for a whole caption.
    pub state: f64,
    /// Of what the scores of words are made of.
    pub scores: f64,
}

/// Cells that hand their hidden state on by a gate, past all products: what is dropped of it there is lost for good.
const HAND_ON: [&str; 5] = ["gru", "gru_before", "mgu", "min_gru", "lru"];

impl Default for ModelSettings {
    /// A vanilla RNN as wide as CS231n's, for features and words that are still to be told.
    fn default() -> Self {
        ModelSettings {
            input: Input::Features { width: 0 },
            origin: None,
            cell: "rnn".into(),
            embedding: 256,
            hidden: 512,
            vocabulary: 0,
            picture_at_every_step: false,
            architecture: Architecture::default(),
            tied: false,
            dropout: Dropouts::default(),
        }
    }
}

impl ModelSettings {
    /// The cell of [`nn::cells`] that the settings name.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named_cell(&self) -> Result<NamedCell, Error> {
        cells::named(&self.cell).ok_or_else(|| {
            let known: Vec<String> = cells::all().into_iter().map(|cell| cell.name).collect();
            Error::Mismatch(format!("there is no cell `{}`; there are {}", self.cell, known.join(", ")))
        })
    }

    /// How wide the inputs of a cell are: W, and with attention what it sees of the picture beside it.
    pub fn cell_inputs(&self) -> usize {
        match self.architecture {
            Architecture::Attention { .. } => self.embedding + Vision::grid_width(self.input),
            _ => self.embedding,
        }
    }

    /// The most words that a caption can have, where the model limits them: a transformer has so many positions.
    pub fn most_words(&self) -> Option<usize> {
        match self.architecture {
            Architecture::Transformer { positions, .. } => Some(positions),
            _ => None,
        }
    }

    /// Whether there is a captioner of these settings around a cell.
    ///
    /// # Errors
    /// If settings are out of bounds or contradict one another; the message says which and what to do.
    pub fn check(&self, cell: &NamedCell) -> Result<(), Error> {
        self.check_sizes().map_err(Error::Mismatch)?;
        match self.architecture {
            Architecture::Transformer { layers, heads, positions, .. } => {
                self.check_transformer([layers, heads, positions])
            }
            Architecture::Attention { width: 0 } => Err("attention of width 0; give 1 or more".into()),
            Architecture::Recurrent | Architecture::Attention { .. } => self.check_around(cell),
        }
        .map_err(Error::Mismatch)
    }

    /// What any architecture needs.
    fn check_sizes(&self) -> Result<(), String> {
        let Dropouts { inputs, state, scores } = self.dropout;
        for (what, rate) in [("inputs", inputs), ("the state", state), ("the scores", scores)] {
            if !(0.0..1.0).contains(&rate) {
                return Err(format!("a dropout of {what} of {rate}; give 0 or more and less than 1"));
            }
        }
        let sides = match self.input {
            Input::Features { .. } => None,
            Input::Grid { rows, columns, .. } => Some((rows, columns, "places")),
            Input::Pixels { height, width } => Some((height, width, "pixels")),
        };
        if let Some((rows, columns, what)) = sides
            && [rows, columns].iter().any(|side| !(1..=LARGEST_SIDE).contains(side))
        {
            return Err(format!("pictures of {rows} by {columns} {what}; give 1 to {LARGEST_SIDE} a side"));
        }
        for (what, width) in [("word's vector", self.embedding), ("hidden state", self.hidden)] {
            if width == 0 {
                return Err(format!("a {what} of width 0; give 1 or more"));
            }
        }
        Ok(())
    }

    /// What a transformer of so many layers, heads and positions needs.
    fn check_transformer(&self, [layers, heads, positions]: [usize; 3]) -> Result<(), String> {
        if layers == 0 || heads == 0 || positions == 0 {
            let given = format!("{layers} layers, {heads} heads and {positions} positions");
            return Err(format!("a transformer of {given}; give 1 or more of each"));
        }
        if !self.embedding.is_multiple_of(heads) {
            let embedding = self.embedding;
            return Err(format!(
                "{heads} heads do not share a word's vector of width {embedding} evenly; give a multiple of {heads}"
            ));
        }
        if self.picture_at_every_step {
            let advice = "leave out the picture at every step";
            return Err(format!("a transformer looks at the picture at every step as it is; {advice}"));
        }
        if self.dropout.state > 0.0 {
            let advice = "drop its inputs, which means everywhere in it";
            return Err(format!("a transformer has no state that could be dropped; {advice}"));
        }
        Ok(())
    }

    /// What a decoder around a cell needs.
    fn check_around(&self, cell: &NamedCell) -> Result<(), String> {
        if self.dropout.state > 0.0 && HAND_ON.contains(&self.cell.as_str()) {
            return Err(format!(
                "the cell `{}` hands its state on past all products, and what were dropped of it would be lost for good; \
                 drop its inputs, or choose an rnn or lstm",
                self.cell
            ));
        }
        if self.tied {
            let mut aside = Params::new(DType::F32);
            let declared = cell.declare(aside.scope("rnn"), self.cell_inputs(), self.hidden);
            let outputs = output_width(&aside, &declared, self.cell_inputs(), self.hidden);
            if outputs != self.embedding {
                return Err(format!(
                    "scores tied to the words' vectors need outputs as wide as these: the cell's are {outputs} wide, the \
                     vectors {}; give both the same width, or do not tie them",
                    self.embedding
                ));
            }
        }
        Ok(())
    }

    /// A bound from below for the numbers of a model with a cell of [`nn::cells`], found without declaring it: a file that
    /// claims a model of any size must be refused before the model takes memory. The model has a few times as many.
    pub(crate) fn least_weights(&self, cell: &NamedCell) -> u128 {
        let [width, hidden] = [self.embedding, self.hidden].map(|width| width as u128);
        let seen = Vision::grid_width(self.input) as u128;
        let decoder = match self.architecture {
            Architecture::Recurrent => least_weights(cell, width, hidden).saturating_add(seen * hidden),
            Architecture::Attention { width: compared } => {
                let attention = (seen + hidden).saturating_mul(compared as u128);
                least_weights(cell, width + seen, hidden).saturating_add(attention)
            }
            Architecture::Transformer { layers, positions, .. } => {
                let layer = (width + hidden).saturating_mul(width);
                layer.saturating_mul(layers as u128).saturating_add(width * positions as u128)
            }
        };
        let head = match self.architecture {
            Architecture::Transformer { .. } => 0,
            _ => Vision::least_weights(self.input),
        };
        (self.vocabulary as u128 * width).saturating_add(decoder).saturating_add(head)
    }

    /// Whether captions are not too long for the model.
    ///
    /// # Errors
    /// If the model is a transformer with fewer positions than the longest of them has steps.
    pub fn check_lengths(&self, captions: &Captions) -> Result<(), Error> {
        let Some(positions) = self.most_words() else { return Ok(()) };
        let longest = longest(captions);
        if longest <= positions {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "a caption has {longest} steps, but the transformer has positions for {positions}; give it more positions, or \
             shorten the captions"
        )))
    }
}

/// The numbers in the matrices of a cell: a cell has `a WH + b H² + …` of them, and differences of small ones tell `a` and `b`.
fn least_weights(cell: &NamedCell, inputs: u128, hidden: u128) -> u128 {
    let count = |inputs: usize, hidden: usize| {
        let mut aside = Params::new(DType::F32);
        cell.declare(aside.scope("rnn"), inputs, hidden);
        aside.weight_count()
    };
    let [small, wide, high, large, higher] =
        [(8, 8), (16, 8), (8, 16), (16, 16), (8, 24)].map(|(inputs, hidden)| count(inputs, hidden) as u128);
    let a = (large + small).saturating_sub(wide + high) / 64;
    let b = (higher + small).saturating_sub(2 * high) / 128;
    (a * inputs).saturating_add(b * hidden).saturating_mul(hidden)
}

/// The steps of the longest of some captions.
pub fn longest(captions: &Captions) -> usize {
    let rows = captions.ids.chunks_exact(captions.width.max(1));
    rows.filter_map(|row| row.iter().rposition(|word| *word != NULL)).max().unwrap_or(0)
}

/// Whether a setting is as it was before it could be set.
pub(crate) fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}
