//! Event files for TensorBoard, beside the metrics of a run: `tensorboard --logdir RUNS` shows every run in the folder.
//!
//! Each opening of a run writes a file of its own, whose name sorts after those before it; `record` is its framing and
//! `message` what a record holds. A reader that follows the last file is never surprised: files only grow, but for what a
//! stop has torn and what [`EventFiles::rewind`] takes back, and then there is a new file.

mod message;
mod record;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::files::{self, FileError};
use crate::metrics::leaves;

/// What names begin with; TensorBoard looks for `tfevents`, and reads files in the order of their names.
const NAME: &str = "events.out.tfevents.";

/// As long as metrics may be.
const LONGEST: u64 = 4 << 30;

/// A value that an event gives a tag.
#[derive(Clone, Copy)]
enum Content<'a> {
    /// A point of a curve.
    Number(f64),
    /// Text, in which TensorBoard reads Markdown.
    Text(&'a str),
}

impl<'a> Content<'a> {
    /// What a value is to TensorBoard: numbers and texts alone are something.
    fn of(value: &'a Value) -> Option<Content<'a>> {
        match value {
            Value::Number(number) => number.as_f64().map(Content::Number),
            Value::String(text) => Some(Content::Text(text)),
            _ => None,
        }
    }
}

/// The event files of a folder, open for writing by one process.
#[derive(Debug)]
pub struct EventFiles {
    folder: PathBuf,
    /// The file of this process, once there is something to say.
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    /// Bytes that are whole records.
    length: u64,
}

impl EventFiles {
    /// The files of a folder; what a stop has torn at their ends is cut off. A new file is made when something is
    /// appended.
    ///
    /// # Errors
    /// If the folder or a file in it cannot be read or cut.
    pub fn open(folder: &Path) -> Result<EventFiles, FileError> {
        let mut files = EventFiles { folder: folder.to_path_buf(), current: None };
        files.rewind(u64::MAX)?;
        Ok(files)
    }

    /// Appends the numbers and texts of metrics that have a whole `step`, under their names by [`leaves`]; others say
    /// nothing.
    ///
    /// # Errors
    /// If the file cannot be written; it then ends where it ended before.
    pub fn append_metrics(&mut self, metrics: &Value) -> Result<(), FileError> {
        let Some(step) = metrics["step"].as_u64() else { return Ok(()) };
        let named = |(name, value)| (name != "step").then_some((name, Content::of(value)?));
        let values: Vec<(String, Content<'_>)> = leaves(metrics).into_iter().filter_map(named).collect();
        if values.is_empty() { Ok(()) } else { self.append(step, &values) }
    }

    /// Appends values of a step.
    fn append(&mut self, step: u64, values: &[(String, Content<'_>)]) -> Result<(), FileError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        if self.current.is_none() {
            // Should a reader have seen more than was kept, the start tells it from where on to forget.
            let head = [message::version(now), message::start(now, step)];
            let mut current = self.create()?;
            current.write(&head.map(|event| record::framed(&event)).concat())?;
            self.current = Some(current);
        }
        let record = record::framed(&message::summary(now, step, values));
        self.current.as_mut().map_or(Ok(()), |current| current.write(&record))
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// If the system cannot.
    pub fn sync(&mut self) -> Result<(), FileError> {
        let Some(Current { path, file, .. }) = &self.current else { return Ok(()) };
        file.sync_data().map_err(|error| FileError::system(path, "made durable", &error))
    }

    /// Takes back all from the first event of a step after this one, in every file, and begins a new file with what
    /// comes next.
    ///
    /// # Errors
    /// If a file cannot be read or cut.
    pub fn rewind(&mut self, step: u64) -> Result<(), FileError> {
        self.current = None;
        for name in self.names()? {
            let path = self.folder.join(name);
            let bytes = files::read_file(&path, LONGEST)?;
            let after =
                |(_, event): &(usize, &[u8])| message::step_of(event).is_none_or(|written| written > step);
            let kept = record::records(&bytes).find(after).map(|(start, _)| start);
            let kept = kept.unwrap_or_else(|| record::whole_length(&bytes));
            if kept < bytes.len() {
                let cut =
                    OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(kept as u64));
                cut.map_err(|error| FileError::system(&path, "cut", &error))?;
            }
        }
        Ok(())
    }

    /// The names of the files, in order.
    fn names(&self) -> Result<Vec<String>, FileError> {
        let names = files::list_folder(&self.folder)?;
        Ok(names.into_iter().filter(|name| name.starts_with(NAME)).collect())
    }

    /// A new file whose name sorts after all that are there.
    fn create(&self) -> Result<Current, FileError> {
        let numbers = self.names()?.into_iter().filter_map(|name| name[NAME.len()..].parse().ok());
        let next = numbers.max().unwrap_or(0_u64).saturating_add(1);
        let path = self.folder.join(format!("{NAME}{next:06}"));
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = file.map_err(|error| FileError::system(&path, "made", &error))?;
        Ok(Current { path, file, length: 0 })
    }
}

impl Current {
    /// Appends bytes whole or not at all; unbuffered, so that a reader beside us sees them.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if let Err(error) = self.file.write_all(bytes) {
            // A full disk: without this, what comes once there is space would stand behind a torn record.
            let _ = self.file.set_len(self.length);
            return Err(FileError::system(&self.path, "written", &error));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}
