//! What the READMEs show: a program that is an example, and in Korean the commands and figures that stand in English.

use std::collections::{BTreeMap, BTreeSet};

use super::{Text, links};

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

/// What a translation has in common with its original.
const KINDS: [&str; 4] = ["the block", "the name", "the link", "the number"];

/// Where a translation is not in step with its original: blocks of code, names in backticks, where links lead, and
/// numbers.
pub fn out_of_step(original: &Text, translation: &Text) -> Vec<String> {
    let (here, there) = (things(&original.text), things(&translation.text));
    let all: BTreeSet<&(usize, String)> = here.keys().chain(there.keys()).collect();
    let odd = all.into_iter().filter(|thing| here.get(thing) != there.get(thing));
    let said = |thing: &(usize, String)| {
        let times = |things: &Things| things.get(thing).copied().unwrap_or(0);
        format!(
            "{}: {} `{}` is there {} times, and {} times in {}",
            translation.path,
            KINDS[thing.0],
            thing.1.lines().last().unwrap_or_default(),
            times(&there),
            times(&here),
            original.path
        )
    };
    odd.map(said).collect()
}

/// How often things stand on a page, each by its kind in [`KINDS`] and its text.
type Things = BTreeMap<(usize, String), usize>;

fn things(page: &str) -> Things {
    let owned = |texts: Vec<&str>| texts.into_iter().map(String::from).collect();
    let kinds = [owned(blocks(page)), owned(names(page)), targets(page), owned(numbers(page))];
    let mut things = Things::new();
    for (kind, texts) in kinds.into_iter().enumerate() {
        for text in texts {
            *things.entry((kind, text)).or_default() += 1;
        }
    }
    things
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
fn targets(page: &str) -> Vec<String> {
    let targets = links(page).into_iter().map(|link| link.target);
    targets.filter(|target| ![PAGE, KOREAN].contains(&target.as_str())).collect()
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
