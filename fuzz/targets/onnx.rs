//! What brings the runtime of networks down is caught and told as an error, which libFuzzer's own hook would not let happen.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: drop(std::panic::take_hook()),
    |bytes: &[u8]| hostile::run("onnx", bytes)
);
