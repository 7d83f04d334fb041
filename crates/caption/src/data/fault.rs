//! What is wrong with single items of data: each fault by itself, so that the rest can be used and all are named at once.
//!
//! A [`DataError`] ends a command; a [`Fault`] does not. Whoever reads data notes faults and goes on, and
//! [`summary`] tells them by kind, each with its number, its first cases and what mends it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::{DataError, NULL, START};

/// How many cases of one kind a summary shows.
const SHOWN: usize = 3;

/// One item that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where: a file with its line, entry or key.
    pub place: String,
    /// What was found, and what was expected.
    pub problem: String,
}

/// Kinds of faults, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// A file that cannot be read at all.
    Unreadable,
    /// An entry or a line that is not of the format.
    BadEntry,
    /// Text that is not UTF-8, or was made UTF-8 twice.
    Encoding,
    /// An id or a name that stands for two things.
    DuplicateId,
    /// A caption of a picture that is not listed.
    OrphanCaption,
    /// A caption without a word.
    EmptyCaption,
    /// A caption with more words than are taken.
    LongCaption,
    /// A picture without a caption that can be used.
    NoCaption,
    /// A picture whose file is not there.
    MissingPicture,
    /// A picture whose file cannot be decoded.
    CorruptPicture,
    /// A picture without a row of features.
    MissingFeatures,
    /// A row of features that is zero throughout.
    ZeroFeatures,
    /// A row of features with a number that is not finite.
    NonFiniteFeatures,
    /// A caption with an index that is no word of the vocabulary.
    IndexOutside,
    /// A picture index without a picture.
    PictureOutside,
    /// More memory than this machine has free.
    Memory,
}

impl Fault {
    /// A fault at a place, in words.
    pub fn new(kind: FaultKind, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Fault { kind, place: place.into(), problem: problem.into() }
    }

    /// An error of data that does not end the command.
    pub fn of(kind: FaultKind, error: DataError) -> Self {
        Fault { kind, place: error.place, problem: error.problem }
    }
}

impl FaultKind {
    /// What items of this kind are called, for a heading.
    pub fn title(self) -> &'static str {
        match self {
            FaultKind::Unreadable => "files that cannot be read",
            FaultKind::BadEntry => "entries that are not of the format",
            FaultKind::Encoding => "texts in another encoding than UTF-8",
            FaultKind::DuplicateId => "ids that stand twice",
            FaultKind::OrphanCaption => "captions of pictures that are not listed",
            FaultKind::EmptyCaption => "captions without a word",
            FaultKind::LongCaption => "captions that are too long",
            FaultKind::NoCaption => "pictures without a caption",
            FaultKind::MissingPicture => "pictures whose file is missing",
            FaultKind::CorruptPicture => "pictures that cannot be decoded",
            FaultKind::MissingFeatures => "pictures without features",
            FaultKind::ZeroFeatures => "features that are all zero",
            FaultKind::NonFiniteFeatures => "features that are not finite",
            FaultKind::IndexOutside => "captions whose indices do not fit the vocabulary",
            FaultKind::PictureOutside => "captions whose picture is not in the features",
            FaultKind::Memory => "more memory than is free",
        }
    }

    /// What mends it, a command where one does; `data` is what the user gave as `--data`.
    pub fn mend(self, data: &Path) -> String {
        let data = quoted(data);
        let without = format!("`caption prepare --data {data} --out prepared.safetensors` leaves them out");
        match self {
            FaultKind::Unreadable => {
                "mend what else is told here; where the file itself is missing or damaged, fetch it again".into()
            }
            FaultKind::Encoding => format!(
                "`iconv -f WINDOWS-1252 -t UTF-8 FILE > MENDED` where bytes are not UTF-8; where text was encoded twice, \
                 `iconv -f UTF-8 -t WINDOWS-1252 FILE > MENDED`; or {without}"
            ),
            FaultKind::LongCaption => {
                format!("`caption prepare --data {data} --longest-caption N --out FILE` with a larger N; or {without}")
            }
            FaultKind::MissingPicture => format!(
                "say where they lie, `caption prepare --data {data} --images FOLDER --out FILE`; or {without}"
            ),
            FaultKind::CorruptPicture => {
                format!("fetch them again, or save them as PNG (`convert PICTURE PICTURE.png`); or {without}")
            }
            FaultKind::MissingFeatures | FaultKind::ZeroFeatures | FaultKind::NonFiniteFeatures => {
                format!("compute the features of these pictures again; or {without}")
            }
            FaultKind::IndexOutside | FaultKind::PictureOutside => {
                "vocabulary, captions and features are not of one make: fetch all of them from one place again, \
                 or prepare the data from its pictures by `caption prepare --data CAPTIONS --out FILE`"
                    .into()
            }
            FaultKind::Memory => format!(
                "`caption prepare --data {data} --side N --out FILE` with a smaller N, or free some memory"
            ),
            FaultKind::BadEntry
            | FaultKind::DuplicateId
            | FaultKind::OrphanCaption
            | FaultKind::EmptyCaption
            | FaultKind::NoCaption => {
                format!("correct the file; or {without}")
            }
        }
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,=:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// What is wrong with a caption, indices of a vocabulary of so many `words` where that is known, if anything.
pub(super) fn flaw_of_caption<T: Copy + Into<i64>>(
    ids: &[T],
    words: Option<usize>,
) -> Option<(FaultKind, String)> {
    let known = |id: i64| words.is_none_or(|words| usize::try_from(id).is_ok_and(|id| id < words));
    let (null, start) = (i64::from(NULL), i64::from(START));
    let mut numbers = ids.iter().map(|id| -> i64 { (*id).into() });
    let outside = numbers.clone().find(|id| !known(*id));
    if let (Some(id), Some(words)) = (outside, words) {
        let problem = format!("has the index {id}, but the vocabulary has {words} entries");
        return Some((FaultKind::IndexOutside, problem));
    }
    match numbers.next() {
        Some(first) if first != start => {
            let problem = format!("begins with {first} instead of <START>, which is {START}");
            Some((FaultKind::BadEntry, problem))
        }
        _ if numbers.all(|id| id == null) => {
            let problem = "has nothing after <START>; expected words and <END>, then <NULL>";
            Some((FaultKind::EmptyCaption, problem.into()))
        }
        _ => None,
    }
}

/// The first of some faults, as the end of a message; nothing where there is none.
pub(super) fn first_fault(faults: &[Fault]) -> String {
    faults
        .first()
        .map_or(String::new(), |fault| format!("; the first fault is {}: {}", fault.place, fault.problem))
}

/// All faults by kind, as lines to print; nothing where there is none.
pub fn summary(faults: &[Fault], data: &Path) -> String {
    let mut kinds: BTreeMap<FaultKind, Vec<&Fault>> = BTreeMap::new();
    for fault in faults {
        kinds.entry(fault.kind).or_default().push(fault);
    }
    let mut text = String::new();
    for (kind, cases) in kinds {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", kind.title(), cases.len());
        for case in cases.iter().take(SHOWN) {
            let _ = writeln!(text, "    {}: {}", printable(&case.place), printable(&case.problem));
        }
        if cases.len() > SHOWN {
            let _ = writeln!(text, "    and {} more", cases.len() - SHOWN);
        }
        let _ = writeln!(text, "    to mend: {}", kind.mend(data));
    }
    text
}

/// Text of somebody's file as it can be printed: no control codes, which could rewrite a terminal, and not endless.
pub fn printable(text: &str) -> String {
    const MOST: usize = 300;
    let mut clean: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_each_kind_shows_its_first_cases_and_mends_it() {
        let empty = |line| Fault::new(FaultKind::EmptyCaption, format!("c.txt, line {line}"), "no word");
        let mut faults: Vec<Fault> = (1..=5).map(empty).collect();
        faults.push(Fault::new(FaultKind::BadEntry, "c.txt, line 9", "no comma"));
        let expected = "\
entries that are not of the format: 1
    c.txt, line 9: no comma
    to mend: correct the file; or `caption prepare --data 'my data' --out prepared.safetensors` leaves them out
captions without a word: 5
    c.txt, line 1: no word
    c.txt, line 2: no word
    c.txt, line 3: no word
    and 2 more
    to mend: correct the file; or `caption prepare --data 'my data' --out prepared.safetensors` leaves them out
";
        assert_eq!(summary(&faults, Path::new("my data")), expected);
        assert_eq!(summary(&[], Path::new("x")), "");
    }

    #[test]
    fn text_of_a_file_cannot_rewrite_the_terminal() {
        let fault = Fault::new(FaultKind::BadEntry, "c.txt", format!("\u{1b}[2J{}", "x".repeat(1000)));
        let text = summary(&[fault], Path::new("x"));
        assert!(!text.contains('\u{1b}') && text.chars().count() < 600, "{text:?}");
    }

    #[test]
    fn a_path_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("a/b-1.txt")), "a/b-1.txt");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
