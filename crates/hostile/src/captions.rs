//! Captions in all their forms, and collections made ready from them.

use std::path::PathBuf;

use caption::data::formats::{Coco, Columns, Folder, Format, Karpathy, Table, TokensFile};
use caption::data::recognise::{Recognised, Wishes, recognise};
use caption::data::tokens::Tokens;
use caption::scoring::{Corpus, Scored};

use crate::{halves, pictures, place};

const KARPATHY: &str = r#"{"images": [
{"filename": "a.png", "filepath": "b", "split": "train", "cocoid": 9, "sentences": [{"raw": "A dog, here.", "sentid": 0}]},
{"filename": "b.png", "split": "val", "sentences": [{"tokens": ["a", "cat"], "sentid": "1"}]}], "dataset": "coco"}"#;
const COCO: &str = r#"{"images": [{"id": 9, "file_name": "a.png"}, {"id": "x", "file_name": "b.png"}],
"annotations": [{"id": 1, "image_id": 9, "caption": "A plate."}, {"image_id": "x", "caption": "café 개"}]}"#;
const TABLES: [&str; 3] = [
    "image,caption,split\na.png,\"A dog, a \"\"ball\"\"\",train\nb.png,A cat,val\n",
    "image_name| comment_number| comment\na.png| 0| A dog , here .\nb.png| 1| 狗 runs\n",
    "\u{feff}file_name\ttext\na.png\tcafe\u{301}\nb.png\tdogs\n",
];
const FLICKR: &str = "a.png#0\tA dog .\nb.png#0\tA cat, here .\r\na.png#1\tagain\n";

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Reads bytes as Karpathy's splits and as COCO's annotations.
pub fn json(bytes: &[u8]) {
    let file = place::file("captions.json", bytes);
    let _ = Karpathy { file: file.clone() }.list();
    let _ = Coco { files: vec![(file, None)] }.list();
}

/// One file of each.
pub fn json_seeds() -> Vec<Vec<u8>> {
    bytes(&[KARPATHY, COCO])
}

/// Reads bytes as a table, with columns that it names and with given ones, as Flickr's captions, and as the text beside a
/// picture.
pub fn text(bytes: &[u8]) {
    let file = place::file("captions.txt", bytes);
    let columns = Columns { image: "image".into(), caption: "text".into() };
    let _ = Table { file: file.clone(), columns: None }.list();
    let _ = Table { file: file.clone(), columns: Some(columns) }.list();
    let _ = TokensFile { file }.list();
    let _ = Folder { folder: collection_of("text", &[("a.txt", bytes)]) }.list();
}

/// Tables with several separators, and Flickr's captions.
pub fn text_seeds() -> Vec<Vec<u8>> {
    bytes(&[TABLES[0], TABLES[1], TABLES[2], FLICKR])
}

/// A folder with two pictures and these files.
fn collection_of(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = place::folder().join(name);
    if !folder.is_dir() {
        std::fs::create_dir(&folder).expect("there is space for a folder");
        for picture in ["a.png", "b.png"] {
            std::fs::write(folder.join(picture), pictures::png(3, 2)).expect("there is space for a picture");
        }
    }
    for (file, content) in files {
        std::fs::write(folder.join(file), content).expect("there is space for a small file");
    }
    folder
}

/// Recognises bytes as captions of any form, and makes them ready with the pictures that are there; the first byte says of
/// what tokens.
pub fn collection(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let tokens = [Tokens::Words, Tokens::Characters, Tokens::Bpe][usize::from(*first) % 3];
    let file = collection_of("collection", &[("captions.txt", rest)]).join("captions.txt");
    let wishes = Wishes {
        side: Some(2),
        threshold: Some(1),
        merges: Some(20),
        tokens: Some(tokens),
        ..Wishes::default()
    };
    if let Ok(Recognised::Collection(collection, _)) = recognise(&file, &wishes) {
        let _ = collection.prepare(&mut Vec::new(), &|_, _| {});
    }
}

/// Every form, and every kind of token.
pub fn collection_seeds() -> Vec<Vec<u8>> {
    let forms = json_seeds().into_iter().chain(text_seeds());
    (0..).zip(forms).map(|(tokens, form)| [vec![tokens], form].concat()).collect()
}

/// Scores bytes: hypotheses before the first line that is empty, references after it.
pub fn scores(bytes: &[u8]) {
    let (said, known) = halves(bytes);
    let said = place::file("said.json", said);
    let known = place::file("known.json", known);
    for tokenized in [false, true] {
        if let Ok(corpus) = Corpus::read(&said, &known, tokenized) {
            let scored = Scored::of(corpus, tokenized);
            assert!(
                scored.corpus.rows().iter().all(|row| row.value.is_finite()),
                "a score is not a number: {scored}"
            );
            serde_json::to_string(&scored).expect("scores are JSON");
        }
    }
}

/// Captions with references, one of them without a word.
pub fn scores_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "{\"1\": \"A dog runs here .\", \"x\": \"\"}\n\n{\"1\": [\"A dog runs\", \"The dog is here\"], \"x\": [\"cat\"]}",
        "{\"1\": \"a a a a a\"}\n\n{\"1\": [\"a a a a a a\", \"\"], \"2\": []}",
    ])
}
