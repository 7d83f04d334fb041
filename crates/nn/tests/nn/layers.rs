//! Affine maps, embeddings and layer normalisation against plain loops.

use nn::{Affine, Embedding, LayerNorm, Layout, Params, Sequence, TemporalAffine};
use tape::{DType, Tensor};

use crate::support::{Draw, compute, input, layer, of, product, scatter};

pub fn affine_loop(x: &[f64], w: &[f64], b: &[f64], inputs: usize) -> Vec<f64> {
    let mut y = product(x, w, inputs, b.len());
    y.iter_mut().enumerate().for_each(|(k, y)| *y += b[k % b.len()]);
    y
}

#[test]
fn affine_maps_rows() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed);
        let [n, t, inputs, outputs] = draw.sizes();
        for shape in [&[n, inputs][..], &[n, t, inputs]] {
            let mut params = Params::new(DType::F64);
            let affine = Affine::new(params.scope("affine"), inputs, outputs);
            let x = input(&mut params, "x", shape);
            scatter(&mut params, &mut draw);
            let [x_values, w, b] = ["input/x", "affine/w", "affine/b"].map(|name| of(&params, name));
            layer(&params, &affine_loop(&x_values, &w, &b, inputs), |tape| affine.apply(x.on(tape)));
        }
    }
}

#[test]
fn embedding_looks_rows_up() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed);
        let [n, t, words, width] = draw.sizes();
        let ids = draw.words(n * t, words);
        let mut params = Params::seeded(DType::F64, seed);
        let embedding = Embedding::new(params.scope("embed"), words, width);
        let w = of(&params, "embed/w");
        let expected: Vec<f64> =
            ids.iter().flat_map(|word| w[*word as usize * width..][..width].to_vec()).collect();
        layer(&params, &expected, |tape| embedding.apply(tape.input(Tensor::new([n, t], ids.clone()))));
        let layout = Layout::full(n, t);
        let sequence = compute(&params, |tape| {
            embedding.apply_sequence(&Sequence::words(tape, &ids, &layout)).to_padded()
        });
        assert_eq!(sequence, expected);
    }
}

#[test]
fn a_word_outside_the_vocabulary_is_named_with_its_place() {
    let mut params = Params::new(DType::F32);
    let embedding = Embedding::new(params.scope("embed"), 3, 2);
    let tape = params.tape();
    let y = embedding.apply(tape.input(Tensor::new([2], vec![1, 3])));
    let error = tape::interpret(&[y]).unwrap_err();
    assert!(error.to_string().contains("index 3 at position 1 is not in 0..3"), "{error}");
    assert!(error.location.file().ends_with("layers.rs"), "{error}");
}

#[test]
fn temporal_affine_maps_every_step() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed);
        let [n, t, inputs, outputs] = draw.sizes();
        let layout = Layout::new(t, &draw.lengths(n, t));
        let mut params = Params::new(DType::F64);
        let affine = TemporalAffine::new(params.scope("affine"), inputs, outputs);
        let x = input(&mut params, "x", &[n, t, inputs]);
        scatter(&mut params, &mut draw);
        let [x_values, w, b] = ["input/x", "affine/w", "affine/b"].map(|name| of(&params, name));
        let mut expected = affine_loop(&x_values, &w, &b, inputs);
        for (step, row) in expected.chunks_mut(outputs).enumerate() {
            if step % t >= layout.lengths()[step / t] {
                row.fill(0.0);
            }
        }
        layer(&params, &expected, |tape| affine.apply(&Sequence::pack(x.on(tape), &layout)).to_padded());
    }
}

/// Each row less its mean, over the root of its mean square and ε.
pub fn layer_norm_loop(x: &[f64], g: &[f64], b: &[f64], epsilon: f64) -> Vec<f64> {
    let row = |x: &[f64]| {
        let width = x.len() as f64;
        let mean = x.iter().sum::<f64>() / width;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width;
        let one = |k: usize| (x[k] - mean) / (variance + epsilon).sqrt() * g[k] + b[k];
        (0..x.len()).map(one).collect::<Vec<f64>>()
    };
    x.chunks(g.len()).flat_map(row).collect()
}

#[test]
fn layer_norm_is_its_loop() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed + 40);
        let [n, t, width] = draw.sizes();
        for shape in [&[n, width][..], &[n, t, width]] {
            let mut params = Params::new(DType::F64);
            let norm = LayerNorm::new(params.scope("norm"), width);
            let x = input(&mut params, "x", shape);
            scatter(&mut params, &mut draw);
            let [values, g, b] = ["input/x", "norm/g", "norm/b"].map(|name| of(&params, name));
            layer(&params, &layer_norm_loop(&values, &g, &b, 1e-5), |tape| norm.apply(x.on(tape)));
        }
    }
}

#[test]
fn layer_norm_starts_with_rows_of_mean_0_and_variance_1() {
    let mut params = Params::seeded(DType::F64, 1);
    let norm = LayerNorm { epsilon: 0.0, ..LayerNorm::new(params.scope("norm"), 50) };
    let x = input(&mut params, "x", &[3, 50]);
    for row in compute(&params, |tape| norm.apply(x.on(tape) * 7.0 + 3.0)).chunks(50) {
        let mean = row.iter().sum::<f64>() / 50.0;
        let square = row.iter().map(|x| x * x).sum::<f64>() / 50.0;
        assert!(mean.abs() < 1e-13 && (square - 1.0).abs() < 1e-13, "{mean}, {square}");
    }
}
