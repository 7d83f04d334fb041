//! How a captioner is trained: what a run's configuration says beside the shape of the model.

use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::data::sampler::{Epochs, Sampler, WithReplacement};

/// The settings of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Captions in a step.
    pub batch: usize,
    /// Adam's learning rate at the start.
    pub learning_rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// The largest norm of all gradients together.
    pub clip: Option<f64>,
    /// Decides the first weights and the order of the captions.
    pub seed: u64,
    /// How captions are drawn.
    pub draw: Draw,
}

/// How the learning rate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Multiplied by a factor after each epoch, as CS231n does.
    Decay {
        /// The factor.
        factor: f64,
    },
    /// Down to a hundredth along half a cosine.
    Cosine,
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

impl Recipe {
    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let share = match self.schedule {
            Schedule::Decay { factor } => factor.powf((step / steps_per_epoch.max(1)) as f64),
            Schedule::Cosine => {
                let done = step as f64 / self.steps.max(1) as f64;
                0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        };
        self.learning_rate * share
    }

    /// A sampler of the recipe over so many captions.
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

    #[test]
    fn the_learning_rate_follows_its_schedule() {
        let recipe = |schedule| Recipe {
            steps: 100,
            batch: 25,
            learning_rate: 5e-3,
            schedule,
            clip: None,
            seed: 0,
            draw: Draw::Epochs,
        };
        let decay = recipe(Schedule::Decay { factor: 0.95 });
        assert_eq!(decay.rate(1, 2), 5e-3);
        assert_eq!(decay.rate(2, 2), 5e-3 * 0.95);
        let cosine = recipe(Schedule::Cosine);
        assert_eq!(cosine.rate(0, 2), 5e-3);
        assert!((cosine.rate(50, 2) - 5e-3 * 0.505).abs() < 1e-12);
        assert!((cosine.rate(100, 2) - 5e-5).abs() < 1e-12);
    }
}
