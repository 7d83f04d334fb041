//! Random programs: the engine, with every pass on and off and on any number of threads, against the naive interpreter, for
//! values, gradients and gradients of gradients.

mod common;

use common::agreement::{check, check_threads};
use common::programs::{BODIES, LENGTHS, WAYS};
use proptest::prelude::*;
use tape::DType;

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_computes_what_the_interpreter_does(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
        check(&bytes, DType::F64);
    }

    #[test]
    fn single_precision_agrees_too(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        check(&bytes, DType::F32);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_number_of_threads_changes_no_bit(bytes in prop::collection::vec(any::<u8>(), 16..64)) {
        check_threads(&bytes, DType::F32);
    }
}

#[test]
fn every_kind_of_loop_is_covered() {
    // Rows, lengths, bodies and ways, one after another rather than by chance.
    for rows in [0, 6] {
        for lengths in 0..LENGTHS {
            for body in 0..BODIES {
                for way in 0..WAYS {
                    let [lengths, body, way] = [lengths, body, way].map(|choice| choice as u8);
                    check(&[rows, 0, 20, lengths, body, way, 0, 1, 1, 20, lengths, body, way, 1], DType::F64);
                }
            }
        }
    }
}

#[test]
fn threads_share_every_kind_of_loop() {
    // Three loops over one another's outputs are enough work for threads.
    for lengths in 0..LENGTHS {
        for body in 0..BODIES {
            let [lengths, body] = [lengths, body].map(|choice| choice as u8);
            let loops =
                [[0, 0, 20, lengths, body, 0, 1], [7, 0, 20, lengths, body, 1, 1], [8, 0, 20, 0, body, 4, 1]];
            check_threads(loops.as_flattened(), DType::F32);
        }
    }
}
