//! The model of a run: which of its checkpoints is meant, how it sees picture files, and whether data fits it.

use std::path::Path;

use caption::data::encoder::{Origin, Sight};
use caption::data::{Dataset, Split};
use caption::error::Error;
use caption::model::{Input, ModelSettings};
use caption::training::{Model, SavedState, check_words};
use lab::checkpoint::{self, Checkpoint};
use lab::files::FileError;
use lab::run_dir::checkpoints_of;

/// The best model of a run, by the metric of its recipe on the validation split.
pub const BEST: &str = "best.json";

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

/// How a model sees picture files: their pixels, or the features that the encoder it was trained with makes of them.
pub fn sight(model: &Model, encoder: Option<&Path>) -> Result<Sight, Error> {
    let ModelSettings { input, origin, .. } = &model.settings;
    match (input, encoder, origin) {
        (Input::Pixels { height, width }, None, _) => Ok(Sight::of_pixels(*height, *width)),
        (Input::Pixels { .. }, Some(_), _) => {
            Err(Error::Mismatch(format!("the model sees {input} and needs no encoder; leave out --encoder")))
        }
        (_, None, None) => Err(Error::Mismatch(format!(
            "the model sees {input}, which cannot be computed from a picture file, because nobody wrote down what made them; \
             describe rows of features by `caption describe RUN --data PATH --row N`, or train on features of `caption encode` or \
             on pixels"
        ))),
        (_, None, Some(origin)) => Err(Error::Mismatch(format!(
            "the model sees {input}, which {origin} makes of a picture file; give it by --encoder FILE, or describe rows of features \
             by `caption describe RUN --data PATH --row N`"
        ))),
        (_, Some(path), None) => Err(Error::Mismatch(format!(
            "the model sees {input}, but nobody wrote down what made them, so that {} cannot be held against it; train on features \
             of `caption encode`",
            path.display()
        ))),
        (_, Some(path), Some(origin)) => same_encoder(path, origin),
    }
}

#[cfg(feature = "onnx")]
fn same_encoder(path: &Path, origin: &Origin) -> Result<Sight, Error> {
    Ok(caption::data::encoder::Encoder::load_same(path, origin)?.sight())
}

#[cfg(not(feature = "onnx"))]
fn same_encoder(_: &Path, _: &Origin) -> Result<Sight, Error> {
    Err(without_onnx())
}

/// The error of a program that was built without ONNX.
#[cfg(not(feature = "onnx"))]
pub fn without_onnx() -> Error {
    Error::Mismatch(
        "this program was built without ONNX; build it by `cargo build --release --bin caption --features onnx`".into(),
    )
}

/// Whether captions of data can be held against those of a model: it sees the data's pictures and speaks its words.
pub fn check_data(model: &Model, data: &Dataset, split: &Split) -> Result<(), Error> {
    check_input(model, data, split)?;
    check_words(&model.vocabulary, &data.vocabulary)
}

/// Whether a model can be given a split: it was trained on the same kind of pictures, on features of no other encoder, and
/// takes captions as long as these.
pub fn check_input(model: &Model, data: &Dataset, split: &Split) -> Result<(), Error> {
    let ModelSettings { input, origin, .. } = &model.settings;
    let found = Input::of(split);
    if *input != found {
        return Err(Error::Mismatch(format!(
            "the model sees {input}, but the data holds {found}; give the data it was trained on"
        )));
    }
    match (origin, &data.origin) {
        (Some(own), Some(found)) if own.sha256 != found.sha256 || own.card != found.card => {
            Err(Error::Mismatch(format!(
                "the model was trained on features of {own}, but those of the data were made by {found}, or of pictures that were \
                 brought to it in another way; give the features it was trained on"
            )))
        }
        _ => model.settings.check_lengths(&split.captions),
    }
}
