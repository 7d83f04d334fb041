//! What validations have shown: which model is the best so far, whether the learning rate falls, and whether it is time to
//! stop.

use nn::schedule::Plateau;
use serde::{Deserialize, Serialize};

use super::{Recipe, Schedule};

/// What a model is called the best by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The validation loss per token; the lower, the better.
    ValLoss,
    /// BLEU-4 of the validation captions.
    #[default]
    Bleu4,
    /// CIDEr-D of the validation captions.
    CiderD,
}

/// What was found of the validation split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// The loss per token.
    pub loss: f64,
    /// BLEU-4.
    pub bleu_4: f64,
    /// CIDEr-D.
    pub cider_d: f64,
}

/// What validations have shown so far; part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The best score that was noted.
    pub best: Option<f64>,
    /// Validations since then.
    pub waited: u64,
    /// The lowest loss that was noted.
    pub lowest_loss: Option<f64>,
    /// Validations without a lower loss since then, or since the learning rate fell.
    pub without_lower_loss: u64,
    /// What the learning rate is multiplied by.
    pub factor: f64,
}

impl Default for Watch {
    fn default() -> Self {
        Watch { best: None, waited: 0, lowest_loss: None, without_lower_loss: 0, factor: 1.0 }
    }
}

impl Metric {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Metric::ValLoss => "validation loss",
            Metric::Bleu4 => "BLEU-4",
            Metric::CiderD => "CIDEr-D",
        }
    }

    /// What it is of a validation.
    pub fn of(self, validation: &Validation) -> f64 {
        match self {
            Metric::ValLoss => validation.loss,
            Metric::Bleu4 => validation.bleu_4,
            Metric::CiderD => validation.cider_d,
        }
    }

    /// Whether one is better than another; what is not a number is not.
    fn is_better(self, one: f64, other: Option<f64>) -> bool {
        let better = |other: f64| if self == Metric::ValLoss { one < other } else { one > other };
        one.is_finite() && other.is_none_or(better)
    }
}

impl Watch {
    /// Takes note of a validation; whether it is the best so far.
    pub fn note(&mut self, recipe: &Recipe, validation: &Validation) -> bool {
        let score = recipe.metric.of(validation);
        let best = recipe.metric.is_better(score, self.best);
        if best {
            (self.best, self.waited) = (Some(score), 0);
        } else {
            self.waited += 1;
        }
        if let Schedule::Plateau { factor: decay, patience } = recipe.schedule {
            let mut plateau = Plateau {
                patience: patience as usize,
                decay,
                best: self.lowest_loss.unwrap_or(f64::INFINITY),
                waited: self.without_lower_loss as usize,
                factor: self.factor,
            };
            plateau.observe(validation.loss);
            // JSON has no infinity.
            self.lowest_loss = Some(plateau.best).filter(|loss| loss.is_finite());
            (self.without_lower_loss, self.factor) = (plateau.waited as u64, plateau.factor);
        }
        best
    }

    /// Whether the recipe's patience is at an end.
    pub fn is_over(&self, recipe: &Recipe) -> bool {
        recipe.patience.is_some_and(|patience| self.waited >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these validations are the best so far, and after which the training is over.
    #[track_caller]
    fn check(recipe: Recipe, losses_and_scores: &[(f64, f64)], best: &[bool], over: Option<usize>) {
        let mut watch = Watch::default();
        let mut ended = None;
        for (number, (loss, score)) in losses_and_scores.iter().enumerate() {
            let validation = Validation { loss: *loss, bleu_4: *score, cider_d: -score };
            assert_eq!(watch.note(&recipe, &validation), best[number], "number {number}");
            // As through a checkpoint.
            let text = serde_json::to_string(&watch).expect("it is written");
            assert_eq!(serde_json::from_str::<Watch>(&text).expect("it is read"), watch);
            ended = ended.or(watch.is_over(&recipe).then_some(number));
        }
        assert_eq!(ended, over);
    }

    #[test]
    fn the_best_is_the_best_by_the_metric_and_patience_ends() {
        let shown = [(2.0, 0.1), (1.0, 0.1), (1.5, 0.3), (1.0, 0.2), (f64::NAN, f64::NAN), (0.5, 0.0)];
        let recipe = |metric, patience| Recipe { metric, patience, ..Recipe::default() };
        check(recipe(Metric::Bleu4, None), &shown, &[true, false, true, false, false, false], None);
        check(recipe(Metric::Bleu4, Some(3)), &shown, &[true, false, true, false, false, false], Some(5));
        check(recipe(Metric::ValLoss, Some(2)), &shown, &[true, true, false, false, false, true], Some(3));
        check(recipe(Metric::CiderD, Some(2)), &shown, &[true, false, false, false, false, true], Some(2));
        check(recipe(Metric::ValLoss, Some(1)), &[(f64::NAN, 0.0)], &[false], Some(0));
    }

    #[test]
    fn the_learning_rate_falls_where_the_loss_does_not() {
        let schedule = Schedule::Plateau { factor: 0.5, patience: 2 };
        let recipe = Recipe { schedule, ..Recipe::default() };
        let mut watch = Watch::default();
        let factors = [3.0, 2.0, 2.5, 2.0, 1.0, f64::NAN, 4.0].map(|loss| {
            watch.note(&recipe, &Validation { loss, bleu_4: 0.0, cider_d: 0.0 });
            watch.factor
        });
        assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    }
}
