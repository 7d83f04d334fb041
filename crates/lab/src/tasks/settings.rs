//! Tasks with their settings as words of a command line: `copy:delay=50,symbols=5`, `text:steps=50,file=PATH`.
//!
//! `file` takes all that follows it, so that a path may have commas. A task's name is the shortest such word for it, so
//! what a program has written down it can read again.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{Task, Text, all, named};
use crate::files::FileError;

/// The most steps that can be asked for on a command line: more is a slip of the pen.
pub(super) const LONGEST: usize = 100_000;

/// The most kinds of symbols that can be asked for: each of them widens the rows that a model sees.
pub(super) const MOST_KINDS: usize = 1000;

/// A number that can be set by name.
#[derive(PartialEq, Eq, Debug)]
pub struct Setting<'a> {
    /// What it is called: `delay`.
    pub name: &'static str,
    /// What it can be, as the other settings stand.
    pub range: RangeInclusive<usize>,
    /// Where it is kept.
    pub value: &'a mut usize,
}

/// Why there is no such task.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// No task has this name.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The task has no such setting.
    NoSetting {
        /// The task's name.
        task: String,
        /// The setting that was asked for.
        setting: String,
        /// The settings there are.
        known: Vec<&'static str>,
    },
    /// A setting cannot be what was asked for.
    Value {
        /// The task's name.
        task: String,
        /// The setting.
        setting: String,
        /// What is wrong, and what it can be.
        problem: String,
    },
    /// A text cannot be read.
    File(FileError),
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Unknown { name } => {
                let known: Vec<String> = all().iter().map(|task| task.name()).collect();
                write!(f, "there is no task `{name}`; the tasks are {}", known.join(", "))
            }
            TaskError::NoSetting { task, setting, known } => {
                write!(f, "the task `{task}` has no setting `{setting}`; it has {}", known.join(", "))
            }
            TaskError::Value { task, setting, problem } => {
                write!(f, "the setting `{setting}` of the task `{task}` {problem}")
            }
            TaskError::File(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for TaskError {}

impl From<FileError> for TaskError {
    fn from(error: FileError) -> TaskError {
        TaskError::File(error)
    }
}

/// The task that a word asks for: a name, or a name and settings.
///
/// ```
/// use lab::tasks::parse;
///
/// assert_eq!(parse("copy:delay=50,kinds=4")?.about(), "say 10 symbols of 4 kinds again after a delay of 50 steps");
/// assert_eq!(parse("copy:kinds=8,delay=50")?.name(), "copy:delay=50");
/// let error = parse("copy:dealy=50").err().map(|error| error.to_string());
/// assert_eq!(error.as_deref(), Some("the task `copy` has no setting `dealy`; it has delay, symbols, kinds"));
/// # Ok::<(), lab::tasks::TaskError>(())
/// ```
///
/// # Errors
/// If there is no such task or setting, a setting is out of its range, or a text cannot be read.
pub fn parse(word: &str) -> Result<Box<dyn Task>, TaskError> {
    let (name, settings) = word.split_once(':').unwrap_or((word, ""));
    let (settings, file) = match name {
        "text" => split_file(settings),
        _ => (settings, None),
    };
    let mut task = match file {
        Some(file) => Box::new(Text::open(Path::new(file))?),
        None => named(name).ok_or_else(|| TaskError::Unknown { name: name.into() })?,
    };
    let wrong = |setting: &str, problem: String| {
        let (task, setting) = (name.into(), setting.into());
        TaskError::Value { task, setting, problem }
    };

    let mut seen = Vec::new();
    for assignment in settings.split(',').filter(|assignment| !assignment.is_empty()) {
        let (setting, value) = assignment
            .split_once('=')
            .ok_or_else(|| wrong(assignment, format!("has no value; write `{assignment}=` and a number")))?;
        let mut known = task.settings();
        let names = known.iter().map(|known| known.name).chain((name == "text").then_some("file")).collect();
        let found = known.iter_mut().find(|known| known.name == setting);
        let found = found.ok_or_else(|| TaskError::NoSetting {
            task: name.into(),
            setting: setting.into(),
            known: names,
        })?;
        *found.value =
            value.parse().map_err(|_| wrong(setting, format!("is `{value}`, but must be a whole number")))?;
        if seen.contains(&setting) {
            return Err(wrong(setting, "is given twice; give it once".into()));
        }
        seen.push(setting);
    }
    // Ranges may depend on settings that came later.
    for Setting { name, range, value } in task.settings() {
        if !range.contains(value) {
            let (least, most) = range.into_inner();
            return Err(wrong(name, format!("is {value}, but must be from {least} to {most}")));
        }
    }
    Ok(task)
}

/// The settings before `file=`, and the path after it.
fn split_file(settings: &str) -> (&str, Option<&str>) {
    match settings.strip_prefix("file=") {
        Some(file) => ("", Some(file)),
        None => match settings.split_once(",file=") {
            Some((settings, file)) => (settings, Some(file)),
            None => (settings, None),
        },
    }
}

/// A task's name with the settings in which it differs from the usual ones.
pub(super) fn full_name<T: Task>(name: &str, mut task: T, mut usual: T) -> String {
    let settings = task.settings().into_iter().zip(usual.settings());
    let others = settings.filter(|(setting, usual)| setting.value != usual.value);
    let others: Vec<String> =
        others.map(|(setting, _)| format!("{}={}", setting.name, setting.value)).collect();
    if others.is_empty() { name.into() } else { format!("{name}:{}", others.join(",")) }
}
