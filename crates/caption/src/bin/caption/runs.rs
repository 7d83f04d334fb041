//! What the commands share: where data comes from, and which checkpoint of a run is meant.

use std::path::{Path, PathBuf};

use caption::data::cs231n::Cs231n;
use caption::data::scenes::{Scene, Scenes};
use caption::data::{DataError, Dataset, Source, Split};
use caption::error::Error;
use caption::training::{Model, SavedState};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use lab::checkpoint::{self, Checkpoint};
use lab::files::FileError;
use lab::run_dir::checkpoints_of;
use serde::{Deserialize, Serialize};

/// The best model of a run, by the metric of its recipe on the validation split.
pub const BEST: &str = "best.json";

/// Where pictures and captions come from.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataChoice {
    /// A folder in CS231n's `coco_captioning` layout; without it, scenes are rendered.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Data that was loaded, with the scenes behind rendered pictures.
pub struct Loaded {
    /// Pictures and captions.
    pub data: Dataset,
    /// For rendered scenes, those of the validation and the test split.
    pub scenes: Option<[Vec<Scene>; 2]>,
}

/// A part of a dataset that captioners are judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Validation.
    Val,
    /// Held back to the end.
    Test,
}

/// The names of the cells that a captioner can have.
pub fn cell_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        nn::cells::all().into_iter().map(|cell| PossibleValue::new(cell.name).help(cell.about)),
    )
}

impl DataChoice {
    /// Loads the data and says what it is.
    pub fn load(&self) -> Result<Loaded, Error> {
        let loaded = match &self.data {
            None => {
                let scenes = Scenes::default();
                println!("data: {}", scenes.describe());
                let made = scenes.generate()?;
                Loaded { data: made.dataset, scenes: Some([made.val, made.test]) }
            }
            Some(folder) => {
                let folder = Cs231n::new(folder);
                println!("data: {}", folder.describe());
                Loaded { data: folder.load()?, scenes: None }
            }
        };
        let Dataset { vocabulary, train, val, .. } = &loaded.data;
        println!(
            "      {} captions of {} pictures to learn from, {} validation pictures, {} words",
            train.captions.len(),
            train.pictures.len(),
            val.pictures.len(),
            vocabulary.len()
        );
        Ok(loaded)
    }
}

impl Loaded {
    /// A part of the data, with its scenes.
    pub fn part(&self, part: Part) -> Result<(&Split, Option<&[Scene]>), Error> {
        let scenes = |index: usize| self.scenes.as_ref().map(|scenes| scenes[index].as_slice());
        match (part, &self.data.test) {
            (Part::Val, _) => Ok((&self.data.val, scenes(0))),
            (Part::Test, Some(test)) => Ok((test, scenes(1))),
            (Part::Test, None) => {
                Err(DataError::new("--split test", "this data has no test split; use --split val").into())
            }
        }
    }
}

/// The name after a run's folder that asks for its newest checkpoint.
const LAST: &str = "last";

/// Loads the model of a run: its best, else its newest checkpoint; that one of `RUN/last` in any case; or that of a
/// checkpoint's JSON file.
pub fn load_model(run: &Path) -> Result<Model, Error> {
    Model::from_checkpoint(&load_checkpoint(run)?)
}

/// The checkpoint that [`load_model`] takes the model from.
pub fn load_checkpoint(run: &Path) -> Result<Checkpoint<SavedState>, Error> {
    match find_checkpoint(run)? {
        Some(checkpoint) => Ok(checkpoint),
        None => {
            let problem = "there is neither a checkpoint nor a run with one";
            let advice = "give the folder of `caption train --out`, or a model's JSON file";
            Err(FileError::new(run, problem, advice).into())
        }
    }
}

/// The same; none where there is no model yet.
pub fn find_checkpoint(run: &Path) -> Result<Option<Checkpoint<SavedState>>, Error> {
    let (run, last) = match run.parent() {
        Some(folder) if run.ends_with(LAST) && !run.exists() => (folder, true),
        _ => (run, false),
    };
    let best = run.join(BEST);
    if run.is_file() {
        Ok(Some(checkpoint::load(run)?))
    } else if best.is_file() && !last {
        Ok(Some(checkpoint::load(&best)?))
    } else {
        Ok(checkpoints_of(run).latest()?.map(|latest| latest.checkpoint))
    }
}

/// The error of a model that was trained on another kind of pictures than it is given, or on shorter captions than it can
/// take.
pub fn check_input(model: &Model, split: &Split) -> Result<(), Error> {
    let (expected, found) = (model.settings.input, caption::model::Input::of(split));
    if expected == found {
        return model.settings.check_lengths(&split.captions);
    }
    Err(Error::Mismatch(format!(
        "the model sees {expected}, but the data holds {found}; give the data it was trained on"
    )))
}
