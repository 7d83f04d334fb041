//! A cell tried as a captioner: it learns from rendered scenes for a while and then says what it sees.
//!
//! This is for a cell of one's own: one call puts it into the network of `examples/captioning.rs` and trains that end to end,
//! from pixels.

use std::fmt;

use nn::NamedCell;

use crate::data::scenes::{Scenes, Verdict, judge};
use crate::error::Error;
use crate::evaluate::{SceneScores, describe_all, score_scenes};
use crate::model::{Decoding, Input, ModelSettings};
use crate::training::{Recipe, Training};

/// Validation pictures whose captions are shown.
const SHOWN: usize = 4;

/// What a cell has learned of scenes.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// The name of the cell.
    pub cell: String,
    /// Steps of training.
    pub steps: u64,
    /// The loss of the validation split before them, in nats a caption.
    pub loss_before: f64,
    /// The loss of the validation split after them, in nats a caption.
    pub loss_after: f64,
    /// What was then said of the validation pictures, judged.
    pub scores: SceneScores,
    /// What was said of a few of them.
    pub samples: Vec<Sample>,
}

/// A caption beside what is there.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// What the captioner says.
    pub said: String,
    /// One of the captions that are true.
    pub truth: String,
    /// Whether all that it says is true.
    pub is_true: bool,
}

/// Trains a captioner around a cell for so many steps of 64 captions.
///
/// ```
/// use caption::data::scenes::Scenes;
///
/// let gru = nn::cells::named("gru").expect("a cell of the list");
/// let trial = caption::trial::on_scenes(&gru, &Scenes::small(), 3)?;
/// assert!(trial.loss_after < trial.loss_before);
/// # Ok::<(), caption::error::Error>(())
/// ```
///
/// # Errors
/// If the scenes' settings are wrong, or the loss or a gradient is not finite any more.
pub fn on_scenes(cell: &NamedCell, scenes: &Scenes, steps: u64) -> Result<Trial, Error> {
    let generated = scenes.generate()?;
    let data = &generated.dataset;
    let settings = ModelSettings {
        input: Input::of(&data.train),
        embedding: 64,
        hidden: 128,
        vocabulary: data.vocabulary.len(),
        picture_at_every_step: true,
        ..ModelSettings::default()
    };
    let recipe = Recipe { steps, batch: 64, learning_rate: 2e-3, ..Recipe::default() };
    let vocabulary = data.vocabulary.clone();
    let mut training = Training::with_cell(settings, recipe, vocabulary, data.train.captions.len(), cell)?;
    let (loss_before, _) = training.losses(&data.val, recipe.batch)?;
    while training.step < steps {
        training.take_step(&data.train)?;
    }
    let (loss_after, _) = training.losses(&data.val, recipe.batch)?;
    let (engine, params, model) = training.parts();
    let captions = describe_all(engine, params, model, &data.vocabulary, &data.val, &Decoding::default())?;
    let sample = |picture: usize| Sample {
        said: captions[picture].join(" "),
        truth: data.val.references[picture][0].join(" "),
        is_true: judge(&captions[picture], &generated.val[picture]) == Verdict::True,
    };
    Ok(Trial {
        cell: cell.name.clone(),
        steps,
        loss_before,
        loss_after,
        scores: score_scenes(&captions, &data.val, &generated.val),
        samples: (0..captions.len().min(SHOWN)).map(sample).collect(),
    })
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} as a captioner: loss {:.2} per caption, after {} steps {:.2}; {:.1} % true captions of new pictures",
            self.cell,
            self.loss_before,
            self.steps,
            self.loss_after,
            100.0 * self.scores.truth
        )?;
        for Sample { said, truth, is_true } in &self.samples {
            let verdict = if *is_true { "true " } else { "false" };
            writeln!(f, "  {verdict}  {said:<50} said of: {truth}")?;
        }
        Ok(())
    }
}
