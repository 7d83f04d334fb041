//! Holds the book in `docs/book` to the program: its dumps and its figures are what comes out today.
//!
//! A dump in a chapter stands in a fenced block below a line `<!-- made by tests/book: NAME -->`. `cargo xtask bless -p unspool
//! --test book` writes every dump and every figure anew.
//!
//! 1. [`programs`]: what is recorded for the book.
//! 2. [`dumps`]: text that is shown of it.
//! 3. [`canvas`]: a picture on white paper, and the pieces that are drawn on it.
//! 4. [`graph`]: boxes and arrows, and [`tapes`]: what is drawn so.
//! 5. [`unrolled`]: a loop over time, step beside step.
//! 6. [`flow`]: how far gradients reach back through time.

mod canvas;
mod dumps;
mod flow;
mod graph;
mod programs;
mod tapes;
mod unrolled;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a marker in a chapter begins and ends with.
const MARK: (&str, &str) = ("<!-- made by tests/book: ", " -->");

const ADVICE: &str =
    "`cargo xtask bless -p unspool --test book` rewrites it; read the difference before it is committed";

#[test]
fn the_dumps_in_the_chapters_are_those_of_the_program() {
    let dumps = dumps::all();
    let mut shown = BTreeSet::new();
    for path in files_in(&book(), "md") {
        let text = read(&path);
        let renewed = with_dumps(&text, |name| {
            shown.insert(name.to_string());
            let dump = dumps.iter().find(|(known, _)| *known == name);
            &dump.unwrap_or_else(|| panic!("{}: there is no dump `{name}`", path.display())).1
        });
        hold(&path, &text, &renewed);
    }
    let made: BTreeSet<String> = dumps.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(shown, made, "a dump that is made is shown in a chapter");
}

#[test]
fn the_figures_are_those_of_the_program() {
    let folder = book().join("figures");
    let figures = [tapes::figures(), vec![("unrolled", unrolled::figure())], flow::figures()].concat();
    for (name, svg) in &figures {
        let path = folder.join(format!("{name}.svg"));
        hold(&path, &fs::read_to_string(&path).unwrap_or_default(), svg);
    }
    let names: BTreeSet<String> = figures.iter().map(|(name, _)| format!("{name}.svg")).collect();
    let there = files_in(&folder, "svg").into_iter();
    let there = there.filter_map(|path| Some(path.file_name()?.to_str()?.to_string()));
    assert_eq!(there.collect::<BTreeSet<_>>(), names, "every figure in the folder is made here");
}

#[test]
fn a_dump_takes_the_place_of_the_block_below_its_mark() {
    let text = "a\n<!-- made by tests/book: x -->\n```text\nold\nolder\n```\nb\n";
    assert_eq!(
        with_dumps(text, |name| if name == "x" { "new\n" } else { "" }),
        "a\n<!-- made by tests/book: x -->\n```text\nnew\n```\nb\n"
    );
}

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/book")
}

/// The files of a kind in a folder, sorted.
fn files_in(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a folder that can be listed").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("\r\n", "\n")
}

/// A chapter with what `dump` gives for each name in the blocks below the marks.
fn with_dumps<'d>(text: &str, mut dump: impl FnMut(&str) -> &'d str) -> String {
    let mut renewed = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        renewed += &format!("{line}\n");
        if let Some(name) = line.strip_prefix(MARK.0).and_then(|rest| rest.strip_suffix(MARK.1)) {
            assert_eq!(lines.next(), Some("```text"), "`{name}` must be followed by a block of text");
            assert!(lines.by_ref().any(|line| line == "```"), "the block of `{name}` has no end");
            renewed += &format!("```text\n{}```\n", dump(name));
        }
    }
    renewed
}

/// Panics where a file is not what the program gives, or rewrites it where that is asked for.
#[track_caller]
fn hold(path: &Path, there: &str, wanted: &str) {
    if std::env::var_os("UNSPOOL_BLESS").is_some() {
        fs::write(path, wanted).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    if there != wanted {
        let same = there.lines().zip(wanted.lines()).take_while(|(there, wanted)| there == wanted).count();
        let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_string();
        panic!(
            "{} is not what the program gives, from line {} on:\n  file     {}\n  program  {}\n{ADVICE}",
            path.display(),
            same + 1,
            line(there),
            line(wanted),
        );
    }
}
