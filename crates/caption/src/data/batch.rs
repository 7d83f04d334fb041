//! One minibatch: captions shifted by a step, cut to the longest of them, with their pictures.
//!
//! The network is fed a caption without its last entry and is asked for the caption without its first, so that each
//! step predicts the next word. Targets that are `<NULL>` are not scored.

use std::ops::Range;

use nn::Layout;

use super::{DataError, NULL, Split};

/// Captions and pictures of one step of training, N captions of T steps.
///
/// A batch is filled again and again and keeps its buffers.
///
/// ```
/// use caption::data::{Captions, Pictures, Split, batch::Batch};
///
/// let split = Split {
///     pictures: Pictures::Features { width: 2, data: vec![0.5, -0.5] },
///     names: vec!["one".into()],
///     captions: Captions { width: 6, ids: vec![1, 4, 5, 2, 0, 0] }, // <START> a dog <END> <NULL> <NULL>
///     picture_of: vec![0],
///     references: vec![],
/// };
/// let mut batch = Batch::default();
/// batch.fill(&split, &[0])?;
/// assert_eq!(batch.captions_in, [1, 4, 5]);
/// assert_eq!(batch.captions_out, [4, 5, 2]);
/// assert_eq!(batch.pictures, [0.5, -0.5]);
/// # Ok::<(), caption::data::DataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The captions, as rows of the split, that were asked for: (N,).
    pub indices: Vec<usize>,
    /// How many steps the longest caption takes: T.
    pub steps: usize,
    /// What is fed in: (N, T), row-major.
    pub captions_in: Vec<i32>,
    /// What is to be predicted: (N, T), row-major, `<NULL>` where nothing is.
    pub captions_out: Vec<i32>,
    /// Which targets are scored: (N, T), row-major.
    pub mask: Vec<bool>,
    /// How many steps of each caption count: up to and with its last target that is not `<NULL>`.
    pub layout: Layout,
    /// The picture of each caption: features (N, width) or (N, rows, columns, width), or pixels (N, height, width, 3)
    /// from -1 to 1.
    pub pictures: Vec<f32>,
}

impl Batch {
    /// How many captions there are: N.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// How many targets are scored.
    pub fn targets(&self) -> usize {
        self.mask.iter().filter(|scored| **scored).count()
    }

    /// Takes the captions at `indices`, in this order; one may occur twice.
    ///
    /// # Errors
    /// If a picture is in a file and cannot be read, as [`Pictures::see`](super::Pictures::see) says.
    ///
    /// # Panics
    ///
    /// Where the split has no such caption.
    #[track_caller]
    pub fn fill(&mut self, split: &Split, indices: &[usize]) -> Result<(), DataError> {
        self.fill_captions(split, indices);
        self.fill_pictures(split, |picture| picture)
    }

    /// The same with pictures of zeros, for programs that are not run: no picture is looked at.
    ///
    /// # Panics
    ///
    /// Where the split has no such caption.
    #[track_caller]
    pub fn fill_without_pictures(&mut self, split: &Split, indices: &[usize]) {
        self.fill_captions(split, indices);
        self.pictures.clear();
        self.pictures.resize(indices.len() * split.pictures.size(), 0.0);
    }

    /// Some of the captions with their pictures, as a batch of their own: cut to the longest of them.
    ///
    /// # Panics
    ///
    /// Where there are fewer captions.
    #[track_caller]
    pub fn rows(&self, rows: Range<usize>) -> Batch {
        let lengths = &self.layout.lengths()[rows.clone()];
        let steps = lengths.iter().copied().max().unwrap_or(0);
        let picture = self.pictures.len() / self.len().max(1);
        Batch {
            indices: self.indices[rows.clone()].to_vec(),
            steps,
            captions_in: self.cut(&self.captions_in, &rows, steps),
            captions_out: self.cut(&self.captions_out, &rows, steps),
            mask: self.cut(&self.mask, &rows, steps),
            layout: Layout::new(steps, lengths),
            pictures: self.pictures[rows.start * picture..rows.end * picture].to_vec(),
        }
    }

    /// The first steps of some rows of (N, T).
    fn cut<T: Copy>(&self, padded: &[T], rows: &Range<usize>, steps: usize) -> Vec<T> {
        rows.clone().flat_map(|row| &padded[row * self.steps..][..steps]).copied().collect()
    }

    #[track_caller]
    pub(crate) fn fill_captions(&mut self, split: &Split, indices: &[usize]) {
        let captions = split.captions.len();
        if let Some(index) = indices.iter().find(|index| **index >= captions) {
            panic!("batch of caption {index}, but the split has {captions} captions");
        }
        self.indices.clear();
        self.indices.extend_from_slice(indices);
        let rows = || self.indices.iter().map(|index| split.captions.row(*index));
        // The last target's place in the row is the number of targets before it and itself, since targets start at 1.
        let lengths = rows().map(|row| row.iter().rposition(|id| *id != NULL).unwrap_or(0));
        let lengths: Vec<usize> = lengths.collect();
        self.steps = lengths.iter().copied().max().unwrap_or(0);
        self.layout = Layout::new(self.steps, &lengths);

        self.captions_in.clear();
        self.captions_in.extend(rows().flat_map(|row| &row[..self.steps]));
        self.captions_out.clear();
        self.captions_out
            .extend(rows().filter(|row| !row.is_empty()).flat_map(|row| &row[1..][..self.steps]));
        self.mask.clear();
        self.mask.extend(self.captions_out.iter().map(|id| *id != NULL));
    }

    /// Looks at what `shown` makes of the picture of each caption.
    pub(crate) fn fill_pictures(
        &mut self,
        split: &Split,
        shown: impl Fn(usize) -> usize,
    ) -> Result<(), DataError> {
        self.pictures.clear();
        let pictures = self.indices.iter().map(|caption| shown(split.picture_of[*caption]));
        split.pictures.see(pictures, &mut self.pictures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Captions, Pictures};

    fn split(pictures: Pictures) -> Split {
        #[rustfmt::skip]
        let ids = vec![
            1, 4, 5, 2, 0, 0,
            1, 2, 0, 0, 0, 0,
            1, 6, 6, 6, 4, 2,
        ];
        let captions = Captions { width: 6, ids };
        Split { pictures, names: vec![], captions, picture_of: vec![1, 0, 1], references: vec![] }
    }

    fn features() -> Split {
        split(Pictures::Features { width: 2, data: vec![0.0, 1.0, 2.0, 3.0] })
    }

    #[test]
    fn a_batch_is_cut_to_its_longest_caption() {
        let mut batch = Batch::default();
        batch.fill(&features(), &[1, 0]).unwrap();
        assert_eq!((batch.len(), batch.steps), (2, 3));
        assert_eq!(batch.layout.lengths(), [1, 3]);
        assert_eq!(batch.captions_in, [1, 2, 0, 1, 4, 5]);
        assert_eq!(batch.captions_out, [2, 0, 0, 4, 5, 2]);
        assert_eq!(batch.mask, [true, false, false, true, true, true]);
        assert_eq!(batch.targets(), 4);
        assert_eq!(batch.pictures, [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_caption_of_full_width_keeps_all_its_steps() {
        let mut batch = Batch::default();
        batch.fill(&features(), &[2, 2]).unwrap();
        assert_eq!(batch.captions_in, [1, 6, 6, 6, 4, 1, 6, 6, 6, 4]);
        assert_eq!(batch.captions_out, [6, 6, 6, 4, 2, 6, 6, 6, 4, 2]);
        assert_eq!(batch.layout.lengths(), [5, 5]);
    }

    #[test]
    fn pixels_run_from_minus_one_to_one() {
        let data = [[0; 6], [255; 6]].concat();
        let mut batch = Batch::default();
        batch.fill(&split(Pictures::Pixels { height: 1, width: 2, data }), &[0, 1]).unwrap();
        assert_eq!(batch.pictures, [[1.0; 6], [-1.0; 6]].concat());
    }

    #[test]
    fn a_batch_filled_again_is_as_a_new_one_and_keeps_its_buffers() {
        let split = features();
        let mut batch = Batch::default();
        batch.fill(&split, &[2, 0, 1]).unwrap();
        let buffers = (batch.captions_in.as_ptr(), batch.pictures.as_ptr(), batch.mask.as_ptr());
        batch.fill(&split, &[1]).unwrap();
        assert_eq!(buffers, (batch.captions_in.as_ptr(), batch.pictures.as_ptr(), batch.mask.as_ptr()));
        let mut new = Batch::default();
        new.fill(&split, &[1]).unwrap();
        assert_eq!(batch, new);
    }

    #[test]
    fn some_rows_of_a_batch_are_as_if_they_were_filled() {
        for split in [features(), split(Pictures::Pixels { height: 1, width: 2, data: (0..12).collect() })] {
            let mut batch = Batch::default();
            batch.fill(&split, &[2, 0, 1, 0]).unwrap();
            for rows in [0..2, 1..3, 1..4, 0..4, 2..3, 1..1] {
                let mut alone = Batch::default();
                alone.fill(&split, &[2, 0, 1, 0][rows.clone()]).unwrap();
                assert_eq!(batch.rows(rows), alone);
            }
        }
    }

    #[test]
    fn no_captions_make_an_empty_batch() {
        let mut batch = Batch::default();
        batch.fill(&features(), &[]).unwrap();
        assert_eq!(batch, Batch::default());
        assert!(batch.is_empty());
    }

    #[test]
    #[should_panic(expected = "batch of caption 3, but the split has 3 captions")]
    fn a_caption_that_is_not_there_is_named() {
        let _ = Batch::default().fill(&features(), &[0, 3]);
    }
}
