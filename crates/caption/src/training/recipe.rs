//! How a captioner is trained: what a run's configuration says beside the shape of the model.

use nn::schedule;
use serde::{Deserialize, Serialize};

use super::{Metric, Rule};
use crate::data::DataError;
use crate::data::sampler::{Epochs, Sampler, WithReplacement};
use crate::error::Error;
use crate::model::is_default;

/// The settings of a training.
///
/// What is as in the recipes before a setting was there need not be written, so that a run from then goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Captions in a step.
    pub batch: usize,
    /// The learning rate at the start.
    pub learning_rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// The largest norm of all gradients together.
    pub clip: Option<f64>,
    /// Decides the first weights, the order of the captions, and all noise.
    pub seed: u64,
    /// How captions are drawn.
    pub draw: Draw,
    /// How weights are changed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optimizer: Rule,
    /// Steps in which the learning rate rises from nearly nothing, beside its schedule.
    #[serde(default, skip_serializing_if = "is_default")]
    pub warmup: u64,
    /// The share of probability that the right word leaves to all words; see [`nn::smoothed_temporal_softmax`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// Whether the scores' bias starts from how frequent the words are; see
    /// [`WordScores::start_from_counts`](crate::model::WordScores::start_from_counts).
    #[serde(default, skip_serializing_if = "is_default")]
    pub bias_from_frequencies: bool,
    /// The probability at the last step that a word fed in is the model's own; it rises from 0 along a line.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scheduled_sampling: f64,
    /// Captions sampled for each picture in fine-tuning on rewards; see [`Training::take_reward_step`].
    ///
    /// [`Training::take_reward_step`]: super::Training::take_reward_step
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub samples: usize,
    /// What the best model is the best by.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metric: Metric,
    /// After how many validations in a row that are no better than the best the training is over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patience: Option<u64>,
    /// Leaves out steps whose gradient norm lies so many standard deviations above the mean; see [`nn::Outliers`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub skip_outliers: Option<f64>,
    /// Cuts each batch into so many parts, each with noise of its own, and takes sums over them in an order of their own. Then the
    /// bits do not depend on how many ranks compute the parts; see [`nn::exchange`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub shards: Option<usize>,
}

/// How the learning rate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// As it is.
    Constant,
    /// Multiplied by a factor after every so many epochs; after each one as CS231n does.
    Decay {
        /// The factor.
        factor: f64,
        /// Epochs between two falls.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        every: u64,
    },
    /// Down to a hundredth along half a cosine.
    Cosine,
    /// Multiplied by a factor when the validation loss per token has not become lower for a while; see
    /// [`nn::schedule::Plateau`].
    Plateau {
        /// The factor.
        factor: f64,
        /// After how many validations in a row.
        patience: u64,
    },
}

/// How the captions of a step are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Each one once an epoch, in an order of its own.
    Epochs,
    /// Each one at random from all, as CS231n does.
    WithReplacement,
}

fn one<T: From<u8>>() -> T {
    T::from(1)
}

fn is_one<T: From<u8> + PartialEq>(number: &T) -> bool {
    *number == T::from(1)
}

impl Default for Recipe {
    /// A thousand steps of 50 captions with Adam, its rate falling along a cosine.
    fn default() -> Self {
        Recipe {
            steps: 1000,
            batch: 50,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            clip: Some(5.0),
            seed: 1,
            draw: Draw::Epochs,
            optimizer: Rule::default(),
            warmup: 0,
            label_smoothing: 0.0,
            bias_from_frequencies: false,
            scheduled_sampling: 0.0,
            samples: 1,
            metric: Metric::default(),
            patience: None,
            skip_outliers: None,
            shards: None,
        }
    }
}

impl Recipe {
    /// Whether a training can follow the recipe.
    ///
    /// # Errors
    /// If settings are out of bounds or contradict one another; the message says which and what to do.
    pub fn check(&self) -> Result<(), Error> {
        let within = |what: &str, fits: bool, found: &dyn std::fmt::Display, advice: &str| {
            if fits { Ok(()) } else { Err(Error::Mismatch(format!("{what} is {found}; give {advice}"))) }
        };
        let positive = |number: f64| number > 0.0 && number.is_finite();
        let share = |number: f64| (0.0..1.0).contains(&number);
        let rate = self.learning_rate;
        within("the learning rate", positive(rate), &rate, "a number above 0")?;
        if let Some(clip) = self.clip {
            within("the largest norm of the gradients", positive(clip), &clip, "a number above 0")?;
        }
        if let Some(limit) = self.skip_outliers {
            within("the limit for steps to be left out", positive(limit), &limit, "a number above 0")?;
        }
        match self.schedule {
            Schedule::Decay { factor, every } => {
                within("the factor of the learning rate", positive(factor), &factor, "a number above 0")?;
                within("the number of epochs between two falls of the rate", every > 0, &every, "1 or more")?;
            }
            Schedule::Plateau { factor, patience } => {
                within(
                    "the factor of the learning rate",
                    share(factor) && factor > 0.0,
                    &factor,
                    "more than 0 and less than 1",
                )?;
                within("the patience of the learning rate", patience > 0, &patience, "1 or more")?;
            }
            Schedule::Constant | Schedule::Cosine => {}
        }
        let steps = self.steps;
        let fits = self.warmup == 0 || self.warmup < steps;
        within("the warm-up", fits, &self.warmup, &format!("fewer than the {steps} steps of the training"))?;
        let smoothing = self.label_smoothing;
        within("the label smoothing", share(smoothing), &smoothing, "0 or more and less than 1")?;
        let sampling = self.scheduled_sampling;
        let fits = (0.0..=1.0).contains(&sampling);
        within("the probability of scheduled sampling", fits, &sampling, "0 to 1")?;
        within("the number of samples", self.samples > 0, &0, "1 or more")?;
        within("the patience of the training", self.patience != Some(0), &0, "1 or more, or none")?;
        within("the number of shards", self.shards != Some(0), &0, "1 or more, or none")?;
        self.optimizer.check().map_err(Error::Mismatch)
    }

    /// The learning rate of a step, counted from 0; where it waits for a plateau, before the first.
    pub fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let share = match self.schedule {
            Schedule::Constant | Schedule::Plateau { .. } => 1.0,
            Schedule::Decay { factor, every } => {
                factor.powf((step / steps_per_epoch.max(1) / every.max(1)) as f64)
            }
            Schedule::Cosine => {
                let done = step as f64 / self.steps.max(1) as f64;
                0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        };
        self.learning_rate * share * schedule::warmup(step as usize, self.warmup as usize)
    }

    /// The probability that a word fed in at a step, counted from 0, is the model's own.
    pub fn sampling(&self, step: u64) -> f64 {
        let last = self.steps.saturating_sub(1).max(1);
        self.scheduled_sampling * (step as f64 / last as f64).min(1.0)
    }

    /// A sampler of the recipe over so many captions.
    ///
    /// # Errors
    /// If there are no captions, or a batch of none is asked for.
    pub fn sampler(&self, captions: usize) -> Result<AnySampler, DataError> {
        Ok(match self.draw {
            Draw::Epochs => AnySampler::Epochs(Epochs::new(captions, self.batch, self.seed)?),
            Draw::WithReplacement => {
                AnySampler::WithReplacement(WithReplacement::new(captions, self.batch, self.seed)?)
            }
        })
    }
}

/// A sampler that a checkpoint can hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnySampler {
    /// See [`Epochs`].
    Epochs(Epochs),
    /// See [`WithReplacement`].
    WithReplacement(WithReplacement),
}

impl AnySampler {
    fn inner(&self) -> &dyn Sampler {
        match self {
            AnySampler::Epochs(sampler) => sampler,
            AnySampler::WithReplacement(sampler) => sampler,
        }
    }
}

impl Sampler for AnySampler {
    fn next_batch(&mut self, indices: &mut Vec<usize>) {
        match self {
            AnySampler::Epochs(sampler) => sampler.next_batch(indices),
            AnySampler::WithReplacement(sampler) => sampler.next_batch(indices),
        }
    }

    fn batches_per_epoch(&self) -> usize {
        self.inner().batches_per_epoch()
    }

    fn captions(&self) -> usize {
        self.inner().captions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(schedule: Schedule) -> Recipe {
        Recipe { steps: 100, learning_rate: 5e-3, schedule, ..Recipe::default() }
    }

    #[test]
    fn the_learning_rate_follows_its_schedule() {
        let decay = recipe(Schedule::Decay { factor: 0.95, every: 1 });
        assert_eq!(decay.rate(1, 2), 5e-3);
        assert_eq!(decay.rate(2, 2), 5e-3 * 0.95);
        let steps = recipe(Schedule::Decay { factor: 0.5, every: 3 });
        assert_eq!([5, 6, 11, 12].map(|step| steps.rate(step, 2) / 5e-3), [1.0, 0.5, 0.5, 0.25]);
        let cosine = recipe(Schedule::Cosine);
        assert_eq!(cosine.rate(0, 2), 5e-3);
        assert!((cosine.rate(50, 2) - 5e-3 * 0.505).abs() < 1e-12);
        assert!((cosine.rate(100, 2) - 5e-5).abs() < 1e-12);
        let warm = Recipe { warmup: 4, ..recipe(Schedule::Constant) };
        assert_eq!([0, 1, 3, 9].map(|step| warm.rate(step, 2) / 5e-3), [0.25, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn own_words_become_more_probable_along_a_line() {
        let recipe = Recipe { steps: 5, scheduled_sampling: 0.5, ..Recipe::default() };
        assert_eq!([0, 2, 4, 9].map(|step| recipe.sampling(step)), [0.0, 0.25, 0.5, 0.5]);
        assert_eq!(Recipe { steps: 1, ..recipe }.sampling(0), 0.0);
    }

    #[test]
    fn a_recipe_from_before_its_options_is_read_and_written_as_it_was() {
        let old = r#"{"steps":6,"batch":8,"learning_rate":0.001,"schedule":{"decay":{"factor":0.5}},"clip":null,"seed":4,"draw":"epochs"}"#;
        let recipe: Recipe = serde_json::from_str(old).expect("it is read");
        assert_eq!(recipe.optimizer, Rule::Adam);
        assert_eq!(serde_json::to_string(&recipe).expect("it is written"), old);
    }

    #[track_caller]
    fn check(recipe: Recipe, expected: &str) {
        let problem = recipe.check().expect_err("it cannot be followed").to_string();
        assert!(problem.contains(expected), "{expected:?} is missing in {problem:?}");
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let plain = Recipe::default();
        assert!(plain.check().is_ok());
        check(Recipe { learning_rate: f64::NAN, ..plain }, "the learning rate is NaN; give a number above 0");
        check(Recipe { clip: Some(0.0), ..plain }, "the largest norm of the gradients is 0");
        check(Recipe { warmup: 1000, ..plain }, "the warm-up is 1000; give fewer than the 1000 steps");
        check(Recipe { label_smoothing: 1.0, ..plain }, "the label smoothing is 1");
        check(Recipe { scheduled_sampling: 1.5, ..plain }, "scheduled sampling is 1.5; give 0 to 1");
        check(Recipe { skip_outliers: Some(0.0), ..plain }, "the limit for steps to be left out is 0");
        check(Recipe { shards: Some(0), ..plain }, "the number of shards is 0");
        check(Recipe { patience: Some(0), ..plain }, "the patience of the training is 0");
        let schedule = Schedule::Plateau { factor: 1.0, patience: 2 };
        check(Recipe { schedule, ..plain }, "the factor of the learning rate is 1");
        let schedule = Schedule::Decay { factor: 0.5, every: 0 };
        check(Recipe { schedule, ..plain }, "between two falls of the rate is 0");
        check(Recipe { optimizer: Rule::AdamW { weight_decay: -1.0 }, ..plain }, "weight decay of -1");
    }
}
