//! A run as its folder has it: settings, and numbers over steps.

use std::path::Path;

use lab::files::FileError;
use lab::metrics::leaves;
use lab::run_dir::{read_config, read_metrics};
use serde_json::Value;

use super::Described;

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called: the name of its folder.
    pub name: String,
    /// Its settings, as `config.json` has them.
    pub config: Value,
    /// What it recorded, as `metrics.jsonl` has it.
    pub metrics: Vec<Value>,
    /// What its model says; none where it has no model yet.
    pub described: Option<Described>,
}

impl Run {
    /// Reads a run's folder; it may be running. What its model says is not known yet.
    ///
    /// # Errors
    /// If the folder holds no run.
    pub fn read(folder: &Path) -> Result<Run, FileError> {
        // `.` and `..` have no name of their own.
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let name = whole.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned());
        Ok(Run { name, config: read_config(folder)?, metrics: read_metrics(folder)?, described: None })
    }

    /// The steps and values that were recorded under a name; see [`lab::metrics`].
    pub fn series(&self, name: &str) -> Vec<(f64, f64)> {
        let point = |metrics: &Value| {
            let step = metrics["step"].as_f64()?;
            leaves(metrics).into_iter().find(|(key, _)| key == name)?.1.as_f64().map(|value| (step, value))
        };
        self.metrics.iter().filter_map(point).collect()
    }

    /// The last value that was recorded under a name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.series(name).last().map(|(_, value)| *value)
    }

    /// All names under which numbers were recorded, in the order of their alphabet.
    pub fn names(&self) -> Vec<String> {
        let numbers = self.metrics.iter().flat_map(leaves).filter(|(_, value)| value.is_number());
        let mut names: Vec<String> = numbers.map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Steps that were taken, and how many there will be.
    pub fn steps(&self) -> (u64, Option<u64>) {
        let taken = self.metrics.iter().filter_map(|metrics| metrics["step"].as_u64()).max();
        (taken.unwrap_or(0), self.config["recipe"]["steps"].as_u64())
    }
}
