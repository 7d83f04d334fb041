//! Fine-tuning on what captions are judged by: self-critical sequence training (Rennie et al., 2017,
//! <https://arxiv.org/abs/1612.00563>).
//!
//! ```text
//! w_k ~ p(w | picture), K times    b = the greedy caption         without noise
//! loss = -1/(N K) Σ_n Σ_k (r(w_nk) - b_nk) ln p(w_nk)              r = CIDEr-D against the picture's references, <END> a word
//! b_nk = r(greedy caption of n)               of one sample (Rennie et al.)
//!        mean of r(w_nj) over j other than k  of several (Luo, 2020, <https://arxiv.org/abs/2003.09971>)
//! ```
//!
//! A drawn caption that is better than what it is held against becomes more probable, a worse one less. A sample of a model that
//! is not very sure is nearly always worse than its greedy caption, so that a step says little but "not this one"; of several
//! samples about half are better than the others, and steps say more.
//!
//! Without `<END>` as a word of the reward, captions would learn to break off. `<UNK>` is never drawn, so p is among the other
//! words: were it that of the whole vocabulary, draws that are worse than the greedy caption would feed `<UNK>` until little
//! else were left.

use super::{Rewards, StepLosses, Training};
use crate::data::{END, NULL, START, Split, UNKNOWN, Vocabulary};
use crate::error::Error;
use crate::metrics::CiderD;
use crate::model::{Caption, Decoding, Method, Sample, batch_of};

/// Sets these draws apart from others with the same seed.
const PURPOSE: u64 = 0x5eed_0f0e_0a0d_0002;

/// What is never drawn, and has no probability here.
const NEVER_SAID: [i32; 3] = [NULL, START, UNKNOWN];

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
        self.begin_step();
        let samples = self.recipe.samples;
        let repeated = self.indices.iter().flat_map(|caption| std::iter::repeat_n(*caption, samples));
        let captions: Vec<usize> = repeated.collect();
        let pictures: Vec<usize> = captions.iter().map(|caption| split.picture_of[*caption]).collect();
        let mut seen = Vec::new();
        split.pictures.see(pictures.iter().copied(), &mut seen)?;
        let first = self.step * (self.recipe.batch * samples) as u64;
        let streams: Vec<u64> = (first..).take(pictures.len()).collect();
        let (model, params, engine) = (&self.model, &self.params, &mut self.trainer.engine);
        let mut say = |method| -> Result<(Vec<Caption>, Vec<f64>), Error> {
            let decoding = Decoding { method, ..Decoding::default() };
            let said = model.decode(engine, params, &streams, &seen, &decoding)?.into_iter().flatten();
            let said: Vec<Caption> = said.collect();
            let rewarded = said.iter().zip(&pictures);
            let rewards = rewarded
                .map(|(caption, picture)| reward(cider, &self.vocabulary, *picture, caption))
                .collect();
            Ok((said, rewards))
        };
        let sample = Sample { seed: self.recipe.seed ^ PURPOSE, ..Sample::default() };
        let (drawn, rewards) = say(Method::Sample(sample))?;
        let greedy = if samples == 1 { Some(say(Method::Greedy)?.1) } else { None };
        let advantages = match &greedy {
            Some(greedy) => rewards.iter().zip(greedy).map(|(reward, greedy)| reward - greedy).collect(),
            None => above_others(&rewards, samples),
        };

        let row = |caption: &Caption| {
            let end: &[i32] = if caption.ended { &[END] } else { &[] };
            [&[START], caption.words.as_slice(), end].concat()
        };
        self.batch = batch_of(&drawn.iter().map(row).collect::<Vec<_>>());
        self.batch.pictures = seen;
        // The captions whose pictures these are, as a message would name them.
        self.batch.indices = captions;
        if self.batch.targets() == 0 {
            return Err(Error::Mismatch("the model says nothing; train it on captions first".into()));
        }
        // Dropout would make it the gradient of another model than the one that spoke.
        self.trainer.noise = false;
        let all = self.batch.len() as f64;
        let report = self.step_down(|model, tape, batch, rows| {
            // The loss of a batch is a mean over its captions.
            let share = batch.len() as f64 / all;
            let weights: Vec<f64> = advantages[rows].iter().map(|advantage| advantage * share).collect();
            model.weighted_loss(tape, batch, &weights, &NEVER_SAID)
        })?;
        let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
        let rewards = Rewards { sampled: mean(&rewards), greedy: greedy.as_deref().map(mean) };
        Ok(StepLosses { rewards: Some(rewards), ..self.end_step(&report) })
    }
}

/// By how much each reward is above the mean of the others of its picture, of which each has so many.
fn above_others(rewards: &[f64], samples: usize) -> Vec<f64> {
    let of_picture = |rewards: &[f64]| {
        let sum: f64 = rewards.iter().sum();
        let others = (samples - 1) as f64;
        rewards.iter().map(|reward| reward - (sum - reward) / others).collect::<Vec<_>>()
    };
    rewards.chunks_exact(samples).flat_map(of_picture).collect()
}

#[cfg(test)]
mod tests {
    use super::above_others;

    #[test]
    fn a_sample_is_held_against_the_mean_of_the_others_of_its_picture() {
        assert_eq!(above_others(&[1.0, 2.0, 6.0, 0.5, 0.5, 0.5], 3), [-3.0, -1.5, 4.5, 0.0, 0.0, 0.0]);
    }
}
