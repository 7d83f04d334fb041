//! `caption train`: a run with metrics, checkpoints and sample captions, which can be interrupted.

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;

use caption::error::{Error, Stopped};
use caption::evaluate::{Evaluation, evaluate, score_scenes};
use caption::metrics::{CiderD, Scores};
use caption::model::{Architecture, Decoding, Input, ModelSettings};
use caption::progress::Progress;
use caption::training::{Model, Recipe, SavedState, Training, Validation, check_words, reward_references};
use clap::Args;
use lab::checkpoint;
use lab::checkpoints::Latest;
use lab::progress::{columns, wrapped};
use lab::run_dir::{RunDir, checkpoints_of};
use serde::Serialize;

use crate::Outcome;
use crate::choices::{LearningChoice, ModelChoice};
use crate::data::{DataChoice, Loaded};
use crate::ranks::{Ranks, say, speaks};
use crate::runs::{BEST, check_data, load_model};

/// Sample captions that are shown after each epoch.
const SHOWN: usize = 3;

/// Train a captioner.
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    data: DataChoice,
    /// The folder for metrics, checkpoints and the best model.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Save a checkpoint after every so many steps, beside those after each epoch.
    #[arg(long, value_name = "STEPS")]
    checkpoint_every: Option<NonZeroU64>,
    /// Look at each value of each step, and name the first one that is not finite: slow, for a training that has stopped.
    #[arg(long)]
    check_numbers: bool,
    /// Fine-tune the model of this run on CIDEr-D, by self-critical training; choose a much smaller learning rate.
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["model", "cell", "hidden", "embedding", "picture_at_every_step", "attention_width", "layers",
            "heads", "tie", "dropout", "dropout_state", "dropout_scores", "label_smoothing", "bias_from_frequencies",
            "scheduled_sampling"]
    )]
    scst: Option<PathBuf>,
    /// With --scst, captions sampled for each picture; each is held against the others, and a single one against the
    /// greedy caption. A step has so many times the captions of --batch.
    #[arg(long, value_name = "N", default_value = "5", requires = "scst")]
    scst_samples: NonZeroUsize,
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    learning: LearningChoice,
}

/// What a run's folder says of it; another run is not mixed into it.
#[derive(Debug, PartialEq, Serialize)]
struct Config {
    #[serde(flatten)]
    data: DataChoice,
    model: ModelSettings,
    recipe: Recipe,
    /// The run whose model is fine-tuned on rewards.
    #[serde(skip_serializing_if = "Option::is_none")]
    scst: Option<PathBuf>,
}

#[derive(Serialize)]
struct StepMetrics {
    step: u64,
    epoch: u64,
    loss_per_caption: f64,
    loss_per_token: f64,
    gradient_norm: f64,
    learning_rate: f64,
    /// Whether the step was left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
    /// Of captions that were drawn, in fine-tuning on rewards.
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<f64>,
    /// Of greedy ones, where samples are held against them.
    #[serde(skip_serializing_if = "Option::is_none")]
    greedy_reward: Option<f64>,
}

#[derive(Serialize)]
struct EpochMetrics {
    step: u64,
    epoch: u64,
    val_loss_per_caption: f64,
    val_loss_per_token: f64,
    val_perplexity: f64,
    /// With the features of other pictures.
    val_loss_per_token_of_exchanged: Option<f64>,
    #[serde(flatten)]
    val: Scores,
    /// What is said of the first pictures.
    samples: Vec<String>,
}

impl Train {
    /// Trains to the end, from the last checkpoint if there is one.
    pub fn run(&self) -> Outcome {
        let ranks = Ranks::join()?;
        let loaded = self.data.load()?;
        let train = &loaded.data.train;
        let taught = self.scst.as_deref().map(load_model).transpose()?;
        let config = self.config(&loaded, taught.as_ref())?;
        let mut run = if speaks() { Some(RunDir::open(&self.out, &config)?) } else { None };
        let checkpoints = checkpoints_of(&self.out);
        let mut training = self.training(&config, &loaded, taught.as_ref(), &ranks)?;
        ranks.share(&mut training);
        ranks.check(&training)?;
        // Steps after the checkpoint, or all where a stop came before the first, are taken and recorded again.
        if let Some(run) = &mut run {
            run.rewind(training.step)?;
        }
        say!(
            "model: {} weights, a step works in at most {:.1} MB; best model and checkpoints in {}",
            training.params.weight_count(),
            1e-6 * training.bytes(train) as f64,
            self.out.display()
        );
        if ranks.count() > 1 {
            say!("       {} ranks share each step", ranks.count());
        }
        if let (Input::Grid { .. }, Architecture::Recurrent) = (config.model.input, config.model.architecture)
        {
            say!(
                "       it sees the mean of a picture's places; --model attention and --model transformer look at each"
            );
        }
        training.check_numbers(self.check_numbers);
        ranks.tell_of_a_stop(&self.out);
        self.go_on(&mut training, &loaded, &ranks, &mut run, taught.is_some()).map_err(|cause| {
            let batch = matches!(cause, Error::Train(_)).then(|| training.describe_batch(train));
            let kept = checkpoints.latest::<SavedState>().ok().flatten().map(|latest| latest.step);
            let step = training.step + u64::from(batch.is_some());
            let shared = ranks.count() > 1;
            Error::Stopped(Box::new(Stopped { step, kept, cause, batch, shared }))
        })?;
        if training.step < training.recipe.steps {
            let Recipe { metric, .. } = training.recipe;
            say!("stopped: {} has not become better for {} epochs", metric.name(), training.watch.waited);
        }
        if training.skipped() > 0 {
            say!(
                "{} steps were left out, as their gradients were far larger than those before",
                training.skipped()
            );
        }
        say!("trained {} steps; see `caption evaluate {}`", training.step, self.out.display());
        Ok(ExitCode::SUCCESS)
    }

    /// The training, where its last checkpoint stands, or else from the beginning or from a model that is fine-tuned.
    fn training(
        &self,
        config: &Config,
        loaded: &Loaded,
        taught: Option<&Model>,
        ranks: &Ranks,
    ) -> Result<Training, Error> {
        let (vocabulary, captions) = (&loaded.data.vocabulary, loaded.data.train.captions.len());
        let Some(Latest { step, checkpoint, skipped }) = self.latest(ranks)? else {
            return match taught {
                Some(model) => Training::from_model(model, config.recipe, captions),
                None => Training::new(config.model.clone(), config.recipe, vocabulary.clone(), captions),
            };
        };
        for error in skipped.iter().filter(|_| speaks()) {
            eprintln!("caption: a damaged checkpoint is passed over: {error}");
        }
        let training = Training::resumed(&checkpoint)?;
        check_words(&training.vocabulary, vocabulary)?;
        say!("going on from step {step}");
        Ok(training)
    }

    /// The checkpoint that all ranks go on from: the newest that the first of them can read.
    fn latest(&self, ranks: &Ranks) -> Result<Option<Latest<SavedState>>, Error> {
        let latest = || checkpoints_of(&self.out).latest::<SavedState>();
        let step = |latest: &Option<Latest<SavedState>>| latest.as_ref().map(|latest| latest.step);
        if speaks() {
            let latest = latest()?;
            ranks.step_of_first(step(&latest))?;
            return Ok(latest);
        }
        // Before the first has looked, it may be cleaning up there.
        let first = ranks.step_of_first(None)?;
        let latest = if first.is_some() { latest()? } else { None };
        if step(&latest) == first {
            return Ok(latest);
        }
        let named = |step: Option<u64>| step.map_or("none".into(), |step| step.to_string());
        Err(Error::Mismatch(format!(
            "rank 0 goes on from the checkpoint of step {} in {}, and here the newest is {}; give a folder that all ranks share",
            named(first),
            self.out.display(),
            named(step(&latest))
        )))
    }

    /// Takes all steps that are left.
    fn go_on(
        &self,
        training: &mut Training,
        loaded: &Loaded,
        ranks: &Ranks,
        run: &mut Option<RunDir>,
        rewarded: bool,
    ) -> Result<(), Error> {
        let train = &loaded.data.train;
        let references = if rewarded { reward_references(train) } else { Vec::new() };
        let cider = CiderD::of(&references);
        let (epochs, steps) = (training.epochs(), training.recipe.steps);
        let mut progress = match run {
            Some(_) => Progress::new(epochs, steps, training.step),
            None => Progress::to_lines(epochs, steps, training.step, Box::new(io::sink())),
        };
        while !training.is_over() {
            let learning_rate = training.learning_rate();
            let losses = if rewarded {
                training.take_reward_step(train, &cider)?
            } else {
                training.take_step(train)?
            };
            progress.report(&training.progress(&losses));
            if let Some(run) = run {
                run.append(&StepMetrics {
                    step: training.step,
                    epoch: training.epoch(),
                    loss_per_caption: losses.per_caption,
                    loss_per_token: losses.per_token,
                    gradient_norm: losses.gradient_norm,
                    learning_rate,
                    skipped: losses.skipped,
                    reward: losses.rewards.map(|rewards| rewards.sampled),
                    greedy_reward: losses.rewards.and_then(|rewards| rewards.greedy),
                })?;
            }
            let epoch_ends = training.step.is_multiple_of(training.steps_per_epoch())
                || training.step == training.recipe.steps;
            let mut best = false;
            if epoch_ends {
                ranks.check(training)?;
                // The others wait for what the first finds.
                let found = match run {
                    Some(run) => Some(self.look(training, loaded, run, &mut progress)?),
                    None => None,
                };
                best = training.note(&ranks.validation_of_first(found)?);
            }
            let Some(run) = run else { continue };
            if best {
                let (tensors, state) = training.saved();
                checkpoint::save(&self.out.join(BEST), &tensors, &state)?;
            }
            if epoch_ends
                || self.checkpoint_every.is_some_and(|every| training.step.is_multiple_of(every.get()))
            {
                let (tensors, state) = training.saved();
                run.sync()?;
                run.write_csv()?;
                run.checkpoints().save(training.step, &tensors, &state)?;
            }
        }
        progress.finish();
        Ok(())
    }

    fn config(&self, loaded: &Loaded, taught: Option<&Model>) -> Result<Config, Error> {
        let model = match taught {
            Some(model) => {
                check_data(model, &loaded.data, &loaded.data.train)?;
                model.settings.clone()
            }
            None => self.model.settings(&loaded.data)?,
        };
        let recipe = self.learning.recipe(loaded.data.train.captions.len())?;
        let samples = self.scst.as_ref().map_or(1, |_| self.scst_samples.get());
        let recipe = Recipe { samples, ..recipe };
        // Before there is a folder.
        model.check(&model.named_cell()?)?;
        recipe.check()?;
        Ok(Config { data: self.data.clone(), model, recipe, scst: self.scst.clone() })
    }

    /// Judges the model on the validation split, shows and records it.
    fn look(
        &self,
        training: &mut Training,
        loaded: &Loaded,
        run: &mut RunDir,
        progress: &mut Progress,
    ) -> Result<Validation, Error> {
        let val = &loaded.data.val;
        let (engine, params, model) = training.parts();
        let vocabulary = &loaded.data.vocabulary;
        let evaluation = evaluate(engine, params, model, vocabulary, val, &Decoding::default())?;
        let Evaluation { loss_per_caption, loss_per_token, loss_of_exchanged, ref captions, .. } = evaluation;
        let scores = Scores::of(captions, &val.references);
        progress.println(&format!(
            "validation: loss {loss_per_caption:.3} per caption, {loss_per_token:.4} per token, perplexity {:.2}; \
             BLEU-4 {:.4}, CIDEr-D {:.4}",
            loss_per_token.exp(),
            scores.bleu[3],
            scores.cider_d
        ));
        if let Some([scenes, _]) = &loaded.scenes {
            let scores = score_scenes(captions, val, scenes);
            progress
                .println(&format!("  {:.1}% of the captions are true of their scene", 100.0 * scores.truth));
        }
        for finding in evaluation.diagnose(val) {
            let said = format!("  {}: {}", finding.symptom.name(), finding.observed);
            progress.println(&wrapped(&said, columns()));
        }
        let shown = val.names.iter().zip(captions).take(SHOWN);
        let samples: Vec<String> =
            shown.map(|(name, caption)| format!("{name}: {}", caption.join(" "))).collect();
        progress.pin(&samples);
        run.append(&EpochMetrics {
            step: training.step,
            epoch: training.epoch(),
            val_loss_per_caption: loss_per_caption,
            val_loss_per_token: loss_per_token,
            val_perplexity: loss_per_token.exp(),
            val_loss_per_token_of_exchanged: loss_of_exchanged,
            val: scores,
            samples,
        })?;
        Ok(Validation { loss: loss_per_token, bleu_4: scores.bleu[3], cider_d: scores.cider_d })
    }
}
