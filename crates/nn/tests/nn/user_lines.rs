//! A mistake in the user's program panics at the user's line. In a cell that is the line of its equation.

use nn::{
    Adam, Affine, Conv2d, Dropout, Embedding, LayerNorm, Layout, Memory, MultiHeadAttention, Optimizer,
    Params, PositionalEncoding, Sequence, Sgd, TemporalAffine, Trainer, VanillaRnn, init, max_pool,
    temporal_softmax, unroll, zero_state,
};
use tape::{DType, Windows};

use crate::user_line::panics_here as check;

// Each mistake stands on the line of its check.
#[test]
fn mistakes_are_told_at_the_line_that_makes_them() {
    let (mut params, mut other) = (Params::seeded(DType::F64, 1), Params::seeded(DType::F64, 1));
    let affine = Affine::new(other.scope("affine"), 4, 2);
    let embedding = Embedding::new(other.scope("embedding"), 9, 4);
    let per_step = TemporalAffine::new(other.scope("per_step"), 4, 2);
    let norm = LayerNorm::new(other.scope("norm"), 4);
    let windows = Windows { size: 3, stride: 1, padding: 0 };
    let conv = Conv2d::new(other.scope("conv"), windows, 3, 2);
    let attention = MultiHeadAttention::new(other.scope("attention"), 4, 4, 2, 0.0);
    let positions = PositionalEncoding::learned(other.scope("positions"), 2, 5);
    let rnn = VanillaRnn::new(other.scope("rnn"), 5, 4);
    let slotless = other.scope("").weight("w", [2], init::zeros());
    let tape = other.tape();
    let x = tape.number(0.5).expand([2, 3]);
    let layout = Layout::full(2, 3);
    let sequence = Sequence::new(tape.number(0.5).expand([6, 5]), &layout);

    check("affine", || _ = affine.apply(x));
    check("embedding", || _ = embedding.apply(x));
    check("embedding of a sequence", || drop(embedding.apply_sequence(&sequence)));
    check("temporal affine", || drop(per_step.apply(&sequence)));
    check("layer norm", || _ = norm.apply(x));
    check("convolution", || _ = conv.apply(x));
    check("pooling", || _ = max_pool(x, 2));
    check("attention", || drop(attention.causal(&sequence)));
    check("attention over", || drop(attention.over(&sequence, Memory::new(x.reshape([2, 1, 3])))));
    check("a memory", || _ = Memory::with_lengths(x.reshape([2, 1, 3]), &[1]));
    check("positions", || drop(positions.apply(&sequence)));
    check("dropout", || _ = Dropout::new(1.5));
    check("sequence", || drop(Sequence::new(x, &layout)));
    check("pack", || drop(Sequence::pack(x.t(), &layout)));
    check("words", || drop(Sequence::words(&tape, &[1, 2], &layout)));
    check("layout", || drop(Layout::new(2, &[3])));
    check("mask", || drop(Layout::from_mask(2, 3, &[true])));
    check("map", || drop(sequence.map(|rows| rows.slice(0, 0..2))));
    check("temporal softmax", || _ = temporal_softmax(&sequence, &[1], &[true]));
    params.scope("a").weight("w", [1], init::zeros());
    check("a name twice", || _ = params.scope("a").weight("w", [1], init::zeros()));
    check("a weight of another store", || _ = params.name(slotless));
    check("a slot", || _ = other.slot("adam/m", slotless));
    check("an update without slots", || _ = Adam::new(0.1).update(&params, &tape, &[]));
    check("a state of another batch", || drop(unroll(&rnn, &sequence, zero_state(&tape, 3, 4))));
}

#[test]
fn so_are_those_of_training() {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", [2], init::zeros());
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    check("a loss of two numbers", || drop(trainer.step(&mut params, |tape| w.on(tape) * 2.0)));
    check("a loss without weights", || drop(trainer.step(&mut params, |tape| tape.number(1.0))));
}
