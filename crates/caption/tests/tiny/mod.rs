//! Data that is there in no time, for tests of the whole program.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder in CS231n's layout with five captions of three pictures.
pub fn tiny_data(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cs231n");
    for entry in fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "h5") {
            fs::copy(&path, data.join(path.file_name().unwrap())).unwrap();
        }
    }
    let words = ["<NULL>", "<START>", "<END>", "<UNK>", "a", "dog", "runs"];
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let numbered: Vec<String> = quoted.iter().enumerate().map(|(id, word)| format!("{word}: {id}")).collect();
    let json =
        format!(r#"{{"idx_to_word": [{}], "word_to_idx": {{{}}}}}"#, quoted.join(", "), numbered.join(", "));
    fs::write(data.join("coco2014_vocab.json"), json).unwrap();
    data
}
