//! What lies at a path: the one place that knows every kind of data.
//!
//! | path | taken as |
//! |---|---|
//! | a file of `caption prepare` | prepared data |
//! | a folder with `coco2014_captions.h5` or `coco2014_vocab.json` | CS231n's `coco_captioning` |
//! | JSON with `annotations` | COCO's annotations |
//! | JSON with `images` | Karpathy's splits |
//! | text whose first line is `name.jpg#0`, a tab, a caption | Flickr's numbered captions |
//! | text whose first line names a column of pictures and one of captions | a table |
//! | a folder of pictures with texts beside them | that |
//!
//! Files are told by what is in them. In a folder, or its folder `annotations`, the first of these is taken that is there, in this
//! order, and the description names the others: Karpathy's splits stand before captions alone, because they say which picture
//! belongs to which part.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::collection::{Collection, Preparation};
use super::cs231n::Cs231n;
use super::features::Channels;
use super::formats::{Coco, Columns, Folder, Format, Karpathy, Table, TokensFile};
use super::listing::Part;
use super::stored::Stored;
use super::tokens::Tokens;
use super::{DataError, Dataset, Source};

/// What the user says of the data, where anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// See [`Preparation::images`].
    pub images: Option<PathBuf>,
    /// See [`Preparation::features`].
    pub features: Option<PathBuf>,
    /// See [`Preparation::channels`].
    pub channels: Option<Channels>,
    /// See [`Preparation::side`].
    pub side: Option<usize>,
    /// See [`Preparation::threshold`].
    pub threshold: Option<usize>,
    /// See [`Preparation::tokens`].
    pub tokens: Option<Tokens>,
    /// See [`Preparation::longest`].
    pub longest: Option<usize>,
    /// See [`Preparation::merges`].
    pub merges: Option<usize>,
    /// See [`Preparation::seed`].
    pub seed: Option<u64>,
    /// The columns of a table.
    pub columns: Option<Columns>,
}

/// Data of a kind that is known.
#[derive(Debug)]
pub enum Recognised {
    /// CS231n's folder.
    Cs231n(Cs231n),
    /// A prepared file.
    Stored(Stored),
    /// Pictures and captions, with what else was there.
    Collection(Collection, Vec<String>),
}

impl Wishes {
    /// How pictures and captions are prepared.
    pub fn preparation(&self) -> Preparation {
        let usual = Preparation::default();
        Preparation {
            images: self.images.clone(),
            features: self.features.clone(),
            channels: self.channels,
            side: self.side.unwrap_or(usual.side),
            threshold: self.threshold.unwrap_or(usual.threshold),
            tokens: self.tokens.unwrap_or(usual.tokens),
            longest: self.longest.unwrap_or(usual.longest),
            merges: self.merges.unwrap_or(usual.merges),
            seed: self.seed.unwrap_or(usual.seed),
        }
    }

    /// An error unless nothing is wished of data that is ready as it is.
    fn expect_none(&self, place: &Path, what: &str) -> Result<(), DataError> {
        if *self == Wishes::default() {
            return Ok(());
        }
        let problem = format!(
            "is {what}, whose pictures and words are prepared already; --images, --features, --channels, --side, --threshold, --tokens, \
             --merges, --longest-caption, --columns and --data-seed are for pictures and captions. Leave them out"
        );
        Err(DataError::new(place.display().to_string(), problem))
    }
}

/// Tells what lies at a path.
///
/// # Errors
/// If nothing does, or nothing that is known; or something is wished of data that is ready as it is.
pub fn recognise(path: &Path, wishes: &Wishes) -> Result<Recognised, DataError> {
    let error = |problem: String| DataError::new(path.display().to_string(), problem);
    let about = fs::metadata(path).map_err(|why| error(format!("cannot be read ({why}). Check the path")))?;
    if about.is_dir()
        && ["coco2014_captions.h5", "coco2014_vocab.json"].iter().any(|name| path.join(name).is_file())
    {
        wishes.expect_none(path, "a folder of CS231n's")?;
        return Ok(Recognised::Cs231n(Cs231n::new(path)));
    }
    if about.is_file() && Stored::is_one(path) {
        wishes.expect_none(path, "prepared data")?;
        return Ok(Recognised::Stored(Stored { file: path.into() }));
    }
    let (format, others) = if about.is_dir() {
        in_folder(path, wishes)?
    } else {
        let found = of_file(path, wishes).ok_or_else(|| {
            let known = "prepared data, COCO's annotations, Karpathy's splits, Flickr's `name.jpg#0<tab>caption`, or a table whose first line \
                         names its columns, such as `image,caption`";
            error(format!("is of no kind that is known; expected {known}. Where it is a table, say `--columns IMAGE,CAPTION`"))
        })?;
        (found, Vec::new())
    };
    Ok(Recognised::Collection(Collection::new(format, wishes.preparation()), others))
}

/// The format in a folder, and the other files of captions in it.
fn in_folder(folder: &Path, wishes: &Wishes) -> Result<(Box<dyn Format>, Vec<String>), DataError> {
    let mut files = Vec::new();
    for folder in [folder.to_path_buf(), folder.join("annotations")] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file() && is_text(path)));
    }
    files.sort();
    let kinds: Vec<(PathBuf, Kind)> =
        files.into_iter().filter_map(|file| Some((file.clone(), kind_of(&file, wishes)?))).collect();
    let of =
        |wanted: Kind| kinds.iter().filter(move |(_, kind)| *kind == wanted).map(|(file, _)| file.clone());
    let first = |wanted: Kind| of(wanted).next();

    // Of COCO's files one for training and one for validation are the two parts; `captions_trainval2014.json` is neither.
    let named = |part: &str, other: &str| {
        of(Kind::Coco).find(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.contains(part) && !name.contains(other)
        })
    };
    let pair = match (named("train", "val"), named("val", "train")) {
        (Some(train), Some(val)) => Some(vec![(train, Some(Part::Train)), (val, Some(Part::Val))]),
        _ => first(Kind::Coco).map(|file| vec![(file, None)]),
    };
    let columns = wishes.columns.clone();
    let (format, taken): (Box<dyn Format>, Vec<PathBuf>) = if let Some(file) = first(Kind::Karpathy) {
        (Box::new(Karpathy { file: file.clone() }), vec![file])
    } else if let Some(files) = pair {
        let taken = files.iter().map(|(file, _)| file.clone()).collect();
        (Box::new(Coco { files }), taken)
    } else if let Some(file) = first(Kind::Tokens) {
        (Box::new(TokensFile { file: file.clone() }), vec![file])
    } else if let Some(file) = first(Kind::Table) {
        (Box::new(Table { file: file.clone(), columns }), vec![file])
    } else if Folder::is_one(folder) {
        (Box::new(Folder { folder: folder.into() }), Vec::new())
    } else {
        let problem = "holds nothing that is known; expected the files of CS231n's `coco_captioning`, Karpathy's `dataset_*.json`, COCO's \
                       `captions_*.json`, Flickr's `*.token.txt`, a table such as `captions.txt`, or pictures with `.txt` beside them. \
                       Give the path of the captions";
        return Err(DataError::new(folder.display().to_string(), problem));
    };
    let others = kinds
        .iter()
        .map(|(file, _)| file)
        .filter(|file| !taken.contains(file))
        .map(|file| file.display().to_string());
    Ok((format, others.collect()))
}

/// Whether a file may hold captions, by its ending.
fn is_text(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ["json", "txt", "csv", "tsv", "token"].iter().any(|known| ending == *known))
}

/// Kinds of files of captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Karpathy,
    Coco,
    Tokens,
    Table,
}

/// The outermost keys of a JSON file, of which the values are passed over.
#[derive(Deserialize)]
struct Keys {
    images: Option<IgnoredAny>,
    annotations: Option<IgnoredAny>,
}

fn kind_of(file: &Path, wishes: &Wishes) -> Option<Kind> {
    let mut beginning = Vec::new();
    File::open(file).ok()?.take(1 << 16).read_to_end(&mut beginning).ok()?;
    let text = String::from_utf8_lossy(&beginning);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_start().starts_with('{') {
        // A file that is cut short is known by its first keys; what is wrong with it is said when it is read.
        let keys = File::open(file).ok().map(BufReader::new);
        let keys = keys.and_then(|reader| serde_json::from_reader::<_, Keys>(reader).ok());
        let (images, annotations) = match keys {
            Some(keys) => (keys.images.is_some(), keys.annotations.is_some()),
            None => (
                text.contains("\"images\""),
                text.contains("\"annotations\"") || text.contains("\"file_name\""),
            ),
        };
        return match (images, annotations) {
            (true, true) => Some(Kind::Coco),
            (true, false) => Some(Kind::Karpathy),
            _ => None,
        };
    }
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    if TokensFile::is_line(line) {
        Some(Kind::Tokens)
    } else {
        Table::is_header(text.lines().next()?, wishes.columns.as_ref()).then_some(Kind::Table)
    }
}

fn of_file(file: &Path, wishes: &Wishes) -> Option<Box<dyn Format>> {
    let own = file.to_path_buf();
    Some(match kind_of(file, wishes) {
        Some(Kind::Karpathy) => Box::new(Karpathy { file: own }),
        Some(Kind::Coco) => Box::new(Coco { files: vec![(own, None)] }),
        Some(Kind::Tokens) => Box::new(TokensFile { file: own }),
        Some(Kind::Table) => Box::new(Table { file: own, columns: wishes.columns.clone() }),
        // A table whose columns are said is one; what is wrong with it is said when it is read.
        None if wishes.columns.is_some() => Box::new(Table { file: own, columns: wishes.columns.clone() }),
        None => return None,
    })
}

impl Recognised {
    fn source(&self) -> &dyn Source {
        match self {
            Recognised::Cs231n(source) => source,
            Recognised::Stored(source) => source,
            Recognised::Collection(source, _) => source,
        }
    }
}

impl Source for Recognised {
    fn describe(&self) -> String {
        let what = self.source().describe();
        match self {
            Recognised::Collection(_, others) if !others.is_empty() => {
                format!("{what}; also there, and not used: {}", others.join(", "))
            }
            _ => what,
        }
    }

    fn load(&self) -> Result<Dataset, DataError> {
        self.source().load()
    }
}
