//! What is thrown at unspool: bytes at everything that reads, and random programs at everything that rewrites and runs.
//!
//! A [`Target`] is a function of bytes that must come back, whatever the bytes: a reader's error is well, a panic is not,
//! nor is more memory than the target's bound. Each is run in two ways: by libFuzzer for as long as one likes
//! (`fuzz/`, `docs/notes/fuzzing.md`), and by `cargo test` over its seeds with a few thousand changed copies of them, from
//! a fixed seed. What was found lies in `found/` and is run by the tests for good.
//!
//! In reading order: [`TARGETS`], [`run`]; `place`, where bytes become a file; `arrays`, `captions`, `pictures`, `runs`,
//! `requests`, `networks` with the feature `onnx`, and `programs`, the targets; `mutate`, changed copies of seeds.

#![deny(missing_docs)]

/// Files in a folder among those that other libraries wrote for the tests of `caption`.
macro_rules! fixtures {
    ($folder:literal: $($name:literal),* $(,)?) => {
        vec![$(include_bytes!(concat!("../../caption/tests/fixtures/", $folder, "/", $name)).to_vec()),*]
    };
}

mod arrays;
mod captions;
mod checkpoints;
#[path = "../../tape/tests/common/mod.rs"]
mod common;
mod mutate;
#[cfg(feature = "onnx")]
mod networks;
mod pictures;
mod place;
mod programs;
mod requests;
mod runs;

pub use mutate::Mutator;

/// Something that takes bytes from anywhere.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the target in `fuzz/targets`.
    pub name: &'static str,
    /// What it does with bytes: it comes back, or panics with what is wrong.
    pub body: fn(&[u8]),
    /// Bytes to begin with, well formed for the most part.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How often `cargo test` runs it on changed seeds.
    pub executions: u32,
    /// The most bytes that it may have allocated at any time, beside a thousand for each byte that it was given.
    pub memory: u64,
}

/// What a reader may take for itself, whatever it reads.
const LITTLE: u64 = 16 << 20;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target::new("npy", arrays::features, arrays::npy),
    Target::new("npz", arrays::npz, arrays::npz_seeds),
    Target::new("hdf5", arrays::features, arrays::hdf5),
    Target::new("safetensors", arrays::safetensors, arrays::safetensors_seeds),
    Target::new("prepared", arrays::prepared, arrays::prepared_seeds),
    Target::new("cs231n", arrays::cs231n, arrays::cs231n_seeds).executions(500),
    Target::new("captions_json", captions::json, captions::json_seeds),
    Target::new("captions_text", captions::text, captions::text_seeds),
    Target::new("collection", captions::collection, captions::collection_seeds).executions(500),
    Target::new("scores", captions::scores, captions::scores_seeds),
    Target::new("picture", pictures::picture, pictures::seeds).memory(1 << 30),
    Target::new("checkpoint", checkpoints::checkpoint, checkpoints::checkpoint_seeds).executions(200),
    Target::new("record", checkpoints::record, checkpoints::record_seeds),
    Target::new("events", runs::events, runs::events_seeds),
    Target::new("run_folder", runs::run_folder, runs::run_folder_seeds).executions(500),
    Target::new("comparison", runs::comparison, runs::comparison_seeds).executions(500),
    #[cfg(feature = "onnx")]
    Target::new("onnx", networks::network, networks::seeds).executions(300).memory(64 << 20),
    Target::new("request", requests::request, requests::seeds).executions(500),
    Target::new("program_text", programs::program_text, programs::program_text_seeds),
    Target::new("programs", programs::random, programs::random_seeds).executions(100).memory(256 << 20),
    Target::new("program_threads", programs::threads, programs::random_seeds).executions(20).memory(1 << 30),
];

impl Target {
    /// A target of a few thousand executions, and little memory.
    const fn new(name: &'static str, body: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
        Target { name, body, seeds, executions: 2000, memory: LITTLE }
    }

    /// The same with another number of executions.
    const fn executions(self, executions: u32) -> Target {
        Target { executions, ..self }
    }

    /// The same with another bound of memory.
    const fn memory(self, memory: u64) -> Target {
        Target { memory, ..self }
    }

    /// Runs it on bytes.
    ///
    /// # Panics
    /// If the body does, or takes more memory than it may. Memory of other threads than the caller's is not counted.
    pub fn run(&self, bytes: &[u8]) {
        let most = self.memory + 1000 * bytes.len() as u64;
        let taken = allocation_counter::measure(|| (self.body)(bytes)).bytes_max;
        assert!(taken <= most, "{}: {taken} bytes for {} given, at most {most}", self.name, bytes.len());
    }
}

/// Runs the target of a name on bytes.
///
/// # Panics
/// If there is none, or as [`Target::run`].
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("there is no target `{name}`")).run(bytes);
}

/// What stands before the first empty line, and after it.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[]),
    }
}
