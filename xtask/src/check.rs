//! The commands that hold the project to its rules, one after another; the first that fails is the last that runs.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::api::api;
use crate::book::book;
use crate::tidy::tidy;

/// One thing that is checked.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// `cargo` with these arguments, and variables for it.
    Cargo { variables: Vec<(&'static str, &'static str)>, arguments: Vec<String> },
    /// The rules in [`crate::tidy`].
    Tidy,
    /// The listings of [`crate::api`].
    Api,
    /// The pages of [`crate::book`].
    Book,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    well: bool,
    time: Duration,
    tests: Tests,
}

/// The sums of the test runners' closing lines.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs all that CI runs; whether all went well.
pub fn check(root: &Path) -> bool {
    let steps = steps(&programs(root, "examples"), has_benches(root));
    let mut outcomes = Vec::new();
    for step in &steps {
        println!("\n$ {step}");
        let outcome = run(root, step);
        outcomes.push(outcome);
        if !outcome.well {
            break;
        }
    }
    println!("\n{}", summary(&steps, &outcomes));
    outcomes.iter().all(|outcome| outcome.well)
}

/// Runs the tests so that they rewrite their golden files; whether all went well.
pub fn bless(root: &Path, arguments: &[&str]) -> bool {
    let mut step = cargo("test --locked");
    if let Step::Cargo { variables, arguments: all } = &mut step {
        variables.push(("UNSPOOL_BLESS", "1"));
        all.extend(arguments.iter().map(|argument| argument.to_string()));
    }
    println!("$ {step}");
    run(root, &step).well
}

fn steps(examples: &[String], benches: bool) -> Vec<Step> {
    let mut steps = vec![
        cargo("fmt --all --check"),
        cargo("clippy --workspace --all-targets --locked -- -D warnings"),
        cargo("test --locked"),
        cargo(
            "clippy -p unspool-caption -p unspool-hostile --all-targets --features onnx --locked -- -D warnings",
        ),
        cargo("test --locked -p unspool-caption --features onnx --lib --test encoder"),
        cargo("test --locked -p unspool-hostile --features onnx --test bounded --test networks onnx"),
        cargo(
            "clippy -p unspool-lab -p unspool-caption --all-targets --features mpi --locked -- -D warnings",
        ),
        cargo("test --locked -p unspool-lab -p unspool-caption --features mpi --test ranks"),
        with_variable("RUSTDOCFLAGS", "-D warnings", cargo("doc --workspace --no-deps --locked")),
    ];
    let example = |name: &String| cargo(&format!("run --release --locked --example {name} -- --quick"));
    steps.extend(examples.iter().map(example));
    steps.push(cargo("test --release --locked -p unspool-lab --test quick -- --ignored"));
    steps.push(cargo("test --release --locked --test readme -- --ignored"));
    if benches {
        // By pattern, because without one `cargo bench` hands `--test` to the unit tests of every library too.
        steps.push(cargo("bench --workspace --locked --bench * -- --test"));
    }
    steps.push(cargo("deny --locked check bans licenses sources"));
    // With what is there already, so that no network is needed; a release is tried in full by hand.
    let private = "--exclude unspool-hostile --exclude xtask";
    steps.push(cargo(&format!(
        "package --workspace {private} --no-verify --allow-dirty --offline --locked --quiet"
    )));
    steps.extend([Step::Tidy, Step::Api, Step::Book]);
    steps
}

fn cargo(line: &str) -> Step {
    Step::Cargo { variables: Vec::new(), arguments: line.split(' ').map(String::from).collect() }
}

fn with_variable(name: &'static str, value: &'static str, step: Step) -> Step {
    match step {
        Step::Cargo { mut variables, arguments } => {
            variables.push((name, value));
            Step::Cargo { variables, arguments }
        }
        Step::Tidy | Step::Api | Step::Book => step,
    }
}

/// The names of the single-file programs in a folder, sorted.
fn programs(root: &Path, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(String::from))
        .collect();
    names.sort();
    names
}

/// Whether any package of the workspace has a bench; the pattern above must match something.
fn has_benches(root: &Path) -> bool {
    let crates = fs::read_dir(root.join("crates")).into_iter().flatten().flatten().map(|entry| entry.path());
    crates.chain([root.to_path_buf()]).any(|package| !programs(&package, "benches").is_empty())
}

fn run(root: &Path, step: &Step) -> Outcome {
    let start = Instant::now();
    let (well, tests) = match step {
        Step::Tidy => (tidy(root), Tests::default()),
        Step::Api => (api(root), Tests::default()),
        Step::Book => (book(root), Tests::default()),
        Step::Cargo { variables, arguments } => {
            run_cargo(root, variables, arguments).unwrap_or_else(|error| {
                eprintln!("cannot run {step}: {error}");
                (false, Tests::default())
            })
        }
    };
    Outcome { well, time: start.elapsed(), tests }
}

/// The cargo that runs this task, so that a chosen toolchain stays chosen.
pub fn cargo_at(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs cargo; what it says goes on as it comes, and the closing lines of test runners are summed up.
fn run_cargo(root: &Path, variables: &[(&str, &str)], arguments: &[String]) -> io::Result<(bool, Tests)> {
    let mut command = cargo_at(root);
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut tests = Tests::default();
    if let Some(output) = child.stdout.take() {
        let mut out = io::stdout();
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            out.write_all(&line)?;
            tests = tests.and(closing_line(&String::from_utf8_lossy(&line)));
            line.clear();
        }
        out.flush()?;
    }
    Ok((child.wait()?.success(), tests))
}

/// The counts in `test result: ok. 12 passed; 0 failed; 1 ignored; …`; zeros for any other line.
fn closing_line(line: &str) -> Tests {
    let Some(counts) = line.strip_prefix("test result: ") else { return Tests::default() };
    let count = |what: &str| {
        let words: Vec<&str> = counts.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        words.windows(2).find(|pair| pair[1] == what).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
    };
    Tests { passed: count("passed"), failed: count("failed"), ignored: count("ignored") }
}

impl Tests {
    fn and(self, other: Tests) -> Tests {
        Tests {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (variables, arguments) = match self {
            Step::Cargo { variables, arguments } => (variables, arguments),
            Step::Tidy => return write!(f, "cargo xtask tidy"),
            Step::Api => return write!(f, "cargo xtask api"),
            Step::Book => return write!(f, "cargo xtask book"),
        };
        for (name, value) in variables {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "cargo")?;
        arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// As a shell wants it, so that a printed command can be run again.
fn quoted(word: &str) -> String {
    if word.contains([' ', '*']) { format!("'{word}'") } else { word.to_string() }
}

/// One line a step, those that were not reached included.
fn summary(steps: &[Step], outcomes: &[Outcome]) -> String {
    let mut lines = String::new();
    for (number, step) in steps.iter().enumerate() {
        let line = match outcomes.get(number) {
            None => format!("  not run          {step}\n"),
            Some(outcome) => {
                let word = if outcome.well { "ok" } else { "FAILED" };
                let tests = if outcome.tests == Tests::default() {
                    String::new()
                } else {
                    format!(": {}", outcome.tests)
                };
                format!("  {word:<7}{:>7.1}s  {step}{tests}\n", outcome.time.as_secs_f64())
            }
        };
        lines.push_str(&line);
    }
    let well = outcomes.iter().filter(|outcome| outcome.well).count();
    format!("{lines}{well} of {} steps passed", steps.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_those_that_contributing_lists() {
        let steps = steps(&["mgu".to_string()], true);
        let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
        let expected = [
            "cargo fmt --all --check",
            "cargo clippy --workspace --all-targets --locked -- -D warnings",
            "cargo test --locked",
            "cargo clippy -p unspool-caption -p unspool-hostile --all-targets --features onnx --locked -- -D warnings",
            "cargo test --locked -p unspool-caption --features onnx --lib --test encoder",
            "cargo test --locked -p unspool-hostile --features onnx --test bounded --test networks onnx",
            "cargo clippy -p unspool-lab -p unspool-caption --all-targets --features mpi --locked -- -D warnings",
            "cargo test --locked -p unspool-lab -p unspool-caption --features mpi --test ranks",
            "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked",
            "cargo run --release --locked --example mgu -- --quick",
            "cargo test --release --locked -p unspool-lab --test quick -- --ignored",
            "cargo test --release --locked --test readme -- --ignored",
            "cargo bench --workspace --locked --bench '*' -- --test",
            "cargo deny --locked check bans licenses sources",
            "cargo package --workspace --exclude unspool-hostile --exclude xtask --no-verify --allow-dirty --offline --locked --quiet",
            "cargo xtask tidy",
            "cargo xtask api",
            "cargo xtask book",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn closing_lines_are_summed() {
        let ok = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.51s\n";
        let bad = "test result: FAILED. 5 passed; 11 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let sum = closing_line(ok).and(closing_line(bad)).and(closing_line("test a_test ... ok\n"));
        assert_eq!(sum, Tests { passed: 17, failed: 11, ignored: 1 });
        assert_eq!(sum.to_string(), "17 passed, 11 failed, 1 ignored");
    }

    #[test]
    fn the_summary_tells_of_every_step() {
        let steps = [cargo("fmt --all --check"), cargo("test --locked"), Step::Tidy];
        let outcome = |well, seconds, tests| Outcome { well, time: Duration::from_secs(seconds), tests };
        let tests = Tests { passed: 41, failed: 1, ignored: 0 };
        let outcomes = [outcome(true, 2, Tests::default()), outcome(false, 100, tests)];
        let expected = "  ok         2.0s  cargo fmt --all --check\n  \
                        FAILED   100.0s  cargo test --locked: 41 passed, 1 failed, 0 ignored\n  \
                        not run          cargo xtask tidy\n\
                        1 of 3 steps passed";
        assert_eq!(summary(&steps, &outcomes), expected);
    }
}
