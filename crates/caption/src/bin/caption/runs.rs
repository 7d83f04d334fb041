//! What the commands share: where data comes from, and which checkpoint of a run is meant.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use caption::data::encoder::{Origin, Sight};
use caption::data::fault::{Fault, summary};
use caption::data::features::Channels;
use caption::data::formats::Columns;
use caption::data::recognise::{Recognised, Wishes, recognise};
use caption::data::scenes::{Scene, Scenes};
use caption::data::tokens::Tokens;
use caption::data::{DataError, Dataset, Source, Split};
use caption::error::Error;
use caption::model::{Input, ModelSettings};
use caption::training::{Model, SavedState};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use indicatif::{ProgressBar, ProgressStyle};
use lab::checkpoint::{self, Checkpoint};
use lab::files::FileError;
use lab::run_dir::checkpoints_of;
use serde::{Deserialize, Serialize};

use crate::ranks::{say, speaks};

/// The best model of a run, by the metric of its recipe on the validation split.
pub const BEST: &str = "best.json";

/// Where pictures and captions come from, and how they are made ready.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataChoice {
    /// Pictures and captions: CS231n's folder, Karpathy's or COCO's JSON, Flickr8k's captions, a table, a folder of pictures with
    /// texts beside them, or a file of `caption prepare`; without it, scenes are rendered.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The folder of the pictures, where it is not beside the captions.
    #[arg(long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<PathBuf>,
    /// Features to be seen instead of the pictures: HDF5, npy, npz or safetensors, a row for each picture in the order of the
    /// captions, or rows by name; a row is a vector, (places, channels), or (rows, columns, channels).
    #[arg(long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    features: Option<PathBuf>,
    /// Which extent of a grid of features counts its channels [default: last].
    #[arg(long, value_enum, requires = "features")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channels: Option<Channels>,
    /// Rows and columns of a picture as it is seen, its largest centred square [default: 64].
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<usize>,
    /// How often a token must occur in the training captions to be in the vocabulary [default: 5].
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<usize>,
    /// What captions are made of [default: words].
    #[arg(long, value_enum)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    /// The most words of a caption that is taken [default: 50].
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    longest_caption: Option<usize>,
    /// The most merges that byte pair encoding learns, for `--tokens bpe` [default: 2000].
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merges: Option<usize>,
    /// The columns of a table, such as image,caption.
    #[arg(long, value_name = "IMAGE,CAPTION", value_parser = columns)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Columns>,
    /// Decides which pictures are for validation and test, where the data does not say [default: 1].
    #[arg(long, value_name = "N")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_seed: Option<u64>,
}

/// The two names of `--columns`.
pub fn columns(text: &str) -> Result<Columns, String> {
    let (image, caption) = text.split_once(',').ok_or("expected two names, IMAGE,CAPTION")?;
    Ok(Columns { image: image.trim().into(), caption: caption.trim().into() })
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
    /// What is wished of the data.
    pub fn wishes(&self) -> Wishes {
        Wishes {
            images: self.images.clone(),
            features: self.features.clone(),
            channels: self.channels,
            side: self.side,
            threshold: self.threshold,
            tokens: self.tokens,
            longest: self.longest_caption,
            merges: self.merges,
            seed: self.data_seed,
            columns: self.columns.clone(),
        }
    }

    /// Loads the data and says what it is; of what had to be left out it says how much.
    pub fn load(&self) -> Result<Loaded, Error> {
        let mut faults = Vec::new();
        let loaded = self.load_noting(&mut faults)?;
        if !faults.is_empty() {
            let data = self.data.as_deref().unwrap_or(Path::new("")).display();
            say!("      {} items are left out; `caption doctor --data {data}` names them", faults.len());
        }
        Ok(loaded)
    }

    /// Loads the data and says what it is; what had to be left out is noted.
    pub fn load_noting(&self, faults: &mut Vec<Fault>) -> Result<Loaded, Error> {
        let loaded = match &self.data {
            None => {
                if *self != DataChoice::default() {
                    let problem = "rendered scenes have their own size and words; give --data PATH, or leave the other options out";
                    return Err(DataError::new("without --data", problem).into());
                }
                let scenes = Scenes::default();
                say!("data: {}", scenes.describe());
                let made = scenes.generate()?;
                Loaded { data: made.dataset, scenes: Some([made.val, made.test]) }
            }
            Some(path) => {
                let source = recognise(path, &self.wishes())?;
                say!("data: {}", source.describe());
                let data = match &source {
                    Recognised::Collection(collection, _) => {
                        let bar = Bar::new("pictures decoded");
                        let (data, report) =
                            collection.prepare(faults, &|done, total| bar.show(done, total))?;
                        bar.finish();
                        report.to_string().lines().for_each(|line| say!("      {line}"));
                        data
                    }
                    other => other.load()?,
                };
                Loaded { data, scenes: None }
            }
        };
        let Dataset { vocabulary, train, val, .. } = &loaded.data;
        say!(
            "      {} captions of {} pictures to learn from, {} validation pictures, {} words",
            train.captions.len(),
            train.pictures.len(),
            val.pictures.len(),
            vocabulary.len()
        );
        Ok(loaded)
    }
}

/// Lists what of the data at a path was left out, which are things that are called so.
pub fn list_left_out(what: &str, faults: &[Fault], path: &Path) {
    if !faults.is_empty() {
        println!("left out, {} {what}:", faults.len());
        summary(faults, path).lines().for_each(|line| println!("  {line}"));
    }
}

/// A bar on a terminal; elsewhere a line every few seconds.
pub struct Bar {
    bar: ProgressBar,
    what: &'static str,
    /// When the last line was printed, where lines are.
    printed: Option<Mutex<Instant>>,
}

/// The time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Bar {
    /// A bar of things that are called so.
    pub fn new(what: &'static str) -> Bar {
        // Drawn on standard error, and hidden where that is no terminal.
        let bar = ProgressBar::new(0).with_message(what);
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {eta} left");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let printed = bar.is_hidden().then(|| Mutex::new(Instant::now()));
        Bar { bar, what, printed }
    }

    /// Shows that so many are done, of how many; may be called from several threads.
    pub fn show(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        // A thread that finds another printing has nothing to add.
        if speaks()
            && let Some(mut last) = self.printed.as_ref().and_then(|printed| printed.try_lock().ok())
            && last.elapsed() >= BETWEEN_LINES
        {
            *last = Instant::now();
            eprintln!("{done} of {total} {}", self.what);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
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

/// The error of a model that was trained on another kind of pictures than it is given, on features of another encoder, or on
/// shorter captions than it can take.
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
