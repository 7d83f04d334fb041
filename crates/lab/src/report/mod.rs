//! What a comparison of cells has shown, as one page that opens from disk, and as tables for a paper.
//!
//! ```text
//! report.html   everything: summary, tables, learning curves, behaviour, every setting and seed
//! table.tex     the tables of results for LaTeX with booktabs
//! table.md      the same for Markdown
//! ```
//!
//! The page is one file that asks for nothing else: no script, no font, no picture from elsewhere, which its own content
//! policy forbids. It can be read in light and dark, on a phone, on paper, and without seeing the figures.
//!
//! 1. [`page`]: the skeleton of a page: sections, figures, what can be opened.
//! 2. [`chart`]: figures as SVG.
//! 3. [`table`]: a table in four languages.
//! 4. [`number`]: numbers as people read them.
//! 5. [`escape`]: names of users as text, wherever they stand.
//! 6. [`data_uri`](mod@data_uri): pictures within a page.
//! 7. [`comparison`]: what goes on the page of a comparison.

pub mod chart;
pub mod comparison;
pub mod data_uri;
pub mod escape;
pub mod number;
pub mod page;
pub mod table;

use std::path::{Path, PathBuf};

pub use comparison::Comparison;

use crate::files::{FileError, write_atomically};

/// The files of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportFiles {
    /// The page.
    pub html: PathBuf,
    /// The tables for LaTeX.
    pub latex: PathBuf,
    /// The tables for Markdown.
    pub markdown: PathBuf,
}

/// Reads a comparison's folder and writes its report into it; the comparison may be running.
///
/// # Errors
/// If the folder is not that of a comparison, or a file cannot be written.
pub fn write(folder: &Path) -> Result<ReportFiles, FileError> {
    let comparison = Comparison::read(folder)?;
    let files = ReportFiles {
        html: folder.join("report.html"),
        latex: folder.join("table.tex"),
        markdown: folder.join("table.md"),
    };
    write_atomically(&files.html, comparison.page().html().as_bytes())?;
    write_atomically(&files.latex, comparison.latex().as_bytes())?;
    write_atomically(&files.markdown, comparison.markdown().as_bytes())?;
    Ok(files)
}
