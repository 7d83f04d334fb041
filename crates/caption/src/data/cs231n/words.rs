//! The vocabulary file: words by index, and indices by word.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::vocabulary::SPECIAL;
use crate::data::{DataError, Vocabulary};

#[derive(Deserialize)]
struct VocabularyFile {
    idx_to_word: Vec<String>,
    word_to_idx: Option<HashMap<String, i64>>,
}

/// Reads `coco2014_vocab.json`: the special entries stand first, no word twice, both directions agree.
pub(super) fn read(path: &Path) -> Result<Vocabulary, DataError> {
    let file: VocabularyFile = read_json(path)?;
    let error = |key: &str, problem: String| {
        let place = format!("{}, key `{key}`", path.display());
        DataError::new(place, format!("{problem}. The file is damaged or of another kind: fetch it again"))
    };

    for (index, wanted) in SPECIAL.iter().enumerate() {
        let found = file.idx_to_word.get(index);
        if found.is_none_or(|found| found != wanted) {
            let found = found.map_or("missing".to_string(), |found| format!("`{found}`"));
            return Err(error("idx_to_word", format!("entry {index} is {found}; expected `{wanted}`")));
        }
    }
    let vocabulary = Vocabulary::from_entries(file.idx_to_word);
    for (word, index) in vocabulary.words().iter().zip(0..) {
        // Of equal words the last gave its index to the vocabulary.
        let last = vocabulary.id(word);
        if last != index {
            return Err(error(
                "idx_to_word",
                format!("`{word}` stands at {index} and at {last}; expected each word once"),
            ));
        }
    }

    if let Some(indices) = file.word_to_idx {
        if indices.len() != vocabulary.len() {
            let problem = format!(
                "holds {} words, but `idx_to_word` holds {}; expected the same words",
                indices.len(),
                vocabulary.len()
            );
            return Err(error("word_to_idx", problem));
        }
        for (word, index) in vocabulary.words().iter().zip(0..) {
            if indices.get(word) != Some(&index) {
                let found = indices.get(word).map_or("no index".to_string(), i64::to_string);
                let problem = format!("gives `{word}` {found}, but it stands at {index} of `idx_to_word`");
                return Err(error("word_to_idx", problem));
            }
        }
    }
    Ok(vocabulary)
}

/// Reads a JSON file of a known form.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let place = || path.display().to_string();
    let text = fs::read(path).map_err(|error| {
        let problem = format!(
            "cannot be read ({error}); expected a file of CS231n's `coco_captioning` folder. Check the path"
        );
        DataError::new(place(), problem)
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        let problem = format!("is not the JSON expected ({error}); the file is cut short, damaged or of another kind. Fetch it again");
        DataError::new(place(), problem)
    })
}
