//! Whether a folder is that of the run that is asked for, and in which settings it differs, in words.

use std::path::Path;

use serde_json::Value;

use super::{CHECKPOINTS, CONFIG, METRICS, read_config};
use crate::files::{self, FileError};

/// Whether a folder holds a run with these settings already; an error when it holds something else.
pub(super) fn are_there(folder: &Path, ours: &str) -> Result<bool, FileError> {
    let file = folder.join(CONFIG);
    if !std::fs::exists(&file).map_err(|error| FileError::system(&file, "read", &error))? {
        let foreign =
            |name: &String| !files::is_temporary(name) && ![METRICS, CHECKPOINTS].contains(&name.as_str());
        return match files::list_folder(folder)?.into_iter().find(foreign) {
            None => Ok(false),
            Some(name) => {
                let problem = format!("holds `{name}` and no {CONFIG}: it is not the folder of a run");
                Err(FileError::new(folder, problem, "choose an empty folder or a new name"))
            }
        };
    }
    let theirs: Value = read_config(folder)?;
    // Through text, as the other went: an f32 has other digits there than as a `Value`.
    let ours = serde_json::from_str(ours).unwrap_or(Value::Null);
    let differences = differences("", &theirs, &ours);
    if differences.is_empty() {
        return Ok(true);
    }
    let shown = differences[..differences.len().min(3)].join(", ");
    let more = differences.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let problem = format!("holds another experiment: {shown}{more}");
    Err(FileError::new(folder, problem, "choose another folder, or the settings it was started with"))
}

/// Each setting in which two runs differ, in words.
fn differences(name: &str, theirs: &Value, ours: &Value) -> Vec<String> {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let added = ours.keys().filter(|key| !theirs.contains_key(*key));
            let both = theirs.keys().chain(added).map(|key| {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                differences(
                    &name,
                    theirs.get(key).unwrap_or(&Value::Null),
                    ours.get(key).unwrap_or(&Value::Null),
                )
            });
            both.flatten().collect()
        }
        // Lists of the same names differ in something that one of them holds.
        (Value::Array(theirs), Value::Array(ours))
            if names(theirs).is_some_and(|list| Some(list) == names(ours)) =>
        {
            let named = |(theirs, ours): (&Value, &Value)| {
                differences(&format!("{name}.{}", short(theirs)), theirs, ours)
            };
            theirs.iter().zip(ours).flat_map(named).collect()
        }
        _ if theirs == ours => Vec::new(),
        _ => vec![format!("`{name}` is {} there and {} here", short(theirs), short(ours))],
    }
}

/// The names of a list of things that have names.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    list.iter().map(|value| value["name"].as_str()).collect()
}

/// A setting in one line; what has a name is known by it.
fn short(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(short).collect::<Vec<_>>().join(", ")),
        Value::Object(_) if value["name"].is_string() => {
            value["name"].as_str().unwrap_or_default().to_string()
        }
        _ => value.to_string(),
    }
}
