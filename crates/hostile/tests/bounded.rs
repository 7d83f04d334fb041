//! Every target, in the bounded form: its seeds, what was found with it, and changed copies of both. `UNSPOOL_EXECUTIONS` asks for
//! more copies, `UNSPOOL_SEED` for others.

use std::fs;
use std::path::{Path, PathBuf};

use hostile::{Mutator, TARGETS, Target};

/// What was found with a target.
fn found(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(target.name);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("it is in the repository")).collect()
}

/// Runs a target on bytes; where that panics, the bytes are shown.
fn run(target: &Target, bytes: &[u8]) {
    struct Shown<'a>(&'a Target, &'a [u8]);
    impl Drop for Shown<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("target {} failed on {}", self.0.name, self.1.escape_ascii());
            }
        }
    }
    let _shown = Shown(target, bytes);
    target.run(bytes);
}

fn check(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect(name);
    let mut seeds = (target.seeds)();
    seeds.extend(found(target));
    seeds.iter().for_each(|bytes| run(target, bytes));
    run(target, b"");
    let asked = |name: &str| std::env::var(name).ok().map(|number| number.parse().expect("a whole number"));
    let mutator = Mutator::new(seeds, asked("UNSPOOL_SEED").unwrap_or(1));
    let executions = asked("UNSPOOL_EXECUTIONS").unwrap_or(target.executions.into());
    (0..executions).zip(mutator).for_each(|(_, bytes)| run(target, &bytes));
}

macro_rules! bounded {
    ($($(#[$only:meta])? $name:ident)*) => {
        $($(#[$only])?
        #[test]
        fn $name() {
            check(stringify!($name));
        })*

        const NAMES: &[&str] = &[$($(#[$only])? stringify!($name)),*];
    };
}

bounded! {
    npy npz hdf5 safetensors prepared cs231n captions_json captions_text collection scores picture checkpoint record events
    run_folder comparison
    #[cfg(feature = "onnx")] onnx
    request program_text programs program_threads
}

#[test]
fn every_target_is_run_here_and_by_libfuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, NAMES);
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("the manifest of the fuzz targets");
    for name in names {
        let source = fs::read_to_string(fuzz.join(format!("targets/{name}.rs"))).expect(name);
        assert!(source.contains(&format!("hostile::run(\"{name}\", bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
    }
}
