//! Everything that is wrong with a folder, where loading stops at the first.

use super::{CAPTIONS, Cs231n, REFERENCES, VOCABULARY, names, references, words};
use crate::data::DataError;
use crate::data::fault::{Fault, FaultKind, flaw_of_caption};
use crate::data::features::fault_of;
use crate::data::tables::Tables;

impl Cs231n {
    /// All faults of the folder: files that cannot be read, captions whose indices do not fit, features that are no numbers or zero.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let vocabulary = noted(&mut faults, words::read(&self.folder.join(VOCABULARY)));
        let tables = noted(&mut faults, self.open(CAPTIONS));
        for part in ["train", "val"] {
            let features = self
                .open(&self.features_file(part))
                .and_then(|file| Ok((file.any_floats("features")?, file)));
            let pictures = match noted(&mut faults, features) {
                Some(((shape, data), file)) if shape.len() == 2 => {
                    for (row, numbers) in data.chunks_exact(shape[1]).enumerate() {
                        let place = || format!("{}, row {row}", file.place("features"));
                        faults.extend(fault_of(numbers, place));
                    }
                    Some(shape[0])
                }
                Some(((shape, _), file)) => {
                    let problem = format!("has shape {shape:?}; expected two extents");
                    let _ = noted::<()>(&mut faults, Err(file.error("features", problem)));
                    None
                }
                None => None,
            };
            if let Some(tables) = &tables {
                let words = vocabulary.as_ref().map(|vocabulary| vocabulary.len());
                let looked = captions(tables, part, words, &mut faults);
                let _ = noted(&mut faults, looked);
                let looked = picture_indices(tables, part, pictures, &mut faults);
                let _ = noted(&mut faults, looked);
            }
            if let Some(pictures) = pictures
                && let Some(names) = noted(&mut faults, names::read(&self.folder, part, pictures))
                && part == "val"
                && self.folder.join(REFERENCES).exists()
            {
                let _ = noted(&mut faults, references::read(&self.folder.join(REFERENCES), &names, pictures));
            }
        }
        faults
    }
}

/// The result, or none with the error among the faults.
fn noted<T>(faults: &mut Vec<Fault>, result: Result<T, DataError>) -> Option<T> {
    result.map_err(|error| faults.push(Fault::of(FaultKind::Unreadable, error))).ok()
}

/// Captions with an index outside the vocabulary, or without a word.
fn captions(
    tables: &Tables,
    part: &str,
    words: Option<usize>,
    faults: &mut Vec<Fault>,
) -> Result<(), DataError> {
    let key = format!("{part}_captions");
    let mut row = Vec::new();
    let mut number = 0;
    tables.visit_integers::<2>(&key, |[_, width], id| {
        row.push(id);
        if row.len() == width {
            let place = || format!("{}, row {number}", tables.place(&key));
            if let Some((kind, problem)) = flaw_of_caption(&row, words) {
                faults.push(Fault::new(kind, place(), problem));
            }
            row.clear();
            number += 1;
        }
        Ok(())
    })?;
    Ok(())
}

/// Captions of pictures that have no features.
fn picture_indices(
    tables: &Tables,
    part: &str,
    pictures: Option<usize>,
    faults: &mut Vec<Fault>,
) -> Result<(), DataError> {
    let key = format!("{part}_image_idxs");
    let mut row = 0;
    tables.visit_integers::<1>(&key, |_, picture| {
        if let Some(pictures) = pictures
            && !(0..pictures as i64).contains(&picture)
        {
            let problem = format!("is of picture {picture}, but there are features of {pictures}");
            faults.push(Fault::new(
                FaultKind::PictureOutside,
                format!("{}, row {row}", tables.place(&key)),
                problem,
            ));
        }
        row += 1;
        Ok(())
    })?;
    Ok(())
}
