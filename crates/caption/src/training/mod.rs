//! Training a captioner: the model, its optimiser and its place in the data, step by step.
//!
//! What a [`Training`] holds is all that decides its next step, so that one resumed from a checkpoint
//! goes on with the same bits.

mod recipe;
mod reward;
mod rule;
mod sampling;
mod saved;
mod watch;
mod words;

pub use recipe::{AnySampler, Draw, Recipe, Schedule};
pub use reward::reward_references;
pub use rule::Rule;
pub use saved::{Model, Norms, SavedState};
pub use watch::{Metric, Validation, Watch};
pub use words::{check_words, hash_of};

use rule::AnyOptimizer;

use std::ops::Range;
use std::sync::Arc;

use nn::exchange::Alone;
use nn::{AnyCell, Exchange, NamedCell, Optimizer, Outliers, Params, Parts, StepReport, TrainError, Trainer};
use tape::{DType, Engine, Tape, Var};

use crate::data::batch::Batch;
use crate::data::sampler::Sampler;
use crate::data::{Captions, NULL, Split, Vocabulary};
use crate::error::Error;
use crate::evaluate::losses;
use crate::model::{Captioner, ModelSettings};
use crate::progress::Step;

/// Captions of a batch that are named in a message.
const SHOWN: usize = 50;

/// A captioner in training.
#[derive(Debug)]
pub struct Training {
    /// The shape of the model.
    pub settings: ModelSettings,
    /// How it is trained.
    pub recipe: Recipe,
    /// The words that it speaks.
    pub vocabulary: Vocabulary,
    /// Its weights, and the optimiser's slots.
    pub params: Params,
    /// The model.
    pub model: Captioner<AnyCell>,
    /// Steps taken.
    pub step: u64,
    /// What validations have shown.
    pub watch: Watch,
    /// The hash of the vocabulary, in two halves.
    words: [i32; 2],
    trainer: Trainer<AnyOptimizer>,
    sampler: AnySampler,
    batch: Batch,
    indices: Vec<usize>,
    /// With whom steps are taken, where it is not alone or its batches are cut all the same.
    ranks: Option<Arc<Exchange>>,
}

/// What a step has shown of the loss before it, as it is in training: of smoothed words, with what is dropped, and fed with
/// own words, where the recipe says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLosses {
    /// Captions in the step.
    pub captions: usize,
    /// The loss summed over a caption's words, averaged over captions.
    pub per_caption: f64,
    /// The loss averaged over words.
    pub per_token: f64,
    /// The norm of all gradients together.
    pub gradient_norm: f64,
    /// Whether the step was left out, as its gradients are far larger than those before.
    pub skipped: bool,
    /// What captions got, in fine-tuning on rewards.
    pub rewards: Option<Rewards>,
}

/// The mean rewards of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rewards {
    /// Of captions that were sampled.
    pub sampled: f64,
    /// Of greedy ones, where samples are held against them.
    pub greedy: Option<f64>,
}

impl Training {
    /// A training from the beginning, on a split with so many captions.
    ///
    /// # Errors
    /// If there is no cell of the name in the settings, the settings or the recipe cannot be followed, or the recipe does
    /// not fit the captions.
    pub fn new(
        settings: ModelSettings,
        recipe: Recipe,
        vocabulary: Vocabulary,
        captions: usize,
    ) -> Result<Training, Error> {
        let cell = settings.named_cell()?;
        Training::with_cell(settings, recipe, vocabulary, captions, &cell)
    }

    /// The same with any cell; the settings take its name.
    ///
    /// # Errors
    /// If the settings or the recipe cannot be followed, or the recipe does not fit the captions.
    pub fn with_cell(
        settings: ModelSettings,
        recipe: Recipe,
        vocabulary: Vocabulary,
        captions: usize,
        cell: &NamedCell,
    ) -> Result<Training, Error> {
        let settings = ModelSettings { cell: cell.name.clone(), ..settings };
        settings.check(cell)?;
        recipe.check()?;
        let mut params = Params::seeded(DType::F32, recipe.seed);
        let model = Captioner::new(&mut params, &settings, cell);
        let mut trainer = Trainer::new(&mut params, recipe.optimizer.optimizer(recipe.learning_rate));
        trainer.clip = recipe.clip;
        trainer.outliers = recipe.skip_outliers.map(Outliers::beyond);
        let sampler = recipe.sampler(captions)?;
        let alone = |_| Exchange::start(|| Ok(Box::new(Alone))).map_err(Error::Mismatch);
        let ranks = recipe.shards.map(alone).transpose()?;
        let words = words::halves(hash_of(&vocabulary));
        Ok(Training {
            settings,
            recipe,
            vocabulary,
            params,
            model,
            step: 0,
            watch: Watch::default(),
            words,
            trainer,
            sampler,
            batch: Batch::default(),
            indices: Vec::new(),
            ranks,
        })
    }

    /// A training that goes on from the weights of a model, with a recipe and an optimiser of its own.
    ///
    /// # Errors
    /// As for [`Training::new`].
    pub fn from_model(model: &Model, recipe: Recipe, captions: usize) -> Result<Training, Error> {
        let mut training = Training::new(model.settings.clone(), recipe, model.vocabulary.clone(), captions)?;
        for entry in model.params.iter() {
            training.params.set(entry.name, entry.value.clone())?;
        }
        Ok(training)
    }

    /// Takes the steps from now on together with the other ranks of an exchange, each of which has the same training and is given
    /// the same split. Each then computes its part of every batch, and all have the same weights.
    pub fn share(&mut self, exchange: &Arc<Exchange>) {
        if exchange.ranks() > 1 || self.recipe.shards.is_some() {
            self.ranks = Some(Arc::clone(exchange));
        }
    }

    /// A number that all ranks have in common while their weights and the optimiser's slots are the same.
    pub fn fingerprint(&self) -> u64 {
        let numbers = self.params.iter().flat_map(|entry| entry.value.as_slice::<f32>());
        words::fnv(numbers.map(|number| number.to_bits().into()))
    }

    /// Steps of one pass over the captions.
    pub fn steps_per_epoch(&self) -> u64 {
        self.sampler.batches_per_epoch() as u64
    }

    /// The pass over the captions that the last step was in, from 1.
    pub fn epoch(&self) -> u64 {
        self.step.saturating_sub(1) / self.steps_per_epoch() + 1
    }

    /// Passes over the captions, the last one counted whole.
    pub fn epochs(&self) -> u64 {
        self.recipe.steps.div_ceil(self.steps_per_epoch())
    }

    /// Has each value of each step looked at, so that the first one that is not finite is named; see
    /// [`Trainer::check_numbers`].
    pub fn check_numbers(&mut self, check: bool) {
        self.trainer.check_numbers = check;
    }

    /// Steps that were left out, as their gradients were far larger than those before.
    pub fn skipped(&self) -> u64 {
        self.trainer.outliers.map_or(0, |outliers| outliers.skipped)
    }

    /// What the last step was to learn from: its captions by their rows in the split, in the order of the rows in a
    /// loop, and their pictures.
    pub fn describe_batch(&self, split: &Split) -> String {
        let order = self.batch.layout.order();
        let caption = |row: usize| {
            let caption = *self.batch.indices.get(row)?;
            let picture = *split.picture_of.get(caption)?;
            let name = split.names.get(picture).map_or("", String::as_str);
            Some(format!("{caption} of `{name}`"))
        };
        let shown: Vec<String> = order.iter().take(SHOWN).filter_map(|row| caption(*row)).collect();
        let more = order.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("the batch, in the order of its rows, is of captions {}{more}", shown.join(", "))
    }

    /// The engine, for programs beside the training.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.trainer.engine
    }

    /// What is needed to use the model as it is now.
    pub fn parts(&mut self) -> (&mut Engine, &Params, &Captioner<AnyCell>) {
        (&mut self.trainer.engine, &self.params, &self.model)
    }

    /// The most bytes that a step on a split works in, beside weights and their moments: those for its longest
    /// captions. Nothing is computed.
    pub fn bytes(&mut self, split: &Split) -> usize {
        let Captions { width, ids } = &split.captions;
        let length = |caption: &[i32]| caption.iter().rposition(|word| *word != NULL).unwrap_or(0);
        let lengths: Vec<usize> = ids.chunks_exact((*width).max(1)).map(length).collect();
        let mut longest: Vec<usize> = (0..lengths.len()).collect();
        longest.sort_by_key(|caption| std::cmp::Reverse(lengths[*caption]));
        longest.truncate(self.recipe.batch);
        let mut batch = Batch::default();
        batch.fill_without_pictures(split, &longest);
        let (model, smoothing) = (&self.model, self.recipe.label_smoothing);
        self.trainer.bytes(&self.params, |tape| model.smoothed_loss(tape, &batch, smoothing).per_sequence())
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the loss or a gradient is not finite, or the split is not the one that the training was begun on;
    /// the weights are then as they were.
    pub fn take_step(&mut self, split: &Split) -> Result<StepLosses, Error> {
        self.check_data(split)?;
        if self.step == 0 {
            self.settings.check_lengths(&split.captions)?;
            if self.recipe.bias_from_frequencies {
                let counts = counts(&split.captions, self.settings.vocabulary);
                self.model.scores.start_from_counts(&mut self.params, &counts);
            }
        }
        self.begin_step();
        self.batch.fill(split, &self.indices)?;
        self.mix_in_own_words()?;
        let (captions, smoothing) = (self.batch.len(), self.recipe.label_smoothing);
        let report = self
            .step_down(|model, tape, batch, _| model.smoothed_loss(tape, batch, smoothing).over(captions))?;
        Ok(self.end_step(&report))
    }

    /// Steps down the gradient of a loss on the batch at hand, of which `share` records what some of its rows have in it.
    fn step_down(
        &mut self,
        share: impl for<'t> Fn(&Captioner<AnyCell>, &'t Tape, &Batch, Range<usize>) -> Var<'t>,
    ) -> Result<StepReport, TrainError> {
        let (model, batch) = (&self.model, &self.batch);
        let Some(ranks) = &self.ranks else {
            return self.trainer.step(&mut self.params, |tape| share(model, tape, batch, 0..batch.len()));
        };
        // The last batch of an epoch may have fewer captions than there are parts.
        let count = self.recipe.shards.unwrap_or(ranks.ranks()).min(batch.len());
        let parts = Parts { fixed_order: self.recipe.shards.is_some(), ..Parts::new(count) };
        self.trainer.step_in_parts(&mut self.params, ranks, &parts, |tape, part| {
            let rows = part * batch.len() / count..(part + 1) * batch.len() / count;
            share(model, tape, &batch.rows(rows.clone()), rows)
        })
    }

    /// Chooses the captions of the next step and its learning rate.
    fn begin_step(&mut self) {
        let rate = self.learning_rate();
        self.trainer.optimizer.set_learning_rate(rate);
        self.sampler.next_batch(&mut self.indices);
    }

    /// Counts a step that was taken on the batch at hand, and tells of it.
    fn end_step(&mut self, report: &StepReport) -> StepLosses {
        self.step += 1;
        let (captions, words) = (self.batch.len(), self.batch.targets());
        StepLosses {
            captions,
            per_caption: report.loss,
            per_token: report.loss * captions as f64 / words.max(1) as f64,
            gradient_norm: report.gradient_norm,
            skipped: report.skipped,
            rewards: None,
        }
    }

    /// Whether a split is the one that the training was begun on, as far as can be seen.
    fn check_data(&self, split: &Split) -> Result<(), Error> {
        let (expected, found) = (self.sampler.captions(), split.captions.len());
        if expected == found {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "the training was begun on {expected} captions and cannot go on with {found}; give it the same data"
        )))
    }

    /// What a progress view is told of the step that was just taken.
    pub fn progress(&self, losses: &StepLosses) -> Step {
        Step {
            epoch: self.epoch(),
            step: self.step,
            captions: losses.captions as u64,
            loss_per_caption: losses.per_caption,
            loss_per_token: losses.per_token,
        }
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.recipe.rate(self.step, self.steps_per_epoch()) * self.watch.factor
    }

    /// Takes note of how good the model is now; whether it is the best so far.
    pub fn note(&mut self, validation: &Validation) -> bool {
        self.watch.note(&self.recipe, validation)
    }

    /// Whether there is nothing left to do: all steps are taken, or the recipe's patience is at an end.
    pub fn is_over(&self) -> bool {
        self.step >= self.recipe.steps || self.watch.is_over(&self.recipe)
    }

    /// Puts the model's own words into the batch of the next step, as often as the recipe says.
    fn mix_in_own_words(&mut self) -> Result<(), Error> {
        let probability = self.recipe.sampling(self.step);
        if probability == 0.0 {
            return Ok(());
        }
        let tape = self.params.tape();
        let scores = self.model.scores_of(&tape, &self.batch).rows;
        let logarithms = self.trainer.engine.run(&[scores.log_softmax()])?.tensor(0).to_f64();
        let mut dice = sampling::dice(self.recipe.seed, self.step);
        sampling::mix_in(&mut self.batch, &logarithms, probability, &mut dice);
        Ok(())
    }

    /// The loss of a split, per caption and per token, in batches of `size`.
    ///
    /// # Errors
    /// If the split holds what the model cannot take.
    pub fn losses(&mut self, split: &Split, size: usize) -> Result<(f64, f64), Error> {
        losses(&mut self.trainer.engine, &self.params, &self.model, split, size)
    }
}

/// How often each word of the vocabulary is to be predicted.
fn counts(captions: &Captions, vocabulary: usize) -> Vec<u64> {
    let mut counts = vec![0; vocabulary];
    for caption in captions.ids.chunks_exact(captions.width.max(1)) {
        for word in caption.iter().skip(1).filter(|word| **word != NULL) {
            // A word outside the vocabulary is an error of the step, which names it.
            if let Some(count) = usize::try_from(*word).ok().and_then(|word| counts.get_mut(word)) {
                *count += 1;
            }
        }
    }
    counts
}
