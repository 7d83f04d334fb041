//! Development tasks: `cargo xtask check` is what CI runs.
//!
//! The modules in the order to read them:
//!
//! 1. [`check`]: the commands that hold the project to its rules, one after another.
//! 2. [`tidy`]: the rules that no other tool knows.
//! 3. [`api`]: that the public API is the one that is committed.
//! 4. [`mod@book`]: that mdBook builds the book.

mod api;
mod book;
mod check;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  check               formatting, lints, tests, documentation, examples, benches, tidy, API, book: what CI runs
  tidy                that ARCHITECTURE.md, the manifests, the sources and links keep the project's own rules
  api [--bless]       that the public API is the one listed in docs/api, or write that anew
  book                build the book in docs/ with mdBook; a warning fails
  bless [ARGUMENT]..  run `cargo test ARGUMENT..` so that golden files are rewritten; read the diff after it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let well = match arguments.as_slice() {
        ["check"] => check::check(root()),
        ["tidy"] => tidy::tidy(root()),
        ["api"] => api::api(root()),
        ["api", "--bless"] => api::bless(root()),
        ["book"] => book::book(root()),
        ["bless", arguments @ ..] => check::bless(root(), arguments),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            true
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The workspace, wherever the task was called from.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
