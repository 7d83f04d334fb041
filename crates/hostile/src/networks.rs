//! Image encoders in ONNX files.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use caption::data::encoder::{Card, Encoder, Layout};

use crate::{pictures, place};

/// The most numbers of a picture that is given to a network; loading alone must be bounded for larger ones too.
const SMALL: usize = 64 * 64 * 3;

thread_local! {
    /// Whether the runtime is at work, whose panics are caught and told as errors.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Does what may bring the runtime down. Panics in it are not shown, since a trace of where they were takes more memory than what
/// is measured, and since libFuzzer ends the program where one is shown.
fn at_work<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if !AT_WORK.get() {
                usual(what);
            }
        }));
    });
    AT_WORK.set(true);
    let result = work();
    AT_WORK.set(false);
    result
}

/// Reads bytes as a network, with a card that the first byte chooses; where it is an encoder, it looks at a picture.
pub fn network(bytes: &[u8]) {
    let (first, file) = bytes.split_first().unwrap_or((&0, &[]));
    let path = place::file("encoder.onnx", file);
    let size = (first & 1 == 1).then_some([8, 8]);
    let layout = [None, Some(Layout::Nchw), Some(Layout::Nhwc)][usize::from(first >> 1) % 3];
    let batch = 1 + usize::from(first >> 3) % 3;
    let card = Card { size, layout, ..Card::default() };
    let Ok(encoder) = at_work(|| Encoder::load(&path, card, batch)) else { return };
    let sides = encoder.origin().card.size.expect("a loaded encoder has one");
    if sides[0] * sides[1] * 3 > SMALL {
        return;
    }
    let mut brought = Vec::new();
    encoder.bring(&pictures::png(9, 8), "a picture", &mut brought).expect("it is a picture");
    if let Ok(features) = at_work(|| encoder.encode(brought)) {
        assert_eq!(features.len(), encoder.form().size(), "the features of one picture");
    }
}

/// Networks that are encoders, and some that are not.
pub fn seeds() -> Vec<Vec<u8>> {
    let files = fixtures!["encoders":
        "vector.onnx",
        "grid.onnx",
        "places.onnx",
        "deep.onnx",
        "outside.onnx",
        "one_number.onnx",
        "two_inputs.onnx",
        "flat_input.onnx"
    ];
    (0..).zip(files).map(|(first, file)| [vec![first], file].concat()).collect()
}
