//! COCO's caption annotations: `captions_train2017.json` and its kin.
//!
//! ```text
//! {"images": [{"id": 9, "file_name": "000000000009.jpg"}],
//!  "annotations": [{"id": 661611, "image_id": 9, "caption": "A plate with food."}]}
//! ```
//!
//! The pictures of `captions_train2017.json` lie in a folder `train2017`, beside the file or beside its folder. A file has no
//! splits; where a file for training and one for validation lie together, they are the two parts.
//!
//! Source: <https://cocodataset.org/#format-data>.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::json::{self, Entries, Id};
use super::{Format, folders_beside};
use crate::data::DataError;
use crate::data::fault::FaultKind;
use crate::data::listing::{Listed, Listing, Part};

/// Files of COCO's annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coco {
    /// The JSON files, each with the part that it is, where it is one.
    pub files: Vec<(PathBuf, Option<Part>)>,
}

#[derive(Deserialize)]
struct File {
    images: Entries,
    annotations: Entries,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    id: Option<Id>,
    image_id: Id,
    caption: String,
}

impl Coco {
    fn list_file(&self, path: &Path, part: Option<Part>, listing: &mut Listing) -> Result<(), DataError> {
        let file: File = json::read(path, "COCO's annotations, an object with `images` and `annotations`")?;
        let mut rows: HashMap<Id, usize> = HashMap::new();
        for (number, raw) in file.images.iter().enumerate() {
            let place = format!("{}, images[{number}]", path.display());
            let Some(image) = json::entry::<Image>(raw, &place, listing) else { continue };
            if rows.contains_key(&image.id) {
                let problem = format!("id {} stood before; expected each once", image.id);
                listing.fault(FaultKind::DuplicateId, place, problem);
                continue;
            }
            let picture = Listed { id: Some(image.id.to_string()), part, ..Listed::new(image.file_name) };
            if let Some(row) = listing.add(picture, place) {
                rows.insert(image.id, row);
            }
        }
        let mut seen = HashSet::new();
        for (number, raw) in file.annotations.iter().enumerate() {
            let place = format!("{}, annotations[{number}]", path.display());
            let Some(annotation) = json::entry::<Annotation>(raw, &place, listing) else { continue };
            if let Some(id) = annotation.id
                && let Some(id) = seen.replace(id)
            {
                let problem = format!("id {id} stood before; expected each once");
                listing.fault(FaultKind::DuplicateId, place, problem);
                continue;
            }
            match rows.get(&annotation.image_id) {
                Some(row) => listing.caption(*row, &annotation.caption, place),
                None => {
                    let problem = format!("image_id {} is not among the images", annotation.image_id);
                    listing.fault(FaultKind::OrphanCaption, place, problem);
                }
            }
        }
        Ok(())
    }
}

impl Format for Coco {
    fn describe(&self) -> String {
        let files: Vec<String> = self.files.iter().map(|(file, _)| file.display().to_string()).collect();
        format!("COCO's annotations in {}", files.join(" and "))
    }

    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for (file, _) in &self.files {
            let here = file.parent().unwrap_or(Path::new(""));
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(name) = stem.strip_prefix("captions_") {
                let near = ["", "images", "..", "../images"];
                folders.extend(near.map(|folder| here.join(folder).join(name)));
            }
        }
        folders.extend(self.files.iter().take(1).flat_map(|(file, _)| folders_beside(file)));
        folders
    }

    fn list(&self) -> Result<Listing, DataError> {
        let mut listing = Listing::default();
        for (file, part) in &self.files {
            self.list_file(file, *part, &mut listing)?;
        }
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, Option<Part>)], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(number, (text, part)): (usize, &(&str, Option<Part>))| {
            let file = folder.path().join(format!("{number}.json"));
            std::fs::write(&file, text).unwrap();
            (file, *part)
        };
        let coco = Coco { files: files.iter().enumerate().map(write).collect() };
        let found = coco.list().map_or_else(|error| error.to_string(), |listing| shown(&listing));
        assert_eq!(found.replace(&format!("{}/", folder.path().display()), ""), expected);
    }

    #[test]
    fn captions_find_their_pictures_by_number() {
        let train = r#"{"images": [{"id": 9, "file_name": "9.jpg"}, {"id": 4, "file_name": "4.jpg"}],
            "annotations": [{"id": 1, "image_id": 4, "caption": "A dog."}, {"id": 2, "image_id": 9, "caption": "A cat."},
                            {"id": 3, "image_id": 4, "caption": "Dogs."}]}"#;
        check(&[(train, None)], "9.jpg: A cat.\n4.jpg: A dog. | Dogs.\n");
        // The ids of another file are others, as far as this one is concerned.
        let val = r#"{"images": [{"id": 9, "file_name": "v.jpg"}], "annotations": [{"id": 1, "image_id": 9, "caption": "V."}]}"#;
        check(
            &[(train, Some(Part::Train)), (val, Some(Part::Val))],
            "9.jpg (train): A cat.\n4.jpg (train): A dog. | Dogs.\nv.jpg (val): V.\n",
        );
    }

    #[test]
    fn each_bad_entry_is_named_and_the_others_are_taken() {
        let text = r#"{"images": [{"id": 9, "file_name": "9.jpg"}, {"id": 9, "file_name": "x.jpg"}, {"id": 4}],
            "annotations": [{"id": 1, "image_id": 5, "caption": "A dog."}, {"id": 2, "image_id": 9, "caption": " "},
                            {"id": 2, "image_id": 9, "caption": "A cat."}, {"id": 3, "image_id": 9}, {"id": 4, "image_id": 9, "caption": "B"}]}"#;
        check(
            &[(text, None)],
            "9.jpg: B
DuplicateId 0.json, images[1]: id 9 stood before; expected each once
BadEntry 0.json, images[2]: missing field `file_name`; found {\"id\": 4}
OrphanCaption 0.json, annotations[0]: image_id 5 is not among the images
EmptyCaption 0.json, annotations[1]: the caption of `9.jpg` is empty
DuplicateId 0.json, annotations[2]: id 2 stood before; expected each once
BadEntry 0.json, annotations[3]: missing field `caption`; found {\"id\": 3, \"image_id\": 9}
",
        );
    }

    #[test]
    fn pictures_are_looked_for_in_the_folder_that_the_file_is_named_after() {
        let coco = Coco { files: vec![(PathBuf::from("coco/annotations/captions_val2017.json"), None)] };
        let folders = coco.folders();
        for expected in
            ["coco/annotations/val2017", "coco/annotations/../val2017", "coco/annotations/../images/val2017"]
        {
            assert!(folders.contains(&PathBuf::from(expected)), "{expected} is missing in {folders:?}");
        }
    }
}
