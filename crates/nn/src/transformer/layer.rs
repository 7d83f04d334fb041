//! A layer of a transformer decoder: what it has seen, what it looks at, and a network at every step, each beside a path
//! that leaves x as it is.
//!
//! ```text
//! x1 = around(x, causal attention)    x2 = around(x1, attention over the memory)    y = around(x2, feed-forward)
//!
//! around(x, f) = norm(x + drop(f(x)))        norms after (Vaswani et al., 2017; CS231n)
//! around(x, f) = x + drop(f(norm(x)))        norms before (Xiong et al., "On layer normalization in the transformer
//!                                            architecture", 2020, https://arxiv.org/abs/2002.04745)
//! ```
//!
//! With norms before, nothing but sums lies on the way from the first layer to the last, and a stack needs a norm at its end.

use tape::{Var, bundle};

use super::FeedForward;
use super::decoder::DecoderSettings;
use crate::attention::{Memory, MultiHeadAttention};
use crate::dropout::Dropout;
use crate::layer_norm::LayerNorm;
use crate::pytorch::{Mapping, PyTorch, within};
use crate::scope::Scope;
use crate::sequence::Sequence;

/// Where layer normalisation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NormPlace {
    /// On the sum of both paths.
    After,
    /// On what goes into attention and feed-forward.
    Before,
}

/// What stands around attention and feed-forward.
#[derive(Clone, Copy, Debug)]
struct Around {
    norm: LayerNorm,
    place: NormPlace,
    dropout: Dropout,
}

impl Around {
    /// What goes in, of x.
    #[track_caller]
    fn input<'t>(&self, x: Var<'t>) -> Var<'t> {
        match self.place {
            NormPlace::After => x,
            NormPlace::Before => self.norm.apply(x),
        }
    }

    /// What comes out, of x and of what was made of the input.
    #[track_caller]
    fn output<'t>(&self, x: Var<'t>, y: Var<'t>) -> Var<'t> {
        let sum = x + self.dropout.apply(y);
        match self.place {
            NormPlace::After => self.norm.apply(sum),
            NormPlace::Before => sum,
        }
    }
}

/// A layer of the equations above.
#[derive(Clone, Copy, Debug)]
pub struct TransformerDecoderLayer {
    /// Over the steps before.
    pub own: MultiHeadAttention,
    /// Over the memory.
    pub cross: MultiHeadAttention,
    /// At every step.
    pub feed_forward: FeedForward,
    around: [Around; 3],
}

/// What a layer keeps of former steps, for one step at a time: keys and values (n, h, L, d).
#[derive(Clone, Copy, Debug)]
pub struct LayerState<'t> {
    /// Those of former steps; zero where there is none yet.
    pub own: [Var<'t>; 2],
    /// Those of the memory.
    pub cross: [Var<'t>; 2],
}

bundle!(LayerState { own, cross });

impl TransformerDecoderLayer {
    /// Declares the attentions `own` and `cross`, the network `feed_forward`, and the norms `own_norm`, `cross_norm` and
    /// `feed_forward_norm`.
    ///
    /// # Panics
    /// If the heads do not divide the width, or the rate is not one of [`Dropout`].
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, settings: &DecoderSettings) -> TransformerDecoderLayer {
        let DecoderSettings { width, memory, heads, hidden, dropout, norm, .. } = *settings;
        TransformerDecoderLayer {
            own: MultiHeadAttention::new(scope.scope("own"), width, width, heads, dropout),
            cross: MultiHeadAttention::new(scope.scope("cross"), width, memory, heads, dropout),
            feed_forward: FeedForward::new(scope.scope("feed_forward"), width, hidden, dropout),
            around: ["own_norm", "cross_norm", "feed_forward_norm"].map(|name| Around {
                norm: LayerNorm::new(scope.scope(name), width),
                place: norm,
                dropout: Dropout::new(dropout),
            }),
        }
    }

    /// From steps (R, D) to steps (R, D), over a memory of each sequence; and the weights (N, h, T, L) with which they
    /// looked at it, for the T steps of the longest sequence.
    #[track_caller]
    pub fn apply_with_weights<'t>(&self, x: &Sequence<'t>, memory: Memory<'t>) -> (Sequence<'t>, Var<'t>) {
        let [own, cross, feed_forward] = &self.around;
        let steps = |rows| Sequence::new(rows, &x.layout);
        let (seen, _) = self.own.causal(&steps(own.input(x.rows)));
        let value = own.output(x.rows, seen.rows);
        let (looked, weights) = self.cross.over(&steps(cross.input(value)), memory);
        let value = cross.output(value, looked.rows);
        let made = self.feed_forward.apply(feed_forward.input(value));
        (steps(feed_forward.output(value, made)), weights)
    }

    /// What the layer keeps before the first of so many steps.
    #[track_caller]
    pub(crate) fn start<'t>(&self, memory: Memory<'t>, steps: usize) -> LayerState<'t> {
        let cross = self.cross.keys_and_values(memory.values);
        let shape = cross[0].shape();
        let nothing = memory.values.tape().number(0.0);
        let own = nothing.expand([shape.dim(0), shape.dim(1), steps.into(), shape.dim(3)]);
        LayerState { own: [own, own], cross }
    }

    /// One step (n, D) at a place (n, T), a one among zeros, which sees the places (n, T) up to it; and the weights
    /// (n, h, 1, L) with which it looked at the memory.
    #[track_caller]
    pub(crate) fn step<'t>(
        &self,
        state: LayerState<'t>,
        x: Var<'t>,
        [place, seen]: [Var<'t>; 2],
        memory: Memory<'t>,
    ) -> (LayerState<'t>, Var<'t>, Var<'t>) {
        let [own, cross, feed_forward] = &self.around;
        let input = own.input(x);
        let kept = self.own.remember(input, state.own, place);
        let x = own.output(x, self.own.step(input, kept, seen).0);
        let (looked, weights) = self.cross.step(cross.input(x), state.cross, memory.mask);
        let x = cross.output(x, looked);
        let x = feed_forward.output(x, self.feed_forward.apply(feed_forward.input(x)));
        (LayerState { own: kept, ..state }, x, weights)
    }
}

/// `nn.TransformerDecoderLayer`; with norms before, `norm_first=True`.
impl PyTorch for TransformerDecoderLayer {
    fn mappings(&self) -> Vec<Mapping> {
        let [own, cross, feed_forward] = &self.around;
        [
            within("self_attn", &self.own),
            within("multihead_attn", &self.cross),
            within("linear1", &self.feed_forward.inner),
            within("linear2", &self.feed_forward.outer),
            within("norm1", &own.norm),
            within("norm2", &cross.norm),
            within("norm3", &feed_forward.norm),
        ]
        .concat()
    }
}
