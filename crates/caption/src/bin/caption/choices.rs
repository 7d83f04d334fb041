//! What a training is asked for on the command line: the shape of the model, and how it learns.

use caption::data::Dataset;
use caption::error::Error;
use caption::model::{Architecture, Dropouts, Input, LONGEST, ModelSettings, longest};
use caption::training::{Metric, Recipe, Rule, Schedule};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};

/// The names of the cells that a captioner can have.
pub fn cell_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        nn::cells::all().into_iter().map(|cell| PossibleValue::new(cell.name).help(cell.about)),
    )
}

/// What carries the sentence so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A recurrent cell that starts from the picture.
    #[default]
    Rnn,
    /// A recurrent cell that looks at the places of the picture at every step.
    Attention,
    /// A transformer decoder, without a cell.
    Transformer,
}

/// The shape of the model.
#[derive(Args)]
pub struct ModelChoice {
    /// What carries the sentence so far.
    #[arg(long, value_enum, default_value_t = Kind::Rnn)]
    pub model: Kind,
    /// The recurrent cell, such as rnn, lstm or gru; rnn unless told.
    #[arg(long, value_parser = cell_names())]
    pub cell: Option<String>,
    /// Width of the hidden state; in a transformer that of each feed-forward network.
    #[arg(long, default_value_t = 512)]
    hidden: usize,
    /// Width of a word's vector.
    #[arg(long, default_value_t = 256)]
    embedding: usize,
    /// Show the picture to the cell at every step, not only as its first state.
    #[arg(long)]
    picture_at_every_step: bool,
    /// Hidden units of the attention; as many as the hidden state has unless told.
    #[arg(long, value_name = "WIDTH")]
    attention_width: Option<usize>,
    /// Layers of a transformer [default: 2].
    #[arg(long)]
    layers: Option<usize>,
    /// Heads of each attention of a transformer [default: 4].
    #[arg(long)]
    heads: Option<usize>,
    /// Score words by their own vectors.
    #[arg(long)]
    tie: bool,
    /// The rate at which inputs of the cell are dropped in training; in a transformer everything.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    dropout: f64,
    /// The rate at which the cell's hidden state is dropped in training.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    dropout_state: f64,
    /// The rate at which what the scores are made of is dropped in training.
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    dropout_scores: f64,
}

/// How the model learns.
#[derive(Args)]
pub struct LearningChoice {
    /// Passes over the captions.
    #[arg(long, default_value_t = 10)]
    epochs: u64,
    /// Captions in a step.
    #[arg(long, default_value_t = 50)]
    batch: usize,
    /// How weights are changed.
    #[arg(long, value_enum, default_value_t = Optimizer::Adam)]
    optimizer: Optimizer,
    /// The share of a weight that decays with a learning rate of one, for adamw [default: 0.01].
    #[arg(long, value_name = "SHARE")]
    weight_decay: Option<f64>,
    /// The learning rate at the start.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// How the learning rate goes on.
    #[arg(long, value_enum, default_value_t = Course::Cosine)]
    schedule: Course,
    /// What the learning rate is multiplied by, for step and plateau [default: 0.5].
    #[arg(long, value_name = "FACTOR")]
    decay: Option<f64>,
    /// After how many epochs: between falls for step [default: 1], without a lower loss for plateau [default: 2].
    #[arg(long, value_name = "EPOCHS")]
    decay_after: Option<u64>,
    /// Steps in which the learning rate rises from nearly nothing.
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    warmup: u64,
    /// The largest norm of all gradients together.
    #[arg(long, default_value_t = 5.0)]
    clip: f64,
    /// The share of probability that the right word leaves to all words.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    label_smoothing: f64,
    /// Start the scores of words from how frequent they are.
    #[arg(long)]
    bias_from_frequencies: bool,
    /// The probability, at the end, that a word fed in is the model's own; it rises from 0.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.0)]
    scheduled_sampling: f64,
    /// What the best model is the best by, on the validation split.
    #[arg(long, value_enum, default_value_t = By::Bleu4)]
    metric: By,
    /// Stop after so many epochs that are no better than the best by the metric.
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<u64>,
    /// Leave out steps whose gradient norm lies more than so many standard deviations above the mean, such as 4.
    #[arg(long, value_name = "DEVIATIONS")]
    skip_outliers: Option<f64>,
    /// Decides the first weights, the order of the captions, and all noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cut each batch into so many parts and sum over them in a fixed order: then the bits do not depend on the number of ranks.
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Optimizer {
    Sgd,
    Momentum,
    Rmsprop,
    Adam,
    Adamw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Course {
    /// As it is.
    Constant,
    /// Falls after every few epochs.
    Step,
    /// Down to a hundredth along half a cosine.
    Cosine,
    /// Falls when the validation loss has not for a few epochs.
    Plateau,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    ValLoss,
    #[value(name = "bleu-4")]
    Bleu4,
    CiderD,
}

/// What `--cell` belongs to.
pub const CELLS: &str = "--model rnn or attention";

/// Refuses an option that was given and does not fit the choice that it belongs to.
pub fn only(given: bool, option: &str, fits: bool, what: &str) -> Result<(), Error> {
    match given && !fits {
        true => Err(Error::Mismatch(format!("--{option} belongs to {what}; leave it out"))),
        false => Ok(()),
    }
}

impl ModelChoice {
    /// The settings of the model for some data.
    pub fn settings(&self, data: &Dataset) -> Result<ModelSettings, Error> {
        let (transformer, attends) = (self.model == Kind::Transformer, self.model == Kind::Attention);
        only(self.layers.is_some(), "layers", transformer, "--model transformer")?;
        only(self.heads.is_some(), "heads", transformer, "--model transformer")?;
        only(self.cell.is_some(), "cell", !transformer, CELLS)?;
        only(self.attention_width.is_some(), "attention-width", attends, "--model attention")?;
        let input = Input::of(&data.train);
        if let (Kind::Attention, Input::Features { .. }) = (self.model, input) {
            return Err(Error::Mismatch(format!(
                "the data holds {input}, one place for each picture, so that attention has nothing to choose from; give a grid, \
                 (pictures, rows, columns, channels) in --features, or take --model rnn --picture-at-every-step, which sees the same"
            )));
        }
        let architecture = match self.model {
            Kind::Rnn => Architecture::Recurrent,
            Kind::Attention => Architecture::Attention { width: self.attention_width.unwrap_or(self.hidden) },
            Kind::Transformer => Architecture::Transformer {
                layers: self.layers.unwrap_or(2),
                heads: self.heads.unwrap_or(4),
                positions: positions(data),
                norm_first: true,
            },
        };
        Ok(ModelSettings {
            input,
            origin: data.origin.clone(),
            cell: self.cell.clone().unwrap_or_else(|| "rnn".into()),
            embedding: self.embedding,
            hidden: self.hidden,
            vocabulary: data.vocabulary.len(),
            picture_at_every_step: self.picture_at_every_step,
            architecture,
            tied: self.tie,
            dropout: Dropouts {
                inputs: self.dropout,
                state: self.dropout_state,
                scores: self.dropout_scores,
            },
        })
    }
}

/// Positions for all captions of the data, and for those that are made.
fn positions(data: &Dataset) -> usize {
    [&data.train, &data.val].map(|split| longest(&split.captions)).into_iter().fold(LONGEST, usize::max)
}

impl LearningChoice {
    /// The recipe for so many captions.
    pub fn recipe(&self, captions: usize) -> Result<Recipe, Error> {
        let falls = matches!(self.schedule, Course::Step | Course::Plateau);
        only(self.decay.is_some(), "decay", falls, "--schedule step or plateau")?;
        only(self.decay_after.is_some(), "decay-after", falls, "--schedule step or plateau")?;
        let decays = self.optimizer == Optimizer::Adamw;
        only(self.weight_decay.is_some(), "weight-decay", decays, "--optimizer adamw")?;
        let factor = self.decay.unwrap_or(0.5);
        Ok(Recipe {
            steps: self.epochs.saturating_mul(captions.div_ceil(self.batch.max(1)) as u64),
            batch: self.batch,
            learning_rate: self.learning_rate,
            schedule: match self.schedule {
                Course::Constant => Schedule::Constant,
                Course::Step => Schedule::Decay { factor, every: self.decay_after.unwrap_or(1) },
                Course::Cosine => Schedule::Cosine,
                Course::Plateau => Schedule::Plateau { factor, patience: self.decay_after.unwrap_or(2) },
            },
            clip: Some(self.clip),
            seed: self.seed,
            optimizer: match self.optimizer {
                Optimizer::Sgd => Rule::Sgd,
                Optimizer::Momentum => Rule::Momentum,
                Optimizer::Rmsprop => Rule::RmsProp,
                Optimizer::Adam => Rule::Adam,
                Optimizer::Adamw => Rule::AdamW { weight_decay: self.weight_decay.unwrap_or(0.01) },
            },
            warmup: self.warmup,
            label_smoothing: self.label_smoothing,
            bias_from_frequencies: self.bias_from_frequencies,
            scheduled_sampling: self.scheduled_sampling,
            metric: match self.metric {
                By::ValLoss => Metric::ValLoss,
                By::Bleu4 => Metric::Bleu4,
                By::CiderD => Metric::CiderD,
            },
            patience: self.patience,
            skip_outliers: self.skip_outliers,
            shards: self.shards,
            ..Recipe::default()
        })
    }
}
