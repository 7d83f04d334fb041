//! The captioner: what a picture shows, told word by word.
//!
//! ```text
//! f  = vision(picture)                     (N, F)     given features, or a convolution net over pixels
//! x  = We[words] (+ f Wf)                  (N, T, W)  with the picture shown at every step, or not
//! y  = decoder over x from the picture     (N, T, O)
//! s  = y Wv + bv                           (N, T, V)  scores of the next word
//! loss = temporal softmax of s             summed over words, averaged over captions
//! ```
//!
//! The decoder is one of three, with the places of the picture g (N, L, G): the last map of the convolution net, the places of a
//! given grid, whose mean is f, or given features as one place.
//!
//! ```text
//! recurrent     y = cell through time from h0 = f Wp + bp
//! attention     y = cell through time from h0, over [x, Σ_l w_l g_l] with weights w by additive attention of h over g
//! transformer   y = transformer decoder over x and the memory g Wp + bp
//! ```
//!
//! With given features, the picture shown only by h0 and the vanilla RNN or LSTM, the first is the `CaptioningRNN` of CS231n's
//! third assignment, and the third its `CaptioningTransformer`. The second is Show, Attend and Tell (Xu et al., 2015,
//! <https://arxiv.org/abs/1502.03044>) in its soft form, less what that adds around it: the memory of an LSTM starts from
//! zero, words are scored from the cell's output alone, and weights over time are free. Over given features there is one place, so
//! that attention shows the whole picture at every step.

mod attention;
mod decode;
mod decoder;
mod scores;
mod settings;
mod vision;

pub use crate::data::Input;
pub use attention::AttentionMaps;
pub(crate) use attention::batch_of;
pub use decode::{Beam, Caption, Decoding, LONGEST, Method, Sample};
pub use decoder::Decoder;
pub use scores::WordScores;
pub(crate) use settings::is_default;
pub use settings::{Architecture, Dropouts, ModelSettings, longest};
pub use vision::{Seen, Vision};

use nn::{
    Affine, AnyCell, Cell, Dropout, Embedding, Layout, NamedCell, Param, Params, Sequence, TemporalSoftmax,
    init, smoothed_temporal_softmax, temporal_softmax,
};
use tape::{Tape, Var};

use crate::data::batch::Batch;

/// What is added to the score of a word that may not be said: the exponential of any score less this is zero.
const NO_CHANCE: f64 = -1e9;

/// A captioner with a recurrent cell of the user's choice, or with a transformer.
#[derive(Debug)]
pub struct Captioner<C> {
    /// From pictures to features.
    pub vision: Vision,
    /// From features to the first hidden state; in a transformer from places to its memory.
    pub project: Affine,
    /// From words to vectors.
    pub embed: Embedding,
    /// From features to every step's input, (F, W), where the picture is shown at every step.
    pub look: Option<Param>,
    /// Carries the sentence so far.
    pub decoder: Decoder<C>,
    /// What falls on the decoder's outputs.
    pub dropout: Dropout,
    /// From outputs to scores of words.
    pub scores: WordScores,
}

impl Captioner<AnyCell> {
    /// Declares a captioner around a cell that is chosen by name.
    ///
    /// # Panics
    /// If the store has parameters of the same names already, or the settings do not pass [`ModelSettings::check`].
    pub fn new(params: &mut Params, settings: &ModelSettings, cell: &NamedCell) -> Self {
        let (inputs, hidden) = (settings.cell_inputs(), settings.hidden);
        Captioner::with_cell(params, settings, |params| cell.declare(params.scope("rnn"), inputs, hidden))
    }
}

impl<C: Cell> Captioner<C> {
    /// Declares a captioner around a cell that `cell` declares, for inputs of width [`ModelSettings::cell_inputs`]. For a
    /// transformer it is not called.
    ///
    /// # Panics
    /// If the store has parameters of the same names already, or the settings do not pass [`ModelSettings::check`].
    pub fn with_cell(
        params: &mut Params,
        settings: &ModelSettings,
        cell: impl FnOnce(&mut Params) -> C,
    ) -> Self {
        let (words, width) = (settings.vocabulary, settings.embedding);
        let transformer = matches!(settings.architecture, Architecture::Transformer { .. });
        // A transformer sees places only, so that a net needs no head.
        let vision = if transformer {
            Vision::without_head(params, settings.input)
        } else {
            Vision::new(params, settings.input)
        };
        let first = params.len();
        let embed = Embedding::new(params.scope("embed"), words, width);
        let (seen, begun) = if transformer {
            (Vision::grid_width(settings.input), width)
        } else {
            (vision.features(), settings.hidden)
        };
        let project = Affine::new(params.scope("project"), seen, begun);
        let look = settings
            .picture_at_every_step
            .then(|| params.scope("look").weight("w", [vision.features(), width], init::fan_in()));
        let decoder = Decoder::new(params, settings, cell);
        let outputs = decoder.outputs(params, settings);
        let scores = if settings.tied {
            WordScores::tied_to(params, outputs, embed)
        } else {
            WordScores::new(params, outputs, words)
        };
        if transformer {
            decoder::start_small(params, first, embed);
        }
        Captioner {
            vision,
            project,
            embed,
            look,
            decoder,
            dropout: Dropout::new(settings.dropout.scores),
            scores,
        }
    }

    /// The loss of a batch; nothing is computed for padding.
    pub fn loss<'t>(&self, tape: &'t Tape, batch: &Batch) -> TemporalSoftmax<'t> {
        self.smoothed_loss(tape, batch, 0.0)
    }

    /// What is made small in training: the loss of a batch with the right words smoothed (see
    /// [`smoothed_temporal_softmax`]).
    pub fn smoothed_loss<'t>(&self, tape: &'t Tape, batch: &Batch, smoothing: f64) -> TemporalSoftmax<'t> {
        let scores = self.scores_of(tape, batch);
        let loss = || smoothed_temporal_softmax(&scores, &batch.captions_out, &batch.mask, smoothing);
        tape.scope("loss", loss)
    }

    /// The loss of a batch with a weight for each caption, `Σ_n weights[n] loss[n] / N`, where the words `never_said` have
    /// no probability.
    ///
    /// # Panics
    /// If there is not a weight for each caption.
    #[track_caller]
    pub fn weighted_loss<'t>(
        &self,
        tape: &'t Tape,
        batch: &Batch,
        weights: &[f64],
        never_said: &[i32],
    ) -> Var<'t> {
        assert!(weights.len() == batch.len(), "{} weights for {} captions", weights.len(), batch.len());
        let scores = self.scores_of(tape, batch);
        tape.scope("loss", || {
            let words = scores.rows.shape().sizes()[1];
            let silence = |word| if never_said.contains(&(word as i32)) { NO_CHANCE } else { 0.0 };
            let silence = tape.input_numbers([words], (0..words).map(silence));
            let layout = &scores.layout;
            let right = Sequence::words(tape, &batch.captions_out, layout).rows;
            let share = |place: usize| weights[place / layout.steps()] / batch.len() as f64;
            let counted = |place: usize| if batch.mask[place] { share(place) } else { 0.0 };
            let shares = tape.input_numbers([layout.rows()], layout.places().map(counted));
            ((scores.rows + silence).cross_entropy(right) * shares).sum()
        })
    }

    /// The loss of a batch whose pictures have these features (N, F), as they are given.
    pub fn loss_of_features<'t>(&self, features: Var<'t>, batch: &Batch) -> TemporalSoftmax<'t> {
        let scores = self.scores_of_seen(Seen::given(features), batch);
        let loss = || temporal_softmax(&scores, &batch.captions_out, &batch.mask);
        features.tape().scope("loss", loss)
    }

    /// The scores (R, V) of the words that may come after each word of a batch.
    pub fn scores_of<'t>(&self, tape: &'t Tape, batch: &Batch) -> Sequence<'t> {
        let seen = tape.scope("vision", || self.vision.see(tape, batch.len(), &batch.pictures));
        self.scores_of_seen(seen, batch)
    }

    fn scores_of_seen<'t>(&self, seen: Seen<'t>, batch: &Batch) -> Sequence<'t> {
        let (outputs, _) = self.run(seen, batch, false);
        outputs
            .rows
            .tape()
            .scope("scores", || outputs.map(|rows| self.scores.apply(self.dropout.apply(rows))))
    }

    /// The decoder's outputs (R, O) for a batch whose pictures were seen so; with the weights (R, L) of its attention, where it
    /// has one and they are asked for.
    fn run<'t>(
        &self,
        seen: Seen<'t>,
        batch: &Batch,
        with_weights: bool,
    ) -> (Sequence<'t>, Option<Sequence<'t>>) {
        let tape = seen.tape();
        let layout = &batch.layout;
        let begun = tape.scope("project", || self.decoder.begin(&self.project, seen));
        let words = Sequence::words(tape, &batch.captions_in, layout);
        let inputs = tape.scope("embed", || {
            let embedded = self.embed.apply_sequence(&words);
            match self.shown(seen) {
                Some(shown) => embedded.map(|rows| rows + shown.gather(sequence_of_each_row(tape, layout))),
                None => embedded,
            }
        });
        tape.scope("rnn", || self.decoder.run(begun, &inputs, with_weights))
    }

    /// What every step is shown of pictures: (N, W).
    fn shown<'t>(&self, seen: Seen<'t>) -> Option<Var<'t>> {
        self.look.map(|look| seen.features().dot(look))
    }
}

/// For each packed row the number of its sequence.
fn sequence_of_each_row<'t>(tape: &'t Tape, layout: &Layout) -> Var<'t> {
    let number = |place: usize| i32::try_from(place / layout.steps()).expect("fewer than 2^31 captions");
    tape.input_with([layout.rows()], |rows: &mut [i32]| {
        rows.iter_mut().zip(layout.places()).for_each(|(row, place)| *row = number(place));
    })
}
