//! The folder of one run: its settings, its metrics, its checkpoints.
//!
//! ```text
//! config.json     the settings, written once; whoever comes back must bring the same
//! metrics.jsonl   one JSON object a line, appended as the run goes
//! metrics.csv     the same as a table, when the run is asked for it
//! events.out.*    the same for TensorBoard, of metrics that have a step
//! checkpoints/    the newest states to go on from
//! ```
//!
//! `config.json` makes a folder a run: it appears whole and last, so a start that was cut short leaves a folder that can
//! be started again. The metrics file is locked while a run is open, because two processes would spoil each other's
//! checkpoints; the system releases the lock however a process ends.

mod settings;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::checkpoints::Checkpoints;
use crate::events::EventFiles;
use crate::files::{self, FileError};
use crate::metrics::csv;

const CONFIG: &str = "config.json";
const METRICS: &str = "metrics.jsonl";
const CSV: &str = "metrics.csv";
const CHECKPOINTS: &str = "checkpoints";

/// No settings are near this long; what is longer is another file.
const LONGEST_CONFIG: u64 = 16 << 20;
/// A line of metrics for each of ten million steps.
const LONGEST_METRICS: u64 = 4 << 30;

/// A run's folder, open for writing; no other process has it open.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Open for appending, and locked.
    metrics: File,
    /// Bytes of the metrics that are whole lines.
    length: u64,
    events: EventFiles,
}

impl RunDir {
    /// Opens the run in the folder `path`, which is made when it is not there.
    ///
    /// A folder that holds a run with other settings, or files that are no run, is refused and left as it is.
    ///
    /// ```
    /// # #[derive(serde::Serialize)] struct Config { learning_rate: f64 }
    /// # #[derive(serde::Serialize)] struct Metrics { step: u64, loss: f64 }
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("first");
    /// let mut run = lab::run_dir::RunDir::open(&path, &Config { learning_rate: 0.01 })?;
    /// run.append(&Metrics { step: 1, loss: 31.4 })?;
    /// assert_eq!(lab::run_dir::read_metrics(&path)?[0]["loss"], 31.4);
    /// # Ok::<(), lab::files::FileError>(())
    /// ```
    ///
    /// # Errors
    /// If the folder holds something else, another process writes there, or a file cannot be written.
    pub fn open<C: Serialize>(path: &Path, config: &C) -> Result<RunDir, FileError> {
        let file = path.join(CONFIG);
        let config = serde_json::to_string_pretty(config).map_err(|error| {
            FileError::new(
                &file,
                format!("cannot be written: {error}"),
                "correct the settings' serialisation",
            )
        })?;
        files::create_folder(path)?;
        // Before the lock, so that a folder of something else is not touched; and after it, when nobody else writes.
        settings::are_there(path, &config)?;
        let metrics = open_locked(&path.join(METRICS))?;
        if !settings::are_there(path, &config)? {
            files::write_atomically(&file, config.as_bytes())?;
        }
        let events = EventFiles::open(path)?;
        let mut run = RunDir { path: path.to_path_buf(), metrics, length: 0, events };
        for name in files::list_folder(path)?.iter().filter(|name| files::is_temporary(name)) {
            // A temporary that stays costs a little space and nothing else.
            let _ = std::fs::remove_file(path.join(name));
        }
        run.checkpoints().remove_leftovers()?;
        run.cut_metrics(|_| true)?;
        Ok(run)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's checkpoints, of which the newest two are kept.
    pub fn checkpoints(&self) -> Checkpoints {
        checkpoints_of(&self.path)
    }

    /// Appends one line of metrics: a struct or a map, which becomes one JSON object; NaN and infinity become `null`.
    /// Numbers and texts of metrics with a `step` are events for TensorBoard as well.
    ///
    /// # Errors
    /// If the files cannot be written, or the metrics are no object.
    pub fn append<M: Serialize>(&mut self, metrics: &M) -> Result<(), FileError> {
        let path = self.path.join(METRICS);
        let refused = |problem| FileError::new(&path, problem, "give a struct or a map with string keys");
        let mut line = serde_json::to_string(metrics)
            .map_err(|error| refused(format!("these metrics cannot be written: {error}")))?;
        if !line.starts_with('{') {
            return Err(refused(format!("metrics are one JSON object, not {line}")));
        }
        line.push('\n');
        // Unbuffered, so that a reader beside us sees the line.
        if let Err(error) = self.metrics.write_all(line.as_bytes()) {
            // A full disk: without this, what is appended once there is space would stand on a torn line.
            let _ = self.metrics.set_len(self.length);
            return Err(FileError::system(&path, "written", &error));
        }
        self.length += line.len() as u64;
        // The line as it is read again, so that both say the same.
        self.events.append_metrics(&serde_json::from_str(&line).unwrap_or(Value::Null))
    }

    /// Makes the metrics durable; called before a checkpoint that counts on them.
    ///
    /// # Errors
    /// If the system does not say that they are.
    pub fn sync(&mut self) -> Result<(), FileError> {
        let path = self.path.join(METRICS);
        self.metrics.sync_data().map_err(|error| FileError::system(path, "made durable", &error))?;
        self.events.sync()
    }

    /// Writes all metrics as `metrics.csv`, which replaces the one before.
    ///
    /// # Errors
    /// If the metrics cannot be read or the file not be written.
    pub fn write_csv(&self) -> Result<(), FileError> {
        files::write_atomically(&self.path.join(CSV), csv(&read_metrics(&self.path)?).as_bytes())
    }

    /// Drops the metrics from the first line whose `step` is after this one: a run that goes on from a checkpoint
    /// records those steps again.
    ///
    /// # Errors
    /// If the metrics cannot be read or written.
    pub fn rewind(&mut self, step: u64) -> Result<(), FileError> {
        self.cut_metrics(|line| {
            let line: Value = serde_json::from_slice(line).unwrap_or(Value::Null);
            line["step"].as_u64().is_none_or(|written| written <= step)
        })?;
        self.events.rewind(step)
    }

    /// Cuts the metrics before the first line that is torn or not to be kept.
    fn cut_metrics(&mut self, keep: impl Fn(&[u8]) -> bool) -> Result<(), FileError> {
        let path = self.path.join(METRICS);
        let text = files::read_file(&path, LONGEST_METRICS)?;
        self.length = whole_lines(&text).take_while(|line| keep(line)).map(|line| line.len() as u64).sum();
        if self.length < text.len() as u64 {
            self.metrics.set_len(self.length).map_err(|error| FileError::system(path, "cut", &error))?;
        }
        Ok(())
    }
}

/// The checkpoints of the run in a folder, whether it is open or not.
pub fn checkpoints_of(path: &Path) -> Checkpoints {
    Checkpoints::in_folder(path.join(CHECKPOINTS))
}

/// The settings of the run in a folder.
///
/// # Errors
/// If the file cannot be read, or holds other settings than those asked for.
pub fn read_config<C: DeserializeOwned>(path: &Path) -> Result<C, FileError> {
    let file = path.join(CONFIG);
    serde_json::from_str(&files::read_text(&file, LONGEST_CONFIG)?).map_err(|error| {
        FileError::new(
            &file,
            format!("holds other settings: {error}"),
            "give the folder of a run of this program",
        )
    })
}

/// All metrics of the run in a folder, which may be running: a line that is still being written is left out.
///
/// # Errors
/// If the file cannot be read, or a whole line is no JSON.
pub fn read_metrics(path: &Path) -> Result<Vec<Value>, FileError> {
    let file = path.join(METRICS);
    let text = files::read_file(&file, LONGEST_METRICS)?;
    let parse = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            let problem = format!("line {} is not a JSON object: {error}", number + 1);
            FileError::new(&file, problem, "remove the lines from there on")
        })
    };
    whole_lines(&text).enumerate().map(parse).collect()
}

/// The lines with their ends; what follows the last line end is not whole.
fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
}

fn open_locked(path: &Path) -> Result<File, FileError> {
    let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
    let file = opened.map_err(|error| FileError::system(path, "opened", &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let advice = "wait for that process to end, or choose another folder";
            Err(FileError::new(path, "another process is running this experiment", advice))
        }
        // Some network file systems know no locks; there it is the user who must not start a run twice.
        Err(TryLockError::Error(_)) | Ok(()) => Ok(file),
    }
}
