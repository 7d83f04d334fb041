//! What passes make of programs: files in `tests/golden/passes`, one for each rule.
//!
//! A file is a sentence that says the rule, a program, a line `after` with the names of the passes that are
//! run on it, and the program that comes out. `cargo xtask bless` rewrites what comes out.

mod common;

use std::fs;
use std::path::Path;

use common::golden;
use tape::error::ShapeError;
use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::passes::{self, PIPELINE, Pass};
use tape::text::parse_with;
use tape::{Custom, DType, Shape};

/// What begins something, as `send` in the files.
struct Send;

impl Rule for Send {
    fn name(&self) -> &'static str {
        "send"
    }
    fn kind(&self) -> Kind {
        Kind::Other
    }
    fn begins(&self) -> bool {
        true
    }
    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((Shape::scalar(), inputs[0].dtype))
    }
    fn eval(&self, _: Io<'_>) -> Result<(), String> {
        Ok(())
    }
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        (0..at.inputs()).map(|_| None).collect()
    }
}

/// The passes of a line such as `after simplify, remove_dead`.
fn named(line: &str) -> Vec<Pass> {
    let pass = |name: &str| *PIPELINE.iter().find(|(known, _)| *known == name.trim()).expect(name);
    line.split(',').map(pass).collect()
}

#[test]
fn programs_are_rewritten_as_the_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/passes");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of golden files")
        .map(|file| file.expect("a file of the folder").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort_unstable();
    for name in &names {
        let text = fs::read_to_string(folder.join(name)).expect("a golden file").replace("\r\n", "\n");
        let (title, rest) = text.split_once("\n\n").expect("a sentence and an empty line");
        assert!(title.ends_with('.'), "{name}: a sentence ends with a full stop: {title}");
        let (before, rest) = rest.split_once("\nafter ").expect("a line `after` with passes");
        let passes = rest.lines().next().expect("the passes");
        let program =
            parse_with(before, &[Custom::new(Send)]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = passes::run(program.clone(), &named(passes));
        // The program before is written again too, so that all files are laid out alike.
        golden(&format!("passes/{name}"), &format!("{title}\n\n{program}\nafter {passes}\n\n{after}"));
    }
    for (pass, _) in PIPELINE {
        assert!(names.iter().any(|name| name.starts_with(pass)), "{pass} has no golden file");
    }
}
