//! What Rust sources say: how long they are and why, whether they have `unsafe` code or touch files, and by which way they
//! reach the crates.

use std::collections::BTreeSet;

use super::{KERNELS, Text};

/// Lines of an example.
const EXAMPLE_LINES: usize = 120;

/// Where no file is read or written: what stands here is given its data.
const WITHOUT_FILES: [&str; 4] = ["crates/tape/src/", "crates/nn/src/", "src/", "examples/"];

/// Where the crates are reached as their users reach them.
const BY_THE_FACADE: [&str; 3] = ["examples/", "benches/", "tests/"];

/// The package at the root, which re-exports the crates.
const FACADE: &str = "unspool";

/// Lines of a file that need no explanation.
const LINES: usize = 600;

/// A file that is long and does not say why.
pub fn unexplained_length(source: &Text) -> Option<String> {
    let lines = source.text.lines().count();
    // Any explanation speaks of length or of one file.
    let explained =
        ["long", "one file", "one page"].iter().any(|word| first_paragraph(&source.text).contains(word));
    (lines > LINES && !explained).then(|| {
        let advice = "split it, or say in its first paragraph why it is that long";
        format!("{} has {lines} lines: {advice}", source.path)
    })
}

/// An example that is not read in one go.
pub fn long_example(source: &Text) -> Option<String> {
    let lines = source.text.lines().count();
    let is_example = source.path.starts_with("examples/");
    (is_example && lines > EXAMPLE_LINES).then(|| {
        format!("{} has {lines} lines, and {EXAMPLE_LINES} are the limit for an example", source.path)
    })
}

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

/// The words of some code.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The module documentation up to its first empty line, on one line.
fn first_paragraph(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The lines with the keyword `unsafe`.
pub fn unsafe_code(source: &Text) -> Vec<String> {
    let code = code_only(&source.text);
    let lines = code.lines().enumerate().filter(|(_, line)| words(line).any(|word| word == "unsafe"));
    lines.map(|(number, _)| format!("{}:{}: `unsafe` outside {KERNELS}", source.path, number + 1)).collect()
}

/// The source with comments and literals emptied, line by line as it was.
fn code_only(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(raw) = raw_string(rest).filter(|_| !after_name) {
            raw
        } else if first == '"' {
            quoted(rest, '"').unwrap_or(rest.len())
        } else if let Some(letter) = (first == '\'').then(|| letter(rest)).flatten() {
            letter
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (gone, left) = rest.split_at(length);
        // A space, so that the words around a comment stay two.
        code.push(' ');
        code.extend(gone.chars().filter(|c| *c == '\n'));
        rest = left;
    }
    code
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The length of `r"…"`, `r#"…"#` and their `b` and `c` kin.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let inside = start.trim_start_matches('#');
    let hashes = start.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |at| before + at + end.len()))
}

/// The length of a literal between `quote`s, in which a backslash hides what follows it.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if letter == quote => return Some(at + quote.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a character literal; a lifetime is none.
fn letter(text: &str) -> Option<usize> {
    let mut letters = text.chars().skip(1);
    let first = letters.next()?;
    (first == '\\' || letters.next() == Some('\'')).then(|| quoted(text, '\'')).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_says_why() {
        let check = |start: &str, lines: usize, well: bool| {
            let text = format!("{start}\n{}", "\n".repeat(lines - start.lines().count()));
            let source = Text { path: "src/lib.rs".to_string(), text };
            assert_eq!(unexplained_length(&source).is_none(), well, "{start}");
        };
        check("//! Passes.", 600, true);
        check("//! Passes.", 601, false);
        check("//! Passes. They are long because\n//! they share a walk.", 601, true);
        check("//! Passes.\n//!\n//! They are long because they share a walk.", 601, false);
        check("//! A table, which is read best\n//! in one file.", 601, true);
    }

    #[test]
    fn an_example_is_a_page() {
        let check = |path: &str, lines: usize, well: bool| {
            let source = Text { path: path.to_string(), text: "\n".repeat(lines) };
            assert_eq!(long_example(&source).is_none(), well, "{path}");
        };
        check("examples/a.rs", 120, true);
        check("examples/a.rs", 121, false);
        check("tests/a.rs", 121, true);
    }

    #[test]
    fn files_are_touched_above_only() {
        let check = |path: &str, text: &str, lines: &[usize]| {
            let found = files_touched(&Text { path: path.to_string(), text: text.to_string() });
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
            let source = Text { path: path.to_string(), text: text.to_string() };
            let found = past_the_facade(&source, &["lab", "nn"]);
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

    #[test]
    fn comments_and_literals_are_no_code() {
        let check = |source: &str, expected: &str| assert_eq!(code_only(source), expected, "{source}");
        check("a // unsafe\nb", "a  \nb");
        check("a/* x /* y */\n z */b", "a \nb");
        check(r#"f("un\"safe", 1)"#, "f( , 1)");
        check(r##"f(r#"a "b" c"#)"##, "f( )");
        check(r#"f(br"\", b"x", 'a', '\'', '"')"#, "f( , b ,  ,  ,  )");
        check("fn f<'a>(x: &'a str, y: 'static)", "fn f<'a>(x: &'a str, y: 'static)");
        check("for r in 0..1 { var\"\" }", "for r in 0..1 { var  }");
        check("\"open", " ");
        check("/* open", " ");
        check("größe('ß')", "größe( )");
    }

    #[test]
    fn the_keyword_is_found_and_nothing_else() {
        let text =
            "//! unsafe\n#![deny(unsafe_code)]\nlet s = \"\nunsafe\";\nunsafe { f() }\nfn unsafety() {}\n"
                .to_string();
        let found = unsafe_code(&Text { path: "src/lib.rs".to_string(), text });
        assert_eq!(found, ["src/lib.rs:5: `unsafe` outside crates/tape/src/kernels/"]);
    }
}
