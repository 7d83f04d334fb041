//! `caption train`: a run with metrics, checkpoints and sample captions, which can be interrupted.

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
use lab::run_dir::RunDir;
use serde::Serialize;

use crate::Outcome;
use crate::choices::{LearningChoice, ModelChoice};
use crate::runs::{BEST, DataChoice, Loaded, check_input, load_model};

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
        let loaded = self.data.load()?;
        let train = &loaded.data.train;
        let taught = self.scst.as_deref().map(load_model).transpose()?;
        let config = self.config(&loaded, taught.as_ref())?;
        let mut run = RunDir::open(&self.out, &config)?;
        let checkpoints = run.checkpoints();
        let mut training = match checkpoints.latest::<SavedState>()? {
            None => match &taught {
                Some(model) => Training::from_model(model, config.recipe, train.captions.len())?,
                None => Training::new(
                    config.model.clone(),
                    config.recipe,
                    loaded.data.vocabulary.clone(),
                    train.captions.len(),
                )?,
            },
            Some(Latest { step, checkpoint, skipped }) => {
                skipped
                    .iter()
                    .for_each(|error| eprintln!("caption: a damaged checkpoint is passed over: {error}"));
                let training = Training::resumed(&checkpoint)?;
                check_words(&training.vocabulary, &loaded.data.vocabulary)?;
                println!("going on from step {step}");
                training
            }
        };
        // Steps after the checkpoint, or all where a stop came before the first, are taken and recorded again.
        run.rewind(training.step)?;
        println!(
            "model: {} weights, a step works in at most {:.1} MB; best model and checkpoints in {}",
            training.params.weight_count(),
            1e-6 * training.bytes(train) as f64,
            self.out.display()
        );

        if let (Input::Grid { .. }, Architecture::Recurrent) = (config.model.input, config.model.architecture)
        {
            println!(
                "       it sees the mean of a picture's places; --model attention and --model transformer look at each"
            );
        }
        training.check_numbers(self.check_numbers);
        self.go_on(&mut training, &loaded, &mut run, taught.is_some()).map_err(|cause| {
            let batch = matches!(cause, Error::Train(_)).then(|| training.describe_batch(train));
            let kept = checkpoints.latest::<SavedState>().ok().flatten().map(|latest| latest.step);
            let step = training.step + u64::from(batch.is_some());
            Error::Stopped(Box::new(Stopped { step, kept, cause, batch }))
        })?;
        if training.step < training.recipe.steps {
            let Recipe { metric, .. } = training.recipe;
            println!("stopped: {} has not become better for {} epochs", metric.name(), training.watch.waited);
        }
        if training.skipped() > 0 {
            println!(
                "{} steps were left out, as their gradients were far larger than those before",
                training.skipped()
            );
        }
        println!("trained {} steps; see `caption evaluate {}`", training.step, self.out.display());
        Ok(ExitCode::SUCCESS)
    }

    /// Takes all steps that are left.
    fn go_on(
        &self,
        training: &mut Training,
        loaded: &Loaded,
        run: &mut RunDir,
        rewarded: bool,
    ) -> Result<(), Error> {
        let train = &loaded.data.train;
        let checkpoints = run.checkpoints();
        let references = if rewarded { reward_references(train) } else { Vec::new() };
        let cider = CiderD::of(&references);
        let mut progress = Progress::new(training.epochs(), training.recipe.steps, training.step);
        while !training.is_over() {
            let learning_rate = training.learning_rate();
            let losses = if rewarded {
                training.take_reward_step(train, &cider)?
            } else {
                training.take_step(train)?
            };
            progress.report(&training.progress(&losses));
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
            let epoch_ends = training.step.is_multiple_of(training.steps_per_epoch())
                || training.step == training.recipe.steps;
            let best = epoch_ends && self.look(training, loaded, run, &mut progress)?;
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
                checkpoints.save(training.step, &tensors, &state)?;
            }
        }
        progress.finish();
        Ok(())
    }

    fn config(&self, loaded: &Loaded, taught: Option<&Model>) -> Result<Config, Error> {
        let model = match taught {
            Some(model) => {
                check_input(model, &loaded.data, &loaded.data.train)?;
                check_words(&model.vocabulary, &loaded.data.vocabulary)?;
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

    /// Judges the model on the validation split, shows and records it; whether it is the best so far.
    fn look(
        &self,
        training: &mut Training,
        loaded: &Loaded,
        run: &mut RunDir,
        progress: &mut Progress,
    ) -> Result<bool, Error> {
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
        let validation = Validation { loss: loss_per_token, bleu_4: scores.bleu[3], cider_d: scores.cider_d };
        Ok(training.note(&validation))
    }
}
