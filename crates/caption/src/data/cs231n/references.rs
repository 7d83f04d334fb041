//! The human captions that a picture's caption is judged by.

use std::path::Path;

use serde::Deserialize;

use super::names::Names;
use super::words::read_json;
use crate::data::{Captions, DataError, Vocabulary};

#[derive(Deserialize)]
struct ReferencesFile {
    image_names: Option<Vec<String>>,
    references_tok: Vec<Vec<String>>,
}

/// Reads `references_val.json`: for each picture its captions, words apart by spaces.
pub(super) fn read(path: &Path, names: &Names, pictures: usize) -> Result<Vec<Vec<Vec<String>>>, DataError> {
    let file: ReferencesFile = read_json(path)?;
    let error = |key: &str, problem: String| {
        let place = format!("{}, key `{key}`", path.display());
        let advice = "Fetch the file again, or remove it: references then come from the validation captions";
        DataError::new(place, format!("{problem}. {advice}"))
    };

    if file.references_tok.len() != pictures {
        let problem = format!(
            "has {} entries; expected one for each of the {pictures} pictures",
            file.references_tok.len()
        );
        return Err(error("references_tok", problem));
    }
    if let Some(picture) = file.references_tok.iter().position(Vec::is_empty) {
        return Err(error(
            "references_tok",
            format!("picture {picture} has no caption; expected at least one"),
        ));
    }
    if let Some(found) = &file.image_names {
        if found.len() != pictures {
            let problem =
                format!("has {} entries; expected one for each of the {pictures} pictures", found.len());
            return Err(error("image_names", problem));
        }
        let differs = |(found, listed): (&String, &String)| file_name(found) != file_name(listed);
        if names.are_files
            && let Some(picture) = found.iter().zip(&names.list).position(differs)
        {
            let (found, listed) = (&found[picture], &names.list[picture]);
            let problem = format!(
                "picture {picture} is `{found}`, but `{listed}` in the list of pictures; expected the same"
            );
            return Err(error("image_names", problem));
        }
    }

    let words = |caption: &String| caption.split_whitespace().map(String::from).collect();
    Ok(file.references_tok.iter().map(|captions| captions.iter().map(words).collect()).collect())
}

/// The captions of each picture in words.
pub(super) fn decode(
    captions: &Captions,
    picture_of: &[usize],
    pictures: usize,
    vocabulary: &Vocabulary,
) -> Vec<Vec<Vec<String>>> {
    let mut references = vec![Vec::new(); pictures];
    for (caption, picture) in picture_of.iter().enumerate() {
        references[*picture].push(vocabulary.decode(captions.row(caption)));
    }
    references
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
