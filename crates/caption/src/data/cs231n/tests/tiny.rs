//! Writes folders like the course's: five training captions of three pictures and three validation captions of two.

use std::collections::BTreeMap;
use std::fs;

use hdf5_pure::FileBuilder;
use tempfile::TempDir;

use super::super::{CAPTIONS, REFERENCES, VOCABULARY};
use super::{TRAIN_FEATURES, VAL_FEATURES};

/// What is in one file.
#[derive(Clone)]
pub enum Content {
    Text(Vec<u8>),
    Tables(BTreeMap<&'static str, Table>),
}

#[derive(Clone)]
pub struct Table {
    pub shape: Vec<u64>,
    pub values: Values,
    /// Rows of a compressed chunk; none for a contiguous table.
    pub chunk: Option<u64>,
}

#[derive(Clone)]
pub enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U16(Vec<u16>),
    U64(Vec<u64>),
}

impl Table {
    pub fn new(shape: &[u64], values: Values) -> Self {
        Table { shape: shape.to_vec(), values, chunk: None }
    }
}

/// A folder of five training captions of three pictures and three validation captions of two.
pub struct Tiny {
    pub files: BTreeMap<&'static str, Content>,
}

impl Tiny {
    pub fn new() -> Self {
        #[rustfmt::skip]
        let train = vec![
            1, 4, 5, 2, 0, 0,
            1, 4, 6, 2, 0, 0,
            1, 6, 2, 0, 0, 0,
            1, 4, 5, 3, 6, 2,
            1, 5, 2, 0, 0, 0,
        ];
        #[rustfmt::skip]
        let val = vec![
            1, 4, 6, 2, 0, 0,
            1, 5, 3, 2, 0, 0,
            1, 4, 5, 2, 0, 0,
        ];
        let captions = BTreeMap::from([
            ("train_captions", Table::new(&[5, 6], Values::I32(train))),
            ("train_image_idxs", Table::new(&[5], Values::I32(vec![0, 2, 1, 0, 2]))),
            ("val_captions", Table::new(&[3, 6], Values::I32(val))),
            ("val_image_idxs", Table::new(&[3], Values::I32(vec![1, 0, 1]))),
        ]);
        let features = |pictures: u16| {
            let values = (0..pictures * 4).map(|value| f32::from(value) / 8.0).collect();
            Content::Tables(BTreeMap::from([(
                "features",
                Table::new(&[pictures.into(), 4], Values::F32(values)),
            )]))
        };
        let vocabulary = r#"{"idx_to_word": ["<NULL>", "<START>", "<END>", "<UNK>", "a", "dog", "runs"],
            "word_to_idx": {"<NULL>": 0, "<START>": 1, "<END>": 2, "<UNK>": 3, "a": 4, "dog": 5, "runs": 6}}"#;
        let references = r#"{"image_names": ["x.jpg", "y.jpg"], "references": [["A dog!"], ["Runs.", "A"]],
            "references_tok": [["a dog"], ["runs", "a"]]}"#;
        let text = |text: &str| Content::Text(text.into());
        Tiny {
            files: BTreeMap::from([
                (CAPTIONS, Content::Tables(captions)),
                (TRAIN_FEATURES, features(3)),
                (VAL_FEATURES, features(2)),
                (VOCABULARY, text(vocabulary)),
                (REFERENCES, text(references)),
                ("train2014_images.txt", text("images/a.jpg\nimages/b.jpg\nimages/c.jpg\n")),
                ("val2014_images.txt", text("images/x.jpg\nimages/y.jpg\n")),
            ]),
        }
    }

    pub fn table(&mut self, file: &'static str, key: &'static str) -> &mut Table {
        match self.files.get_mut(file) {
            Some(Content::Tables(tables)) => tables.get_mut(key).unwrap(),
            _ => panic!("{file} has no tables"),
        }
    }

    pub fn set_text(&mut self, file: &'static str, text: &str) {
        self.files.insert(file, Content::Text(text.into()));
    }

    /// Replaces what occurs in a text file.
    pub fn edit(&mut self, file: &'static str, from: &str, to: &str) {
        let Some(Content::Text(text)) = self.files.get_mut(file) else { panic!("{file} is no text") };
        let old = String::from_utf8(text.clone()).unwrap();
        assert!(old.contains(from));
        *text = old.replace(from, to).into_bytes();
    }

    pub fn set(&mut self, file: &'static str, key: &'static str, place: usize, value: f32) {
        match &mut self.table(file, key).values {
            Values::F32(values) => values[place] = value,
            Values::I32(values) => values[place] = value as i32,
            _ => panic!("{key} is of another type"),
        }
    }

    /// Compresses all tables, or none.
    pub fn compress(&mut self, chunk: Option<u64>) {
        for content in self.files.values_mut() {
            if let Content::Tables(tables) = content {
                tables.values_mut().for_each(|table| table.chunk = chunk);
            }
        }
    }

    pub fn write(&self) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, content) in &self.files {
            let bytes = match content {
                Content::Text(text) => text.clone(),
                Content::Tables(tables) => hdf5(tables),
            };
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }
}

fn hdf5(tables: &BTreeMap<&'static str, Table>) -> Vec<u8> {
    let mut file = FileBuilder::new();
    for (key, table) in tables {
        let dataset = file.create_dataset(key);
        match &table.values {
            Values::F32(values) => dataset.with_data(values),
            Values::F64(values) => dataset.with_data(values),
            Values::I32(values) => dataset.with_data(values),
            Values::I64(values) => dataset.with_data(values),
            Values::U16(values) => dataset.with_data(values),
            Values::U64(values) => dataset.with_data(values),
        };
        dataset.with_shape(&table.shape);
        if let Some(rows) = table.chunk {
            let mut chunk = table.shape.clone();
            chunk[0] = rows;
            dataset.with_chunks(&chunk).with_deflate(6);
        }
    }
    file.finish().unwrap()
}
