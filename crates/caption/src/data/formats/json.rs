//! Lists in JSON, an entry at a time, so that an entry of a wrong form does not take the others with it.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::data::DataError;
use crate::data::encoding::read_text;
use crate::data::fault::FaultKind;
use crate::data::listing::Listing;

/// Entries that are not read yet.
pub(super) type Entries = Vec<Box<RawValue>>;

/// A name or a number, as ids are written in one file or another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    /// A number.
    Number(i64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// Reads a file whose outermost object has certain keys.
pub(super) fn read<T: DeserializeOwned>(path: &Path, wanted: &str) -> Result<T, DataError> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|error| {
        let problem = format!(
            "cannot be read as {wanted} ({error}); the file is cut short, damaged or of another kind. Fetch it again"
        );
        DataError::new(path.display().to_string(), problem)
    })
}

/// Reads one entry; one of a wrong form is a fault.
pub(super) fn entry<T: DeserializeOwned>(raw: &RawValue, place: &str, listing: &mut Listing) -> Option<T> {
    match serde_json::from_str(raw.get()) {
        Ok(entry) => Some(entry),
        Err(error) => {
            // Line and column count within the entry and would mislead.
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            listing.fault(FaultKind::BadEntry, place, format!("{why}; found {}", raw.get()));
            None
        }
    }
}
