//! Programs: written as text, and drawn at random.

use std::path::Path;

use tape::DType;
use tape::text::{Listing, parse};

use crate::common::agreement;

/// A small program of the bytes, by the interpreter and by the engine with every pass; after a first byte that is odd in
/// `f32`.
pub fn random(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    agreement::check(rest, if first % 2 == 1 { DType::F32 } else { DType::F64 });
}

/// A large program of the bytes on one, two and three threads.
pub fn threads(bytes: &[u8]) {
    agreement::check_threads(bytes, DType::F32);
}

/// Programs with every kind of loop, each over the outputs of another.
pub fn random_seeds() -> Vec<Vec<u8>> {
    use crate::common::programs::{BODIES, LENGTHS, WAYS};
    let seed = |body: usize| {
        let loops =
            [[0, 0, 20, body % LENGTHS, body, body % WAYS, 1], [7, 1, 20, 4, body + 1, 3 * body % WAYS, 2]];
        let bytes = loops.as_flattened().iter().map(|choice| *choice as u8);
        [0].into_iter().chain(bytes).chain([7, 8, 4, 8, 9, 6, 9, 10, 9, 10, 11, 14]).collect()
    };
    (0..BODIES).map(seed).collect()
}

/// Reads bytes as a program; one that is read is written and read again as the same.
pub fn program_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(program) = parse(text) else { return };
    let written = Listing::new(program.clone()).to_string();
    let again = parse(&written).unwrap_or_else(|error| panic!("{error} in what was written:\n{written}"));
    assert!(again == program, "another program was read from what was written:\n{written}");
}

/// A captioner with its gradients, loops within loops, and programs of the passes' tests.
pub fn program_text_seeds() -> Vec<Vec<u8>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tape/tests/golden");
    let mut paths = vec![golden.join("captioner_gradients.txt")];
    let passes = std::fs::read_dir(golden.join("passes")).expect("it is in the repository");
    paths.extend(passes.map(|entry| entry.expect("it can be listed").path()));
    paths.sort();
    let mut seeds = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).expect("it is in the repository");
        // A file of the passes' tests has a title, a program, a line, and another program.
        let programs = text.split("\n\n").filter(|part| part.len() < 8000 && parse(part).is_ok());
        seeds.extend(programs.map(|part| part.as_bytes().to_vec()));
    }
    assert!(!seeds.is_empty(), "no golden file is a program");
    seeds
}
