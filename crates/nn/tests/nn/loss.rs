//! The cross entropy over time against plain loops.

use nn::{Layout, Params, Sequence, TemporalSoftmax, smoothed_temporal_softmax, temporal_softmax};
use tape::{DType, Tape, Var};

use crate::support::{Draw, close, compute, input, layer, of, scatter};

/// The summed cross entropy of the marked steps.
fn sum_loop(scores: &[f64], words: &[i32], mask: &[bool], vocabulary: usize) -> f64 {
    let terms = scores.chunks(vocabulary).zip(words).zip(mask).filter(|(_, marked)| **marked);
    terms
        .map(|((row, word), _)| {
            let total: f64 = row.iter().map(|score| score.exp()).sum();
            total.ln() - row[*word as usize]
        })
        .sum()
}

fn cross_entropy<'t>(
    scores: Var<'t>,
    (layout, words, mask): (&Layout, &[i32], &[bool]),
) -> TemporalSoftmax<'t> {
    temporal_softmax(&Sequence::pack(scores, layout), words, mask)
}

#[test]
fn marked_steps_are_summed_and_sequences_averaged() {
    for seed in 0..8 {
        let mut draw = Draw::new(seed);
        let [n, t, vocabulary] = draw.sizes();
        let mut words = draw.words(n * t, vocabulary);
        let mask = draw.marks(n * t);
        let mut params = Params::new(DType::F64);
        let scores = input(&mut params, "scores", &[n, t, vocabulary]);
        scatter(&mut params, &mut draw);
        let sum = sum_loop(&of(&params, "input/scores"), &words, &mask, vocabulary);
        // A word at a step that does not count may be anything.
        words.iter_mut().zip(&mask).filter(|(_, marked)| !**marked).for_each(|(word, _)| *word = -7);
        let count = mask.iter().filter(|marked| **marked).count();
        for layout in [Layout::full(n, t), Layout::from_mask(n, t, &mask)] {
            let batch = (&layout, &words[..], &mask[..]);
            layer(&params, &[sum / n as f64], |tape| cross_entropy(scores.on(tape), batch).per_sequence());
            layer(&params, &[sum / count.max(1) as f64], |tape| {
                cross_entropy(scores.on(tape), batch).per_word()
            });
            let tape = params.tape();
            assert_eq!(cross_entropy(scores.on(&tape), batch).words, count);
        }
    }
}

#[test]
fn smoothed_words_are_a_mixture() {
    for seed in 0..4 {
        let mut draw = Draw::new(seed + 20);
        let [n, t, vocabulary] = draw.sizes();
        let (words, mask) = (draw.words(n * t, vocabulary), draw.marks(n * t));
        let mut params = Params::new(DType::F64);
        let scores = input(&mut params, "scores", &[n, t, vocabulary]);
        scatter(&mut params, &mut draw);
        let values = of(&params, "input/scores");
        // A share of ε is spread evenly over all words, whichever is right.
        let right = sum_loop(&values, &words, &mask, vocabulary);
        let word = |word| sum_loop(&values, &vec![word; n * t], &mask, vocabulary);
        let any = (0..vocabulary as i32).map(word).sum::<f64>() / vocabulary as f64;
        for smoothing in [0.0, 0.1, 0.9] {
            let expected = (1.0 - smoothing) * right + smoothing * any;
            layer(&params, &[expected], |tape| {
                let scores = Sequence::pack(scores.on(tape), &Layout::full(n, t));
                smoothed_temporal_softmax(&scores, &words, &mask, smoothing).sum
            });
        }
    }
}

#[test]
fn equal_scores_cost_the_logarithm_of_the_vocabulary() {
    // As CS231n's sanity check: about 2.3 for one step of ten words, ten times that for ten steps.
    let mut params = Params::new(DType::F64);
    let scores = params.scope("").weight("scores", [100, 10, 10], nn::init::normal(0.001));
    let loss = compute(&params, |tape| {
        let scores = Sequence::pack(scores.on(tape), &Layout::full(100, 10));
        temporal_softmax(&scores, &[3; 1000], &[true; 1000]).per_sequence()
    });
    close(&loss, &[10.0 * 10f64.ln()], 1e-3);
}

#[test]
#[should_panic(expected = "the mask marks 1 steps beyond the lengths of their sequences")]
fn a_mark_beyond_the_length_is_refused() {
    let tape = Tape::new(DType::F64);
    let scores = tape.number(0.0).expand([1, 2, 3]);
    let scores = Sequence::pack(scores, &Layout::new(2, &[1]));
    temporal_softmax(&scores, &[0, 0], &[true, true]);
}
