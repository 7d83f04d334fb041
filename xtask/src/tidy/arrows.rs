//! Which way sources reach what they use: files through `lab`, the crates through the facade. Which crates a package may have
//! at all is a matter of its [`manifest`](super::manifest).

use std::collections::BTreeSet;

use super::Text;
use super::source::{code_only, words};

/// Where no file is read or written: what stands here is given its data.
const WITHOUT_FILES: [&str; 4] = ["crates/tape/src/", "crates/nn/src/", "src/", "examples/"];

/// Where the crates are reached as their users reach them.
const BY_THE_FACADE: [&str; 3] = ["examples/", "benches/", "tests/"];

/// The package at the root, which re-exports the crates.
const FACADE: &str = "unspool";

/// The lines that touch files, where only what stands above may.
pub fn files_touched(source: &Text) -> Vec<String> {
    if !WITHOUT_FILES.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let code = code_only(&source.text);
    let touches = |line: &str| words(line).any(|word| ["fs", "File", "OpenOptions"].contains(&word));
    let lines = code.lines().enumerate().filter(|(_, line)| touches(line));
    lines
        .map(|(number, _)| {
            format!("{}:{}: files are the business of `lab`, `caption` and `xtask`", source.path, number + 1)
        })
        .collect()
}

/// The lines of examples, benches and tests at the root that name a crate itself, and not by the facade.
pub fn past_the_facade(source: &Text, crates: &[&str]) -> Vec<String> {
    // What is measured beside unspool is a package of its own.
    let is_user = BY_THE_FACADE.iter().any(|folder| source.path.starts_with(folder));
    if !is_user || source.path.starts_with("benches/peers/") {
        return Vec::new();
    }
    // Each statement with the number of its first line, so that lists over several lines are seen whole.
    let (mut line, mut statements) = (1, Vec::new());
    for statement in code_only(&source.text).split_inclusive(';') {
        let blank = statement.len() - statement.trim_start().len();
        statements.push((line + statement[..blank].matches('\n').count(), statement.to_string()));
        line += statement.matches('\n').count();
    }
    let by_facade =
        |statement: &str| words(statement).collect::<Vec<_>>().windows(2).any(|two| two == ["use", FACADE]);
    let imported: BTreeSet<&str> =
        statements.iter().filter(|(_, one)| by_facade(one)).flat_map(|(_, one)| words(one)).collect();
    let direct = |name: &str, statement: &str| {
        let package = format!("{FACADE}_{name}");
        words(statement).any(|word| word == package)
            || (!imported.contains(name) && begins_path(statement, name))
    };
    let mut findings = Vec::new();
    for (line, statement) in statements.iter().filter(|(_, one)| !by_facade(one)) {
        let names = crates.iter().filter(|name| direct(name, statement));
        findings.extend(names.map(|name| {
            format!("{}:{line}: `{name}` is reached past the facade: `{FACADE}::{name}`", source.path)
        }));
    }
    findings
}

/// Whether a path in the code begins with a name: `nn::Params`, and neither `unspool::nn::Params` nor `cnn::Params`.
fn begins_path(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].trim_end();
        let within_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // `::nn` begins with nothing, and so it is the crate.
        let within_path = before
            .strip_suffix("::")
            .is_some_and(|path| path.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        !within_word && !within_path
    })
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn files_are_touched_above_only() {
        let check = |path: &str, text: &str, lines: &[usize]| {
            let found = files_touched(&self::text(path, text));
            let at = |line: &usize| {
                format!("{path}:{line}: files are the business of `lab`, `caption` and `xtask`")
            };
            assert_eq!(found, lines.iter().map(at).collect::<Vec<_>>(), "{text}");
        };
        let text = "use std::fs;\n// std::fs\nfn f() { fs::read(a) }\nlet offset = File::open(b);\n";
        check("crates/tape/src/a.rs", text, &[1, 3, 4]);
        check("examples/a.rs", text, &[1, 3, 4]);
        check("src/lib.rs", "use std::fmt;\nlet fsx = \"fs\";", &[]);
        check("crates/lab/src/files.rs", text, &[]);
        check("crates/tape/tests/golden.rs", text, &[]);
        check("benches/growth.rs", text, &[]);
    }

    #[test]
    fn the_crates_are_reached_by_the_facade() {
        let check = |path: &str, text: &str, names: &[(usize, &str)]| {
            let found = past_the_facade(&self::text(path, text), &["lab", "nn"]);
            let at = |(line, name): &(usize, &str)| {
                format!("{path}:{line}: `{name}` is reached past the facade: `unspool::{name}`")
            };
            assert_eq!(found, names.iter().map(at).collect::<Vec<_>>(), "{text}");
        };
        check(
            "examples/a.rs",
            "use unspool::nn::Params;\nuse unspool::{\n    lab::tasks, nn::Cell,\n};\n",
            &[],
        );
        check("examples/a.rs", "use unspool::nn::{self, Cell};\nlet x = nn::check::gradients(p);\n", &[]);
        check(
            "examples/a.rs",
            "use std::fmt;\nuse nn::Params;\n\nuse {lab::tasks,\n nn::Cell};",
            &[(2, "nn"), (4, "lab"), (4, "nn")],
        );
        check("benches/a.rs", "let x = 1;\nlet y = ::nn::check(x);\nlet z = cnn::nn::f();", &[(2, "nn")]);
        check("tests/a.rs", "use unspool_nn as nn;\n// nn::Params\nlet s = \"nn::Params\";", &[(1, "nn")]);
        check("crates/lab/tests/a.rs", "use nn::Params;", &[]);
        check("benches/peers/a.rs", "use nn::Params;", &[]);
    }
}
