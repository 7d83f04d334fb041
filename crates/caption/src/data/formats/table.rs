//! A table of pictures and captions: Flickr8k's `captions.txt`, Flickr30k's `results.csv`, a table of one's own.
//!
//! ```text
//! image,caption
//! 1000268201_693b08cb0e.jpg,A girl going into a wooden building .
//! 1012212859_01547e3f17.jpg,"A dog shakes its head near the shore , a red ball next to it ."
//! ```
//!
//! The first line names the columns; it also shows what stands between them: a comma, semicolon, tab or bar. Which column is the
//! picture and which the caption is found by the usual names, or said by [`Columns`]. A column `split` gives the parts. A comma in
//! the last column that is not quoted belongs to the caption, as most who write such files by hand mean it.

use std::path::PathBuf;

use csv::{ByteRecord, ReaderBuilder};
use serde::{Deserialize, Serialize};

use super::{Format, folders_beside};
use crate::data::DataError;
use crate::data::encoding::read_text;
use crate::data::fault::FaultKind;
use crate::data::listing::{Listing, Part};

/// A file of lines with columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The text file.
    pub file: PathBuf,
    /// The columns, where the user says which.
    pub columns: Option<Columns>,
}

/// The names of the columns that are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The column of the picture's file name.
    pub image: String,
    /// The column of the caption.
    pub caption: String,
}

const IMAGE_NAMES: [&str; 8] =
    ["image", "image_name", "file_name", "filename", "file", "image_path", "path", "picture"];
const CAPTION_NAMES: [&str; 6] = ["caption", "comment", "text", "sentence", "description", "captions"];
const SPLIT_NAMES: [&str; 2] = ["split", "part"];

/// The most lines that a quoted caption may have; more are taken for a quotation mark that nobody closed.
const MOST_LINES: usize = 10;

/// Where in a line what is.
struct Places {
    separator: u8,
    image: usize,
    caption: usize,
    split: Option<usize>,
    count: usize,
}

impl Table {
    /// Whether the first line of a file names columns that are known.
    pub fn is_header(line: &str, columns: Option<&Columns>) -> bool {
        find(line, columns).is_ok()
    }

    fn error(&self, problem: String) -> DataError {
        DataError::new(format!("{}, line 1", self.file.display()), problem)
    }
}

fn cells(line: &str, separator: u8) -> Vec<String> {
    line.trim_end()
        .split(char::from(separator))
        .map(|cell| cell.trim().trim_matches('"').trim().to_string())
        .collect()
}

/// Finds the columns in the first line, or says what is missing.
fn find(line: &str, columns: Option<&Columns>) -> Result<Places, String> {
    let separators = [b',', b';', b'\t', b'|'];
    let count = |separator: u8| line.bytes().filter(|byte| *byte == separator).count();
    // The one that stands most often; of equals the first.
    let separator = separators.into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',');
    let names = cells(line, separator);
    let position = |wanted: &dyn Fn(&str) -> bool| names.iter().position(|name| wanted(name));
    let known =
        |list: &[&str]| list.iter().find_map(|known| position(&|name| name.eq_ignore_ascii_case(known)));
    let (image, caption) = match columns {
        Some(columns) => {
            let asked = |asked: &String| {
                position(&|name| name == asked).ok_or_else(|| {
                    format!("there is no column `{asked}`; the columns are `{}`", names.join("`, `"))
                })
            };
            (asked(&columns.image)?, asked(&columns.caption)?)
        }
        None => match (known(&IMAGE_NAMES), known(&CAPTION_NAMES)) {
            (Some(image), Some(caption)) => (image, caption),
            _ => {
                return Err(format!(
                    "the columns are `{}`; expected one of {} and one of {}. Say which are meant by `--columns IMAGE,CAPTION`",
                    names.join("`, `"),
                    IMAGE_NAMES.join(", "),
                    CAPTION_NAMES.join(", ")
                ));
            }
        },
    };
    Ok(Places { separator, image, caption, split: known(&SPLIT_NAMES), count: names.len() })
}

impl Places {
    /// Picture, caption and part of a line, or what is wrong with it.
    fn take(&self, record: &ByteRecord) -> Result<(String, String, Option<Part>), String> {
        // Every field is a piece of a text that is UTF-8, cut at ASCII.
        let field = |at: usize| record.get(at).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let separator = char::from(self.separator).to_string();
        let joined =
            |from: usize| (from..record.len()).filter_map(field).collect::<Vec<_>>().join(&separator);
        let lines = record.iter().flatten().filter(|byte| **byte == b'\n').count();
        if lines > MOST_LINES {
            return Err(format!(
                "a quotation mark is not closed on {lines} lines, which are lost; close it, or take it out"
            ));
        }
        let image = field(self.image).map(|name| name.trim().to_string()).filter(|name| !name.is_empty());
        let (more, last) = (record.len() > self.count, self.caption + 1 == self.count);
        let caption = if more && last { Some(joined(self.caption)) } else { field(self.caption) };
        let (Some(image), Some(caption)) = (image, caption) else {
            let count = self.count;
            return Err(format!(
                "expected {count} columns with a picture and a caption; found: {}",
                joined(0)
            ));
        };
        if more && !last {
            return Err(format!(
                "has {} columns; expected {}. A caption with `{separator}` in it must be quoted",
                record.len(),
                self.count
            ));
        }
        let part = self.split.and_then(field).map(|name| Part::of_split(&name)).transpose()?;
        Ok((image, caption, part))
    }
}

impl Format for Table {
    fn describe(&self) -> String {
        format!("a table of captions in {}", self.file.display())
    }

    fn folders(&self) -> Vec<PathBuf> {
        folders_beside(&self.file)
    }

    fn list(&self) -> Result<Listing, DataError> {
        let text = read_text(&self.file)?;
        let header = text.lines().next().unwrap_or_default();
        let places = find(header, self.columns.as_ref()).map_err(|problem| self.error(problem))?;
        let mut reader = ReaderBuilder::new()
            .delimiter(places.separator)
            .has_headers(true)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut listing = Listing::default();
        let mut record = ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(self.error(format!("the lines cannot be read ({error})"))),
            }
            let line = record.position().map_or(0, csv::Position::line);
            let place = format!("{}, line {line}", self.file.display());
            match places.take(&record) {
                Ok((image, caption, part)) => {
                    let row = listing.row_or_new(&image);
                    if part.is_none_or(|part| listing.belongs(row, part, &place)) {
                        listing.caption(row, &caption, place);
                    }
                }
                Err(problem) => listing.fault(FaultKind::BadEntry, place, problem),
            }
        }
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[track_caller]
    fn check(text: &[u8], columns: Option<(&str, &str)>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.csv");
        std::fs::write(&file, text).unwrap();
        let columns =
            columns.map(|(image, caption)| Columns { image: image.into(), caption: caption.into() });
        let found =
            Table { file, columns }.list().map_or_else(|error| error.to_string(), |listing| shown(&listing));
        assert_eq!(found.replace(&format!("{}/", folder.path().display()), ""), expected);
    }

    #[test]
    fn the_tables_that_are_about_are_read() {
        check(
            b"image,caption\na.jpg,A dog .\nb.jpg,\"A dog , a \"\"ball\"\" .\"\r\na.jpg,A \"red\" cat\n",
            None,
            "a.jpg: A dog . | A \"red\" cat\nb.jpg: A dog , a \"ball\" .\n",
        );
        check(
            b"image_name| comment_number| comment\na.jpg| 0| A dog , here .\na.jpg| 1| Dogs\n",
            None,
            "a.jpg:  A dog , here . |  Dogs\n",
        );
        check(
            "\u{feff}file_name;text;split\na;개;train\nb;一只狗;dev\n".as_bytes(),
            None,
            "a (train): 개\nb (val): 一只狗\n",
        );
        check(b"n,what,where\n1,A dog,x.png\n", Some(("where", "what")), "x.png: A dog\n");
    }

    #[test]
    fn a_comma_in_the_last_column_belongs_to_the_caption() {
        check(b"image,caption\na.jpg,A dog , a ball\n", None, "a.jpg: A dog , a ball\n");
        check(
            b"caption,image\nA dog , a ball,a.jpg\n",
            None,
            "BadEntry c.csv, line 2: has 3 columns; expected 2. A caption with `,` in it must be quoted\n",
        );
    }

    #[test]
    fn each_bad_line_is_named_and_the_others_are_taken() {
        check(
            b"image,caption\na.jpg\n,A dog\na.jpg,caf\xe9\na.jpg,\na.jpg,A dog\n",
            None,
            "a.jpg: A dog
BadEntry c.csv, line 2: expected 2 columns with a picture and a caption; found: a.jpg
BadEntry c.csv, line 3: expected 2 columns with a picture and a caption; found: ,A dog
Encoding c.csv, line 4: character 4 was no UTF-8: caf\u{fffd}
EmptyCaption c.csv, line 5: the caption of `a.jpg` is empty
",
        );
        check(
            b"image,caption,split\na,A,train\na,B,val\nb,C,dev2\n",
            None,
            "a (train): A
DuplicateId c.csv, line 3: `a` stands in another part as well; expected it in one
BadEntry c.csv, line 4: split is `dev2`; expected train, val or test
",
        );
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_told_with_what_it_costs() {
        let text = format!("image,caption\na.jpg,A dog\nb.jpg,\"A cat\n{}", "c.jpg,Many\n".repeat(20));
        check(
            text.as_bytes(),
            None,
            "a.jpg: A dog\nBadEntry c.csv, line 3: a quotation mark is not closed on 21 lines, which are lost; close it, or take it \
             out\n",
        );
    }

    #[test]
    fn unknown_columns_are_an_error_that_says_what_to_do() {
        check(
            b"a,b\nx,y\n",
            None,
            "c.csv, line 1: the columns are `a`, `b`; expected one of image, image_name, file_name, filename, file, image_path, \
             path, picture and one of caption, comment, text, sentence, description, captions. Say which are meant by \
             `--columns IMAGE,CAPTION`",
        );
        check(
            b"a,b\nx,y\n",
            Some(("a", "z")),
            "c.csv, line 1: there is no column `z`; the columns are `a`, `b`",
        );
    }
}
