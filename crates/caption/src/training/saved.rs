//! A captioner in a file: weights and optimiser's slots as safetensors, all else as JSON beside it.

use std::path::Path;

use lab::checkpoint::Checkpoint;
use lab::files::FileError;
use lab::tensors::NamedTensor;
use nn::{AnyCell, NamedCell, Outliers, Params, Role};
use serde::{Deserialize, Serialize};
use tape::tensor::{Data, Slice};
use tape::{DType, Engine, Tensor};

use super::{AnySampler, Recipe, Training, Watch, words};
use crate::data::Vocabulary;
use crate::error::Error;
use crate::model::{Captioner, ModelSettings};

/// What stands beside the tensors of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedState {
    /// The shape of the model.
    pub settings: ModelSettings,
    /// How it is trained.
    pub recipe: Recipe,
    /// Steps taken.
    pub step: u64,
    /// The place in the data.
    pub sampler: AnySampler,
    /// The best score that was noted.
    pub best: Option<f64>,
    /// What else validations have shown.
    #[serde(default)]
    pub watch: Watch,
    /// What gradient norms were, where steps are left out by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norms: Option<Norms>,
    /// The words in the order of their numbers.
    pub words: Vec<String>,
}

/// What is known of gradient norms: what changes of [`Outliers`] from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// Norms that were seen.
    pub seen: u64,
    /// Steps that were left out.
    pub skipped: u64,
    /// The mean of the norms.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
}

impl Norms {
    fn of(outliers: &Outliers) -> Norms {
        let Outliers { seen, skipped, mean, variance, .. } = *outliers;
        Norms { seen, skipped, mean, variance }
    }

    fn beyond(self, limit: f64) -> Outliers {
        let Norms { seen, skipped, mean, variance } = self;
        Outliers { limit, seen, skipped, mean, variance }
    }
}

/// A captioner that was loaded to be used.
#[derive(Debug)]
pub struct Model {
    /// The shape of the model.
    pub settings: ModelSettings,
    /// The words that it speaks.
    pub vocabulary: Vocabulary,
    /// Its weights.
    pub params: Params,
    /// The model.
    pub captioner: Captioner<AnyCell>,
    /// Runs it.
    pub engine: Engine,
}

impl Training {
    /// All that a checkpoint holds: the tensors and what stands beside them.
    pub fn saved(&self) -> (Vec<NamedTensor<'_>>, SavedState) {
        let words = NamedTensor { name: words::TENSOR, shape: vec![2], data: Slice::I32(&self.words) };
        let tensors = self.params.iter().map(|entry| NamedTensor::of(entry.name, entry.value));
        let state = SavedState {
            settings: self.settings.clone(),
            recipe: self.recipe,
            step: self.step,
            sampler: self.sampler.clone(),
            best: self.watch.best,
            watch: self.watch,
            norms: self.trainer.outliers.as_ref().map(Norms::of),
            words: self.vocabulary.words().to_vec(),
        };
        (tensors.chain([words]).collect(), state)
    }

    /// The training that a checkpoint holds, ready for its next step.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape than the model's; the message names the file.
    pub fn resumed(checkpoint: &Checkpoint<SavedState>) -> Result<Training, Error> {
        Training::resumed_with_cell(checkpoint, &backed_cell(checkpoint)?)
    }

    /// The same with the cell that the training was begun with.
    ///
    /// # Errors
    /// As for [`Training::resumed`], as when it is another cell.
    pub fn resumed_with_cell(
        checkpoint: &Checkpoint<SavedState>,
        cell: &NamedCell,
    ) -> Result<Training, Error> {
        let SavedState { settings, recipe, step, sampler, best, watch, norms, words } =
            checkpoint.state.clone();
        let vocabulary = checked_vocabulary(checkpoint, words)?;
        let captions = crate::data::sampler::Sampler::captions(&sampler);
        let mut training = Training::with_cell(settings, recipe, vocabulary, captions, cell)?;
        fill(&mut training.params, checkpoint, |_| true)?;
        training.trainer.steps = step;
        if let (Some(limit), Some(norms)) = (recipe.skip_outliers, norms) {
            training.trainer.outliers = Some(norms.beyond(limit));
        }
        // A checkpoint from before the watch has its best score alone.
        Ok(Training { step, sampler, watch: Watch { best, ..watch }, ..training })
    }
}

impl Model {
    /// Loads the model of a checkpoint, without what only its training needs.
    ///
    /// # Errors
    /// If the file cannot be read, or its tensors do not fit the model that it describes.
    pub fn load(path: &Path) -> Result<Model, Error> {
        Model::from_checkpoint(&lab::checkpoint::load(path)?)
    }

    /// The model of a checkpoint that was read.
    ///
    /// # Errors
    /// If its tensors do not fit the model that it describes.
    pub fn from_checkpoint(checkpoint: &Checkpoint<SavedState>) -> Result<Model, Error> {
        Model::with_cell(checkpoint, &backed_cell(checkpoint)?)
    }

    /// The same with the cell that the model was trained with.
    ///
    /// # Errors
    /// As for [`Model::from_checkpoint`].
    pub fn with_cell(checkpoint: &Checkpoint<SavedState>, cell: &NamedCell) -> Result<Model, Error> {
        let SavedState { settings, recipe, words, .. } = checkpoint.state.clone();
        let vocabulary = checked_vocabulary(checkpoint, words)?;
        settings.check(cell)?;
        let mut params = Params::seeded(DType::F32, recipe.seed);
        let captioner = Captioner::new(&mut params, &settings, cell);
        fill(&mut params, checkpoint, |role| role != Role::Slot)?;
        Ok(Model { settings, vocabulary, params, captioner, engine: Engine::new() })
    }
}

/// The cell that a checkpoint names, if its tensors can be those of the model that it claims.
fn backed_cell(checkpoint: &Checkpoint<SavedState>) -> Result<NamedCell, Error> {
    let settings = &checkpoint.state.settings;
    let cell = settings.named_cell()?;
    let found: u128 = checkpoint.tensors.values().map(|tensor| tensor.values.slice().len() as u128).sum();
    let claimed = settings.least_weights(&cell);
    if claimed > found {
        let problem = format!("tells of a model of at least {claimed} numbers, but its tensors hold {found}");
        return Err(FileError::new(&checkpoint.path, problem, "use the file as it was written").into());
    }
    Ok(cell)
}

/// The vocabulary of a checkpoint, which must be the one that its weights were trained with.
fn checked_vocabulary(checkpoint: &Checkpoint<SavedState>, listed: Vec<String>) -> Result<Vocabulary, Error> {
    let (expected, found) = (checkpoint.state.settings.vocabulary, listed.len());
    if expected != found {
        let problem = format!("the model has scores for {expected} words, but {found} words are listed");
        return Err(FileError::new(&checkpoint.path, problem, "use the file as it was written").into());
    }
    let vocabulary = Vocabulary::from_entries(listed);
    // Checkpoints from before the hash have none.
    if let Some(tensor) = checkpoint.tensors.get(words::TENSOR) {
        let Data::I32(halves) = &tensor.values else { return Err(damaged(checkpoint)) };
        let halves = <[i32; 2]>::try_from(halves.as_slice()).map_err(|_| damaged(checkpoint))?;
        let (expected, found) = (words::whole(halves), words::hash_of(&vocabulary));
        if expected != found {
            let problem = format!(
                "the weights were trained with words of hash {expected:016x}, those listed beside them have {found:016x}"
            );
            let advice = "put back the file that was written with these weights";
            return Err(FileError::new(&checkpoint.path, problem, advice).into());
        }
    }
    Ok(vocabulary)
}

fn damaged(checkpoint: &Checkpoint<SavedState>) -> Error {
    let problem = format!("tensor `{}` is no hash", words::TENSOR);
    FileError::new(&checkpoint.path, problem, "use the file as it was written").into()
}

/// Gives parameters the values of a checkpoint.
fn fill(
    params: &mut Params,
    checkpoint: &Checkpoint<SavedState>,
    which: impl Fn(Role) -> bool,
) -> Result<(), Error> {
    let wanted: Vec<(nn::Param, String)> = params
        .iter()
        .filter(|entry| which(entry.role))
        .map(|entry| (entry.param, entry.name.to_string()))
        .collect();
    for (param, name) in wanted {
        let shape = params[param].shape().clone();
        let tensor = checkpoint.tensor(&name, &shape.sizes())?;
        params.set(param, Tensor::of_data(shape, tensor.values.slice()))?;
    }
    Ok(())
}
