//! Fine-tuning on what captions are judged by: self-critical sequence training (Rennie et al., 2017,
//! <https://arxiv.org/abs/1612.00563>).
//!
//! ```text
//! w ~ p(w | picture)    b = the greedy caption         both without noise
//! loss = -1/N Σ_n (r(w_n) - r(b_n)) ln p(w_n)          r = CIDEr-D against the picture's references, <END> a word
//! ```
//!
//! A drawn caption that is better than the greedy one becomes more probable, a worse one less. Without `<END>` as a word of the
//! reward, captions would learn to break off. `<UNK>` is never drawn; p is that of the whole vocabulary all the same.

use nn::Optimizer;

use super::{StepLosses, Training};
use crate::data::sampler::Sampler;
use crate::data::{END, START, Split, Vocabulary};
use crate::error::Error;
use crate::metrics::CiderD;
use crate::model::{Caption, Decoding, Method, Sample, batch_of};

/// Sets these draws apart from others with the same seed.
const PURPOSE: u64 = 0x5eed_0f0e_0a0d_0002;

/// What ends a caption, as a word of the reward.
const STOP: &str = "<END>";

/// The references of a split as the reward takes them, for [`CiderD::of`].
pub fn reward_references(split: &Split) -> Vec<Vec<Vec<String>>> {
    let ended = |words: &Vec<String>| words.iter().cloned().chain([STOP.to_string()]).collect();
    split.references.iter().map(|all| all.iter().map(ended).collect()).collect()
}

/// A caption's reward.
fn reward(cider: &CiderD<'_>, vocabulary: &Vocabulary, picture: usize, caption: &Caption) -> f64 {
    let mut words = vocabulary.decode(&caption.words);
    words.extend(caption.ended.then(|| STOP.to_string()));
    cider.score(picture, &words)
}

impl Training {
    /// Takes one step towards captions of a higher reward, for the pictures of the captions that are next. `cider` is over
    /// [`reward_references`] of the split.
    ///
    /// # Errors
    /// As [`Training::take_step`], and if the model says nothing at all.
    pub fn take_reward_step(&mut self, split: &Split, cider: &CiderD<'_>) -> Result<StepLosses, Error> {
        self.check_data(split)?;
        let rate = self.learning_rate();
        self.trainer.optimizer.set_learning_rate(rate);
        self.sampler.next_batch(&mut self.indices);
        let pictures: Vec<usize> = self.indices.iter().map(|caption| split.picture_of[*caption]).collect();
        let mut seen = Vec::new();
        split.pictures.see(pictures.iter().copied(), &mut seen);
        let first = self.step * self.recipe.batch as u64;
        let streams: Vec<u64> = (first..).take(pictures.len()).collect();
        let sample = Sample { seed: self.recipe.seed ^ PURPOSE, ..Sample::default() };
        let drawing = Decoding { method: Method::Sample(sample), ..Decoding::default() };
        let (model, params, engine) = (&self.model, &self.params, &mut self.trainer.engine);
        let mut decode = |decoding| model.decode(engine, params, &streams, &seen, &decoding);
        let (drawn, greedy) = (decode(drawing)?, decode(Decoding::default())?);
        let rewards = |captions: &[Vec<Caption>]| -> Vec<f64> {
            let pairs = captions.iter().zip(&pictures);
            pairs.map(|(all, picture)| reward(cider, &self.vocabulary, *picture, &all[0])).collect()
        };
        let [drawn_rewards, greedy_rewards] = [&drawn, &greedy].map(|captions| rewards(captions));
        let advantages: Vec<f64> = drawn_rewards.iter().zip(&greedy_rewards).map(|(r, b)| r - b).collect();

        let row = |all: &Vec<Caption>| {
            let end: &[i32] = if all[0].ended { &[END] } else { &[] };
            [&[START], all[0].words.as_slice(), end].concat()
        };
        self.batch = batch_of(&drawn.iter().map(row).collect::<Vec<_>>());
        self.batch.pictures = seen;
        if self.batch.targets() == 0 {
            return Err(Error::Mismatch("the model says nothing; train it on captions first".into()));
        }
        let (model, batch) = (&self.model, &self.batch);
        let report =
            self.trainer.step(&mut self.params, |tape| model.weighted_loss(tape, batch, &advantages))?;
        self.step += 1;
        let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
        Ok(StepLosses {
            captions: batch.len(),
            per_caption: report.loss,
            per_token: report.loss * batch.len() as f64 / batch.targets() as f64,
            gradient_norm: report.gradient_norm,
            skipped: report.skipped,
            rewards: Some([mean(&drawn_rewards), mean(&greedy_rewards)]),
        })
    }
}
