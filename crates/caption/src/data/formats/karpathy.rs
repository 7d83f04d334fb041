//! Karpathy's splits: `dataset_flickr8k.json`, `dataset_flickr30k.json`, `dataset_coco.json`.
//!
//! ```text
//! {"images": [{"filename": "a.jpg", "filepath": "val2014", "split": "train", "imgid": 0, "cocoid": 9,
//!              "sentences": [{"raw": "A dog.", "tokens": ["a", "dog"], "sentid": 0}]}], "dataset": "coco"}
//! ```
//!
//! `filepath`, `imgid`, `cocoid` and `sentid` need not be there. Of a sentence `raw` is taken, and its `tokens` only where that
//! is missing, so that every format is tokenised alike. The split `restval`, COCO's pictures beyond validation and test, is
//! trained on, as by everyone.
//!
//! Source: A. Karpathy, L. Fei-Fei, *Deep Visual-Semantic Alignments*, <https://cs.stanford.edu/people/karpathy/deepimagesent/>.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::json::{self, Entries, Id};
use super::{Format, folders_beside};
use crate::data::DataError;
use crate::data::fault::FaultKind;
use crate::data::listing::{Listed, Listing, Part};

/// A file of Karpathy's splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Karpathy {
    /// The JSON file.
    pub file: PathBuf,
}

#[derive(Deserialize)]
struct File {
    images: Entries,
}

#[derive(Deserialize)]
struct Image {
    filename: String,
    filepath: Option<String>,
    split: Option<String>,
    cocoid: Option<Id>,
    sentences: Entries,
}

#[derive(Deserialize)]
struct Sentence {
    raw: Option<String>,
    tokens: Option<Vec<String>>,
    sentid: Option<Id>,
}

impl Format for Karpathy {
    fn describe(&self) -> String {
        format!("Karpathy's splits in {}", self.file.display())
    }

    fn folders(&self) -> Vec<PathBuf> {
        folders_beside(&self.file)
    }

    fn list(&self) -> Result<Listing, DataError> {
        let file: File = json::read(&self.file, "Karpathy's splits, an object with `images`")?;
        let mut listing = Listing::default();
        let mut sentences_seen = HashSet::new();
        for (number, raw) in file.images.iter().enumerate() {
            let place = format!("{}, images[{number}]", self.file.display());
            let Some(image) = json::entry::<Image>(raw, &place, &mut listing) else { continue };
            let part = match image.split.as_deref().map(Part::of_split).transpose() {
                Ok(part) => part,
                Err(problem) => {
                    listing.fault(FaultKind::BadEntry, place, problem);
                    continue;
                }
            };
            // COCO's file names a folder; users often have all pictures in one.
            let full = image.filepath.map(|folder| Path::new(&folder).join(&image.filename));
            let paths = full.into_iter().chain([PathBuf::from(&image.filename)]).collect();
            let id = image.cocoid.map(|id| id.to_string());
            let picture = Listed { paths, id, part, ..Listed::new(image.filename) };
            let Some(row) = listing.add(picture, place.clone()) else { continue };
            for (number, raw) in image.sentences.iter().enumerate() {
                let place = format!("{place}.sentences[{number}]");
                let Some(sentence) = json::entry::<Sentence>(raw, &place, &mut listing) else { continue };
                if let Some(id) = sentence.sentid
                    && let Some(id) = sentences_seen.replace(id)
                {
                    let problem = format!("sentid {id} stood before; expected each once");
                    listing.fault(FaultKind::DuplicateId, place, problem);
                    continue;
                }
                match (sentence.raw, sentence.tokens) {
                    (Some(text), _) => listing.caption(row, &text, place),
                    (None, Some(tokens)) => listing.caption(row, &tokens.join(" "), place),
                    (None, None) => {
                        listing.fault(FaultKind::BadEntry, place, "has neither `raw` nor `tokens`");
                    }
                }
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
    fn check(text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dataset.json");
        std::fs::write(&file, text).unwrap();
        let found =
            Karpathy { file }.list().map_or_else(|error| error.to_string(), |listing| shown(&listing));
        assert_eq!(found.replace(&format!("{}/", folder.path().display()), ""), expected);
    }

    #[test]
    fn pictures_come_with_their_parts_and_captions() {
        check(
            r#"{"images": [
                {"filename": "a.jpg", "split": "restval", "sentences": [{"raw": "A dog.", "tokens": ["no"]}, {"tokens": ["a", "cat"]}]},
                {"filename": "b.jpg", "split": "test", "sentences": [{"raw": "개", "sentid": 1}]}], "dataset": "x"}"#,
            "a.jpg (train): A dog. | a cat\nb.jpg (test): 개\n",
        );
    }

    #[test]
    fn the_picture_of_coco_lies_in_a_folder_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dataset.json");
        let text =
            r#"{"images": [{"filename": "a.jpg", "filepath": "val2014", "cocoid": 9, "sentences": []}]}"#;
        std::fs::write(&file, text).unwrap();
        let picture = Karpathy { file }.list().unwrap().pictures.remove(0);
        assert_eq!(picture.paths, [Path::new("val2014/a.jpg"), Path::new("a.jpg")]);
        assert_eq!(picture.id.as_deref(), Some("9"));
    }

    #[test]
    fn each_bad_entry_is_named_and_the_others_are_taken() {
        check(
            r#"{"images": [
                {"split": "train", "sentences": []},
                {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "A dog", "sentid": 7}, {"raw": "", "sentid": 8}, {"sentid": 9}, {"raw": 3}]},
                {"filename": "b.jpg", "split": "half", "sentences": []},
                {"filename": "a.jpg", "split": "val", "sentences": []},
                {"filename": "c.jpg", "split": "val", "sentences": [{"raw": "A dog", "sentid": 7}]}]}"#,
            "a.jpg (train): A dog
c.jpg (val): \n\
BadEntry dataset.json, images[0]: missing field `filename`; found {\"split\": \"train\", \"sentences\": []}
EmptyCaption dataset.json, images[1].sentences[1]: the caption of `a.jpg` is empty
BadEntry dataset.json, images[1].sentences[2]: has neither `raw` nor `tokens`
BadEntry dataset.json, images[1].sentences[3]: invalid type: integer `3`, expected a string; found {\"raw\": 3}
BadEntry dataset.json, images[2]: split is `half`; expected train, val or test
DuplicateId dataset.json, images[3]: `a.jpg` was listed before, as picture 0; expected each once
DuplicateId dataset.json, images[4].sentences[0]: sentid 7 stood before; expected each once
",
        );
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error_with_its_line() {
        check(
            "{\"images\": [\n{\"filename\": ",
            "dataset.json: cannot be read as Karpathy's splits, an object with `images` (EOF while parsing a value at line 2 \
             column 13); the file is cut short, damaged or of another kind. Fetch it again",
        );
    }
}
