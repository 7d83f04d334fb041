//! The target that `UNSPOOL_TARGET` names: one binary for all, where to build one for each would take too long.
#![no_main]

use std::sync::LazyLock;

static NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("UNSPOOL_TARGET").expect("UNSPOOL_TARGET names a target"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::run(&NAME, bytes));
