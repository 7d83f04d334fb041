//! The captioner: what a picture shows, told word by word.
//!
//! ```text
//! f  = vision(picture)                     (N, F)     given features, or a convolution net over pixels
//! h0 = f Wp + bp                           (N, H)
//! x  = We[words] (+ f Wf)                  (N, T, W)  with the picture shown at every step, or only by h0
//! h  = cell through time from h0           (N, T, H)
//! s  = h Wv + bv                           (N, T, V)  scores of the next word
//! loss = temporal softmax of s             summed over words, averaged over captions
//! ```
//!
//! With given features, the picture shown only by h0 and the vanilla RNN or LSTM, this is the
//! `CaptioningRNN` of CS231n's third assignment.

mod decode;
mod vision;

pub use decode::{Beam, Caption, Decoding, LONGEST, Method, Sample};
pub use vision::Vision;

use std::fmt;

use nn::{
    Affine, AnyCell, Cell, Embedding, Layout, NamedCell, Param, Params, Sequence, TemporalAffine,
    TemporalSoftmax, cells, init, output_width, temporal_softmax, unroll,
};
use serde::{Deserialize, Serialize};
use tape::{Tape, Var};

use crate::data::batch::Batch;
use crate::data::{Pictures, Split};
use crate::error::Error;

/// What decides the shape of a captioner; saved beside its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// What the network sees.
    pub input: Input,
    /// The name of the recurrent cell: one of [`nn::cells`], or a user's.
    pub cell: String,
    /// Width of a word's vector, W.
    pub embedding: usize,
    /// Width of the hidden state, H.
    pub hidden: usize,
    /// Words of the vocabulary, V.
    pub vocabulary: usize,
    /// Whether the picture is shown at every step; else only by the first hidden state.
    pub picture_at_every_step: bool,
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
}

/// What the network sees of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A vector of features.
    Features {
        /// Its length.
        width: usize,
    },
    /// RGB pixels.
    Pixels {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Input {
    /// What the pictures of a split are.
    pub fn of(split: &Split) -> Input {
        match split.pictures {
            Pictures::Features { width, .. } => Input::Features { width },
            Pictures::Pixels { height, width, .. } => Input::Pixels { height, width },
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Features { width } => write!(f, "features of length {width}"),
            Input::Pixels { height, width } => write!(f, "pictures of {height} by {width} pixels"),
        }
    }
}

/// A captioner with a recurrent cell of the user's choice.
#[derive(Debug)]
pub struct Captioner<C> {
    /// From pictures to features.
    pub vision: Vision,
    /// From features to the first hidden state.
    pub project: Affine,
    /// From words to vectors.
    pub embed: Embedding,
    /// From features to every step's input, (F, W), where the picture is shown at every step.
    pub look: Option<Param>,
    /// Carries the sentence so far.
    pub cell: C,
    /// From hidden states to scores of words.
    pub scores: TemporalAffine,
}

impl Captioner<AnyCell> {
    /// Declares a captioner around a cell that is chosen by name.
    ///
    /// # Panics
    /// If the store has parameters of the same names already.
    pub fn new(params: &mut Params, settings: &ModelSettings, cell: &NamedCell) -> Self {
        let (inputs, hidden) = (settings.embedding, settings.hidden);
        Captioner::with_cell(params, settings, |params| cell.declare(params.scope("rnn"), inputs, hidden))
    }
}

impl<C: Cell> Captioner<C> {
    /// Declares a captioner around a cell that `cell` declares, for inputs of width `settings.embedding`.
    ///
    /// # Panics
    /// If the store has parameters of the same names already.
    pub fn with_cell(
        params: &mut Params,
        settings: &ModelSettings,
        cell: impl FnOnce(&mut Params) -> C,
    ) -> Self {
        let vision = Vision::new(params, settings.input);
        let (features, words) = (vision.features(), settings.vocabulary);
        let embed = Embedding::new(params.scope("embed"), words, settings.embedding);
        let project = Affine::new(params.scope("project"), features, settings.hidden);
        let look = settings
            .picture_at_every_step
            .then(|| params.scope("look").weight("w", [features, settings.embedding], init::fan_in()));
        let cell = cell(params);
        let outputs = output_width(params, &cell, settings.embedding, settings.hidden);
        let scores = TemporalAffine::new(params.scope("scores"), outputs, words);
        Captioner { vision, project, embed, look, cell, scores }
    }

    /// The loss of a batch; nothing is computed for padding.
    pub fn loss<'t>(&self, tape: &'t Tape, batch: &Batch) -> TemporalSoftmax<'t> {
        let features = tape.scope("vision", || self.vision.look(tape, batch.len(), &batch.pictures));
        self.loss_of_features(features, batch)
    }

    /// The loss of a batch whose pictures have these features (N, F).
    pub fn loss_of_features<'t>(&self, features: Var<'t>, batch: &Batch) -> TemporalSoftmax<'t> {
        let tape = features.tape();
        let layout = &batch.layout;
        let h0 = tape.scope("project", || self.project.apply(features));
        let words = Sequence::words(tape, &batch.captions_in, layout);
        let inputs = tape.scope("embed", || {
            let embedded = self.embed.apply_sequence(&words);
            match self.seen(features) {
                Some(seen) => embedded.map(|rows| rows + seen.gather(sequence_of_each_row(tape, layout))),
                None => embedded,
            }
        });
        let (hidden, _) = tape.scope("rnn", || unroll(&self.cell, &inputs, h0));
        let scores = tape.scope("scores", || self.scores.apply(&hidden));
        tape.scope("loss", || temporal_softmax(&scores, &batch.captions_out, &batch.mask))
    }

    /// What every step is shown of pictures with these features: (N, W).
    fn seen<'t>(&self, features: Var<'t>) -> Option<Var<'t>> {
        self.look.map(|look| features.dot(look))
    }
}

/// For each packed row the number of its sequence.
fn sequence_of_each_row<'t>(tape: &'t Tape, layout: &Layout) -> Var<'t> {
    let number = |place: usize| i32::try_from(place / layout.steps()).expect("fewer than 2^31 captions");
    tape.input_with([layout.rows()], |rows: &mut [i32]| {
        rows.iter_mut().zip(layout.places()).for_each(|(row, place)| *row = number(place));
    })
}
