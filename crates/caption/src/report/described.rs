//! What a model says of the pictures of a split, and how good that is.

use nn::{Cell, Params};
use tape::Engine;

use crate::data::{Split, Vocabulary};
use crate::diagnosis::Finding;
use crate::error::Error;
use crate::evaluate::{Evaluation, evaluate};
use crate::metrics::{ItemScores, Scores};
use crate::model::{AttentionMaps, Caption, Captioner, Decoding};

/// What a model says of a split.
#[derive(Clone, Debug)]
pub struct Described {
    /// Which pictures, in words: `validation pictures of …`.
    pub pictures: String,
    /// How captions were made, in words.
    pub decoding: String,
    /// The step that the model is from, where that is known.
    pub step: Option<u64>,
    /// Weights of the model.
    pub weights: usize,
    /// The loss summed over words, averaged over captions.
    pub loss_per_caption: f64,
    /// The loss averaged over words.
    pub loss_per_token: f64,
    /// The same with the features of other pictures.
    pub loss_of_exchanged: Option<f64>,
    /// Scores of the best captions.
    pub scores: Scores,
    /// What seems to be wrong.
    pub findings: Vec<Finding>,
    /// Each picture.
    pub items: Vec<Item>,
}

/// A picture with what is said of it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name in the data.
    pub name: String,
    /// Its reference captions.
    pub references: Vec<String>,
    /// What the model says, the best first.
    pub captions: Vec<Spoken>,
    /// How good the best caption is.
    pub scores: ItemScores,
}

/// A caption, word by word.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The whole, with spaces between words.
    pub text: String,
    /// The words, or the pieces that the model makes them of, each with its probability after those before it.
    pub words: Vec<(String, f64)>,
    /// The probability of the end; none where the caption was cut off.
    pub end: Option<f64>,
    /// The logarithm of the probability of all.
    pub log_probability: f64,
    /// Where the model looked for each word and the end, where that was asked; see [`Described::add_attention`].
    pub attention: Option<AttentionMaps>,
}

impl Spoken {
    /// A caption in words.
    pub fn new(caption: &Caption, vocabulary: &Vocabulary) -> Spoken {
        let word = |(id, p): (&i32, &f64)| (vocabulary.word(*id).to_string(), *p);
        Spoken {
            text: vocabulary.decode(&caption.words).join(" "),
            words: caption.words.iter().zip(&caption.probabilities).map(word).collect(),
            end: caption.ended.then(|| caption.probabilities.last().copied()).flatten(),
            log_probability: caption.log_probability,
            attention: None,
        }
    }
}

impl Described {
    /// Asks a model about every picture of a split; `training` are the captions that it has learned from, as words.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    ///
    /// # Panics
    /// If the settings do not pass [`Decoding::check`].
    pub fn of<C: Cell>(
        engine: &mut Engine,
        params: &Params,
        model: &Captioner<C>,
        vocabulary: &Vocabulary,
        split: &Split,
        decoding: &Decoding,
        training: &[Vec<String>],
    ) -> Result<Described, Error> {
        let evaluation = evaluate(engine, params, model, vocabulary, split, decoding)?;
        let findings = evaluation.diagnose(split);
        let Evaluation { loss_per_caption, loss_per_token, loss_of_exchanged, decoded, captions } =
            evaluation;
        let scores = ItemScores::of_each(&captions, &split.references);
        let item = |picture: usize| Item {
            name: split.names[picture].clone(),
            references: split.references[picture].iter().map(|words| words.join(" ")).collect(),
            captions: decoded[picture].iter().map(|caption| Spoken::new(caption, vocabulary)).collect(),
            scores: scores[picture],
        };
        Ok(Described {
            pictures: format!("{} pictures", decoded.len()),
            decoding: decoding.describe(),
            step: None,
            weights: params.weight_count(),
            loss_per_caption,
            loss_per_token,
            loss_of_exchanged,
            scores: Scores::of(&captions, &split.references).beside(&captions, training),
            findings,
            items: (0..decoded.len()).map(item).collect(),
        })
    }

    /// Asks the model where it looked as it said the best captions of some pictures of the split. A model without attention,
    /// or one that sees a picture as one place, has nothing to tell.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn add_attention<C: Cell>(
        &mut self,
        engine: &mut Engine,
        params: &Params,
        model: &Captioner<C>,
        vocabulary: &Vocabulary,
        split: &Split,
        pictures: &[usize],
    ) -> Result<(), Error> {
        if !model.vision.has_places() {
            return Ok(());
        }
        // What a word looked at depends on the words before it, of which a caption that was cut off has one less: there is no
        // look for an end that was not said.
        let before = |picture: usize| -> Option<Vec<i32>> {
            let Spoken { words, end, .. } = self.items[picture].captions.first()?;
            let count = (words.len() + usize::from(end.is_some())).checked_sub(1)?;
            Some(words[..count].iter().map(|(word, _)| vocabulary.id(word)).collect())
        };
        let (pictures, before): (Vec<usize>, Vec<Vec<i32>>) =
            pictures.iter().filter_map(|picture| Some((*picture, before(*picture)?))).unzip();
        let mut seen = Vec::new();
        split.pictures.see(pictures.iter().copied(), &mut seen)?;
        let captions: Vec<&[i32]> = before.iter().map(Vec::as_slice).collect();
        let maps = model.attention_maps(engine, params, &seen, &captions)?;
        for (picture, maps) in pictures.into_iter().zip(maps.into_iter().flatten()) {
            self.items[picture].captions[0].attention = Some(maps);
        }
        Ok(())
    }

    /// The numbers of the pictures, those with the highest CIDEr-D first; of equal ones the first.
    pub(super) fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.items.len()).collect();
        let score = |picture: &usize| self.items[*picture].scores.cider_d;
        ranking.sort_by(|a, b| score(b).total_cmp(&score(a)));
        ranking
    }
}
