//! Attention of several heads, and the transformer's decoder layer.

use nn::{DecoderSettings, Layout, Memory, MultiHeadAttention, NormPlace, Sequence, TransformerDecoderLayer};
use tape::Var;

use super::check;

const WIDTH: usize = 6;
const HEADS: usize = 2;

/// An input (N, T, D) as sequences that all have T steps.
fn full<'t>(x: Var<'t>) -> Sequence<'t> {
    let [sequences, steps, _] = x.shape().sizes()[..] else { panic!("(N, T, D)") };
    Sequence::pack(x, &Layout::full(sequences, steps))
}

#[test]
fn attention_is_that_of_pytorch() {
    check(
        "multihead_attention_causal",
        |scope| MultiHeadAttention::new(scope, WIDTH, WIDTH, HEADS, 0.0),
        |attention, given| {
            let (y, weights) = attention.causal(&full(given.get("query")));
            vec![("y", y.to_padded()), ("weights", weights)]
        },
    );
    check(
        "multihead_attention_memory",
        |scope| MultiHeadAttention::new(scope, WIDTH, WIDTH, HEADS, 0.0),
        |attention, given| {
            let lengths: Vec<usize> = given.counts("lengths").iter().map(|length| *length as usize).collect();
            let memory = Memory::with_lengths(given.get("memory"), &lengths);
            let (y, weights) = attention.over(&full(given.get("query")), memory);
            vec![("y", y.to_padded()), ("weights", weights)]
        },
    );
}

#[test]
fn layers_of_the_transformer_are_those_of_pytorch() {
    for (name, norm) in [
        ("transformer_decoder_layer", NormPlace::After),
        ("transformer_decoder_layer_norm_first", NormPlace::Before),
    ] {
        let settings = DecoderSettings {
            width: WIDTH,
            memory: WIDTH,
            heads: HEADS,
            hidden: 5,
            dropout: 0.0,
            norm,
            ..DecoderSettings::default()
        };
        check(
            name,
            |scope| TransformerDecoderLayer::new(scope, &settings),
            |layer, given| {
                let (y, _) =
                    layer.apply_with_weights(&full(given.get("target")), Memory::new(given.get("memory")));
                vec![("y", y.to_padded())]
            },
        );
    }
}
