//! A few captions of a split, for the run that shows that a model can learn them by heart.

use super::{Captions, Split};

impl Split {
    /// The split with its first `count` captions only, or all where it has fewer; pictures stay, none is copied.
    pub fn first(mut self, count: usize) -> Self {
        self.captions.ids.truncate(count.saturating_mul(self.captions.width));
        self.picture_of.truncate(count);
        self
    }

    /// The split with the captions at `indices` only, in this order; pictures stay, none is copied.
    ///
    /// # Panics
    ///
    /// Where the split has no such caption.
    #[track_caller]
    pub fn subset(self, indices: &[usize]) -> Self {
        let captions = self.captions.len();
        if let Some(index) = indices.iter().find(|index| **index >= captions) {
            panic!("subset with caption {index}, but the split has {captions} captions");
        }
        let ids = indices.iter().flat_map(|index| self.captions.row(*index)).copied().collect();
        let picture_of = indices.iter().map(|index| self.picture_of[*index]).collect();
        Split { captions: Captions { width: self.captions.width, ids }, picture_of, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Pictures;

    fn split() -> Split {
        Split {
            pictures: Pictures::Features { width: 1, data: vec![0.0, 1.0] },
            names: vec!["zero".into(), "one".into()],
            captions: Captions { width: 3, ids: vec![1, 4, 2, 1, 5, 2, 1, 6, 2] },
            picture_of: vec![0, 1, 1],
            references: vec![vec![], vec![]],
        }
    }

    #[test]
    fn the_first_captions_keep_their_pictures() {
        let few = split().first(2);
        assert_eq!(few.captions.ids, [1, 4, 2, 1, 5, 2]);
        assert_eq!(few.picture_of, [0, 1]);
        assert_eq!(few.pictures.len(), 2);
        assert_eq!(split().first(usize::MAX).captions, split().captions);
    }

    #[test]
    fn a_subset_has_the_captions_asked_for_in_order() {
        let few = split().subset(&[2, 0]);
        assert_eq!(few.captions.ids, [1, 6, 2, 1, 4, 2]);
        assert_eq!(few.picture_of, [1, 0]);
        assert_eq!(few.pictures.len(), 2);
    }

    #[test]
    #[should_panic(expected = "subset with caption 3, but the split has 3 captions")]
    fn a_caption_that_is_not_there_is_named() {
        let _ = split().subset(&[3]);
    }
}
