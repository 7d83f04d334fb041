//! What carries the sentence so far: a recurrent cell, one with attention, or a transformer.
//!
//! Each is a [`Cell`], so that words are decoded one at a time by the same code. In training the first two go through time
//! by a scan; a transformer computes all steps at once.

use nn::{
    AdditiveAttention, Affine, Attentive, Cell, DecoderSettings, Embedding, Memory, NormPlace, Param, Params,
    PositionalEncoding, Role, Sequence, TransformerDecoder, VariationalDropout, output_width, unroll,
    unroll_from,
};
use tape::{Bundle, Tensor, Var, Vars};

use super::vision::Seen;
use super::{Architecture, ModelSettings, Vision};

/// A decoder of captions around a cell, or without one.
#[derive(Debug)]
pub enum Decoder<C> {
    /// A cell that starts from the picture.
    Recurrent(VariationalDropout<C>),
    /// A cell that starts from the picture and looks at its places at every step.
    Attention(Attentive<VariationalDropout<C>, AdditiveAttention>),
    /// A transformer that looks at the places of the picture.
    Transformer(Box<TransformerDecoder>),
}

/// What a decoder gets of pictures, ready for its first step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun<'t> {
    /// The first hidden state (N, H); none in a transformer.
    h0: Option<Var<'t>>,
    /// The places of the picture (N, L, M); none for a cell without attention.
    places: Option<Var<'t>>,
}

impl<C: Cell> Decoder<C> {
    /// Declares the decoder, with a cell that `cell` declares where it has one.
    pub(super) fn new(
        params: &mut Params,
        settings: &ModelSettings,
        cell: impl FnOnce(&mut Params) -> C,
    ) -> Decoder<C> {
        let ModelSettings { input, embedding, hidden, dropout, .. } = *settings;
        match settings.architecture {
            Architecture::Recurrent => {
                Decoder::Recurrent(VariationalDropout::new(cell(params), dropout.inputs, dropout.state))
            }
            Architecture::Attention { width } => {
                let places = Vision::grid_width(input);
                let attention = AdditiveAttention::new(params.scope("attention"), hidden, places, width);
                let cell = VariationalDropout::new(cell(params), dropout.inputs, dropout.state);
                Decoder::Attention(Attentive::new(cell, attention))
            }
            Architecture::Transformer { layers, heads, positions, norm_first } => {
                let positions =
                    PositionalEncoding::sinusoidal(params.scope("positions"), positions, embedding);
                let norm = if norm_first { NormPlace::Before } else { NormPlace::After };
                let settings = DecoderSettings {
                    width: embedding,
                    memory: embedding,
                    heads,
                    hidden,
                    layers,
                    dropout: dropout.inputs,
                    norm,
                };
                Decoder::Transformer(Box::new(TransformerDecoder::new(
                    params.scope("decoder"),
                    positions,
                    &settings,
                )))
            }
        }
    }

    /// How many steps there can be, where they are limited: a transformer has so many positions.
    pub(super) fn most_steps(&self, params: &Params) -> Option<usize> {
        match self {
            Decoder::Recurrent(_) | Decoder::Attention(_) => None,
            Decoder::Transformer(decoder) => Some(params[decoder.positions.table].shape().dim(0).at(1)),
        }
    }

    /// How wide what comes out is.
    pub(super) fn outputs(&self, params: &Params, settings: &ModelSettings) -> usize {
        let (words, hidden) = (settings.embedding, settings.hidden);
        match self {
            Decoder::Recurrent(cell) => output_width(params, cell, words, hidden),
            Decoder::Attention(cell) => output_width(params, cell, words, hidden),
            Decoder::Transformer(_) => words,
        }
    }

    /// What it gets of pictures.
    pub(super) fn begin<'t>(&self, project: &Affine, seen: Seen<'t>) -> Begun<'t> {
        let h0 = || Some(project.apply(seen.features()));
        match self {
            Decoder::Recurrent(_) => Begun { h0: h0(), places: None },
            Decoder::Attention(_) => Begun { h0: h0(), places: Some(seen.places()) },
            Decoder::Transformer(_) => Begun { h0: None, places: Some(project.apply(seen.places())) },
        }
    }

    /// The outputs (R, O) of whole captions, and the weights with which each step looked at the L places: packed, (R, L).
    /// Of a transformer they are those of the last layer, the mean over its heads.
    pub(super) fn run<'t>(
        &self,
        begun: Begun<'t>,
        inputs: &Sequence<'t>,
        with_weights: bool,
    ) -> (Sequence<'t>, Option<Sequence<'t>>) {
        match self {
            Decoder::Recurrent(cell) => (unroll(cell, inputs, begun.h0()).0, None),
            Decoder::Attention(cell) => {
                let state = cell.start_over(begun.h0(), begun.memory());
                if with_weights {
                    let (outputs, weights) = cell.unroll_with_weights(inputs, &state);
                    (outputs, Some(weights))
                } else {
                    (unroll_from(cell, inputs, state).0, None)
                }
            }
            Decoder::Transformer(decoder) => {
                let (outputs, weights) = decoder.apply_with_weights(inputs, begun.memory());
                let last = weights.last().filter(|_| with_weights);
                let mean = |all: &Var<'t>| Sequence::pack(all.mean_along(&[1]), &inputs.layout.tight());
                (outputs, last.map(mean).map(|mean| Sequence::new(mean.rows, &inputs.layout)))
            }
        }
    }

    /// The parts of the state before the first step, a row for each picture.
    pub(super) fn start<'t>(&self, begun: Begun<'t>) -> Vars<'t> {
        match self {
            Decoder::Recurrent(cell) => cell.start(begun.h0()).parts(),
            Decoder::Attention(cell) => cell.start_over(begun.h0(), begun.memory()).parts(),
            Decoder::Transformer(decoder) => decoder.start_over(begun.memory()).parts(),
        }
    }

    /// One step: from the parts of a state and inputs (n, W) the next parts, outputs (n, O), and n times L weights as of
    /// [`run`](Decoder::run). `any` is what a state could be begun from: it tells how the parts belong together.
    pub(super) fn step<'t>(
        &self,
        state: &[Var<'t>],
        x: Var<'t>,
        any: Var<'t>,
        with_weights: bool,
    ) -> (Vars<'t>, Var<'t>, Option<Var<'t>>) {
        match self {
            Decoder::Recurrent(cell) => {
                let (state, output) = cell.step(rebuilt(cell, state, any), x);
                (state.parts(), output, None)
            }
            Decoder::Attention(cell) => {
                let (state, output, weights) = cell.step_with_weights(rebuilt(cell, state, any), x);
                (state.parts(), output, with_weights.then_some(weights))
            }
            Decoder::Transformer(decoder) => {
                let (state, output, weights) = decoder.step_with_weights(rebuilt(&**decoder, state, any), x);
                let last = weights.last().filter(|_| with_weights);
                (state.parts(), output, last.map(|all| all.mean_along(&[1])))
            }
        }
    }
}

impl<'t> Begun<'t> {
    fn h0(self) -> Var<'t> {
        self.h0.expect("a cell starts from a hidden state")
    }

    fn memory(self) -> Memory<'t> {
        Memory::new(self.places.expect("what looks at pictures is given places"))
    }
}

/// The deviation of a transformer's first weights; CS231n's, and that of GPT and BERT.
const SMALL: f64 = 0.02;

/// Makes the matrices of a transformer, those declared from the parameter `first` on, normal with deviation 0.02. Layers
/// declare them as large as keeps products in range; then what is looked at in a picture, whose features may be large, drowns
/// the words in the sums beside the paths, and learning takes many times as long.
pub(super) fn start_small(params: &mut Params, first: usize, embed: Embedding) {
    let matrices: Vec<(Param, Vec<usize>)> = params
        .iter()
        .skip(first)
        .filter(|entry| entry.role == Role::Weight && entry.value.shape().rank() == 2)
        .map(|entry| (entry.param, entry.value.shape().sizes().to_vec()))
        .collect();
    for (param, sizes) in matrices {
        // As `Embedding` and `Affine` declare them.
        let deviation = if param == embed.w { 0.01 } else { 1.0 / (sizes[0] as f64).sqrt() };
        let numbers: Vec<f64> =
            params[param].to_f64().iter().map(|number| number * SMALL / deviation).collect();
        let small = Tensor::from_f64(params.dtype(), sizes.as_slice(), &numbers);
        params.write(param, small.slice());
    }
}

fn rebuilt<'t, C: Cell>(cell: &C, state: &[Var<'t>], any: Var<'t>) -> C::State<'t> {
    cell.start(any).rebuild(&mut state.iter().copied())
}
