//! The rules that no other tool knows, and that keep the project as easy to read as it was meant to be.
//!
//! 1. What ARCHITECTURE.md names in backticks as a path exists, and so does every module that a list item there is about.
//! 2. ARCHITECTURE.md says of every module of `crates/*` what it is for, and of every dependency why it is there and who
//!    uses it; its table has no other.
//! 3. Crates depend on those before them only: hostile -> caption -> lab -> nn -> tape.
//! 4. A dependency that the workspace declares is used.
//! 5. A source file of more than 600 lines says in its first paragraph why it is that long.
//! 6. `unsafe` stands in `crates/tape/src/kernels/` only.
//! 7. README.md shows a program of at most 20 lines that is an example, and README.ko.md has its commands and figures.
//! 8. An example has at most 120 lines.
//! 9. Neither `tape`, `nn`, the facade nor examples touch files.
//! 10. Examples, benches and tests at the root reach the crates by the facade `unspool`.
//! 11. Links in Markdown lead to files and headings that exist, and those between pages of the book stay in it.

mod architecture;
mod arrows;
mod links;
mod manifest;
mod readme;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use architecture::Page;

pub use links::links;

/// The crates from the last to the first; each may use those after it here.
const CRATES: [&str; 5] = ["hostile", "caption", "lab", "nn", "tape"];

/// Where `unsafe` may stand.
const KERNELS: &str = "crates/tape/src/kernels/";

/// A file of the repository: its path from the root, with `/`, and its text.
#[derive(Debug, Clone, PartialEq)]
struct Text {
    path: String,
    text: String,
}

/// Prints what breaks a rule; whether nothing does.
pub fn tidy(root: &Path) -> bool {
    let mut paths = BTreeSet::new();
    let findings = walk(root, "", &mut paths).and_then(|()| {
        let read = |path: &String| {
            fs::read_to_string(root.join(path))
                .map(|text| Text { path: path.clone(), text })
                .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let wanted = |path: &&String| [".rs", ".md", "Cargo.toml"].iter().any(|end| path.ends_with(end));
        let texts: Vec<Text> = paths.iter().filter(wanted).map(read).collect::<io::Result<_>>()?;
        Ok(findings(&paths, &texts))
    });
    match findings {
        Err(error) => println!("tidy: cannot read the repository: {error}"),
        Ok(findings) if findings.is_empty() => {
            println!("tidy: {} files and folders keep the rules", paths.len());
            return true;
        }
        Ok(findings) => {
            findings.iter().for_each(|finding| println!("tidy: {finding}"));
            println!(
                "tidy: {} findings; the rules stand at the top of xtask/src/tidy/mod.rs",
                findings.len()
            );
        }
    }
    false
}

/// All files and folders of the repository; what is built or fetched is none of it.
fn walk(root: &Path, folder: &str, paths: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}{name}");
        if [".git", "target", "runs", "fuzz/artifacts", "fuzz/corpus", "fuzz/target"].contains(&path.as_str())
        {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(root, &format!("{path}/"), paths)?;
        }
        paths.insert(path);
    }
    Ok(())
}

/// All that breaks a rule, given every path and the texts that rules are about.
fn findings(paths: &BTreeSet<String>, texts: &[Text]) -> Vec<String> {
    let sources = || texts.iter().filter(|text| text.path.ends_with(".rs"));
    let manifests = || texts.iter().filter(|text| text.path.ends_with("Cargo.toml"));
    let mut findings = Vec::new();
    match texts.iter().find(|text| text.path == "ARCHITECTURE.md") {
        None => findings.push("ARCHITECTURE.md is not there".to_string()),
        Some(page) => {
            let page = Page::parse(&page.text, &CRATES);
            findings.extend(page.missing_paths(paths));
            findings.extend(page.unexplained_modules(paths));
            findings.extend(page.gone_modules(paths));
            findings.extend(page.wrong_users(&manifests().collect::<Vec<_>>(), &CRATES));
            findings.extend(manifests().flat_map(|text| page.unexplained_dependencies(text, &CRATES)));
        }
    }
    findings.extend(manifests().flat_map(|text| manifest::wrong_arrows(text, &CRATES)));
    findings.extend(manifest::unused_dependencies(&manifests().collect::<Vec<_>>()));
    findings.extend(sources().flat_map(source::unexplained_length));
    findings.extend(sources().flat_map(source::long_example));
    findings.extend(sources().flat_map(arrows::files_touched));
    findings.extend(sources().flat_map(|text| arrows::past_the_facade(text, &CRATES)));
    findings.extend(sources().filter(|text| !text.path.starts_with(KERNELS)).flat_map(source::unsafe_code));
    let find = |path: &str| texts.iter().find(|text| text.path == path);
    if let Some(page) = find(readme::PAGE) {
        findings.extend(find(readme::PROGRAM).into_iter().flat_map(|text| readme::wrong_program(page, text)));
        findings.extend(find(readme::KOREAN).into_iter().flat_map(|text| readme::out_of_step(page, text)));
    }
    let pages: Vec<&Text> = texts.iter().filter(|text| text.path.ends_with(".md")).collect();
    findings.extend(links::dead_links(&pages, paths));
    findings
}

/// A file of a repository that tests make up.
#[cfg(test)]
fn text(path: &str, text: &str) -> Text {
    Text { path: path.to_string(), text: text.to_string() }
}

/// A repository of these files: their texts, and all paths with those of folders.
#[cfg(test)]
fn repository(files: &[(&str, &str)]) -> (Vec<Text>, BTreeSet<String>) {
    let ends =
        |path: &str| path.match_indices('/').map(|(end, _)| end).chain([path.len()]).collect::<Vec<_>>();
    let paths = files.iter().flat_map(|(path, _)| ends(path).into_iter().map(|end| path[..end].to_string()));
    (files.iter().map(|(path, content)| text(path, content)).collect(), paths.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let (texts, paths) = repository(files);
        assert_eq!(findings(&paths, &texts), expected);
    }

    #[test]
    fn a_repository_that_keeps_the_rules_has_no_findings() {
        let page = "# Map\n\n## crates/nn\n\n* `cells.rs`: one step, written as its equations.\n\n\
                    ## Dependencies\n\n* `rand` draws the initial values of parameters.\n";
        let manifest = "[package]\nname = \"unspool-nn\"\n[dependencies]\ntape.workspace = true\nrand.workspace = true\n";
        check(
            &[
                ("ARCHITECTURE.md", page),
                ("crates/nn/Cargo.toml", manifest),
                ("crates/nn/src/lib.rs", "//! Cells.\n"),
                ("crates/nn/src/cells.rs", "//! Cells without unsafe code.\n"),
                ("crates/tape/src/kernels/add.rs", "unsafe {}"),
            ],
            &["ARCHITECTURE.md says nothing of `kernels` (crates/tape/src/kernels)"],
        );
    }

    #[test]
    fn every_rule_speaks() {
        check(
            &[
                ("ARCHITECTURE.md", "See `crates/nn/src/gone.rs` and [more](gone.md).\n"),
                ("Cargo.toml", "[workspace.dependencies]\nrand = \"0.10\"\nserde = \"1\"\n"),
                ("crates/nn/Cargo.toml", "[dependencies]\nlab.workspace = true\nrand.workspace = true\n"),
                ("crates/nn/src/cells.rs", "fn f() { unsafe { g() } }\n"),
                ("examples/long.rs", &format!("use std::fs;\nuse nn::Cell;{}", "\n".repeat(121))),
                ("crates/nn/src/lib.rs", &"//! Cells.\n".repeat(601)),
            ],
            &[
                "ARCHITECTURE.md:1: `crates/nn/src/gone.rs` does not exist",
                "ARCHITECTURE.md says nothing of `cells` (crates/nn/src/cells.rs)",
                "ARCHITECTURE.md says nothing of the dependency `rand` (crates/nn/Cargo.toml)",
                "crates/nn/Cargo.toml: `nn` depends on `lab`, which comes after it: hostile -> caption -> lab -> nn -> tape",
                "Cargo.toml: no package uses the dependency `serde`",
                "crates/nn/src/lib.rs has 601 lines: split it, or say in its first paragraph why it is that long",
                "examples/long.rs has 122 lines, and 120 are the limit for an example",
                "examples/long.rs:1: files are the business of `lab`, `caption` and `xtask`",
                "examples/long.rs:2: `nn` is reached past the facade: `unspool::nn`",
                "crates/nn/src/cells.rs:1: `unsafe` outside crates/tape/src/kernels/",
                "ARCHITECTURE.md:1: the link to `gone.md` leads to nothing",
            ],
        );
        check(&[], &["ARCHITECTURE.md is not there"]);
    }
}
