//! The public API of each library, as it is committed under `docs/api/`: what users can rely on changes only in a diff that
//! shows it.
//!
//! The listing is made from what rustdoc writes as JSON. Stable rustdoc has that format too, behind `RUSTC_BOOTSTRAP`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check::cargo_at;

/// The libraries, by the name of their package and that of the crate in it.
const LIBRARIES: [(&str, &str); 4] =
    [("unspool-tape", "tape"), ("unspool-nn", "nn"), ("unspool-lab", "lab"), ("unspool-caption", "caption")];

/// How many changed lines of a listing are shown.
const SHOWN: usize = 20;

/// Whether every committed listing is that of the sources.
pub fn api(root: &Path) -> bool {
    let check = |package: &str, library: &str| {
        let found = listing(root, package, library)?;
        let path = file(root, library);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        let changes = changes(&committed, &found);
        if changes.is_empty() {
            return Ok(());
        }
        let shown = changes[..changes.len().min(SHOWN)].join("\n");
        Err(format!(
            "the public API of `{library}` is not the one in {}, {} lines differ:\n{shown}\nif that is meant, run `cargo \
             xtask api --bless` and commit the listing",
            path.display(),
            changes.len(),
        ))
    };
    for_each_library(check)
}

/// Writes the listings anew; whether that worked.
pub fn bless(root: &Path) -> bool {
    for_each_library(|package, library| {
        let listing = listing(root, package, library)?;
        let path = file(root, library);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(&path, listing))
            .map_err(|error| format!("{}: {error}", path.display()))
    })
}

fn for_each_library(task: impl Fn(&str, &str) -> Result<(), String>) -> bool {
    let results = LIBRARIES.map(|(package, library)| task(package, library));
    let errors = results.iter().filter_map(|result| result.as_ref().err());
    errors.inspect(|error| eprintln!("api: {error}")).count() == 0
}

fn file(root: &Path, library: &str) -> PathBuf {
    root.join("docs/api").join(library).with_extension("txt")
}

/// The public items of a library, one a line, in a fixed order.
fn listing(root: &Path, package: &str, library: &str) -> Result<String, String> {
    let target = root.join("target/api");
    let arguments = ["rustdoc", "--quiet", "--lib", "--locked", "--package", package, "--target-dir"];
    let mut command = cargo_at(root);
    command.args(arguments).arg(&target);
    command.args(["--", "-Zunstable-options", "--output-format", "json"]).env("RUSTC_BOOTSTRAP", "1");
    let status = command.status().map_err(|error| format!("cannot run rustdoc for {package}: {error}"))?;
    if !status.success() {
        return Err(format!("rustdoc fails for {package}"));
    }
    let json = target.join("doc").join(library).with_extension("json");
    let items = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("{}: {error}", json.display()))?;
    Ok(items.items().map(|item| format!("{item}\n")).collect())
}

/// The lines of one text that the other lacks, with `-` or `+` before them.
fn changes(committed: &str, found: &str) -> Vec<String> {
    let lacks = |text: &str, other: &str, sign: char| -> Vec<String> {
        let other: std::collections::HashSet<&str> = other.lines().collect();
        text.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [lacks(committed, found, '-'), lacks(found, committed, '+')].concat()
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn what_went_and_what_came_is_shown() {
        let committed = "pub fn a()\npub fn b()\n";
        assert!(changes(committed, committed).is_empty());
        assert_eq!(changes(committed, "pub fn a()\npub fn c()\n"), ["- pub fn b()", "+ pub fn c()"]);
    }
}
