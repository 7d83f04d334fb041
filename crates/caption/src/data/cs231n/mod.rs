//! CS231n's `coco_captioning` folder, read as it is.
//!
//! | file | what is read of it |
//! |---|---|
//! | `coco2014_vocab.json` | `idx_to_word`, the words in order; `word_to_idx`, where present, must agree |
//! | `coco2014_captions.h5` | `train_captions` (captions, width), `train_image_idxs` (captions,), and the same for `val` |
//! | `train2014_vgg16_fc7_pca.h5`, `val2014_…` | `features` (pictures, width); without `_pca` after [`Cs231n::full_features`] |
//! | `train2014_images.txt`, `val2014_…` | one name a picture; else `…_urls.txt`; else the pictures are numbered |
//! | `references_val.json` | `references_tok`, all human captions of every validation picture; need not be there |
//!
//! Every number is checked on the way in: a caption holds indices of the vocabulary and begins with `<START>`, a
//! picture index has a row of features, features are finite. What does not hold is one [`DataError`] that names the
//! file and the key.
//!
//! Features are held once. The HDF5 reader reads from the file a window of about one mebibyte at a time and decodes
//! it into the one vector that the dataset keeps, so the memory that loading takes is that of the result. Captions
//! are read likewise.

mod faults;
mod names;
mod references;
#[cfg(test)]
mod tests;
mod words;

use std::fs;
use std::path::PathBuf;

use super::fault::flaw_of_caption;
use super::tables::Tables;
use super::{Captions, DataError, Dataset, Pictures, Source, Split, Vocabulary};

const CAPTIONS: &str = "coco2014_captions.h5";
const VOCABULARY: &str = "coco2014_vocab.json";
const REFERENCES: &str = "references_val.json";

/// A folder with the file names and keys of CS231n's `coco_captioning`.
///
/// References of the training pictures are their training captions in words. Those of the validation pictures come
/// from `references_val.json` where that exists, else from the validation captions in words; words outside the
/// vocabulary are then `<UNK>`, and a picture without a caption has no reference.
///
/// ```no_run
/// use caption::data::{Source, cs231n::Cs231n};
///
/// let dataset = Cs231n::new("coco_captioning").load()?;
/// println!("{} captions, {} words", dataset.train.captions.len(), dataset.vocabulary.len());
/// # Ok::<(), caption::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cs231n {
    folder: PathBuf,
    reduced: bool,
}

impl Cs231n {
    /// The folder at `path`, with the features that principal components reduced to 512 numbers.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Cs231n { folder: path.into(), reduced: true }
    }

    /// Takes the full feature vectors, `…_vgg16_fc7.h5` with 4096 numbers, instead of the reduced ones.
    pub fn full_features(self) -> Self {
        Cs231n { reduced: false, ..self }
    }

    fn features_file(&self, part: &str) -> String {
        let ending = if self.reduced { "_pca" } else { "" };
        format!("{part}2014_vgg16_fc7{ending}.h5")
    }

    /// Opens one of the HDF5 files; of one that is not there a near relative is pointed out.
    fn open(&self, name: &str) -> Result<Tables, DataError> {
        let path = self.folder.join(name);
        let Err(error) = fs::metadata(&path) else { return Tables::open(&path) };
        let near = [(name.replace("_pca", ""), "full"), (name.replace("_fc7.h5", "_fc7_pca.h5"), "reduced")];
        let near = near.iter().find(|(near, _)| near != name && self.folder.join(near).is_file());
        let what = match near {
            Some((near, which)) => format!(", but {near} is there: ask for the {which} features instead"),
            None => "; expected a file of CS231n's `coco_captioning` folder. Check the path".into(),
        };
        Err(DataError::new(path.display().to_string(), format!("cannot be opened ({error}){what}")))
    }

    /// Reads one part, `train` or `val`.
    fn load_part(&self, part: &str, tables: &Tables, vocabulary: &Vocabulary) -> Result<Split, DataError> {
        // The shape of the features comes first, being cheap and wanted below; their numbers come last, so that
        // a fault elsewhere is told at once.
        let features = self.open(&self.features_file(part))?;
        let [pictures, width] = features.float_shape("features")?;

        let key = format!("{part}_captions");
        let entries = format!("the vocabulary in {VOCABULARY} has {} entries", vocabulary.len());
        let (shape, ids) = tables.integers::<2>(&key, vocabulary.len(), &entries)?;
        let captions = Captions { width: shape[1], ids };
        check_form(tables, &key, &captions)?;

        let key = format!("{part}_image_idxs");
        let rows = format!("{} has {pictures} pictures", self.features_file(part));
        let ([count], indices) = tables.integers::<1>(&key, pictures, &rows)?;
        if count != captions.len() {
            let problem = format!(
                "holds {count} picture indices, but `{part}_captions` has {} rows; there must be one index for each \
                 caption. The file is inconsistent: fetch it again",
                captions.len()
            );
            return Err(tables.error(&key, problem));
        }
        // `integers` has checked that each lies in 0..pictures.
        let picture_of: Vec<usize> = indices.into_iter().map(|index| index as usize).collect();

        let names = names::read(&self.folder, part, pictures)?;
        let file = self.folder.join(REFERENCES);
        let references = if part == "val" && file.exists() {
            references::read(&file, &names, pictures)?
        } else {
            references::decode(&captions, &picture_of, pictures, vocabulary)
        };
        let data = features.floats("features")?;
        let pictures = Pictures::Features { width, data };
        Ok(Split { pictures, names: names.list, captions, picture_of, references })
    }
}

impl Source for Cs231n {
    fn describe(&self) -> String {
        format!("CS231n captions in {}, features {}", self.folder.display(), self.features_file("*"))
    }

    fn load(&self) -> Result<Dataset, DataError> {
        if !self.folder.is_dir() {
            let problem = "there is no such folder; expected one with the files of CS231n's `coco_captioning`. \
                           Check the path";
            return Err(DataError::new(self.folder.display().to_string(), problem));
        }
        let vocabulary = words::read(&self.folder.join(VOCABULARY))?;
        let tables = self.open(CAPTIONS)?;
        let val = self.load_part("val", &tables, &vocabulary)?;
        let train = self.load_part("train", &tables, &vocabulary)?;
        if let (Pictures::Features { width: seen, .. }, Pictures::Features { width: asked, .. }) =
            (&train.pictures, &val.pictures)
            && seen != asked
        {
            let problem = format!(
                "{asked} numbers a picture, but {} has {seen}; both must come from one network. \
                 Fetch both again",
                self.features_file("train")
            );
            let place = self.folder.join(self.features_file("val"));
            return Err(DataError::new(format!("{}, key `features`", place.display()), problem));
        }
        Ok(Dataset { vocabulary, train, val, test: None, origin: None })
    }
}

/// Each caption begins with `<START>` and has something after it.
fn check_form(tables: &Tables, key: &str, captions: &Captions) -> Result<(), DataError> {
    for caption in 0..captions.len() {
        if let Some((_, problem)) = flaw_of_caption(captions.row(caption), None) {
            let advice = format!(
                "Captions and {VOCABULARY} do not fit each other, or the file is damaged: fetch both again"
            );
            return Err(tables.error(key, format!("caption {caption} {problem}. {advice}")));
        }
    }
    Ok(())
}
