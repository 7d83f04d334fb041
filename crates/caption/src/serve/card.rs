//! What the model is, for those who did not train it.

use serde::Serialize;

use super::Bounds;
use super::query::{WIDEST, longest};
use crate::data::encoder::Origin;
use crate::model::{Architecture, Input, ModelSettings};
use crate::training::Model;

/// The model's card: `GET /api/model`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// The model in a sentence.
    pub about: String,
    /// What it sees.
    pub input: Input,
    /// Which encoder makes the features that it sees, where it sees such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The name of its recurrent cell.
    pub cell: String,
    /// Width of a word's vector.
    pub embedding: usize,
    /// Width of the hidden state.
    pub hidden: usize,
    /// Words that it can say, and the four that are none.
    pub vocabulary: usize,
    /// Whether the picture is shown to every step.
    pub picture_at_every_step: bool,
    /// How many numbers it has learned.
    pub weights: usize,
    /// The longest caption that can be asked for here: a transformer says no more words than it has positions.
    pub longest: usize,
    /// The widest beam that can be asked for here.
    pub widest_beam: usize,
    /// The most bytes that a picture may have here.
    pub most_bytes: usize,
}

impl Card {
    /// The card of a model that is served within some bounds.
    pub fn of(model: &Model, bounds: &Bounds) -> Card {
        let settings = model.settings.clone();
        let longest = longest(&settings);
        let weights = model.params.weight_count();
        let about = format!(
            "It sees {}{} and speaks by {} of width {}; {weights} weights, a vocabulary of {} words.",
            settings.input,
            settings.origin.as_ref().map_or(String::new(), |origin| format!(", made by {origin},")),
            speaker(&settings),
            settings.hidden,
            settings.vocabulary
        );
        Card {
            about,
            input: settings.input,
            origin: settings.origin,
            cell: settings.cell,
            embedding: settings.embedding,
            hidden: settings.hidden,
            vocabulary: settings.vocabulary,
            picture_at_every_step: settings.picture_at_every_step,
            weights,
            longest,
            widest_beam: WIDEST,
            most_bytes: bounds.body,
        }
    }
}

/// What makes the words.
fn speaker(settings: &ModelSettings) -> String {
    match settings.architecture {
        Architecture::Recurrent => format!("the cell {}", settings.cell),
        Architecture::Attention { .. } => format!("the cell {} with attention", settings.cell),
        Architecture::Transformer { .. } => "a transformer".into(),
    }
}
