//! The book: `docs/` built by mdBook into `target/book`, where a warning is an error.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::tidy::links;

/// Builds the book; whether mdBook had nothing to say against it and every page is there.
pub fn book(root: &Path) -> bool {
    let mut mdbook = Command::new("mdbook");
    mdbook.args(["build", "docs"]).current_dir(root).stdin(Stdio::null());
    // It exits well when it has warned; at this level it says nothing else.
    mdbook.env("MDBOOK_LOG", "warn");
    let problem = match mdbook.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no mdbook; CONTRIBUTING.md says how to install it".to_string()
        }
        Err(error) => format!("cannot run mdbook: {error}"),
        Ok(output) if !output.status.success() || !output.stderr.is_empty() => {
            format!("mdbook says\n{}", String::from_utf8_lossy(&output.stderr))
        }
        Ok(_) => match missing_page(root) {
            Ok(None) => {
                println!("book: target/book/index.html");
                return true;
            }
            Ok(Some(page)) => format!("docs/SUMMARY.md lists {page}, of which mdbook made no page"),
            Err(error) => format!("docs/SUMMARY.md: {error}"),
        },
    };
    println!("book: {problem}");
    false
}

/// A listed page that was not built: mdBook passes over links that stand where it expects none.
fn missing_page(root: &Path) -> io::Result<Option<String>> {
    let summary = std::fs::read_to_string(root.join("docs/SUMMARY.md"))?;
    let listed = links(&summary);
    let mut pages = listed.iter().filter_map(|link| link.target.strip_suffix(".md"));
    let built = |page: &str| {
        let page = if page == "README" { "index" } else { page };
        root.join("target/book").join(format!("{page}.html")).exists()
    };
    Ok(pages.find(|page| !built(page)).map(|page| format!("{page}.md")))
}
