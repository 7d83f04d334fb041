//! Where pictures and captions come from, as options of the command line.

use std::path::{Path, PathBuf};

use caption::data::fault::{Fault, summary};
use caption::data::features::Channels;
use caption::data::formats::Columns;
use caption::data::recognise::{Recognised, Wishes, recognise};
use caption::data::scenes::{Scene, Scenes};
use caption::data::tokens::Tokens;
use caption::data::{DataError, Dataset, Source, Split};
use caption::error::Error;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::bar::Bar;
use crate::ranks::say;

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
