//! Every fault of some data at once, before a training finds the first.
//!
//! Pictures and captions are prepared as they would be, each picture decoded, and all that would be left out is told; of data that is
//! ready as it is, every number is looked at. Then the memory that training needs is held against what is free.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lab::files::read_file;
use lab::report::number::listed;

use super::collection::{Collection, Preparation, Watch};
use super::fault::{Fault, FaultKind};
use super::picture::MOST_BYTES;
use super::recognise::{Recognised, Wishes, recognise};
use super::{Dataset, Pictures, Source, Split};

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// What the data is.
    pub about: String,
    /// All faults.
    pub faults: Vec<Fault>,
    /// What may be meant so, and is worth knowing: pictures whose files are the same.
    pub notes: Vec<String>,
    /// Pictures and captions that can be used, and the memory that they take; none where nothing can be used.
    pub usable: Option<Usable>,
}

/// What is left of the data when faulty items are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usable {
    /// Pictures.
    pub pictures: usize,
    /// Captions.
    pub captions: usize,
    /// Entries of the vocabulary.
    pub words: usize,
    /// Bytes that training needs, see [`memory`].
    pub bytes: u64,
}

/// Examines data; `free` are the bytes of memory that training may take, where that is known.
pub fn examine(path: &Path, wishes: &Wishes, free: Option<u64>, watch: Watch) -> Diagnosis {
    let source = match recognise(path, wishes) {
        Ok(source) => source,
        Err(error) => {
            let faults = vec![Fault::of(FaultKind::Unreadable, error)];
            return Diagnosis { about: path.display().to_string(), faults, notes: Vec::new(), usable: None };
        }
    };
    let (mut faults, side) = match &source {
        Recognised::Collection(collection, _) => (Vec::new(), Some(collection.preparation().side)),
        Recognised::Stored(stored) => (stored.faults(), None),
        Recognised::Cs231n(folder) => (folder.faults(), None),
    };
    let loaded = match &source {
        Recognised::Collection(collection, _) => {
            Some(without_pixels(collection).prepare(&mut faults, watch).map(|(dataset, _)| dataset))
        }
        // What loading alone would find, such as parts that do not fit each other, is no less a fault.
        ready => faults.is_empty().then(|| ready.load()),
    };
    let dataset = loaded
        .and_then(|loaded| loaded.map_err(|error| faults.push(Fault::of(FaultKind::Unreadable, error))).ok());
    let notes = match &source {
        Recognised::Collection(collection, _) if wishes.features.is_none() => {
            alike(collection).iter().map(|names| format!("{} are the same file", listed(names))).collect()
        }
        _ => Vec::new(),
    };
    let usable = dataset.map(|dataset| usable(&dataset, side));
    if let (Some(free), Some(usable)) = (free, usable)
        && usable.bytes > free
    {
        let problem = format!(
            "training needs about {:.1} GB, but {:.1} GB are free",
            gigabytes(usable.bytes),
            gigabytes(free)
        );
        faults.push(Fault::new(FaultKind::Memory, source.describe(), problem));
    }
    Diagnosis { about: source.describe(), faults, notes, usable }
}

/// The names of pictures whose files have the same bytes, in the order of the listing; in two parts they would let a model be judged on
/// what it has seen.
fn alike(collection: &Collection) -> Vec<Vec<String>> {
    let files = collection.files().unwrap_or_default();
    // Most files differ in length already, so that few are read.
    let mut of_length: BTreeMap<u64, Vec<(&String, &PathBuf)>> = BTreeMap::new();
    for (name, path) in files.iter().filter_map(|(name, file)| Some((name, file.as_ref().ok()?))) {
        if let Ok(about) = fs::metadata(path) {
            of_length.entry(about.len()).or_default().push((name, path));
        }
    }
    let mut groups: Vec<Vec<String>> = Vec::new();
    for files in of_length.into_values().filter(|files| files.len() > 1) {
        let mut of_content: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
        for (name, path) in files {
            if let Ok(bytes) = read_file(path, MOST_BYTES) {
                of_content.entry(bytes).or_default().push(name.clone());
            }
        }
        groups.extend(of_content.into_values().filter(|names| names.len() > 1));
    }
    groups.sort();
    groups
}

/// The same collection with pictures of one pixel: each is decoded as a whole, and none is kept.
fn without_pixels(collection: &Collection) -> Collection {
    collection.with(Preparation { side: 1, ..collection.preparation().clone() })
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 * 1e-9
}

fn usable(dataset: &Dataset, side: Option<usize>) -> Usable {
    let splits = || dataset.parts().map(|(_, split)| split);
    let data: u64 = splits().map(|split| split_bytes(split, side)).sum();
    let words = dataset.vocabulary.len();
    let steps = splits().map(|split| split.captions.width).max().unwrap_or(0);
    Usable {
        pictures: splits().map(|split| split.pictures.len()).sum(),
        captions: splits().map(|split| split.captions.len()).sum(),
        words,
        bytes: data + memory(words, steps),
    }
}

/// The memory of a split: its pictures where they do not stay in their file, indices, and words with 24 bytes beside the text of each.
fn split_bytes(split: &Split, side: Option<usize>) -> u64 {
    let pictures = match (&split.pictures, side) {
        (Pictures::Pixels { .. }, Some(side)) => split.pictures.len() * side * side * 3,
        (Pictures::Pixels { data, .. }, None) => data.len(),
        (Pictures::Features { data, .. } | Pictures::Grid { data, .. }, _) => 4 * data.len(),
        (Pictures::InFile { .. }, _) => 0,
    };
    let words = split.references.iter().flatten().flatten().map(|word| 24 + word.len()).sum::<usize>();
    (pictures + 4 * split.captions.ids.len() + 8 * split.picture_of.len() + words) as u64
}

/// The memory of a model of the usual size that is trained on captions of so many words and steps: its weights with gradients and two
/// slots of Adam, and for a batch of 50 the scores of all words with their gradients, which outweigh all else that a step keeps.
pub fn memory(words: usize, steps: usize) -> u64 {
    const HIDDEN: usize = 512;
    const EMBEDDING: usize = 256;
    const BATCH: usize = 50;
    let weights = words * (HIDDEN + EMBEDDING) + HIDDEN * (HIDDEN + EMBEDDING);
    (4 * (4 * weights + 2 * BATCH * steps * words)) as u64
}

/// The bytes of memory that are free on this machine; none where the system does not say.
pub fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// That things of so many bytes are more than this machine has free, where the system says so: `they take 9 bytes, but 8 are free`.
pub(crate) fn beyond_memory(what: &str, bytes: u64) -> Option<String> {
    let free = free_memory().filter(|free| bytes > *free)?;
    Some(format!("{what} take {bytes} bytes, but {free} are free"))
}
