//! Where a captioner looked as it said each word.

use nn::{Cell, Params};
use tape::{Engine, RunError};

use super::{Captioner, Decoder};
use crate::data::batch::Batch;
use crate::data::{Captions, END, NULL, Pictures, START, Split};

/// Where the words of a caption looked.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMaps {
    /// Rows of the grid of places that a picture was seen in.
    pub rows: usize,
    /// Columns of the grid.
    pub columns: usize,
    /// For each word, and for `<END>` after the last, a weight for each place, row by row; they add up to one.
    pub weights: Vec<Vec<f64>>,
}

impl<C: Cell> Captioner<C> {
    /// Where the words of captions looked, one caption for each picture, as the model would say them: the words without
    /// `<START>` and `<END>`. `None` for a model without attention.
    ///
    /// A transformer looks in every layer with every head; these are the means over the heads of its last layer.
    /// Pictures that are a vector of features have one place, at which everything looks.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    ///
    /// # Panics
    /// If the array does not hold a picture for each caption, or a transformer has too few positions.
    #[track_caller]
    pub fn attention_maps(
        &self,
        engine: &mut Engine,
        params: &Params,
        pictures: &[f32],
        captions: &[&[i32]],
    ) -> Result<Option<Vec<AttentionMaps>>, RunError> {
        if matches!(self.decoder, Decoder::Recurrent(_)) {
            return Ok(None);
        }
        if captions.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let rows = captions.iter().map(|words| [&[START], *words, &[END]].concat());
        let batch = batch_of(&rows.collect::<Vec<_>>());
        let tape = params.tape();
        let seen = self.vision.see(&tape, captions.len(), pictures);
        let weights = self.run(seen, &batch, true).1.expect("what has attention has weights").to_padded();
        let run = engine.run(&[weights])?;
        let [rows, columns] = self.vision.grid();
        let weights = run.tensor(0).to_f64();
        let of_words: Vec<&[f64]> = weights.chunks_exact(rows * columns).collect();
        let maps = of_words.chunks_exact(batch.steps).zip(captions).map(|(all, words)| AttentionMaps {
            rows,
            columns,
            weights: all[..=words.len()].iter().map(|one| one.to_vec()).collect(),
        });
        Ok(Some(maps.collect()))
    }
}

/// Captions, each from `<START>` on, as a batch without pictures.
pub(crate) fn batch_of(captions: &[Vec<i32>]) -> Batch {
    let width = captions.iter().map(Vec::len).max().unwrap_or(0);
    let padding = |caption: &Vec<i32>| vec![NULL; width - caption.len()];
    let ids = captions.iter().flat_map(|caption| [caption.as_slice(), &padding(caption)].concat()).collect();
    let split = Split {
        pictures: Pictures::Features { width: 0, data: Vec::new() },
        names: Vec::new(),
        captions: Captions { width, ids },
        picture_of: vec![0; captions.len()],
        references: Vec::new(),
    };
    let mut batch = Batch::default();
    batch.fill_captions(&split, &(0..captions.len()).collect::<Vec<_>>());
    batch
}
