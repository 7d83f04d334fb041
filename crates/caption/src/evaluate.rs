//! How good captions are: described pictures held against their references.
//!
//! Evaluation is free-running: every word is the model's own, from `<START>` on.

use nn::{Cell, Params};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use serde::Serialize;
use tape::Engine;

use crate::data::batch::Batch;
use crate::data::scenes::{Scene, Verdict, judge};
use crate::data::{Split, Vocabulary};
use crate::diagnosis::{Finding, Observed};
use crate::error::Error;
use crate::metrics;
use crate::model::{Caption, Captioner, Decoding};

/// How many sentences are followed at once.
const SENTENCES: usize = 500;

/// Captions whose loss is computed at once.
const AT_ONCE: usize = 200;

/// What a model does with a split: its losses, and what it says of each picture.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The loss summed over words, averaged over captions.
    pub loss_per_caption: f64,
    /// The loss averaged over words.
    pub loss_per_token: f64,
    /// The same with the features of other pictures; none where there are not two pictures.
    pub loss_of_exchanged: Option<f64>,
    /// The captions of each picture, the best first.
    pub decoded: Vec<Vec<Caption>>,
    /// The best caption of each picture, as words.
    pub captions: Vec<Vec<String>>,
}

/// Evaluates a model on a split.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
///
/// # Panics
/// If the settings do not pass [`Decoding::check`].
pub fn evaluate<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    vocabulary: &Vocabulary,
    split: &Split,
    decoding: &Decoding,
) -> Result<Evaluation, Error> {
    let (loss_per_caption, loss_per_token) = losses(engine, params, model, split, AT_ONCE)?;
    let exchanged = losses_of_exchanged(engine, params, model, split, AT_ONCE)?;
    let pictures: Vec<usize> = (0..split.pictures.len()).collect();
    let decoded = decode_pictures(engine, params, model, split, &pictures, decoding)?;
    let captions = words(&decoded, vocabulary);
    let loss_of_exchanged = exchanged.map(|(_, per_token)| per_token);
    Ok(Evaluation { loss_per_caption, loss_per_token, loss_of_exchanged, decoded, captions })
}

impl Evaluation {
    /// What seems to be wrong with the model, as the split shows.
    pub fn diagnose(&self, split: &Split) -> Vec<Finding> {
        let observed = Observed {
            loss: Some(self.loss_per_token),
            loss_of_exchanged: self.loss_of_exchanged,
            ..Observed::of(&self.captions, &split.references, best(&self.decoded))
        };
        observed.diagnose()
    }
}

/// How captions of rendered scenes do, judged against the scenes themselves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SceneScores {
    /// The share of captions that are word for word one of the references.
    pub exact: f64,
    /// The share of captions of which everything they say is true of the scene.
    pub truth: f64,
    /// Corpus BLEU-4 against the references.
    pub bleu_4: f64,
}

/// What a model says of some pictures of a split: for each its captions, the best first. The number of a picture
/// decides what is drawn for it.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
///
/// # Panics
/// If the split has no such picture, or the settings do not pass [`Decoding::check`].
pub fn decode_pictures<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    split: &Split,
    pictures: &[usize],
    decoding: &Decoding,
) -> Result<Vec<Vec<Caption>>, Error> {
    let mut decoded = Vec::with_capacity(pictures.len());
    for some in pictures.chunks((SENTENCES / decoding.rows()).max(1)) {
        let mut seen = Vec::new();
        split.pictures.see(some.iter().copied(), &mut seen)?;
        let streams: Vec<u64> = some.iter().map(|picture| *picture as u64).collect();
        decoded.extend(model.decode(engine, params, &streams, &seen, decoding)?);
    }
    Ok(decoded)
}

/// The best caption of every picture of a split, as words.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
///
/// # Panics
/// If the settings do not pass [`Decoding::check`].
pub fn describe_all<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    vocabulary: &Vocabulary,
    split: &Split,
    decoding: &Decoding,
) -> Result<Vec<Vec<String>>, Error> {
    let pictures: Vec<usize> = (0..split.pictures.len()).collect();
    describe_pictures(engine, params, model, vocabulary, split, &pictures, decoding)
}

/// The best captions of some pictures of a split, as words.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
///
/// # Panics
/// As for [`decode_pictures`].
pub fn describe_pictures<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    vocabulary: &Vocabulary,
    split: &Split,
    pictures: &[usize],
    decoding: &Decoding,
) -> Result<Vec<Vec<String>>, Error> {
    let decoded = decode_pictures(engine, params, model, split, pictures, decoding)?;
    Ok(words(&decoded, vocabulary))
}

/// The best caption of each picture, as words.
fn words(decoded: &[Vec<Caption>], vocabulary: &Vocabulary) -> Vec<Vec<String>> {
    best(decoded).map(|caption| vocabulary.decode(&caption.words)).collect()
}

/// The best caption of each picture.
pub fn best(decoded: &[Vec<Caption>]) -> impl Iterator<Item = &Caption> {
    decoded.iter().filter_map(|captions| captions.first())
}

/// The loss of a split, summed over words and averaged over captions, and averaged over words; in batches
/// of `size` captions.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
pub fn losses<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    split: &Split,
    size: usize,
) -> Result<(f64, f64), Error> {
    losses_beside(engine, params, model, split, size, |picture| picture)
}

/// The same with the features of other pictures: each is taken for another one, captions of one picture for the same.
/// A model that looks at pictures is the worse for it. `None` where there are not two pictures.
///
/// # Errors
/// If the network cannot be evaluated, or a picture cannot be read.
pub fn losses_of_exchanged<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    split: &Split,
    size: usize,
) -> Result<Option<(f64, f64)>, Error> {
    let mut round: Vec<usize> = (0..split.pictures.len()).collect();
    if round.len() < 2 {
        return Ok(None);
    }
    // Each picture gives its place to the next in a random round, so that none keeps its own.
    round.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    let mut other = vec![0; round.len()];
    for (place, picture) in round.iter().enumerate() {
        other[*picture] = round[(place + 1) % round.len()];
    }
    losses_beside(engine, params, model, split, size, |picture| other[picture]).map(Some)
}

/// The losses when a caption of one picture stands beside what `shown` makes of it.
fn losses_beside<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    split: &Split,
    size: usize,
    shown: impl Fn(usize) -> usize,
) -> Result<(f64, f64), Error> {
    let (mut sum, mut words) = (0.0, 0);
    let all: Vec<usize> = (0..split.captions.len()).collect();
    let mut batch = Batch::default();
    for indices in all.chunks(size.max(1)) {
        batch.fill_captions(split, indices);
        batch.fill_pictures(split, &shown)?;
        let tape = params.tape();
        let loss = model.loss(&tape, &batch).sum;
        sum += engine.run(&[loss])?.number(0);
        words += batch.targets();
    }
    Ok((sum / all.len().max(1) as f64, sum / words.max(1) as f64))
}

/// Scores of captions of scenes.
pub fn score_scenes(captions: &[Vec<String>], split: &Split, scenes: &[Scene]) -> SceneScores {
    let share = |count: usize| count as f64 / captions.len().max(1) as f64;
    let exact =
        captions.iter().zip(&split.references).filter(|(caption, known)| known.contains(caption)).count();
    let is_true = |(caption, scene): &(&Vec<String>, &Scene)| judge(caption, scene) == Verdict::True;
    let truth = captions.iter().zip(scenes).filter(is_true).count();
    SceneScores {
        exact: share(exact),
        truth: share(truth),
        bleu_4: metrics::bleu(captions, &split.references)[3],
    }
}
