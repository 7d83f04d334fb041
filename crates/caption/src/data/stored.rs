//! Prepared data in one file: what [`Collection`](super::collection::Collection) made of pictures and captions, ready to train on.
//!
//! The file is of the `safetensors` format, so that other programs can look into it:
//!
//! | key | what it is |
//! |---|---|
//! | `PART/pictures` | pixels (pictures, side, side, 3) as bytes, or features (pictures, width) or (pictures, rows, columns, width) |
//! | `PART/checksums` | for each picture the CRC-32 of its bytes, as `zlib.crc32` has it; files from before it was written have none |
//! | `PART/captions` | indices of the vocabulary (captions, width): `<START>`, tokens, `<END>`, padded with `<NULL>` |
//! | `PART/picture_of` | for each caption the row of its picture |
//! | `about` | JSON in bytes: what was prepared, the vocabulary, and names and reference captions of each part |
//!
//! PART is `train`, `val` or `test`; the last need not be there. Equal datasets give equal bytes. Names, captions and checksums are
//! loaded, and every index is checked on the way in. Pictures stay in the file, each read when it is looked at and held against
//! its checksum (`docs/notes/prepared-data.md` says why it is not mapped).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::arrays::{ArrayFile, Numbers, write};
use super::encoder::Origin;
use super::fault::{Fault, FaultKind, flaw_of_caption};
use super::listing::Part;
use super::vocabulary::SPECIAL;
use super::{Captions, DataError, Dataset, Input, Pictures, Source, Split, Vocabulary};

/// What such a file says it is.
const FORMAT: &str = "unspool captions 1";

/// A file of prepared data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub file: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct About {
    description: String,
    vocabulary: Vec<String>,
    parts: Vec<PartAbout>,
    /// Which encoder made the features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

#[derive(Serialize, Deserialize)]
struct PartAbout {
    part: String,
    names: Vec<String>,
    /// For each picture its captions, words apart by spaces.
    references: Vec<Vec<String>>,
}

/// The CRC-32 of each picture's bytes as they are written.
fn checksums(pictures: &Pictures) -> Result<Vec<u32>, DataError> {
    let size = pictures.size().max(1);
    Ok(match pictures {
        Pictures::Features { data, .. } | Pictures::Grid { data, .. } => {
            let sum = |row: &[f32]| {
                let mut sum = crc32fast::Hasher::new();
                row.iter().for_each(|number| sum.update(&number.to_le_bytes()));
                sum.finalize()
            };
            data.chunks_exact(size).map(sum).collect()
        }
        Pictures::Pixels { data, .. } => data.chunks_exact(size).map(crc32fast::hash).collect(),
        Pictures::InFile { rows, .. } => {
            let mut bytes = Vec::new();
            let mut sum = |row| rows.read(row, &mut bytes).map(|()| crc32fast::hash(&bytes));
            (0..rows.len()).map(&mut sum).collect::<Result<_, _>>()?
        }
    })
}

/// Writes a dataset; the file is there whole or not at all.
///
/// # Errors
/// If the file cannot be written, or pictures that are in another one cannot be read.
pub fn store(path: &Path, dataset: &Dataset, description: &str) -> Result<(), DataError> {
    let join = |captions: &Vec<Vec<String>>| captions.iter().map(|words| words.join(" ")).collect();
    let about = |(part, split): (Part, &Split)| PartAbout {
        part: part.name().into(),
        names: split.names.clone(),
        references: split.references.iter().map(join).collect(),
    };
    let about = About {
        description: description.into(),
        vocabulary: dataset.vocabulary.words().to_vec(),
        parts: dataset.parts().map(about).collect(),
        origin: dataset.origin.clone(),
    };
    let about = serde_json::to_vec(&about).expect("texts and lists are JSON");

    let rows =
        |split: &Split| split.picture_of.iter().map(|row| i32::try_from(*row)).collect::<Result<Vec<_>, _>>();
    let picture_of: Result<Vec<Vec<i32>>, _> = dataset.parts().map(|(_, split)| rows(split)).collect();
    let picture_of = picture_of
        .map_err(|_| DataError::new(path.display().to_string(), "more than 2147483647 pictures"))?;
    let sums: Result<Vec<Vec<u32>>, _> =
        dataset.parts().map(|(_, split)| checksums(&split.pictures)).collect();
    let sums = sums?;
    let (mut wide, mut bytes) = (Vec::new(), Vec::new());
    for (((part, split), picture_of), sums) in dataset.parts().zip(&picture_of).zip(&sums) {
        let key = |what: &str| format!("{}/{what}", part.name());
        let Split { captions, pictures, .. } = split;
        wide.push((key("captions"), vec![captions.len(), captions.width], Numbers::I32(&captions.ids)));
        wide.push((key("picture_of"), vec![picture_of.len()], Numbers::I32(picture_of)));
        wide.push((key("checksums"), vec![sums.len()], Numbers::U32(sums)));
        let numbers = match pictures {
            Pictures::Features { data, .. } | Pictures::Grid { data, .. } => Numbers::F32(data),
            Pictures::Pixels { data, .. } => Numbers::U8(data),
            Pictures::InFile { rows, .. } => Numbers::InFile(rows),
        };
        let (to, mut shape) = match pictures.input() {
            Input::Features { width } => (&mut wide, vec![width]),
            Input::Grid { rows, columns, width } => (&mut wide, vec![rows, columns, width]),
            Input::Pixels { height, width } => (&mut bytes, vec![height, width, 3]),
        };
        shape.insert(0, pictures.len());
        to.push((key("pictures"), shape, numbers));
    }
    // Bytes come last, so that the wider numbers before them lie aligned.
    wide.append(&mut bytes);
    wide.push(("about".into(), vec![about.len()], Numbers::U8(&about)));
    write(path, FORMAT, &wide)
}

impl Stored {
    /// Whether a file that begins so is one of prepared data.
    pub fn is_one(path: &Path) -> bool {
        ArrayFile::open(path).is_ok_and(|file| file.format.as_deref() == Some(FORMAT))
    }

    /// Loads the dataset; what does not fit is noted where faults are asked for, and ends the loading where not.
    fn read(&self, mut faults: Option<&mut Vec<Fault>>) -> Result<Dataset, DataError> {
        let file = ArrayFile::open(&self.file)?;
        if file.format.as_deref() != Some(FORMAT) {
            let problem =
                format!("is no prepared data, which would say `{FORMAT}`. Make it by `caption prepare`");
            return Err(DataError::new(self.file.display().to_string(), problem));
        }
        let bytes = file.bytes("about")?;
        let about: About = serde_json::from_slice(&bytes).map_err(|why| {
            file.error("about", format!("is not what was written ({why}). Prepare the data again"))
        })?;
        let vocabulary = Vocabulary::from_entries(about.vocabulary);
        if !vocabulary.words().iter().take(SPECIAL.len()).eq(SPECIAL) {
            let problem = format!("has a vocabulary that does not begin with {}", SPECIAL.join(", "));
            return Err(file.error("about", format!("{problem}. Prepare the data again")));
        }
        let mut splits = Vec::new();
        for part in about.parts {
            let name = part.part.clone();
            splits.push((name, read_part(&file, part, vocabulary.len(), faults.as_deref_mut())?));
        }
        let mut take = |part: Part| {
            let at = splits.iter().position(|(name, _)| name == part.name())?;
            Some(splits.swap_remove(at).1)
        };
        let (Some(train), Some(val)) = (take(Part::Train), take(Part::Val)) else {
            return Err(file.error("about", "has no part `train` or none `val`. Prepare the data again"));
        };
        let dataset = Dataset { vocabulary, train, val, test: take(Part::Test), origin: about.origin };
        let expected = dataset.train.pictures.input();
        for (part, split) in dataset.parts() {
            let found = split.pictures.input();
            if found != expected {
                let problem = format!(
                    "has {found}, but `train` has {expected}; expected the same. Prepare the data again"
                );
                return Err(file.error(&format!("{}/pictures", part.name()), problem));
            }
        }
        Ok(dataset)
    }

    /// All that does not fit in the file.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(error) = self.read(Some(&mut faults)) {
            faults.push(Fault::of(FaultKind::Unreadable, error));
        }
        faults
    }
}

/// What one picture of an array of this shape is; none where it is no array of pictures.
fn input_of(shape: &[usize], are_bytes: bool) -> Option<Input> {
    match *shape {
        _ if shape.contains(&0) => None,
        [_, width] => Some(Input::Features { width }),
        [_, height, width, 3] if are_bytes => Some(Input::Pixels { height, width }),
        [_, rows, columns, width] if !are_bytes => Some(Input::Grid { rows, columns, width }),
        _ => None,
    }
}

fn read_part(
    file: &ArrayFile,
    about: PartAbout,
    words: usize,
    faults: Option<&mut Vec<Fault>>,
) -> Result<Split, DataError> {
    let key = |what: &str| format!("{}/{what}", about.part);
    let again = "The file is damaged: prepare the data again";
    let array = file.about(&key("pictures"))?;
    let input = input_of(&array.shape, array.dtype == "U8").ok_or_else(|| {
        let problem = format!("has shape {:?}; expected features or pixels. {again}", array.shape);
        file.error(&key("pictures"), problem)
    })?;
    let sums = file.arrays().contains_key(&key("checksums")).then(|| file.checksums(&key("checksums")));
    let sums = sums.transpose()?;
    let count = sums.as_ref().map(Vec::len);
    let pictures = Pictures::InFile { input, rows: file.rows(&key("pictures"), input, sums)? };
    let shape = file.about(&key("captions"))?.shape.clone();
    let (rows, width) = match shape[..] {
        [rows, width] if rows > 0 && width > 1 => (rows, width),
        _ => {
            let problem =
                format!("has shape {shape:?}; expected captions of at least <START> and <END>. {again}");
            return Err(file.error(&key("captions"), problem));
        }
    };
    let captions = Captions { width, ids: file.integers(&key("captions"))? };
    let picture_of = file.integers(&key("picture_of"))?;
    let counts = [
        ("picture_of", picture_of.len(), rows),
        ("names", about.names.len(), pictures.len()),
        ("references", about.references.len(), pictures.len()),
        ("checksums", count.unwrap_or(pictures.len()), pictures.len()),
    ];
    for (what, found, expected) in counts {
        if found != expected {
            return Err(file.error(&key(what), format!("has {found} entries; expected {expected}. {again}")));
        }
    }
    let found = check(file, &about.part, &captions, &picture_of, pictures.len(), words);
    if let Some(faults) = faults {
        faults.extend(found);
        faults.extend(check_pictures(&pictures));
    } else if let Some(first) = found.first() {
        return Err(DataError::new(&first.place, format!("{}. {again}", first.problem)));
    }
    // Each lies among the pictures, or the split is not used.
    let picture_of = picture_of.into_iter().map(|row| usize::try_from(row).unwrap_or(0)).collect();
    let split = |caption: &String| caption.split(' ').map(String::from).collect();
    let references = about.references.iter().map(|captions| captions.iter().map(split).collect()).collect();
    Ok(Split { pictures, names: about.names, captions, picture_of, references })
}

/// Captions that do not fit.
fn check(
    file: &ArrayFile,
    part: &str,
    captions: &Captions,
    picture_of: &[i32],
    pictures: usize,
    words: usize,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let place = |what: &str, row: usize| format!("{}, row {row}", file.place(&format!("{part}/{what}")));
    for row in 0..captions.len() {
        if let Some((kind, problem)) = flaw_of_caption(captions.row(row), Some(words)) {
            faults.push(Fault::new(kind, place("captions", row), problem));
        }
    }
    for (row, picture) in picture_of.iter().enumerate() {
        if usize::try_from(*picture).map_or(true, |picture| picture >= pictures) {
            let problem = format!("is of picture {picture}, but there are {pictures}");
            faults.push(Fault::new(FaultKind::PictureOutside, place("picture_of", row), problem));
        }
    }
    faults
}

/// Pictures that cannot be read as they were written, and features without anything in them; one picture is in memory at a time.
fn check_pictures(pictures: &Pictures) -> Vec<Fault> {
    let Pictures::InFile { input, rows } = pictures else { return Vec::new() };
    let mut seen = Vec::new();
    let check = |picture: usize| {
        seen.clear();
        let place = || rows.place(picture);
        match pictures.see(std::iter::once(picture), &mut seen) {
            Err(error) if seen.iter().all(|number| number.is_finite()) => {
                Some(Fault::of(FaultKind::Unreadable, error))
            }
            _ if matches!(input, Input::Pixels { .. }) => None,
            _ => super::features::fault_of(&seen, place),
        }
    };
    (0..pictures.len()).filter_map(check).collect()
}

impl Source for Stored {
    fn describe(&self) -> String {
        let about = || {
            let file = ArrayFile::open(&self.file).ok()?;
            serde_json::from_slice::<About>(&file.bytes("about").ok()?).ok()
        };
        let from = about().map_or(String::new(), |about| format!(", made of {}", about.description));
        format!("prepared data in {}{from}", self.file.display())
    }

    fn load(&self) -> Result<Dataset, DataError> {
        self.read(None)
    }
}
