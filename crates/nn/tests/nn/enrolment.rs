//! No layer and no cell without a test of its gradients: what the library exports is listed here, each with the test
//! that holds it or with the reason why it has no gradient of its own. A name that is exported and not listed fails.

use std::collections::{BTreeMap, BTreeSet};

/// How something that is exported is held.
enum Held {
    /// By this test of a file in this folder, against a plain loop and against differences.
    By(&'static str, &'static str),
    /// By the battery for cells.
    Battery,
    /// It has no gradient of its own.
    Apart(&'static str),
}
use Held::{Apart, Battery, By};

const SETTINGS: &str = "settings, reports and errors";
const STORE: &str = "parameters and how they are declared, stored and exchanged";
const UPDATE: &str =
    "changes weights by gradients that are there; held to loops by optimizers.rs and training.rs";
const SEQUENCES: &str = "batches and loops over cells; held by sequences.rs and by the battery";

const LIST: &[(&str, Held)] = &[
    ("Affine", By("layers", "affine_maps_rows")),
    ("Embedding", By("layers", "embedding_looks_rows_up")),
    ("LayerNorm", By("layers", "layer_norm_is_its_loop")),
    ("TemporalAffine", By("layers", "temporal_affine_maps_every_step")),
    ("Dropout", By("wrappers", "gradients_pass_where_elements_passed")),
    ("temporal_softmax", By("loss", "marked_steps_are_summed_and_sequences_averaged")),
    ("smoothed_temporal_softmax", By("loss", "smoothed_words_are_a_mixture")),
    ("TemporalSoftmax", By("loss", "marked_steps_are_summed_and_sequences_averaged")),
    ("Conv2d", By("pictures", "convolution_weighs_the_window_around_each_pixel")),
    ("max_pool", By("pictures", "pooling_takes_the_largest_of_each_window")),
    ("global_average", By("pictures", "averages_are_taken_over_all_pixels")),
    ("Attention", By("attention", "a_query_sees_the_entries_there_are")),
    ("AdditiveAttention", By("attention", "a_query_sees_the_entries_there_are")),
    ("ScaledDotAttention", By("attention", "a_query_sees_the_entries_there_are")),
    ("Memory", By("attention", "a_query_sees_the_entries_there_are")),
    ("masked_softmax", By("attention", "masked_scores_have_no_share")),
    ("scaled_dot_weights", By("attention", "masked_scores_have_no_share")),
    ("Attentive", By("attention", "second_derivatives_pass_through_an_attentive_cell")),
    ("MultiHeadAttention", By("transformer", "heads_are_their_loops_in_batches_of_any_lengths")),
    ("PositionalEncoding", By("transformer", "positions_are_rows_of_a_table")),
    ("FeedForward", By("transformer", "feed_forward_is_its_loop")),
    (
        "TransformerDecoderLayer",
        Apart("what a `TransformerDecoder` is made of, whose test has layers of both forms"),
    ),
    ("TransformerDecoder", By("transformer", "a_layer_has_the_gradients_of_differences")),
    ("bidirectional", By("wrappers", "both_directions_are_two_loops")),
    ("Stack", By("wrappers", "a_stack_is_its_layers_one_after_another")),
    ("Residual", By("wrappers", "a_residual_cell_adds_its_input")),
    ("StepDropout", By("battery", "cells_that_are_random_in_training_are_right")),
    ("VariationalDropout", By("battery", "cells_that_are_random_in_training_are_right")),
    ("GruResetAfter", Battery),
    ("GruResetBefore", Battery),
    ("LayerNormLstm", Battery),
    ("Lru", Battery),
    ("Lstm", Battery),
    ("Mgu", Battery),
    ("MinGru", Battery),
    ("ReluRnn", Battery),
    ("VanillaRnn", Battery),
    ("LruState", Apart("the state of a cell")),
    ("LstmState", Apart("the state of a cell")),
    ("DecoderState", Apart("the state of a cell")),
    ("LayerState", Apart("the state of a cell")),
    ("DecoderSettings", Apart(SETTINGS)),
    ("NormPlace", Apart(SETTINGS)),
    ("AnyCell", By("battery", "cells_made_of_cells_are_right")),
    ("NamedCell", Apart("a cell under a name; the battery takes all that there are")),
    ("Cell", Apart(SEQUENCES)),
    ("output_width", Apart(SEQUENCES)),
    ("unroll", Apart(SEQUENCES)),
    ("unroll_from", Apart(SEQUENCES)),
    ("unroll_in_segments", Apart(SEQUENCES)),
    ("unroll_reverse", Apart(SEQUENCES)),
    ("zero_state", Apart(SEQUENCES)),
    ("Layout", Apart(SEQUENCES)),
    ("Sequence", By("sequences", "padding_and_packing_undo_each_other")),
    ("CellFault", Apart(SETTINGS)),
    ("CellProperty", Apart(SETTINGS)),
    ("CellReport", Apart(SETTINGS)),
    ("check_cell", Apart("the battery itself, held by battery.rs to cells that are wrong")),
    ("check_cell_sized", Apart("the battery itself, held by battery.rs to cells that are wrong")),
    ("clip_by_global_norm", Apart(UPDATE)),
    ("global_norm", Apart(UPDATE)),
    ("Adam", Apart(UPDATE)),
    ("AdamW", Apart(UPDATE)),
    ("Momentum", Apart(UPDATE)),
    ("Optimizer", Apart(UPDATE)),
    ("Outliers", Apart(UPDATE)),
    ("RmsProp", Apart(UPDATE)),
    ("Sgd", Apart(UPDATE)),
    ("Severed", Apart(SETTINGS)),
    ("Exchange", Apart("moves gradients between ranks; held by exchange.rs")),
    ("Parts", Apart("how ranks share a step; held by exchange.rs")),
    ("StepReport", Apart(UPDATE)),
    ("TrainError", Apart(SETTINGS)),
    ("Trainer", Apart(UPDATE)),
    ("Init", Apart(STORE)),
    ("Key", Apart(STORE)),
    ("ParamError", Apart(SETTINGS)),
    ("Param", Apart(STORE)),
    ("Entry", Apart(STORE)),
    ("Params", Apart(STORE)),
    ("Role", Apart(STORE)),
    ("PyTorch", Apart(STORE)),
    ("PyTorchError", Apart(SETTINGS)),
    ("Scope", Apart(STORE)),
];

/// The tests by file.
const FILES: &[(&str, &str)] = &[
    ("attention", include_str!("attention.rs")),
    ("battery", include_str!("battery.rs")),
    ("layers", include_str!("layers.rs")),
    ("loss", include_str!("loss.rs")),
    ("pictures", include_str!("pictures.rs")),
    ("sequences", include_str!("sequences.rs")),
    ("transformer", include_str!("transformer.rs")),
    ("wrappers", include_str!("wrappers.rs")),
];

/// What a file exports from its modules.
fn exports(text: &str) -> BTreeSet<String> {
    let uses = text.split("pub use ").skip(1).map(|rest| rest.split_once(';').expect("an end").0);
    let names = uses.flat_map(|path| {
        let (_, names) = path.split_once("::").expect("from a module");
        names.trim_matches(['{', '}']).split(',').map(|name| name.trim().to_string()).collect::<Vec<_>>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// What stands between the braces of a function.
fn body<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("fn {name}("))?;
    rest.split_once("\n}").map(|(body, _)| body)
}

#[test]
fn everything_that_is_exported_is_held() {
    let exported = exports(include_str!("../../src/lib.rs"));
    let listed: BTreeMap<&str, &Held> = LIST.iter().map(|(name, held)| (*name, held)).collect();
    assert_eq!(listed.len(), LIST.len(), "a name is listed twice");
    for name in &exported {
        assert!(
            listed.contains_key(&**name),
            "`{name}` is exported and not listed: hold its value and its gradients by a test, as \
             `layer` in support.rs does, and list the test in enrolment.rs"
        );
    }
    for (name, held) in &listed {
        assert!(exported.contains(*name), "`{name}` is listed and not exported");
        match held {
            By(file, test) => {
                let text = FILES.iter().find(|(known, _)| known == file).expect("a file of tests").1;
                let body = body(text, test).unwrap_or_else(|| panic!("{file}.rs has no test `{test}`"));
                let ways = ["layer(", "check::gradients(", "check_cell(", "grad("];
                assert!(ways.iter().any(|way| body.contains(way)), "`{test}` checks no gradient of `{name}`");
                assert!(text.contains(name), "{file}.rs does not know `{name}`");
            }
            Apart(reason) => assert!(!reason.is_empty()),
            Battery => {}
        }
    }
}

#[test]
fn every_cell_that_is_exported_is_in_the_list_that_the_battery_takes() {
    let text = include_str!("../../src/cells/mod.rs");
    let all = body(text, "all").expect("the list of all cells");
    let battery = |name: &str| LIST.iter().any(|(known, held)| *known == name && matches!(held, Battery));
    for name in exports(text).iter().filter(|name| !name.ends_with("State")) {
        assert!(
            all.contains(&format!("{name}::")),
            "`{name}` is not in `cells::all`, which the battery goes through"
        );
        assert!(battery(name), "`{name}` is not listed as held by the battery");
    }
    let tested =
        body(include_str!("battery.rs"), "every_cell_of_the_list_is_right").expect("the test of the battery");
    assert!(tested.contains("cells::all()"), "the battery no longer goes through all cells");
}
