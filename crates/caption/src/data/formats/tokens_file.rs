//! The captions that Flickr8k and Flickr30k were published with: `Flickr8k.token.txt`, `results_20130124.token`.
//!
//! ```text
//! 1000268201_693b08cb0e.jpg#0 <tab> A child in a pink dress is climbing up a set of stairs .
//! ```
//!
//! A line is a name, `#`, the caption's number, a tab, and the caption. Where `Flickr_8k.trainImages.txt`,
//! `Flickr_8k.devImages.txt` and `Flickr_8k.testImages.txt` lie beside it, a name on each line, they are the parts, and
//! pictures in none of them are left out, as everyone does.
//!
//! Source: M. Hodosh, P. Young, J. Hockenmaier, *Framing Image Description as a Ranking Task*, 2013.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Format, folders_beside};
use crate::data::DataError;
use crate::data::encoding::read_text;
use crate::data::fault::FaultKind;
use crate::data::listing::{Listing, Part};

/// A file of numbered captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokensFile {
    /// The text file.
    pub file: PathBuf,
}

/// The three lists of names, and what they are.
const PARTS: [(&str, Part); 3] = [("train", Part::Train), ("dev", Part::Val), ("test", Part::Test)];

impl TokensFile {
    /// Whether a line is of this form.
    pub fn is_line(line: &str) -> bool {
        parse(line).is_some()
    }

    fn lists(&self) -> Vec<(PathBuf, Part)> {
        let here = self.file.parent().unwrap_or(Path::new(""));
        let path = |(name, part): (&str, Part)| (here.join(format!("Flickr_8k.{name}Images.txt")), part);
        PARTS.map(path).into_iter().filter(|(path, _)| path.is_file()).collect()
    }
}

/// Name with number, name, and caption of a line.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (id, text) = line.split_once('\t')?;
    let (name, number) = id.rsplit_once('#')?;
    let number = number.trim();
    (!name.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((id, name, text))
}

impl Format for TokensFile {
    fn describe(&self) -> String {
        format!("Flickr's numbered captions in {}", self.file.display())
    }

    fn folders(&self) -> Vec<PathBuf> {
        folders_beside(&self.file)
    }

    fn list(&self) -> Result<Listing, DataError> {
        let text = read_text(&self.file)?;
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{}, line {number}", self.file.display());
            match parse(line) {
                None => {
                    let problem = format!("expected `name.jpg#0`, a tab and a caption; found: {line}");
                    listing.fault(FaultKind::BadEntry, place, problem);
                }
                Some((id, ..)) if !seen.insert(id) => {
                    let problem = format!("`{id}` stood before; expected each once");
                    listing.fault(FaultKind::DuplicateId, place, problem);
                }
                Some((_, name, text)) => {
                    let row = listing.row_or_new(name);
                    listing.caption(row, text, place);
                }
            }
        }

        let lists = self.lists();
        for (path, part) in &lists {
            let text = read_text(path)?;
            for (number, name) in (1..).zip(text.lines().map(str::trim)).filter(|(_, name)| !name.is_empty())
            {
                let place = format!("{}, line {number}", path.display());
                match listing.row(name) {
                    None => {
                        let problem = format!("`{name}` has no caption in {}", self.file.display());
                        listing.fault(FaultKind::NoCaption, place, problem);
                    }
                    Some(row) => _ = listing.belongs(row, *part, &place),
                }
            }
        }
        if !lists.is_empty() {
            listing.retain(|picture| picture.part.is_some());
        }
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let listing = TokensFile { file: folder.path().join(files[0].0) }.list().unwrap();
        assert_eq!(shown(&listing).replace(&format!("{}/", folder.path().display()), ""), expected);
    }

    #[test]
    fn each_line_is_a_caption_or_a_fault() {
        let text = "a.jpg#0\tA dog .\na.jpg#1\tA cat, here .\r\n\nb.jpg#0\t개\na.jpg#0\tagain\nb.jpg no tab\nb.jpg#x\tA\nb.jpg#1\t \n";
        check(
            &[("t.txt", text)],
            "a.jpg: A dog . | A cat, here .
b.jpg: 개
DuplicateId t.txt, line 5: `a.jpg#0` stood before; expected each once
BadEntry t.txt, line 6: expected `name.jpg#0`, a tab and a caption; found: b.jpg no tab
BadEntry t.txt, line 7: expected `name.jpg#0`, a tab and a caption; found: b.jpg#x\tA
EmptyCaption t.txt, line 8: the caption of `b.jpg` is empty
",
        );
    }

    #[test]
    fn published_lists_are_the_parts() {
        let text = "a.jpg#0\tA\nb.jpg#0\tB\nc.jpg#0\tC\nd.jpg#0\tD\n";
        check(
            &[
                ("Flickr8k.token.txt", text),
                ("Flickr_8k.trainImages.txt", "a.jpg\nc.jpg\n"),
                ("Flickr_8k.devImages.txt", "b.jpg\nz.jpg\na.jpg\n"),
            ],
            "a.jpg (train): A
b.jpg (val): B
c.jpg (train): C
NoCaption Flickr_8k.devImages.txt, line 2: `z.jpg` has no caption in Flickr8k.token.txt
DuplicateId Flickr_8k.devImages.txt, line 3: `a.jpg` stands in another part as well; expected it in one
",
        );
    }
}
