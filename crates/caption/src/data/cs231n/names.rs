//! What each picture is called.

use std::fs;
use std::path::Path;

use crate::data::DataError;

/// A name for each picture.
pub(super) struct Names {
    /// The names, in the order of the features.
    pub(super) list: Vec<String>,
    /// Whether they are file names, which other files can be held against.
    pub(super) are_files: bool,
}

/// Reads `…_images.txt`, else `…_urls.txt`, a line for each picture; where neither exists the pictures are numbered.
pub(super) fn read(folder: &Path, part: &str, pictures: usize) -> Result<Names, DataError> {
    for kind in ["images", "urls"] {
        let path = folder.join(format!("{part}2014_{kind}.txt"));
        if !path.exists() {
            continue;
        }
        let error = |problem: String| DataError::new(path.display().to_string(), problem);
        let text = fs::read_to_string(&path).map_err(|why| {
            error(format!(
                "cannot be read as text ({why}). Fetch it again, or remove it: pictures are then numbered"
            ))
        })?;
        let list: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
        if list.len() != pictures {
            return Err(error(format!(
                "has {} lines; expected one for each of the {pictures} pictures in the features. Fetch it again, or \
                 remove it: pictures are then numbered",
                list.len()
            )));
        }
        return Ok(Names { list, are_files: kind == "images" });
    }
    let list = (0..pictures).map(|picture| format!("{part} picture {picture}")).collect();
    Ok(Names { list, are_files: false })
}
