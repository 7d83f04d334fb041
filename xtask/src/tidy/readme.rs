//! What the READMEs show: a program that is an example, and in Korean the commands and figures that stand in English.

use std::collections::BTreeMap;

use super::Text;

/// The README.
pub const PAGE: &str = "README.md";

/// The README in Korean.
pub const KOREAN: &str = "README.ko.md";

/// The example that is the README's program.
pub const PROGRAM: &str = "examples/bell.rs";

/// Lines that the program may have, without empty ones.
const LINES: usize = 20;

/// What is wrong with the program on a page.
pub fn wrong_program(page: &Text, example: &Text) -> Vec<String> {
    let Some(shown) = blocks(&page.text).into_iter().find_map(|block| block.strip_prefix("rust,no_run\n"))
    else {
        return vec![format!(
            "{}: there is no program, in a block that begins with `rust,no_run`",
            page.path
        )];
    };
    let mut findings = Vec::new();
    let code: Vec<&str> =
        example.text.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect();
    if !shown.lines().eq(code) {
        findings.push(format!("{}: the program is not the one of {}", page.path, example.path));
    }
    let lines = shown.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > LINES {
        findings.push(format!("{}: the program has {lines} lines, and {LINES} are the limit", page.path));
    }
    findings
}

/// Where a translation is not in step with its original: blocks of code, names in backticks, where links lead, and
/// numbers.
pub fn out_of_step(original: &Text, translation: &Text) -> Vec<String> {
    let findings = |what: &str, of: Search| {
        let (here, there) = (counts(of(&original.text)), counts(of(&translation.text)));
        let odd = |item: &&&str| here.get(**item) != there.get(**item);
        let mut items: Vec<&str> = here.keys().chain(there.keys()).filter(odd).copied().collect();
        items.sort_unstable();
        items.dedup();
        let said = |item: &str| {
            let times = |counts: &BTreeMap<&str, usize>| counts.get(item).copied().unwrap_or(0);
            format!(
                "{}: {what} `{}` is there {} times, and {} times in {}",
                translation.path,
                item.lines().last().unwrap_or_default(),
                times(&there),
                times(&here),
                original.path
            )
        };
        items.into_iter().map(said).collect::<Vec<_>>()
    };
    let kinds: [(&str, Search); 4] =
        [("the block", blocks), ("the name", names), ("the link", links), ("the number", numbers)];
    kinds.into_iter().flat_map(|(what, of)| findings(what, of)).collect()
}

/// Finds things of one kind on a page.
type Search = fn(&str) -> Vec<&str>;

fn counts(items: Vec<&str>) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// Blocks of code, each with what stands behind its fence.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```").skip(1).step_by(2).collect()
}

/// What is no block of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    page.split("```").step_by(2)
}

/// What stands in backticks.
fn names(page: &str) -> Vec<&str> {
    prose(page).flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// Where links lead, but for those from one translation to the other.
fn links(page: &str) -> Vec<&str> {
    prose(page)
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| ![PAGE, KOREAN].contains(target))
        .collect()
}

/// Numbers of the prose, with their points and commas.
fn numbers(page: &str) -> Vec<&str> {
    prose(page)
        .flat_map(|part| part.split('`').step_by(2))
        .flat_map(|part| part.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')))
        .map(|part| part.trim_matches(['.', ',']))
        .filter(|part| part.contains(|c: char| c.is_ascii_digit()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn the_program_is_the_example() {
        let check = |page: &str, example: &str, expected: &[&str]| {
            let found = wrong_program(&text(PAGE, page), &text(PROGRAM, example));
            assert_eq!(found, expected, "{page}");
        };
        check("```rust,no_run\nfn main() {}\n```\n", "//! It.\n\nfn main() {}\n", &[]);
        check(
            "```rust,no_run\nfn main() { }\n```\n",
            "//! It.\n\nfn main() {}\n",
            &["README.md: the program is not the one of examples/bell.rs"],
        );
        check("text", "", &["README.md: there is no program, in a block that begins with `rust,no_run`"]);
        let long = "f();\n\n".repeat(21);
        check(
            &format!("```rust,no_run\n{long}```\n"),
            &format!("//! It.\n\n{long}"),
            &["README.md: the program has 21 lines, and 20 are the limit"],
        );
    }

    #[test]
    fn a_translation_has_the_commands_and_the_figures() {
        let original = "Run `cargo test`, 1.5 s, [see](a.md).\n```text\ncargo run\n```\n[ko](README.ko.md)\n";
        let check = |translation: &str, expected: &[&str]| {
            let found = out_of_step(&text(PAGE, original), &text(KOREAN, translation));
            assert_eq!(found, expected, "{translation}");
        };
        check("1.5초, `cargo test`. [보기](a.md)\n```text\ncargo run\n```\n[en](README.md)\n", &[]);
        check(
            "2초, `cargo`. [보기](b.md)\n```text\ncargo walk\n```\n",
            &[
                "README.ko.md: the block `cargo run` is there 0 times, and 1 times in README.md",
                "README.ko.md: the block `cargo walk` is there 1 times, and 0 times in README.md",
                "README.ko.md: the name `cargo` is there 1 times, and 0 times in README.md",
                "README.ko.md: the name `cargo test` is there 0 times, and 1 times in README.md",
                "README.ko.md: the link `a.md` is there 0 times, and 1 times in README.md",
                "README.ko.md: the link `b.md` is there 1 times, and 0 times in README.md",
                "README.ko.md: the number `1.5` is there 0 times, and 1 times in README.md",
                "README.ko.md: the number `2` is there 1 times, and 0 times in README.md",
            ],
        );
    }
}
