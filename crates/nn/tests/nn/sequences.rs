//! Packed batches against padded ones.

use nn::{Affine, Embedding, Layout, Lstm, Params, Sequence, TemporalAffine, temporal_softmax, unroll};
use tape::{DType, Tape, Tensor, Var, grad};

use crate::support::{Draw, close, input, layer, of};

/// A small captioner with the states it ends in.
struct Model {
    embed: Embedding,
    project: Affine,
    cell: Lstm,
    scores: TemporalAffine,
}

impl Model {
    fn new(params: &mut Params, words: usize, hidden: usize) -> Model {
        Model {
            embed: Embedding { w: params.scope("embed").weight("w", [words, 3], nn::init::normal(1.0)) },
            project: Affine::new(params.scope("project"), 2, hidden),
            cell: Lstm::new(params.scope("lstm"), 3, hidden),
            scores: TemporalAffine::new(params.scope("scores"), hidden, words),
        }
    }

    /// The loss, the outputs (N, T, H) and the last hidden states (N, H).
    fn run<'t>(
        &self,
        features: Var<'t>,
        words: &[i32],
        mask: &[bool],
        layout: &Layout,
    ) -> (Var<'t>, Var<'t>, Var<'t>) {
        let inputs = self.embed.apply_sequence(&Sequence::words(features.tape(), words, layout));
        let (outputs, last) = unroll(&self.cell, &inputs, self.project.apply(features));
        let loss = temporal_softmax(&self.scores.apply(&outputs), words, mask).per_sequence();
        (loss, outputs.to_padded(), last.h)
    }
}

#[test]
fn packing_changes_nothing_but_the_padding() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let [n, t, words, hidden] = draw.sizes();
        let mut params = Params::seeded(DType::F64, seed);
        let model = Model::new(&mut params, words, hidden);
        let features = draw.tensor(&[n, 2]);
        let ids = draw.words(n * t, words);
        // Holes anywhere, and here and there a sequence of which nothing counts.
        let lengths = draw.lengths(n, t);
        let holes = draw.marks(n * t);
        let mask: Vec<bool> = (0..n * t).map(|k| k % t < lengths[k / t] && holes[k]).collect();
        let packed = Layout::from_mask(n, t, &mask);

        let tape = params.tape();
        let run = |layout| model.run(tape.input(features.clone()), &ids, &mask, layout);
        let ((loss, outputs, last), (full_loss, full_outputs, _)) = (run(&packed), run(&Layout::full(n, t)));
        close(&loss.value().to_f64(), &full_loss.value().to_f64(), 1e-13);

        let h0 = model.project.apply(tape.input(features.clone())).value().to_f64();
        let (outputs, full) = (outputs.value().to_f64(), full_outputs.value().to_f64());
        let last = last.value().to_f64();
        for (row, length) in packed.lengths().iter().enumerate() {
            let of = |all: &[f64], step: usize| all[(row * t + step) * hidden..][..hidden].to_vec();
            for step in 0..t {
                let expected = if step < *length { of(&full, step) } else { vec![0.0; hidden] };
                close(&of(&outputs, step), &expected, 1e-13);
            }
            let expected = match length.checked_sub(1) {
                Some(step) => of(&full, step),
                None => h0[row * hidden..][..hidden].to_vec(),
            };
            close(&last[row * hidden..][..hidden], &expected, 1e-13);
        }

        let weights: Vec<Var<'_>> = params.weights().map(|param| param.on(&tape)).collect();
        for (a, b) in grad(loss, &weights).into_iter().zip(grad(full_loss, &weights)) {
            close(&a.value().to_f64(), &b.value().to_f64(), 1e-12);
        }
    }
}

#[test]
fn padding_and_packing_undo_each_other() {
    let cases: [&[usize]; 7] = [&[3, 3], &[2, 2], &[0, 0], &[1, 3, 0, 3], &[3, 2, 1], &[0, 1], &[]];
    for lengths in cases {
        let n = lengths.len();
        let layout = Layout::new(3, lengths);
        let mut params = Params::new(DType::F64);
        input(&mut params, "x", &[n, 3, 2]);
        let x = params.find("input/x").unwrap();
        let mut expected = of(&params, "input/x");
        for (k, value) in expected.iter_mut().enumerate() {
            *value *= f64::from(u8::from(k / 2 % 3 < lengths[k / 6]));
        }
        layer(&params, &expected, |tape| Sequence::pack(x.on(tape), &layout).to_padded());
    }
}

#[test]
fn rows_are_sorted_and_restored() {
    let tape = Tape::new(DType::F64);
    let layout = Layout::new(4, &[1, 4, 0, 4, 2]);
    let rows = tape.input(Tensor::new([5, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0]));
    let sorted = layout.sort(rows);
    assert_eq!(sorted.value().to_f64(), [1.0, 3.0, 4.0, 0.0, 2.0]);
    assert_eq!(layout.restore(sorted).value().to_f64(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(layout.pack(&(0..20).collect::<Vec<_>>()), [4, 12, 16, 0, 5, 13, 17, 6, 14, 7, 15]);
    // Sequences that come sorted are used as they are.
    let three = rows.slice(0, 0..3);
    assert_eq!(Layout::new(4, &[4, 4, 1]).sort(three).id(), three.id());
}

#[test]
fn a_mask_with_holes_gives_lengths_to_its_last_mark() {
    let mask = [true, false, true, false, false, false, false, true, false];
    assert_eq!(Layout::from_mask(3, 3, &mask).lengths(), [3, 0, 2]);
}

#[test]
fn a_tight_layout_ends_with_the_longest_sequence() {
    let check = |lengths: &[usize], steps: usize| {
        let (layout, tight) = (Layout::new(6, lengths), Layout::new(6, lengths).tight());
        assert_eq!((tight.steps(), tight.lengths()), (steps, lengths));
        assert_eq!(tight.packing(), layout.packing());
    };
    check(&[2, 5, 0], 5);
    check(&[6], 6);
    check(&[0, 0], 1);
    check(&[], 1);
}

#[test]
#[should_panic(expected = "sequence 1 has 5 steps, but the padded rows have 4")]
fn a_length_beyond_the_padding_is_refused() {
    Layout::new(4, &[4, 5]);
}

#[test]
#[should_panic(expected = "a padded sequence of [2, 4, 1]: the layout has 2 rows of 3 steps")]
fn a_value_of_another_layout_is_refused() {
    let tape = Tape::new(DType::F32);
    Sequence::pack(tape.number(0.0).expand([2, 4, 1]), &Layout::full(2, 3));
}
