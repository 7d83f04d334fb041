//! What the README's program prints is what the README says.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The block of the README that shows a command and what it prints, without the command.
fn shown(readme: &str, command: &str) -> Vec<String> {
    let block = readme.split("```").find(|block| block.contains(&format!("$ {command}\n")));
    let block = block.expect("the README shows the command");
    block.lines().skip_while(|line| !line.starts_with('$')).skip(1).map(String::from).collect()
}

/// A line without figures that are mere rounding, which the machine's `exp` may shift.
fn without_rounding(line: &str) -> String {
    line.split(' ').map(|word| if word.contains("e-") { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Every line that is shown is printed, in this order; `...` stands for lines that are left out.
fn check(shown: &[String], printed: &str) {
    let mut printed = printed.lines().map(without_rounding);
    let mut may_skip = false;
    for line in shown {
        if line == "..." {
            may_skip = true;
            continue;
        }
        let line = without_rounding(line);
        let found = if may_skip { printed.find(|other| *other == line) } else { printed.next() };
        assert_eq!(found, Some(line), "the README shows a line that is not printed there");
        may_skip = false;
    }
}

/// What it has learned is the same on every machine: products, sums and functions in `f32` do not depend on what runs them.
#[test]
#[ignore = "it trains for 15 s where all is built for speed; CI runs it in release"]
fn the_program_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let command = "cargo run --release --example bell";
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--release", "--example", "bell"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&shown(&readme, command), &String::from_utf8_lossy(&output.stdout));
}
