//! The target that `UNSPOOL_TARGET` names: one binary for all, where to build one for each would take too long.
#![no_main]

use std::sync::LazyLock;

static NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("UNSPOOL_TARGET").expect("UNSPOOL_TARGET names a target"));

libfuzzer_sys::fuzz_target!(
    // The hook of libFuzzer ends the program at every panic, also one that is caught and told as an error. What is not caught
    // ends it all the same.
    init: drop(std::panic::take_hook()),
    |bytes: &[u8]| hostile::run(&NAME, bytes)
);
