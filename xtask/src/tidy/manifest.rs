//! What a `Cargo.toml` says of dependencies.
//!
//! Only the shapes that manifests here have are understood: a table of `name = …` or `name.workspace = true` lines, and
//! a table of its own for one name. That is little enough to need no TOML parser.

use std::collections::BTreeSet;

use super::Text;

/// The dependencies of a package, those of its tests and build included, sorted.
pub fn dependencies(manifest: &str) -> BTreeSet<String> {
    names(manifest, |table| {
        let table = table.rsplit_once("'.").map_or(table, |(_, table)| table);
        match table.split_once('.') {
            None => DEPENDENCIES.contains(&table).then_some(None),
            Some((first, name)) => DEPENDENCIES.contains(&first).then_some(Some(name)),
        }
    })
}

const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// What the workspace declares for its packages, sorted.
fn workspace_dependencies(manifest: &str) -> BTreeSet<String> {
    names(manifest, |table| {
        let rest = table.strip_prefix("workspace.dependencies")?;
        if rest.is_empty() { Some(None) } else { Some(rest.strip_prefix('.')) }
    })
}

/// The names in the tables that `wanted` picks: all keys of a table, or the one name that the table is for.
fn names(manifest: &str, wanted: impl Fn(&str) -> Option<Option<&str>>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) =
            line.strip_prefix('[').and_then(|line| line.split_once(']')).map(|(table, _)| table)
        {
            let found = wanted(table);
            inside = found == Some(None);
            names.extend(found.flatten().map(String::from));
        } else if inside && !line.starts_with('#') {
            // A line within a list over several lines has no `=`, or begins with a quote.
            let key = line.split_once('=').map(|(key, _)| key.trim());
            let name = key.map(|key| key.split_once('.').map_or(key, |(name, _)| name));
            let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            names.extend(name.filter(plain).map(String::from));
        }
    }
    names
}

/// `lab` of `unspool-lab`: the name of a library of this workspace.
pub fn short_name(package: &str) -> &str {
    package.strip_prefix("unspool-").unwrap_or(package)
}

/// Dependencies of a crate on crates that come after it; `crates` has the last first.
pub fn wrong_arrows(manifest: &Text, crates: &[&str]) -> Vec<String> {
    let place = |name: &str| crates.iter().position(|other| *other == short_name(name));
    let owner =
        manifest.path.strip_prefix("crates/").and_then(|path| path.split('/').next()).unwrap_or_default();
    let Some(own) = place(owner) else { return Vec::new() };
    let names = dependencies(&manifest.text);
    let wrong = names.iter().filter(|name| place(name).is_some_and(|other| other <= own));
    let arrows = crates.join(" -> ");
    wrong
        .map(|name| {
            format!("{}: `{owner}` depends on `{name}`, which comes after it: {arrows}", manifest.path)
        })
        .collect()
}

/// Dependencies that the workspace declares and no package has.
pub fn unused_dependencies(manifests: &[&Text]) -> Vec<String> {
    let used: BTreeSet<String> = manifests.iter().flat_map(|manifest| dependencies(&manifest.text)).collect();
    let unused = manifests.iter().flat_map(|manifest| {
        let declared = workspace_dependencies(&manifest.text);
        declared.into_iter().map(move |name| (&manifest.path, name)).filter(|(_, name)| !used.contains(name))
    });
    unused.map(|(path, name)| format!("{path}: no package uses the dependency `{name}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    const MANIFEST: &str = r#"
[package]
name = "unspool-lab"

[dependencies] # for everybody
tape.workspace = true
# serde is commented out
serde_json = { version = "1", features = [
    "raw_value",
] }
rand-core = "0.10"

[dependencies.gemm]
version = "0.19"

[target.'cfg(unix)'.dependencies]
libc = "0.2"

[dev-dependencies]
tempfile.workspace = true

[features]
default = []
"#;

    #[test]
    fn dependencies_of_every_shape_are_found() {
        let names: Vec<String> = dependencies(MANIFEST).into_iter().collect();
        assert_eq!(names, ["gemm", "libc", "rand-core", "serde_json", "tape", "tempfile"]);
        assert!(workspace_dependencies(MANIFEST).is_empty());
    }

    #[test]
    fn arrows_run_one_way() {
        let check = |path: &str, dependency: &str, well: bool| {
            let manifest = text(path, &format!("[dev-dependencies]\n{dependency}.workspace = true\n"));
            let found = wrong_arrows(&manifest, &["caption", "lab", "nn", "tape"]);
            assert_eq!(found.is_empty(), well, "{found:?}");
        };
        check("crates/caption/Cargo.toml", "tape", true);
        check("crates/lab/Cargo.toml", "nn", true);
        check("crates/lab/Cargo.toml", "caption", false);
        check("crates/lab/Cargo.toml", "unspool-caption", false);
        check("crates/tape/Cargo.toml", "nn", false);
        check("crates/tape/Cargo.toml", "tape", false);
        check("crates/tape/Cargo.toml", "gemm", true);
        check("Cargo.toml", "caption", true);
    }

    #[test]
    fn a_declared_dependency_is_used_somewhere() {
        let root = text(
            "Cargo.toml",
            "[workspace.dependencies]\nserde = \"1\"\ntempfile = \"3\"\nrand = \"0.10\"\n",
        );
        let package = text(
            "crates/lab/Cargo.toml",
            "[dependencies]\nserde.workspace = true\n[dev-dependencies]\ntempfile = \"3\"\n",
        );
        let found = unused_dependencies(&[&root, &package]);
        assert_eq!(found, ["Cargo.toml: no package uses the dependency `rand`"]);
    }
}
