//! Pictures with their captions in words, as a file lists them: what every format is brought to before it is prepared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::encoding::{composed, misencoded};
use super::fault::{Fault, FaultKind};

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What parameters are fitted to.
    Train,
    /// What settings are chosen on.
    Val,
    /// What is looked at last.
    Test,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 3] = [Part::Train, Part::Val, Part::Test];

    /// Its short name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Val => "val",
            Part::Test => "test",
        }
    }

    /// The part that lists of captions call so, whichever case it is in; an error says which names are known.
    pub(super) fn of_split(name: &str) -> Result<Part, String> {
        match name.trim().to_lowercase().as_str() {
            "train" | "restval" => Ok(Part::Train),
            "val" | "dev" | "valid" | "validation" => Ok(Part::Val),
            "test" => Ok(Part::Test),
            other => Err(format!("split is `{other}`; expected train, val or test")),
        }
    }
}

/// A picture with its captions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What the format calls it, mostly a file name; unique.
    pub name: String,
    /// Paths that it may have in a folder of pictures, the likeliest first.
    pub paths: Vec<PathBuf>,
    /// The number by which the format knows it, where that is another than the name.
    pub id: Option<String>,
    /// The part it belongs to, where the format says so.
    pub part: Option<Part>,
    /// What people said of it.
    pub captions: Vec<Caption>,
}

/// A caption in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// What was said, as it was written.
    pub text: String,
    /// Where: a line or an entry.
    pub place: String,
}

/// All that a format lists, with what is wrong in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The pictures in the order in which they are first named.
    pub pictures: Vec<Listed>,
    /// Items that were left out.
    pub faults: Vec<Fault>,
    rows: HashMap<String, usize>,
}

impl Listed {
    /// A picture that lies under its name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Listed { paths: vec![PathBuf::from(&name)], name, id: None, part: None, captions: Vec::new() }
    }

    /// The words by which a table of features may know it: its name, without folders, without the ending, its number.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        let path = Path::new(&self.name);
        let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        [Some(self.name.clone()), part(path.file_name()), part(path.file_stem()), self.id.clone()]
            .into_iter()
            .flatten()
    }
}

impl Listing {
    /// The row of a picture by its name.
    pub fn row(&self, name: &str) -> Option<usize> {
        self.rows.get(name).copied()
    }

    /// Notes a fault.
    pub fn fault(&mut self, kind: FaultKind, place: impl Into<String>, problem: impl Into<String>) {
        self.faults.push(Fault::new(kind, place, problem));
    }

    /// Adds a picture and returns its row; one that is known by its name already is a fault.
    pub fn add(&mut self, picture: Listed, place: impl Into<String>) -> Option<usize> {
        if let Some(row) = self.row(&picture.name) {
            let problem =
                format!("`{}` was listed before, as picture {row}; expected each once", picture.name);
            self.fault(FaultKind::DuplicateId, place, problem);
            return None;
        }
        Some(self.push(picture))
    }

    /// The row of a picture, which is added where it is new.
    pub fn row_or_new(&mut self, name: &str) -> usize {
        self.row(name).unwrap_or_else(|| self.push(Listed::new(name)))
    }

    fn push(&mut self, picture: Listed) -> usize {
        let row = self.pictures.len();
        self.rows.insert(picture.name.clone(), row);
        self.pictures.push(picture);
        row
    }

    /// Notes that a picture belongs to a part; false, and a fault, where it belongs to another.
    pub(super) fn belongs(&mut self, row: usize, part: Part, place: &str) -> bool {
        let picture = &mut self.pictures[row];
        if *picture.part.get_or_insert(part) == part {
            return true;
        }
        let problem = format!("`{}` stands in another part as well; expected it in one", picture.name);
        self.fault(FaultKind::DuplicateId, place, problem);
        false
    }

    /// Adds a caption to a picture, unless nothing is in it or its encoding is wrong.
    pub fn caption(&mut self, row: usize, text: &str, place: impl Into<String>) {
        let place = place.into();
        if text.trim().is_empty() {
            let problem = format!("the caption of `{}` is empty", self.pictures[row].name);
            self.fault(FaultKind::EmptyCaption, place, problem);
        } else if let Some(problem) = misencoded(text) {
            self.fault(FaultKind::Encoding, place, problem);
        } else {
            self.pictures[row].captions.push(Caption { text: composed(text), place });
        }
    }

    /// Keeps some of the pictures, in their order.
    pub fn retain(&mut self, keep: impl FnMut(&Listed) -> bool) {
        self.pictures.retain(keep);
        self.rows = self.pictures.iter().zip(0..).map(|(picture, row)| (picture.name.clone(), row)).collect();
    }

    /// How many captions there are.
    pub fn captions(&self) -> usize {
        self.pictures.iter().map(|picture| picture.captions.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_listed_once_and_its_bad_captions_are_faults() {
        let mut listing = Listing::default();
        assert_eq!(listing.row_or_new("a.jpg"), 0);
        assert_eq!(listing.add(Listed::new("b.jpg"), "line 2"), Some(1));
        assert_eq!(listing.add(Listed::new("a.jpg"), "line 3"), None);
        assert_eq!(listing.row_or_new("b.jpg"), 1);
        for (text, line) in [("a dog", 1), (" \t", 2), ("cafÃ©", 3), ("cafe\u{301}", 4)] {
            listing.caption(1, text, format!("line {line}"));
        }
        let texts: Vec<&str> =
            listing.pictures[1].captions.iter().map(|caption| caption.text.as_str()).collect();
        assert_eq!(texts, ["a dog", "café"]);
        let kinds: Vec<FaultKind> = listing.faults.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds, [FaultKind::DuplicateId, FaultKind::EmptyCaption, FaultKind::Encoding]);
    }

    #[test]
    fn features_may_know_a_picture_by_four_words() {
        let picture = Listed { id: Some("9".into()), ..Listed::new("train/000009.jpg") };
        assert_eq!(picture.keys().collect::<Vec<_>>(), ["train/000009.jpg", "000009.jpg", "000009", "9"]);
    }
}
