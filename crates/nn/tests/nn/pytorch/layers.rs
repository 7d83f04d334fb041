//! Layers and the loss that PyTorch has too.

use nn::pytorch::{Mapping, PyTorch};
use nn::{
    Affine, Conv2d, Embedding, LayerNorm, Layout, Sequence, TemporalAffine, global_average, max_pool,
    temporal_softmax,
};
use tape::{Var, Windows};

use super::check;

/// A module without weights.
struct NoWeights;

impl PyTorch for NoWeights {
    fn mappings(&self) -> Vec<Mapping> {
        Vec::new()
    }
}

#[test]
fn layers_are_those_of_pytorch() {
    check(
        "linear",
        |scope| Affine::new(scope, 3, 4),
        |layer, given| vec![("y", layer.apply(given.get("x")))],
    );
    check(
        "linear",
        |scope| TemporalAffine::new(scope, 3, 4),
        |layer, given| vec![("y", layer.apply(&given.sequence()).to_padded())],
    );
    check(
        "embedding",
        |scope| Embedding::new(scope, 7, 3),
        |layer, given| vec![("y", layer.apply(given.get("x")))],
    );
    check(
        "layer_norm",
        |scope| LayerNorm::new(scope, 6),
        |layer, given| vec![("y", layer.apply(given.get("x")))],
    );
}

/// From PyTorch's pictures (N, C, H, W) to ours.
fn channels_last(pictures: Var<'_>) -> Var<'_> {
    pictures.transpose(&[0, 2, 3, 1])
}

/// And back.
fn channels_first(pictures: Var<'_>) -> Var<'_> {
    pictures.transpose(&[0, 3, 1, 2])
}

#[test]
fn layers_of_pictures_are_those_of_pytorch() {
    let windows = Windows { size: 3, stride: 2, padding: 1 };
    check(
        "conv2d",
        |scope| Conv2d::new(scope, windows, 2, 3),
        |layer, given| vec![("y", channels_first(layer.apply(channels_last(given.get("x")))))],
    );
    check(
        "max_pool",
        |_| NoWeights,
        |_, given| vec![("y", channels_first(max_pool(channels_last(given.get("x")), 2)))],
    );
    check(
        "global_average",
        |_| NoWeights,
        |_, given| vec![("y", global_average(channels_last(given.get("x"))).reshape([2, 3, 1, 1]))],
    );
}

#[test]
fn the_loss_of_words_is_that_of_pytorch() {
    check(
        "cross_entropy",
        |_| NoWeights,
        |_, given| {
            let words = given.counts("words");
            let mask: Vec<bool> = words.iter().map(|word| *word >= 0).collect();
            let scores = Sequence::pack(given.get("scores"), &Layout::from_mask(2, 4, &mask));
            let loss = temporal_softmax(&scores, &words, &mask);
            vec![("sum", loss.sum), ("mean", loss.per_word())]
        },
    );
}
