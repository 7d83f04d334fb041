//! The `lab` program as a user meets it: exit codes, messages, what is left on the disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "compare/timeless.rs"]
mod timeless;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use lab::compare::read;
use tempfile::tempdir;
use timeless::timeless;

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs the program and returns what it prints, which must go well.
fn succeed(arguments: &[&str]) -> String {
    let output = lab(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs the program, which must end with this code, and returns what it says.
fn fail(code: i32, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = lab(arguments).output().unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {}", text(&stdout));
    text(&stderr)
}

/// A small comparison into a folder.
fn compare<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = "compare --cells rnn,gru --tasks copy:delay=2,symbols=2,adding:steps=6 --seeds 2 --match hidden \
                 --hidden 6 --learning-rates 0.01,0.1 --batch 4";
    fixed.split_whitespace().chain(["--out", out]).chain(more.iter().copied()).collect()
}

#[test]
fn cells_are_compared_and_the_results_shown() {
    let folder = tempdir().unwrap();
    let out = folder.path().display().to_string();
    let printed = succeed(&compare(&out, &["--steps", "30", "--threads", "2"]));
    assert!(!printed.contains('\r') && !printed.contains('\u{1b}'), "control codes: {printed:?}");
    for expected in [
        "adding:steps=6  gru  seed 2: squared error 0.",
        "copy:delay=2,symbols=2  rnn  rate 0.01: accuracy ",
        "0/16 trainings\n",
        "s left\n",
        "baseline\n",
        " ± ",
        "results.csv",
        "report.html",
    ] {
        assert!(printed.contains(expected), "{expected} is missing in {printed}");
    }
    let results = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let (metrics, csv) = (results("metrics.jsonl"), results("results.csv"));
    assert_eq!(text(&csv).lines().count(), 1 + 2 * 2 * 2);

    // The same again trains nothing and shows the same table.
    let again = succeed(&compare(&out, &["--steps", "30"]));
    let rows = |printed: &str| printed[printed.find("\nScores").unwrap()..].to_string();
    assert_eq!(rows(&again), rows(&printed));
    assert!(again.starts_with("16/16 trainings\n") && !again.contains("seed 1:"), "{again}");
    assert_eq!((results("metrics.jsonl"), results("results.csv")), (metrics, csv));

    let page = results("report.html");
    fs::remove_file(folder.path().join("report.html")).unwrap();
    assert!(succeed(&["report", &out]).contains("report.html"));
    assert_eq!(results("report.html"), page);
    assert!(fail(1, &["report", &format!("{out}/nowhere")]).contains("nowhere"));

    let message = fail(1, &compare(&out, &["--steps", "31"]));
    assert!(message.contains("`settings.steps` is 30 there and 31 here"), "{message}");
}

#[test]
fn cells_are_checked_and_timed() {
    let printed = succeed(&["check", "--cells", "rnn,lru"]);
    assert_eq!(printed.matches("19 properties, 0 failed").count(), 2, "{printed}");
    let sizes = ["--sequences", "2", "--steps", "3", "--inputs", "4", "--hidden", "5", "--rounds", "2"];
    let printed = succeed(&[&["time", "--cells", "rnn,mgu"], &sizes[..]].concat());
    assert!(printed.contains("1 + 1\n") && printed.ends_with("2 + 2\n"), "{printed}");
    assert!(fail(2, &["time", "--hidden", "0"]).contains("--hidden"));
}

#[test]
fn a_comparison_that_was_killed_goes_on_to_the_same_results() {
    let folder = tempdir().unwrap();
    let [killed, whole] = ["killed", "whole"].map(|name| folder.path().join(name).display().to_string());
    let arguments = |out| compare(out, &["--steps", "300"]);
    for trainings in [2, 7] {
        let mut child: Child = lab(&arguments(&killed)).stdout(Stdio::null()).spawn().unwrap();
        let lines = || fs::read_to_string(Path::new(&killed).join("metrics.jsonl")).unwrap_or_default();
        while lines().lines().count() < trainings && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    succeed(&arguments(&killed));
    succeed(&arguments(&whole));
    let records = |out: &str| timeless(read(Path::new(out)).unwrap().1);
    assert_eq!(records(&killed).len(), 16);
    assert_eq!(records(&killed), records(&whole));
}

#[test]
fn mistakes_in_the_command_line_are_usage_errors_that_list_what_there_is() {
    let check = |arguments: &[&str], expected: &[&str]| {
        let message = fail(2, arguments);
        expected.iter().for_each(|part| assert!(message.contains(part), "{part} is missing in {message}"));
    };
    check(&[], &["check", "time", "compare", "list", "report", "--help"]);
    check(&["compare"], &["--out"]);
    check(&["compare", "--out", "x", "--cells", "rnn,gnu"], &["gnu", "lstm", "mgu"]);
    check(
        &["compare", "--out", "x", "--tasks", "adding,coppy"],
        &["there is no task `coppy`", "copy", "parity"],
    );
    check(&["compare", "--out", "x", "--tasks", "copy:dealy=3"], &["no setting `dealy`", "delay"]);
    check(&["compare", "--out", "x", "--threads", "0"], &["--threads"]);
    check(&["compare", "--out", "x", "--seeds", "-1"], &["-1"]);
    assert!(!Path::new("x").exists());
}

#[test]
fn settings_that_make_no_comparison_are_refused_in_one_line() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let check = |more: &[&str], expected: &str| {
        let start = ["compare", "--out", &out];
        let message = fail(1, &start.iter().chain(more).copied().collect::<Vec<_>>());
        assert_eq!(message, format!("lab: {expected}\n"));
        assert!(!Path::new(&out).exists());
    };
    check(&["--seeds", "0"], "`seeds` is 0; give 1 or more");
    check(&["--steps", "0"], "`steps` is 0; give 1 or more");
    check(&["--learning-rates", "0.1,0"], "0 is no learning rate; give numbers above 0");
    check(&["--cells", "rnn,rnn"], "the cell `rnn` is given twice; give each once");
    check(&["--tasks", "adding,adding"], "the task `adding` is given twice; give each once");
    check(&["--tasks", ","], "there is no task to compare; give one or more");
    check(&["--hidden", "8"], "`--hidden` needs `--match hidden`");
    check(&["--match", "hidden", "--params", "8"], "`--params` needs `--match params`");
}

#[test]
fn cells_and_tasks_are_listed_with_their_sentences() {
    let printed = succeed(&["list"]);
    let named = nn::cells::all().into_iter().map(|cell| (cell.name, cell.about));
    let tasks = lab::tasks::all().into_iter().map(|task| (task.name(), task.about()));
    for (name, about) in named.chain(tasks) {
        let listed =
            printed.lines().any(|line| line.trim_start().starts_with(&name) && line.contains(&about));
        assert!(listed, "{name} is missing in {printed}");
    }
}
