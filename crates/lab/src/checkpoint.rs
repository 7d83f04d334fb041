//! One checkpoint: tensors and the state of a run, as a pair of files that cannot be torn apart.
//!
//! `NAME.json` is the checkpoint: it holds the state and names, with length and checksum, the `safetensors` file beside
//! it. That file, `NAME.CHECKSUM.safetensors`, is written first and under a name of its own, so the one that an earlier
//! `NAME.json` names is untouched; renaming the new JSON into place is the instant at which the new checkpoint is there;
//! what no JSON names any more is removed after it. A stop at any point leaves the old checkpoint or the new one.
//!
//! Every byte of both files is under a checksum, so a flipped bit or another run's file is an error, not a strange result.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tape::tensor::Data;

use crate::files::{self, FileError};
use crate::tensors::{self, NamedTensor, Tensor, Tensors};

/// The version of the JSON's layout; a program reads the one it writes.
const FORMAT: u32 = 1;

/// No state of a run is near this long; what is longer is not a checkpoint.
const LONGEST_RECORD: u64 = 64 << 20;

/// A checkpoint that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S> {
    /// The JSON it was read from.
    pub path: PathBuf,
    /// All tensors by name.
    pub tensors: Tensors,
    /// Whatever else the run needs to go on: epoch, step, seeds, settings.
    pub state: S,
}

impl<S> Checkpoint<S> {
    /// The tensor called `name`, which must have this shape.
    ///
    /// # Errors
    /// If there is none of this name, or it has another shape; the error names the file.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<&Tensor, FileError> {
        let error = |problem| FileError::new(&self.path, problem, "give a checkpoint of this very model");
        let found = self.tensors.get(name).ok_or_else(|| error(format!("has no tensor `{name}`")))?;
        if found.shape != shape {
            return Err(error(format!("tensor `{name}` is {:?} here, the model has {shape:?}", found.shape)));
        }
        Ok(found)
    }

    /// The elements of the `f32` tensor called `name`, which must have this shape.
    ///
    /// # Errors
    /// As for [`tensor`](Checkpoint::tensor), and if it is of another type.
    pub fn f32s(&self, name: &str, shape: &[usize]) -> Result<&[f32], FileError> {
        match &self.tensor(name, shape)?.values {
            Data::F32(values) => Ok(values),
            _ => {
                let problem = format!("tensor `{name}` is not made of f32");
                Err(FileError::new(&self.path, problem, "give a checkpoint of this very model"))
            }
        }
    }
}

/// What the JSON says; `state` stays text until its checksum is held against it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    tensors: TensorFile,
    state_crc32: String,
    state: Box<RawValue>,
}

/// Which `safetensors` file belongs to a record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorFile {
    file: String,
    bytes: u64,
    crc32: String,
}

/// The one field that a record of any version has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// Writes a checkpoint as `path`, which ends in `.json`, and the `safetensors` file beside it; the folder exists.
///
/// A checkpoint that stood there is replaced at once or, on an error, not at all.
///
/// ```
/// use lab::checkpoint::{load, save};
/// use lab::tensors::NamedTensor;
/// use tape::tensor::Slice;
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("best.json");
/// let bias = NamedTensor { name: "bias", shape: vec![2], data: Slice::F32(&[0.5, -1.0]) };
/// save(&path, &[bias], &("warm".to_string(), 3))?;
///
/// let checkpoint = load::<(String, i32)>(&path)?;
/// assert_eq!(checkpoint.f32s("bias", &[2])?, [0.5, -1.0]);
/// assert_eq!(checkpoint.state, ("warm".to_string(), 3));
/// # Ok::<(), lab::files::FileError>(())
/// ```
///
/// # Errors
/// If a file cannot be written, or the state does not come back from JSON as it was or is too long.
pub fn save<S>(path: &Path, tensors: &[NamedTensor<'_>], state: &S) -> Result<(), FileError>
where
    S: Serialize + DeserializeOwned,
{
    let name = name_of(path)?;
    let state = state_text(state).map_err(|problem| {
        FileError::new(path, problem, "JSON has no NaN and no infinity: make such a field an Option")
    })?;
    let bytes = tensors::encode(tensors).map_err(|problem| {
        FileError::new(path, format!("cannot be written: {problem}"), "correct the tensors")
    })?;
    let crc32 = checksum(&bytes);
    let file = format!("{name}.{crc32}.safetensors");
    let record = Record {
        format: FORMAT,
        tensors: TensorFile { file: file.clone(), bytes: bytes.len() as u64, crc32 },
        state_crc32: checksum(state.get().as_bytes()),
        state,
    };
    let record = serde_json::to_string_pretty(&record).map_err(|error| {
        FileError::new(path, format!("cannot be written: {error}"), "correct the state's serialisation")
    })?;
    if record.len() as u64 > LONGEST_RECORD {
        let problem =
            format!("would have {} bytes of state, and at most {LONGEST_RECORD} are read", record.len());
        return Err(FileError::new(path, problem, "save large data as tensors"));
    }
    files::write_atomically(&path.with_file_name(&file), &bytes)?;
    files::write_atomically(path, record.as_bytes())?;
    remove_tensor_files(path, name, Some(&file));
    Ok(())
}

/// Reads the checkpoint at `path`; a damaged or foreign one is an error that says which file and what is wrong with it.
///
/// # Errors
/// If a file cannot be read, is damaged or is none of ours.
pub fn load<S: DeserializeOwned>(path: &Path) -> Result<Checkpoint<S>, FileError> {
    let record = read_record(path)?;
    let tensors = read_tensors(path, &record.tensors)?;
    let state = serde_json::from_str(record.state.get()).map_err(|error| {
        FileError::new(
            path,
            format!("its state does not fit: {error}"),
            "load it with the program that wrote it",
        )
    })?;
    Ok(Checkpoint { path: path.to_path_buf(), tensors, state })
}

/// Removes the checkpoint at `path` and its tensors; one that is not there is well.
///
/// # Errors
/// If a file that is there cannot be removed.
pub fn remove(path: &Path) -> Result<(), FileError> {
    let name = name_of(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(FileError::system(path, "removed", &error));
        }
        _ => remove_tensor_files(path, name, None),
    }
    Ok(())
}

/// The state as indented text, when it can be read back from it.
fn state_text<S: Serialize + DeserializeOwned>(state: &S) -> Result<Box<RawValue>, String> {
    let text = serde_json::to_string_pretty(state)
        .map_err(|error| format!("the state cannot be written: {error}"))?;
    // Found out now, while the run is alive, rather than when it is to be resumed.
    serde_json::from_str::<S>(&text).map_err(|error| format!("the state could not be read back: {error}"))?;
    // Strings hold no raw line ends, so this indents and changes nothing else.
    RawValue::from_string(text.replace('\n', "\n  "))
        .map_err(|error| format!("the state cannot be written: {error}"))
}

fn read_record(path: &Path) -> Result<Record, FileError> {
    name_of(path)?;
    let text = files::read_text(path, LONGEST_RECORD)?;
    let damaged = |problem: String| FileError::new(path, problem, "use an earlier checkpoint");
    let Version { format } = serde_json::from_str(&text)
        .map_err(|error| damaged(format!("is not a whole checkpoint: {error}")))?;
    if format != FORMAT {
        let problem = format!("has checkpoint format {format}, and this program reads format {FORMAT}");
        return Err(FileError::new(path, problem, "load it with the program that wrote it"));
    }
    let record: Record = serde_json::from_str(&text)
        .map_err(|error| damaged(format!("is not a whole checkpoint: {error}")))?;
    if checksum(record.state.get().as_bytes()) != record.state_crc32 {
        return Err(damaged("its state is not what was written: the checksum differs".to_string()));
    }
    Ok(record)
}

fn read_tensors(path: &Path, said: &TensorFile) -> Result<Tensors, FileError> {
    // A record from elsewhere must not make us read files from all over the machine.
    if Path::new(&said.file).file_name() != Some(said.file.as_ref()) {
        let problem = format!("names the tensors `{}`, which is not a file beside it", said.file);
        return Err(FileError::new(path, problem, "use a checkpoint that you trust"));
    }
    let file = path.with_file_name(&said.file);
    let advice = "it was damaged or belongs to another checkpoint: use an earlier one";
    let damaged = |problem: String| FileError::new(&file, problem, advice);
    let length = files::plain_length(&file)?;
    if length != said.bytes {
        return Err(damaged(format!("has {length} bytes, and {} says {}", path.display(), said.bytes)));
    }
    let bytes = files::read_file(&file, said.bytes)?;
    let found = checksum(&bytes);
    if found != said.crc32 {
        return Err(damaged(format!("has checksum {found}, and {} says {}", path.display(), said.crc32)));
    }
    tensors::decode(&bytes).map_err(|problem| damaged(format!("is not a safetensors file: {problem}")))
}

/// `step-000120` of `checkpoints/step-000120.json`.
fn name_of(path: &Path) -> Result<&str, FileError> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        FileError::new(path, "is not the name of a checkpoint", "give the checkpoint's `.json` file")
    })
}

/// The name of the checkpoint for which a `safetensors` file of ours was written.
fn owner_of(file: &str) -> Option<&str> {
    let (name, crc32) = file.strip_suffix(".safetensors")?.rsplit_once('.')?;
    let ours = crc32.len() == 8 && crc32.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    ours.then_some(name)
}

/// Removes the tensors of the checkpoint `name` beside `path`, but for the file to keep.
fn remove_tensor_files(path: &Path, name: &str, keep: Option<&str>) {
    let Some(folder) = path.parent() else { return };
    // Housekeeping: the checkpoint is safe already, and a file left over is tried again at the next save.
    for file in files::list_folder(folder).unwrap_or_default() {
        if owner_of(&file) == Some(name) && Some(file.as_str()) != keep {
            let _ = fs::remove_file(path.with_file_name(file));
        }
    }
}

/// Removes what stops have left in a folder of checkpoints: temporaries, and tensors whose JSON was never written.
///
/// Only the one process that writes there may call this.
pub(crate) fn remove_leftovers(folder: &Path) -> Result<(), FileError> {
    let names = files::list_folder(folder)?;
    let mut orphans = BTreeMap::new();
    for name in &names {
        if files::is_temporary(name) {
            let _ = fs::remove_file(folder.join(name));
        } else if let Some(owner) = owner_of(name) {
            orphans.entry(owner).or_insert_with(Vec::new).push(name);
        }
    }
    for (owner, tensor_files) in orphans {
        let path = folder.join(format!("{owner}.json"));
        let named = match path.exists().then(|| read_record(&path)) {
            None => None,
            Some(Ok(record)) => Some(record.tensors.file),
            // Which of them a damaged record means cannot be known: a person may still want to look.
            Some(Err(_)) => continue,
        };
        for file in tensor_files.into_iter().filter(|file| Some(*file) != named.as_ref()) {
            let _ = fs::remove_file(folder.join(file));
        }
    }
    Ok(())
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_and_of_their_tensors() {
        assert_eq!(name_of(Path::new("runs/step-0.5.json")).unwrap(), "step-0.5");
        for wrong in ["runs/best", "runs/.json", "runs/best.safetensors", "/", ""] {
            let error = name_of(Path::new(wrong)).unwrap_err();
            assert!(error.to_string().ends_with("give the checkpoint's `.json` file"), "{error}");
        }
        assert_eq!(owner_of("step-0.5.00c0ffee.safetensors"), Some("step-0.5"));
        for other in
            ["best.safetensors", "best.00C0FFEE.safetensors", "best.c0ffee.safetensors", "best.00c0ffee.json"]
        {
            assert_eq!(owner_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_checksum_is_the_crc32_of_zip_and_png() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(checksum(b"123456789"), "cbf43926");
    }
}
