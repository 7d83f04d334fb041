//! Pictures made by the project itself: coloured shapes on a textured ground, from a seed, with exact captions.
//!
//! A [`Scene`] is drawn at random, [`render()`] makes its pixels, [`captions`] lists all that the grammar says of it, and
//! [`judge()`] tells whether any caption at all is true of it. The network sees pixels alone; the scene stays behind, for
//! the judge.
//!
//! # What is held out
//!
//! Company is held out: a fifth of all combinations of *(colour, kind, place)* for an object that stands alone, and a
//! fifth of all combinations of *(colour, kind, colour, kind)* for two objects; [`is_held_out`] says which. They occur
//! in no picture of the training split and none of the validation split, and every picture of the test split shows
//! one. Red triangles were seen, and so were things on the left, but no red triangle alone on the left; and whatever
//! is left of such a combination when one attribute is taken away was seen as well.
//!
//! So `val` tells how well seen combinations are described in new pictures, and is there to choose settings by; `test`
//! tells whether what was learned apart is put together anew, and is there to judge by, once.
//!
//! Adjectives and nouns are not held out from each other, as in “never a red triangle”. A captioner learns from such
//! captions that this noun never follows that adjective, and says so whatever it sees: the words are then to blame, not
//! the eyes.

mod grammar;
mod judge;
mod render;
mod scene;

pub use grammar::{captions, words};
pub use judge::{Claim, Mention, Reason, Verdict, judge, read};
pub use render::render;
pub use scene::{Colour, Kind, Look, Object, Place, Relation, Scene, Size};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::{Captions, DataError, Dataset, NULL, Pictures, Source, Split, Vocabulary};

/// A source of rendered scenes; equal settings give equal bytes.
///
/// ```
/// use caption::data::Source;
/// use caption::data::scenes::Scenes;
///
/// let dataset = Scenes::small().load()?;
/// assert_eq!(dataset.train.pictures.len(), 64);
/// # Ok::<(), caption::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenes {
    /// What all scenes, pictures and choices of captions are drawn from.
    pub seed: u64,
    /// Rows, and columns, of one picture; at least 16.
    pub side: usize,
    /// Pictures to train on.
    pub train: usize,
    /// Pictures to choose settings by.
    pub val: usize,
    /// Pictures of held-out combinations.
    pub test: usize,
    /// Training captions of each picture, drawn from all its captions; 1 to 5.
    pub captions_per_picture: usize,
}

/// A dataset together with the scenes behind its pictures, in the same order.
#[derive(Debug, Clone)]
pub struct Generated {
    /// What a network may see.
    pub dataset: Dataset,
    /// The scenes of the training split.
    pub train: Vec<Scene>,
    /// The scenes of the validation split.
    pub val: Vec<Scene>,
    /// The scenes of the test split.
    pub test: Vec<Scene>,
}

impl Default for Scenes {
    /// Enough to learn composition from within minutes on two cores.
    fn default() -> Self {
        Scenes { seed: 1, side: 32, train: 24_000, val: 500, test: 1000, captions_per_picture: 5 }
    }
}

impl Scenes {
    /// A few pictures, for tests.
    pub fn small() -> Self {
        Scenes { train: 64, val: 16, test: 16, ..Self::default() }
    }

    /// Makes the dataset and keeps the scenes.
    ///
    /// # Errors
    /// If pictures would be smaller than 16 by 16, or have no caption or more than five.
    pub fn generate(&self) -> Result<Generated, DataError> {
        self.check()?;
        let vocabulary = Vocabulary::new(words());
        // The numbers name the streams, so that one split's size leaves the others' pictures alone.
        let (train, train_scenes) = self.generate_split(0, "train", self.train, false, &vocabulary);
        let (val, val_scenes) = self.generate_split(1, "val", self.val, false, &vocabulary);
        let (test, test_scenes) = self.generate_split(2, "test", self.test, true, &vocabulary);
        Ok(Generated {
            dataset: Dataset { vocabulary, train, val, test: Some(test), origin: None },
            train: train_scenes,
            val: val_scenes,
            test: test_scenes,
        })
    }

    fn check(&self) -> Result<(), DataError> {
        let problem = if self.side < 16 {
            format!(
                "pictures of {0} by {0} pixels are too small to tell kinds apart, 16 is the least",
                self.side
            )
        } else if !(1..=5).contains(&self.captions_per_picture) {
            format!("{} captions for each picture, expected 1 to 5", self.captions_per_picture)
        } else {
            return Ok(());
        };
        Err(DataError::new("scenes", problem))
    }

    /// One split, all of whose combinations are held out, or none of them.
    fn generate_split(
        &self,
        stream: u64,
        name: &str,
        count: usize,
        held_out: bool,
        vocabulary: &Vocabulary,
    ) -> (Split, Vec<Scene>) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);

        let width = grammar::LONGEST + 2;
        let mut scenes = Vec::with_capacity(count);
        let mut pixels = Vec::with_capacity(count * self.side * self.side * 3);
        let mut ids = Vec::with_capacity(count * self.captions_per_picture * width);
        let mut picture_of = Vec::new();
        let mut references = Vec::with_capacity(count);
        for row in 0..count {
            let scene = sample(row, held_out, &mut rng);
            pixels.extend(render(&scene, self.side, &mut rng));
            // The captions to train on come first among the references.
            let mut captions = captions(&scene);
            for drawn in 0..self.captions_per_picture {
                let from = drawn + scene::below(captions.len() - drawn, &mut rng);
                captions.swap(drawn, from);
                let mut caption = vocabulary.encode(captions[drawn].iter().map(String::as_str));
                caption.resize(width, NULL);
                ids.extend(caption);
                picture_of.push(row);
            }
            references.push(captions);
            scenes.push(scene);
        }
        let split = Split {
            pictures: Pictures::Pixels { height: self.side, width: self.side, data: pixels },
            names: (0..count).map(|row| format!("{name} scene {row}")).collect(),
            captions: Captions { width, ids },
            picture_of,
            references,
        };
        (split, scenes)
    }
}

impl Source for Scenes {
    fn describe(&self) -> String {
        let Scenes { seed, side, train, val, test, .. } = self;
        format!(
            "scenes of seed {seed}, {side} by {side} pixels: {train} train, {val} val, {test} test; made here"
        )
    }

    fn load(&self) -> Result<Dataset, DataError> {
        Ok(self.generate()?.dataset)
    }
}

/// The scene of a row, of a held-out combination or of one that is not.
fn sample(row: usize, held_out: bool, rng: &mut ChaCha8Rng) -> Scene {
    loop {
        // Two objects say more than one, so there are twice as many such scenes.
        let scene = if row.is_multiple_of(3) { Scene::sample_one(rng) } else { Scene::sample_two(rng) };
        if is_held_out(&scene) == held_out {
            return scene;
        }
    }
}

/// Whether only the test split shows such a combination.
///
/// With attributes numbered in order, a look counts `colour + 2 kind`, and a place counts its number. An object alone is
/// held out where look and place add up to a multiple of five, two objects are where their looks do. Sums make no
/// single attribute telling: whatever all but one of them are, the last can still make it a seen combination.
pub fn is_held_out(scene: &Scene) -> bool {
    let count = |look: Look| look.colour as usize + 2 * look.kind as usize;
    match scene.objects[..] {
        [one] => {
            Place::of(one.centre).is_some_and(|place| (count(one.look) + place as usize).is_multiple_of(5))
        }
        [a, b] => (count(a.look) + count(b.look)).is_multiple_of(5),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{END, START, UNKNOWN};
    use super::*;

    fn pixels(split: &Split) -> &[u8] {
        match &split.pictures {
            Pictures::Pixels { data, .. } => data,
            Pictures::Features { .. } | Pictures::Grid { .. } => panic!("scenes are pixels"),
        }
    }

    /// FNV-1a, written out so that the pinned number depends on nothing else.
    fn checksum(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    #[test]
    fn a_seed_names_the_same_bytes_everywhere_and_forever() {
        let split = Scenes::small().load().unwrap().train;
        let ids = split.captions.ids.iter().flat_map(|id| id.to_le_bytes());
        assert_eq!(checksum(pixels(&split).iter().copied()), 7_746_750_680_822_555_514);
        assert_eq!(checksum(ids), 8_748_129_983_736_102_174);
    }

    #[test]
    fn seeds_and_splits_differ_and_sizes_do_not_matter() {
        let one = Scenes::small().generate().unwrap();
        let other = Scenes { seed: 2, ..Scenes::small() }.generate().unwrap();
        assert_ne!(one.train, other.train);
        assert_ne!(one.train[..16], one.val[..]);
        let longer = Scenes { train: 70, ..Scenes::small() }.generate().unwrap();
        assert_eq!(one.train[..], longer.train[..64]);
        assert_eq!(pixels(&one.dataset.val), pixels(&longer.dataset.val));

        let pictures: HashSet<&[u8]> = pixels(&one.dataset.train).chunks(32 * 32 * 3).collect();
        assert_eq!(pictures.len(), 64);
    }

    #[test]
    fn parts_of_a_split_fit_together() {
        let generated = Scenes::small().generate().unwrap();
        let dataset = &generated.dataset;
        for (split, scenes) in [(&dataset.train, &generated.train), (&dataset.val, &generated.val)] {
            assert_eq!(split.pictures.len(), scenes.len());
            assert_eq!(split.names.len(), scenes.len());
            assert_eq!(split.references.len(), scenes.len());
            assert_eq!(split.captions.len(), 5 * scenes.len());
            assert_eq!(split.picture_of.len(), split.captions.len());
            for (row, picture) in split.picture_of.iter().enumerate() {
                let ids = split.captions.row(row);
                assert_eq!(ids[0], START);
                let end = ids.iter().position(|id| *id == END).unwrap();
                assert!(ids[end + 1..].iter().all(|id| *id == NULL));
                assert!(ids.iter().all(|id| *id != UNKNOWN));
                let words = dataset.vocabulary.decode(ids);
                assert!(split.references[*picture].contains(&words), "{words:?}");
                assert_eq!(judge(&words, &scenes[*picture]), Verdict::True);
            }
        }
    }

    #[test]
    fn training_shows_every_attribute_and_nothing_held_out() {
        let generated = Scenes { train: 1000, val: 200, test: 200, ..Scenes::small() }.generate().unwrap();
        assert!(!generated.train.iter().chain(&generated.val).any(is_held_out));
        assert!(generated.test.iter().all(is_held_out));

        let looks = || generated.train.iter().flat_map(|scene| &scene.objects).map(|object| object.look);
        assert_eq!(
            looks().collect::<HashSet<_>>().len(),
            Size::ALL.len() * Colour::ALL.len() * Kind::ALL.len()
        );
        let said: HashSet<&String> = generated.dataset.train.references.iter().flatten().flatten().collect();
        assert_eq!(said.len(), words().len());
    }

    #[test]
    fn a_held_out_combination_is_seen_when_any_one_attribute_is_changed() {
        let look = |colour, kind| Look { size: Size::Small, colour, kind };
        let object = |look, centre| Object { look, centre, radius: 0.1 };
        let counted = |objects: &[Object]| is_held_out(&Scene { objects: objects.to_vec() });
        let points = [[0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8], [0.5, 0.5]];
        let looks: Vec<Look> =
            Colour::ALL.iter().flat_map(|c| Kind::ALL.iter().map(move |k| look(*c, *k))).collect();

        let (mut held_out, mut all) = (0, 0);
        for &a in &looks {
            assert_eq!(points.iter().filter(|at| counted(&[object(a, **at)])).count(), 1, "{a:?} alone");
            for &b in looks.iter().filter(|b| b.colour != a.colour) {
                let with = |b: Look| counted(&[object(a, points[0]), object(b, points[1])]);
                all += 1;
                if with(b) {
                    held_out += 1;
                    assert!(Kind::ALL.iter().any(|kind| !with(look(b.colour, *kind))));
                    assert!(Colour::ALL.iter().any(|c| *c != a.colour && !with(look(*c, b.kind))));
                }
            }
        }
        assert!((4 * held_out..6 * held_out).contains(&all), "{held_out} of {all}");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (scenes, expected) in [
            (Scenes { side: 8, ..Scenes::small() }, "scenes: pictures of 8 by 8 pixels are too small"),
            (Scenes { captions_per_picture: 6, ..Scenes::small() }, "scenes: 6 captions for each picture"),
        ] {
            let error = scenes.load().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
