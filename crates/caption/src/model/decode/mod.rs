//! Captions word by word: from `<START>`, a word after each, until `<END>` or until the caption is as long as may be.
//!
//! In reading order: [`Decoding`] says how words are chosen, `walk` takes the model's steps for many sentences at
//! once, `rules` says which words may not be said, `single` goes on with one word a picture (greedy, or drawn), and
//! `beam` with the best of many.
//!
//! A caption depends on its picture, the settings and the number of its picture's stream; not on the pictures beside
//! it, nor on threads. Of words as probable as each other the first of the vocabulary is taken.

mod beam;
mod rules;
mod settings;
mod single;
mod walk;

pub use settings::{Beam, Decoding, LONGEST, Method, Sample};

use std::ops::ControlFlow;
use std::sync::Arc;

use nn::{Cell, Params};
use tape::{Engine, RunError};

use self::walk::Walk;
use super::Captioner;
use crate::data::END;

/// Where a step looked: a weight for each place, row by row. Captions that begin alike share it.
pub(crate) type PlaceWeights = Arc<[f32]>;

/// A caption that a model has made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caption {
    /// The words, without `<START>` and `<END>`.
    pub words: Vec<i32>,
    /// For each word, and for `<END>` where the caption ended, how probable the model held it to be after those
    /// before it: among the whole vocabulary, before anything was forbidden, sharpened or cut off.
    pub probabilities: Vec<f64>,
    /// The logarithm of the product of these.
    pub log_probability: f64,
    /// Whether the model said `<END>`; else the caption was cut off at its longest.
    pub ended: bool,
    /// How often `<UNK>` was more probable than any other word when the next one was chosen, said or not.
    pub unknown_likeliest: usize,
    /// For each of the probabilities where the model looked, as [`AttentionMaps`](super::AttentionMaps) has it; empty
    /// where that was not asked for, or there is no attention.
    pub attention: Vec<Arc<[f32]>>,
}

impl Caption {
    /// Goes on with a word, or ends with `<END>`, and notes where the step looked.
    fn say(&mut self, word: i32, log_probability: f64, weights: Option<PlaceWeights>) {
        self.attention.extend(weights);
        self.probabilities.push(log_probability.exp());
        self.log_probability += log_probability;
        self.ended = word == END;
        if !self.ended {
            self.words.push(word);
        }
    }

    /// Leaves in a row, the log probabilities of all next words, those that the settings allow.
    fn restrict(&mut self, row: &mut [f64], decoding: &Decoding) {
        self.unknown_likeliest += usize::from(rules::unknown_is_likeliest(row));
        rules::forbid(row, &self.words, decoding);
    }
}

/// What looks on: it is shown the captions so far after every step, and can end the search.
type Watch<'w> = Option<&'w mut dyn FnMut(&[Caption]) -> ControlFlow<()>>;

impl<C: Cell> Captioner<C> {
    /// Captions of pictures, given as one array of features or of pixels: for each picture one, or with a beam at
    /// most its width, the best first. No caption is longer than the model has positions, whatever length is asked for.
    ///
    /// `streams` has a number for each picture, which with the seed decides what is drawn for it.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    ///
    /// # Panics
    /// If the settings do not pass [`Decoding::check`], or the array does not hold that many pictures.
    #[track_caller]
    pub fn decode(
        &self,
        engine: &mut Engine,
        params: &Params,
        streams: &[u64],
        pictures: &[f32],
        decoding: &Decoding,
    ) -> Result<Vec<Vec<Caption>>, RunError> {
        self.decode_watched(engine, params, streams, pictures, decoding, None)
    }

    /// Captions of one picture, as [`Captioner::decode`] gives them, with where they looked. `watch` is shown after every
    /// step what there is of them, the best first; where it breaks off, they stay as they are.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    ///
    /// # Panics
    /// If the settings do not pass [`Decoding::check`], or the array does not hold one picture.
    #[track_caller]
    pub fn decode_one(
        &self,
        engine: &mut Engine,
        params: &Params,
        stream: u64,
        picture: &[f32],
        decoding: &Decoding,
        mut watch: impl FnMut(&[Caption]) -> ControlFlow<()>,
    ) -> Result<Vec<Caption>, RunError> {
        let decoded = self.decode_watched(engine, params, &[stream], picture, decoding, Some(&mut watch))?;
        Ok(decoded.into_iter().flatten().collect())
    }

    #[track_caller]
    fn decode_watched(
        &self,
        engine: &mut Engine,
        params: &Params,
        streams: &[u64],
        pictures: &[f32],
        decoding: &Decoding,
        watch: Watch<'_>,
    ) -> Result<Vec<Vec<Caption>>, RunError> {
        if let Err(problem) = decoding.check() {
            panic!("decoding: {problem}");
        }
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let most = self.decoder.most_steps(params).unwrap_or(usize::MAX);
        let decoding = &Decoding { longest: decoding.longest.min(most), ..*decoding };
        let walk = Walk::begin(self, engine, params, streams.len(), pictures, watch.is_some())?;
        match decoding.method {
            Method::Beam(beam) => beam::search(walk, decoding, &beam, watch),
            Method::Greedy => single::decode(walk, decoding, watch, |_, row, _| single::likeliest(row)),
            Method::Sample(sample) => {
                let mut dice: Vec<_> = streams.iter().map(|stream| sample.stream(*stream)).collect();
                single::decode(walk, decoding, watch, |picture, row, order| {
                    single::draw(row, &sample, &mut dice[picture], order)
                })
            }
        }
    }
}
