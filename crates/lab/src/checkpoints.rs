//! The newest checkpoints of a run, and the way back when the last one is damaged.
//!
//! A run saves every so often; disks are finite, so all but the newest few are removed, and only after the new one is
//! there. Two are the least that protects: while one is written, and if it turns out damaged, the other stands.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{self, Checkpoint};
use crate::files::{self, FileError};
use crate::tensors::NamedTensor;

/// The checkpoints `step-000120.json` in a folder; other names in it are left alone.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

/// The newest checkpoint that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest<S> {
    /// The step it was saved under.
    pub step: u64,
    /// What it holds.
    pub checkpoint: Checkpoint<S>,
    /// What was wrong with newer ones, to be told to the user.
    pub skipped: Vec<FileError>,
}

impl Checkpoints {
    /// Those in a folder, of which the newest two are kept; the folder is made at the first save.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Checkpoints { folder: folder.into(), keep: 2 }
    }

    /// The same, but keeps the newest `count`, at least two.
    pub fn keeping(self, count: usize) -> Self {
        Checkpoints { keep: count.max(2), ..self }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the checkpoint of a step, whether it is there or not.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:06}.json"))
    }

    /// The steps of which there is a checkpoint, ascending; none when there is no folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, FileError> {
        if !fs::exists(&self.folder).map_err(|error| FileError::system(&self.folder, "read", &error))? {
            return Ok(Vec::new());
        }
        let names = files::list_folder(&self.folder)?;
        let mut steps: Vec<u64> = names.iter().filter_map(|name| step_of(name)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Saves the checkpoint of a step, then removes the older ones that need not be kept; gives its path.
    ///
    /// # Errors
    /// If a file cannot be written or an older one removed; those before are kept then.
    pub fn save<S>(&self, step: u64, tensors: &[NamedTensor<'_>], state: &S) -> Result<PathBuf, FileError>
    where
        S: Serialize + DeserializeOwned,
    {
        files::create_folder(&self.folder)?;
        let path = self.path(step);
        checkpoint::save(&path, tensors, state)?;
        // Newer ones stand there when a person went back to an earlier step: theirs to remove.
        let older: Vec<u64> = self.steps()?.into_iter().filter(|other| *other < step).collect();
        for old in older.iter().rev().skip(self.keep - 1) {
            checkpoint::remove(&self.path(*old))?;
        }
        Ok(path)
    }

    /// The newest checkpoint that can be read, or `None` when none was ever saved.
    ///
    /// When there are some and none can be read, that is an error: starting anew over them would be a loss.
    ///
    /// # Errors
    /// If the folder cannot be read, or there are checkpoints and none that can be.
    pub fn latest<S: DeserializeOwned>(&self) -> Result<Option<Latest<S>>, FileError> {
        let mut skipped = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match checkpoint::load(&self.path(step)) {
                Ok(checkpoint) => return Ok(Some(Latest { step, checkpoint, skipped })),
                Err(error) => skipped.push(error),
            }
        }
        skipped.into_iter().next().map_or(Ok(None), Err)
    }

    /// Removes what stops have left in the folder; only the one process that writes there may.
    pub(crate) fn remove_leftovers(&self) -> Result<(), FileError> {
        if self.folder.is_dir() { checkpoint::remove_leftovers(&self.folder) } else { Ok(()) }
    }
}

fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.strip_suffix(".json")?.parse().ok()?;
    // `step-7.json` or `step-+7.json` is not a name that `path` gives.
    (name == format!("step-{step:06}.json")).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_it_gives_are_steps() {
        assert_eq!(step_of("step-000120.json"), Some(120));
        assert_eq!(step_of("step-12345678.json"), Some(12_345_678));
        for other in
            ["step-120.json", "step-+00120.json", "step-.json", "best.json", "step-000120.safetensors"]
        {
            assert_eq!(step_of(other), None, "{other}");
        }
    }
}
