//! A transformer decoder: positions, and layers on top of one another.
//!
//! ```text
//! x0 = drop(x + P)    xl = layer_l(xl-1, memory)    y = the last, or its norm where norms stand before
//! ```
//!
//! In training all steps are computed at once. To decode one step at a time, a decoder is also a [`Cell`]: its state
//! keeps the keys and values of the steps before, so that a step costs one row and not all rows again.

use tape::{Var, bundle, concat};

use super::{LayerState, NormPlace, PositionalEncoding, TransformerDecoderLayer};
use crate::attention::Memory;
use crate::cell::Cell;
use crate::dropout::Dropout;
use crate::layer_norm::LayerNorm;
use crate::scope::Scope;
use crate::sequence::Sequence;

/// What a decoder is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DecoderSettings {
    /// The width of steps, D.
    pub width: usize,
    /// The width of what it looks at, M.
    pub memory: usize,
    /// The heads of each attention, h.
    pub heads: usize,
    /// The hidden units of each feed-forward network, F.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// The rate of dropout, everywhere.
    pub dropout: f64,
    /// Where layer normalisation stands.
    pub norm: NormPlace,
}

/// Those of CS231n's captioning notebook.
impl Default for DecoderSettings {
    fn default() -> DecoderSettings {
        DecoderSettings {
            width: 256,
            memory: 256,
            heads: 4,
            hidden: 2048,
            layers: 2,
            dropout: 0.1,
            norm: NormPlace::After,
        }
    }
}

/// A stack of layers over a memory.
///
/// ```
/// use nn::{Cell, DecoderSettings, Layout, Memory, Params, PositionalEncoding, Sequence, TransformerDecoder};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let positions = PositionalEncoding::sinusoidal(params.scope("positions"), 20, 8);
/// let settings = DecoderSettings { width: 8, memory: 5, heads: 2, hidden: 16, ..DecoderSettings::default() };
/// let decoder = TransformerDecoder::new(params.scope("decoder"), positions, &settings);
///
/// // Two captions, of four words and of two, over nine places in each picture.
/// let tape = params.tape();
/// let captions = Sequence::pack(tape.number(1.0).expand([2, 4, 8]), &Layout::new(4, &[4, 2]));
/// let memory = Memory::new(tape.number(1.0).expand([2, 9, 5]));
/// let outputs = decoder.apply(&captions, memory);
/// assert_eq!(outputs.to_padded().shape().sizes()[..], [2, 4, 8]);
///
/// // One step at a time.
/// let state = decoder.start_over(memory);
/// let (state, output) = decoder.step(state, tape.number(1.0).expand([2, 8]));
/// assert_eq!(output.shape().sizes()[..], [2, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct TransformerDecoder {
    /// What is added to the steps.
    pub positions: PositionalEncoding,
    /// The layers, the lowest first.
    pub layers: Vec<TransformerDecoderLayer>,
    /// What stands at the end.
    pub norm: Option<LayerNorm>,
    dropout: Dropout,
}

/// What a [`TransformerDecoder`] carries from step to step.
#[derive(Clone, Debug)]
pub struct DecoderState<'t> {
    /// What it looks at.
    pub memory: Memory<'t>,
    /// 1 for each step that there was, and 0 for those to come, (n, S) for S positions.
    pub seen: Var<'t>,
    /// What each layer keeps.
    pub layers: Vec<LayerState<'t>>,
}

bundle!(DecoderState { memory, seen, layers });

impl TransformerDecoder {
    /// Declares the layers `layer0`, `layer1`, …, and `norm` where norms stand before.
    ///
    /// # Panics
    /// If the heads do not divide the width, or the rate is not one of [`Dropout`].
    #[track_caller]
    pub fn new(
        mut scope: Scope<'_>,
        positions: PositionalEncoding,
        settings: &DecoderSettings,
    ) -> TransformerDecoder {
        let mut layer =
            |number| TransformerDecoderLayer::new(scope.scope(&format!("layer{number}")), settings);
        TransformerDecoder {
            positions,
            layers: (0..settings.layers).map(&mut layer).collect(),
            norm: (settings.norm == NormPlace::Before)
                .then(|| LayerNorm::new(scope.scope("norm"), settings.width)),
            dropout: Dropout::new(settings.dropout),
        }
    }

    /// From steps (R, D) to steps (R, D), over a memory of each sequence.
    ///
    /// # Panics
    /// If a sequence has more steps than there are positions, there is not a memory for each sequence, or widths do not
    /// fit.
    #[track_caller]
    pub fn apply<'t>(&self, x: &Sequence<'t>, memory: Memory<'t>) -> Sequence<'t> {
        self.apply_with_weights(x, memory).0
    }

    /// Like [`apply`](TransformerDecoder::apply), with the weights (N, h, T, L) with which each layer looked at the memory,
    /// for the T steps of the longest sequence.
    #[track_caller]
    pub fn apply_with_weights<'t>(
        &self,
        x: &Sequence<'t>,
        memory: Memory<'t>,
    ) -> (Sequence<'t>, Vec<Var<'t>>) {
        let mut value = Sequence::new(self.dropout.apply(self.positions.apply(x).rows), &x.layout);
        let mut weights = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let (next, seen) = layer.apply_with_weights(&value, memory);
            value = next;
            weights.push(seen);
        }
        (Sequence::new(self.finish(value.rows), &x.layout), weights)
    }

    /// The state before the first step, with a memory for each sequence.
    #[track_caller]
    pub fn start_over<'t>(&self, memory: Memory<'t>) -> DecoderState<'t> {
        let tape = memory.values.tape();
        let positions = self.positions.table.on(tape).dim(0);
        DecoderState {
            memory,
            seen: tape.number(0.0).expand([memory.values.dim(0), positions]),
            layers: self.layers.iter().map(|layer| layer.start(memory, positions.at(0))).collect(),
        }
    }

    /// A step of the [`Cell`] that also gives the weights (n, h, 1, L) with which each layer looked at the memory.
    #[track_caller]
    pub fn step_with_weights<'t>(
        &self,
        state: DecoderState<'t>,
        x: Var<'t>,
    ) -> (DecoderState<'t>, Var<'t>, Vec<Var<'t>>) {
        let before = state.seen;
        let (rows, positions) = (before.dim(0), before.dim(1).at(0));
        // The places so far and the next one: a one moves in from the left.
        let one = x.tape().number(1.0).expand([rows, 1.into()]);
        let seen = concat(&[one, before.slice(1, 0..positions - 1)], 1);
        let place = seen - before;
        let mut value = self.dropout.apply(self.positions.apply_at(x, place));
        let layers = self.layers.iter().zip(&state.layers).map(|(layer, kept)| {
            let (kept, next, weights) = layer.step(*kept, value, [place, seen], state.memory);
            value = next;
            (kept, weights)
        });
        let (layers, weights) = layers.unzip();
        (DecoderState { memory: state.memory, seen, layers }, self.finish(value), weights)
    }

    #[track_caller]
    fn finish<'t>(&self, rows: Var<'t>) -> Var<'t> {
        match &self.norm {
            Some(norm) => norm.apply(rows),
            None => rows,
        }
    }
}

/// One step at a time. A state has room for as many steps as there are positions; what a step beyond them gives is not a
/// number.
impl Cell for TransformerDecoder {
    type State<'t> = DecoderState<'t>;

    /// Over a memory of one entry for each sequence, (N, M), such as the features of a picture; or over a memory (N, L, M).
    #[track_caller]
    fn start<'t>(&self, h0: Var<'t>) -> DecoderState<'t> {
        self.start_over(if h0.shape().rank() == 2 { Memory::row(h0) } else { Memory::new(h0) })
    }

    fn step<'t>(&self, state: DecoderState<'t>, x: Var<'t>) -> (DecoderState<'t>, Var<'t>) {
        let (state, output, _) = self.step_with_weights(state, x);
        (state, output)
    }
}
