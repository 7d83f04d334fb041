//! How good captions are: described pictures held against their references.
//!
//! Evaluation is free-running: every word is the model's own, from `<START>` on.

use nn::{Cell, Params};
use serde::Serialize;
use tape::{Engine, RunError};

use crate::data::batch::Batch;
use crate::data::scenes::{Scene, Verdict, judge};
use crate::data::{Split, Vocabulary};
use crate::metrics;
use crate::model::Captioner;

/// The longest caption that is decoded, in words; CS231n's `max_length`.
pub const LONGEST: usize = 30;

/// How many pictures are described at once.
const PICTURES: usize = 100;

/// Scores of captions against all references, each from 0 to 1 except CIDEr-D, which goes to 10.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Corpus BLEU-1 to BLEU-4, closest reference length.
    pub bleu: [f64; 4],
    /// ROUGE-L with beta 1.2, averaged over pictures.
    pub rouge_l: f64,
    /// CIDEr-D with document frequencies from these references.
    pub cider_d: f64,
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

/// The caption of every picture of a split, as words.
///
/// # Errors
/// If the network cannot be evaluated.
pub fn describe_all<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    vocabulary: &Vocabulary,
    split: &Split,
    longest: usize,
) -> Result<Vec<Vec<String>>, RunError> {
    let pictures: Vec<usize> = (0..split.pictures.len()).collect();
    describe_pictures(engine, params, model, vocabulary, split, &pictures, longest)
}

/// The captions of some pictures of a split, as words.
///
/// # Errors
/// If the network cannot be evaluated.
///
/// # Panics
/// If the split has no such picture.
pub fn describe_pictures<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    vocabulary: &Vocabulary,
    split: &Split,
    pictures: &[usize],
    longest: usize,
) -> Result<Vec<Vec<String>>, RunError> {
    let mut described = Vec::with_capacity(pictures.len());
    for some in pictures.chunks(PICTURES) {
        let mut seen = Vec::new();
        split.pictures.see(some.iter().copied(), &mut seen);
        let captions = model.describe(engine, params, some.len(), &seen, longest)?;
        described.extend(captions.iter().map(|caption| vocabulary.decode(caption)));
    }
    Ok(described)
}

/// The loss of a split, summed over words and averaged over captions, and averaged over words; in batches
/// of `size` captions.
///
/// # Errors
/// If the network cannot be evaluated.
pub fn losses<C: Cell>(
    engine: &mut Engine,
    params: &Params,
    model: &Captioner<C>,
    split: &Split,
    size: usize,
) -> Result<(f64, f64), RunError> {
    let (mut sum, mut words) = (0.0, 0);
    let all: Vec<usize> = (0..split.captions.len()).collect();
    let mut batch = Batch::default();
    for indices in all.chunks(size.max(1)) {
        batch.fill(split, indices);
        let tape = params.tape();
        let loss = model.loss(&tape, &batch).sum;
        sum += engine.run(&[loss])?.number(0);
        words += batch.targets();
    }
    Ok((sum / all.len().max(1) as f64, sum / words.max(1) as f64))
}

/// Scores of captions against references.
pub fn score(captions: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Scores {
    Scores {
        bleu: metrics::bleu(captions, references),
        rouge_l: metrics::rouge_l(captions, references),
        cider_d: metrics::cider_d(captions, references),
    }
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
