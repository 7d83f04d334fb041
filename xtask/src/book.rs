//! The book: `docs/` built by mdBook into `target/book`, where a warning is an error.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Builds the book; whether mdBook had nothing to say against it.
pub fn book(root: &Path) -> bool {
    let mut mdbook = Command::new("mdbook");
    mdbook.args(["build", "docs"]).current_dir(root).stdin(Stdio::null());
    // It exits well when it has warned; at this level it says nothing else.
    mdbook.env("MDBOOK_LOG", "warn");
    match mdbook.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("book: there is no mdbook; CONTRIBUTING.md says how to install it");
            false
        }
        Err(error) => {
            println!("book: cannot run mdbook: {error}");
            false
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            print!("{said}");
            let well = output.status.success() && said.trim().is_empty();
            println!("book: {}", if well { "target/book/index.html" } else { "mdbook is not content" });
            well
        }
    }
}
