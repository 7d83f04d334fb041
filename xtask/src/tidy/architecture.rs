//! What ARCHITECTURE.md says: the words it sets in backticks, each with its line, its block and the crate it speaks of.
//!
//! A module counts as explained where its path stands with at least three words about it; in a section on its crate, its
//! bare name will do. A block is a paragraph, a list item or a table's row.

use std::collections::BTreeSet;

use super::{Text, manifest};

/// Folders at the root: what begins with one of them is meant as a path.
const FOLDERS: [&str; 12] = [
    "crates", "src", "examples", "benches", "tests", "docs", "xtask", "scripts", "assets", ".ci", ".cargo",
    ".github",
];

/// The page, taken apart.
pub struct Page {
    mentions: Vec<Mention>,
    dependencies: Vec<Dependency>,
}

/// A word in backticks.
#[derive(Debug, Clone, PartialEq)]
struct Mention {
    word: String,
    /// From 1.
    line: usize,
    /// The crate that the section is about.
    section: Option<String>,
    /// Whether its block has words enough to say something.
    explained: bool,
    /// Whether it is what a list item is about: the first word of one that begins with it.
    heads: bool,
}

/// A row of the table of dependencies.
struct Dependency {
    name: String,
    /// Where it is used, in words.
    used_by: String,
    /// From 1.
    line: usize,
}

impl Page {
    /// Takes the page apart; a section is about the crate that its heading, or one above it, names.
    pub fn parse(text: &str, crates: &[&str]) -> Page {
        let (mut mentions, mut dependencies) = (Vec::new(), Vec::new());
        let mut headings: Vec<(usize, Option<String>)> = Vec::new();
        for block in blocks(text) {
            let level = block.text.bytes().take_while(|byte| *byte == b'#').count();
            if level > 0 {
                headings.retain(|(above, _)| *above < level);
                headings.push((level, crate_in(&block.text, crates)));
            }
            let section = headings.iter().rev().find_map(|(_, name)| name.clone());
            let (words, prose) = split_backticks(&block.text);
            let explained =
                prose.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count() >= 3;
            if let Some((name, used_by)) = row(&block.text) {
                dependencies.push(Dependency {
                    name: name.into(),
                    used_by: used_by.into(),
                    line: block.line,
                });
            }
            let head = block.text.trim_start().strip_prefix("* `").is_some();
            mentions.extend(words.into_iter().enumerate().map(|(number, (offset, word))| Mention {
                heads: head && number == 0,
                word: word.trim_end_matches('/').to_string(),
                line: block.line + block.text[..offset].matches('\n').count(),
                section: section.clone(),
                explained,
            }));
        }
        Page { mentions, dependencies }
    }

    /// Paths that are named and do not exist.
    pub fn missing_paths(&self, paths: &BTreeSet<String>) -> Vec<String> {
        let exists = |word: &str| paths.iter().any(|path| matches(word, path));
        let missing = self.mentions.iter().filter(|mention| is_path(&mention.word) && !exists(&mention.word));
        missing
            .map(|mention| format!("ARCHITECTURE.md:{}: `{}` does not exist", mention.line, mention.word))
            .collect()
    }

    /// Modules of crates of which nothing is said.
    pub fn unexplained_modules(&self, paths: &BTreeSet<String>) -> Vec<String> {
        // A folder beside its file is told of with the file.
        let single = paths.iter().filter(|path| !paths.contains(&format!("{path}.rs")));
        let modules: BTreeSet<(&str, &str, &str)> = single.filter_map(|path| module(path)).collect();
        let said = |(package, name, path): &(&str, &str, &str)| {
            let everywhere = [path.to_string(), format!("{path}/mod.rs"), format!("{package}::{name}")];
            let in_section =
                [name.to_string(), format!("{name}.rs"), format!("{name}/mod.rs"), format!("src/{name}.rs")];
            self.mentions.iter().any(|mention| {
                let here = mention.section.as_deref() == Some(package) && in_section.contains(&mention.word);
                mention.explained && (here || everywhere.contains(&mention.word))
            })
        };
        let unsaid = modules.iter().filter(|module| !said(module));
        unsaid.map(|(_, name, path)| format!("ARCHITECTURE.md says nothing of `{name}` ({path})")).collect()
    }

    /// Modules that list items of a crate's section are about, and that are not there.
    pub fn gone_modules(&self, paths: &BTreeSet<String>) -> Vec<String> {
        let gone = |mention: &&Mention| {
            let Some(package) = mention.section.as_ref().filter(|_| mention.heads) else { return false };
            let sources = format!("crates/{package}/src/");
            let is_it = |path: &String| {
                let place = path.strip_prefix(&sources).map(|path| path.strip_suffix(".rs").unwrap_or(path));
                place.is_some_and(|place| place.split('/').next_back() == Some(&mention.word))
            };
            // A path is looked for by `missing_paths`.
            !is_path(&mention.word) && !paths.iter().any(is_it)
        };
        let gone = self.mentions.iter().filter(gone);
        gone.map(|mention| {
            let section = mention.section.as_deref().unwrap_or_default();
            format!("ARCHITECTURE.md:{}: `{section}` has no module `{}`", mention.line, mention.word)
        })
        .collect()
    }

    /// Rows of the table of dependencies that do not say who uses what they are about.
    pub fn wrong_users(&self, manifests: &[&Text], crates: &[&str]) -> Vec<String> {
        let mut findings = Vec::new();
        for Dependency { name, used_by, line } in &self.dependencies {
            let said: Vec<&str> = used_by.split(|c: char| !c.is_alphanumeric()).collect();
            let users =
                manifests.iter().filter(|manifest| manifest::dependencies(&manifest.text).contains(name));
            let users: BTreeSet<&str> = users.map(|manifest| owner(&manifest.path)).collect();
            if users.is_empty() {
                findings.push(format!("ARCHITECTURE.md:{line}: no package has the dependency `{name}`"));
                continue;
            }
            for package in crates.iter().chain(&["xtask"]) {
                let wrong = match (users.contains(package), said.contains(package)) {
                    (true, false) => "uses it too",
                    (false, true) => "does not use it",
                    _ => continue,
                };
                findings.push(format!("ARCHITECTURE.md:{line}: `{name}`: {package} {wrong}"));
            }
        }
        findings
    }

    /// Dependencies of a package of which nothing is said.
    pub fn unexplained_dependencies(&self, manifest: &Text, crates: &[&str]) -> Vec<String> {
        let names = manifest::dependencies(&manifest.text).into_iter();
        let foreign = names.filter(|name| !crates.contains(&manifest::short_name(name)));
        let said =
            |name: &String| self.mentions.iter().any(|mention| mention.explained && mention.word == *name);
        let unsaid = foreign.filter(|name| !said(name));
        unsaid
            .map(|name| {
                format!("ARCHITECTURE.md says nothing of the dependency `{name}` ({})", manifest.path)
            })
            .collect()
    }
}

/// The dependency of a row such as "| `rayon` | tape, caption | threads |", and where it says that it is used.
fn row(block: &str) -> Option<(&str, &str)> {
    let mut cells = block.strip_prefix("| `")?.split('|');
    let name = cells.next()?.trim().strip_suffix('`')?;
    Some((name, cells.next()?))
}

/// The package of a manifest, as the table calls it.
fn owner(manifest: &str) -> &str {
    let path = manifest.strip_prefix("crates/").unwrap_or(manifest);
    path.split_once('/').map_or("the root", |(name, _)| name)
}

/// Lines that belong together.
struct Block {
    /// That of its first line, from 1.
    line: usize,
    text: String,
}

/// Paragraphs, list items, table rows and headings; fenced code is none of them.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") {
            fenced = !fenced;
            open = false;
            continue;
        }
        if fenced || start.is_empty() {
            open = false;
            continue;
        }
        let numbered = start.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ");
        let begins = start.starts_with(['|', '#']) || start.starts_with("* ") || start.starts_with("- ");
        match blocks.last_mut() {
            Some(block)
                if open && !begins && !(numbered && start.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                block.text.push('\n');
                block.text.push_str(line);
            }
            _ => blocks.push(Block { line: number + 1, text: line.to_string() }),
        }
        open = !start.starts_with(['|', '#']);
    }
    blocks
}

/// The words in backticks with their offsets, and the text without them.
fn split_backticks(text: &str) -> (Vec<(usize, &str)>, String) {
    let (mut words, mut prose, mut offset) = (Vec::new(), String::new(), 0);
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            words.push((offset, part));
        } else {
            prose.push_str(part);
        }
        offset += part.len() + 1;
    }
    (words, prose)
}

/// The crate that a heading names: `## crates/lab`, `## lab`, "### unspool-lab: runs".
fn crate_in(heading: &str, crates: &[&str]) -> Option<String> {
    let mut words = heading.split(|c: char| !(c.is_alphanumeric() || "/-_".contains(c)));
    words.find_map(|word| {
        let name = manifest::short_name(word.strip_prefix("crates/").unwrap_or(word));
        crates.contains(&name).then(|| name.to_string())
    })
}

/// Whether a word is meant as a path of the repository.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/*".contains(c));
    let first = word.split('/').next().unwrap_or_default();
    let file = word
        .rsplit_once('.')
        .is_some_and(|(stem, kind)| !stem.is_empty() && ["rs", "md", "toml"].contains(&kind));
    plain && ((word.contains('/') && FOLDERS.contains(&first)) || file)
}

/// Whether a path is the one that a word names: from the root, or for a file from any folder; `*` is any name.
fn matches(word: &str, path: &str) -> bool {
    let (word, path): (Vec<&str>, Vec<&str>) = (word.split('/').collect(), path.split('/').collect());
    let shorter = path.len().checked_sub(word.len());
    let from = match shorter {
        Some(from) if from == 0 || !FOLDERS.contains(&word[0]) || word[0] == "src" => from,
        _ => return false,
    };
    word.iter().zip(&path[from..]).all(|(word, part)| match word.split_once('*') {
        None => word == part,
        Some((start, end)) => part.len() + 1 >= word.len() && part.starts_with(start) && part.ends_with(end),
    })
}

/// The crate, the name and the path of a module directly in a crate: a file, or the folder of its parts.
fn module(path: &str) -> Option<(&str, &str, &str)> {
    let mut parts = path.split('/');
    let (Some("crates"), Some(package), Some("src"), Some(last), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let name = last.strip_suffix(".rs").or_else(|| (!last.contains('.')).then_some(last))?;
    // `bin` holds programs.
    (!["lib", "main", "bin"].contains(&name)).then_some((package, name, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATES: [&str; 2] = ["lab", "tape"];

    #[test]
    fn what_is_meant_as_a_path() {
        for path in
            ["crates/lab", "crates/*/src", "files.rs", "ops/mod.rs", "README.md", "Cargo.toml", ".ci/run"]
        {
            assert!(is_path(path), "{path}");
        }
        for other in [
            "rnn/wx",
            "lab",
            "lab::files",
            "checkpoints",
            "config.json",
            ".rs",
            "1/2",
            "crates",
            "cargo test",
        ] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn which_path_a_word_names() {
        let check = |word, path, expected| assert_eq!(matches(word, path), expected, "{word} {path}");
        check("crates/lab", "crates/lab", true);
        check("crates/*/src/lib.rs", "crates/lab/src/lib.rs", true);
        check("crates/*/src", "crates/src", false);
        check("examples/*.rs", "examples/mgu.rs", true);
        check("examples/*.rs", "examples/mgu.md", false);
        check("ops/mod.rs", "crates/tape/src/ops/mod.rs", true);
        check("ops/mod.rs", "crates/tape/src/pops/mod.rs", false);
        check("src/lib.rs", "crates/lab/src/lib.rs", true);
        check("examples/mgu.rs", "docs/examples/mgu.rs", false);
    }

    #[test]
    fn blocks_are_paragraphs_items_and_rows() {
        let text = "# A\nb\nc\n\n* d\n  e\n- f\n1. g\n| h |\n| i |\nj\n```\nk\n```\nl\n";
        let found: Vec<(usize, String)> =
            blocks(text).into_iter().map(|block| (block.line, block.text)).collect();
        let expected =
            ["1 # A", "2 b\nc", "5 * d\n  e", "7 - f", "8 1. g", "9 | h |", "10 | i |", "11 j", "15 l"];
        assert_eq!(found.iter().map(|(line, text)| format!("{line} {text}")).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_missing_path_is_named_with_its_line() {
        let paths = ["crates", "crates/lab"].map(String::from).into();
        let page = Page::parse("The arrow\nfrom `crates/lab/`\nto `crates/tape/`.\n", &CRATES);
        assert_eq!(page.missing_paths(&paths), ["ARCHITECTURE.md:3: `crates/tape` does not exist"]);
    }

    #[test]
    fn a_module_is_explained_by_path_or_in_the_section_of_its_crate() {
        let paths = [
            "crates/lab/src/files.rs",
            "crates/lab/src/lib.rs",
            "crates/lab/src/data",
            "crates/lab/src/data/a.rs",
        ];
        let paths: BTreeSet<String> = paths.map(String::from).into();
        let check = |text: &str, expected: &[&str]| {
            let found = Page::parse(text, &CRATES).unexplained_modules(&paths);
            let names: Vec<&str> = found.iter().filter_map(|line| line.split('`').nth(1)).collect();
            assert_eq!(names, expected, "{text}");
        };
        check("", &["data", "files"]);
        check("## crates/lab\n* `files.rs`: whole or not there\n* `data/`: where pictures come from", &[]);
        check(
            "## `lab`\n### Files\n| `files` | whole or not there |\n## tape\n`data`: not this one here",
            &["data"],
        );
        check("`crates/lab/src/files.rs` writes them whole, `lab::data` reads", &[]);
        check("## lab\n`files`, `data`", &["data", "files"]);

        let both = ["crates/lab/src/data", "crates/lab/src/data.rs"].map(String::from).into();
        let found = Page::parse("", &CRATES).unexplained_modules(&both);
        assert_eq!(found, ["ARCHITECTURE.md says nothing of `data` (crates/lab/src/data.rs)"]);
    }

    #[test]
    fn a_list_item_is_about_a_module_that_is_there() {
        let paths = [
            "crates/lab/src",
            "crates/lab/src/files.rs",
            "crates/lab/src/data",
            "crates/lab/src/data/rows.rs",
        ];
        let paths = paths.map(String::from).into();
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(Page::parse(text, &CRATES).gone_modules(&paths), expected, "{text}");
        };
        check("## crates/lab\n* `files`: whole\n* `data/`: pictures\n  * `rows`: one of them", &[]);
        check(
            "## crates/lab\n* `file`: whole, see `gone`",
            &["ARCHITECTURE.md:2: `lab` has no module `file`"],
        );
        check("## crates/tape\n\n* `files`: whole", &["ARCHITECTURE.md:3: `tape` has no module `files`"]);
        check("## Elsewhere\n* `gone`: was never there\n\n## lab\n`gone` stands in a sentence", &[]);
    }

    #[test]
    fn the_table_says_who_uses_a_dependency() {
        let manifest = |path: &str, names: &[&str]| {
            let lines: String = names.iter().map(|name| format!("{name}.workspace = true\n")).collect();
            Text { path: path.to_string(), text: format!("[dependencies]\n{lines}") }
        };
        let manifests = [
            manifest("crates/lab/Cargo.toml", &["serde", "rand"]),
            manifest("crates/tape/Cargo.toml", &["rand"]),
            manifest("Cargo.toml", &["criterion"]),
        ];
        let check = |rows: &str, expected: &[&str]| {
            let page = Page::parse(rows, &CRATES);
            assert_eq!(page.wrong_users(&manifests.each_ref(), &CRATES), expected, "{rows}");
        };
        check(
            "| `serde` | lab | states |\n| `rand` | tests of tape, lab | numbers |\n| `criterion` | benches | times |",
            &[],
        );
        check("| `rand` | tape | numbers |", &["ARCHITECTURE.md:1: `rand`: lab uses it too"]);
        check("| `serde` | lab, tape | states |", &["ARCHITECTURE.md:1: `serde`: tape does not use it"]);
        check(
            "|a|b|\n| `gone` | lab | states |",
            &["ARCHITECTURE.md:2: no package has the dependency `gone`"],
        );
    }

    #[test]
    fn a_dependency_is_explained_anywhere() {
        let text = "[dependencies]\ntape.workspace = true\nserde = \"1\"\nrand = \"0.10\"\n".to_string();
        let manifest = Text { path: "crates/lab/Cargo.toml".to_string(), text };
        let page = Page::parse("* `serde`: settings and states\n* `rand`", &CRATES);
        let expected = ["ARCHITECTURE.md says nothing of the dependency `rand` (crates/lab/Cargo.toml)"];
        assert_eq!(page.unexplained_dependencies(&manifest, &CRATES), expected);
    }
}
