//! What the network sees of a collection: pixels of picture files, or rows of features.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::{Collection, Ready, Watch};
use crate::data::doctor::beyond_memory;
use crate::data::encoder::Origin;
use crate::data::fault::{Fault, FaultKind};
use crate::data::features::{self, FeatureTable, Form};
use crate::data::listing::{Listed, Listing};
use crate::data::picture::{load_picture, within};
use crate::data::{DataError, Pictures};

impl Collection {
    /// The pixels of each part; pictures without are left out.
    pub(super) fn decode(
        &self,
        listing: &Listing,
        members: &mut [Vec<Ready>; 3],
        faults: &mut Vec<Fault>,
        watch: Watch,
    ) -> Result<([Pictures; 3], String), DataError> {
        let side = self.preparation.side;
        // At most `LARGEST_SIDE`, as was checked.
        let extent = side as u32;
        let size = side * side * 3;
        let folders = self.folders();
        let total: usize = members.iter().map(Vec::len).sum();
        // A system that lends more than it has would end the program in the middle.
        let bytes = (total as u64).saturating_mul(size as u64);
        if let Some(problem) = beyond_memory(&format!("{total} pictures of {side} by {side} pixels"), bytes) {
            return Err(DataError::new(
                self.format.describe(),
                format!("{problem}. Choose a smaller --side"),
            ));
        }
        let done = AtomicUsize::new(0);
        let mut found_in = None;
        let mut of_part = |members: &mut Vec<Ready>| {
            let mut data = vec![0; members.len() * size];
            let one = |(ready, pixels): (&Ready, &mut [u8])| {
                let picture = &listing.pictures[ready.row];
                let result = find(picture, &folders).and_then(|(folder, path)| {
                    match load_picture(path, extent, extent) {
                        Ok(loaded) => {
                            pixels.copy_from_slice(&loaded);
                            Ok(folder)
                        }
                        Err(error) => Err(Fault::of(FaultKind::CorruptPicture, error)),
                    }
                });
                watch(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                result
            };
            let results: Vec<Result<usize, Fault>> =
                members.par_iter().zip(data.par_chunks_mut(size)).map(one).collect();
            found_in = found_in.or(results.iter().find_map(|result| result.as_ref().ok()).copied());
            keep(members, results, size, &mut data, faults);
            Pictures::Pixels { height: side, width: side, data }
        };
        let [train, val, test] = members;
        let pictures = [of_part(train), of_part(val), of_part(test)];
        let folder = found_in.map_or(String::new(), |folder| format!(" from {}", folders[folder].display()));
        Ok((
            pictures,
            format!("pictures{folder}, the largest centred square of each at {side} by {side} pixels"),
        ))
    }

    /// The features of each part; pictures without are left out.
    pub(super) fn take_features(
        &self,
        path: &Path,
        listing: &Listing,
        members: &mut [Vec<Ready>; 3],
        origin: &mut Option<Origin>,
        faults: &mut Vec<Fault>,
    ) -> Result<([Pictures; 3], String), DataError> {
        let table = features::read(path, self.preparation.channels)?;
        table.check_rows(listing.pictures.len())?;
        let mut of_part = |members: &mut Vec<Ready>| {
            let mut data = Vec::with_capacity(members.len() * table.form.size());
            members.retain(|ready| {
                let row = feature_row(&table, ready.row, &listing.pictures[ready.row], path);
                row.map(|row| data.extend_from_slice(row)).map_err(|fault| faults.push(fault)).is_ok()
            });
            match table.form {
                Form::Vector { width } => Pictures::Features { width, data },
                Form::Grid { rows, columns, width } => Pictures::Grid { rows, columns, width, data },
            }
        };
        let [train, val, test] = members;
        let pictures = [of_part(train), of_part(val), of_part(test)];
        let made = table.origin.as_ref().map_or(String::new(), |origin| format!(", made by {origin}"));
        let seen = format!("{} from {}, {}{made}", table.form, path.display(), table.order());
        *origin = table.origin;
        Ok((pictures, seen))
    }

    /// The file of each picture that is listed, by its name; or that there is none.
    ///
    /// # Errors
    /// If the captions cannot be read at all.
    pub fn files(&self) -> Result<Vec<NamedFile>, DataError> {
        let folders = self.folders();
        let file = |picture: &Listed| (picture.name.clone(), find(picture, &folders).map(|(_, path)| path));
        Ok(self.format.list()?.pictures.par_iter().map(file).collect())
    }

    /// Where pictures may lie.
    fn folders(&self) -> Vec<PathBuf> {
        self.preparation.images.clone().map_or_else(|| self.format.folders(), |folder| vec![folder])
    }
}

/// The name of a picture that is listed with its file, or that there is none.
pub type NamedFile = (String, Result<PathBuf, Fault>);

/// Where a picture lies: the number of its folder, and its path.
fn find(picture: &Listed, folders: &[PathBuf]) -> Result<(usize, PathBuf), Fault> {
    let mut leads_out = true;
    for path in &picture.paths {
        for (number, folder) in folders.iter().enumerate() {
            let Some(full) = within(folder, path) else { continue };
            leads_out = false;
            if full.is_file() {
                return Ok((number, full));
            }
            // One system writes an accent apart from its letter in names of files, another does not.
            if let Some(name) = path.to_str().filter(|name| !name.is_ascii()) {
                let forms = [name.nfc().collect::<String>(), name.nfd().collect()];
                if let Some(full) = forms.iter().map(|form| folder.join(form)).find(|full| full.is_file()) {
                    return Ok((number, full));
                }
            }
        }
    }
    if leads_out {
        let problem = "its name leads out of every folder of pictures; expected one within. Say which folder is meant by `--images FOLDER`";
        return Err(Fault::new(FaultKind::MissingPicture, &picture.name, problem));
    }
    let places: Vec<String> =
        folders.iter().filter(|folder| folder.is_dir()).map(|folder| folder.display().to_string()).collect();
    let problem = if places.is_empty() {
        let folders: Vec<String> =
            folders.iter().take(3).map(|folder| folder.display().to_string()).collect();
        format!("there is no folder of pictures; looked for {}, …", folders.join(", "))
    } else {
        format!("there is no such file in {}", places.join(", "))
    };
    Err(Fault::new(FaultKind::MissingPicture, &picture.name, problem))
}

/// The features of a picture, or what is wrong with them.
fn feature_row<'a>(
    table: &'a FeatureTable,
    row: usize,
    picture: &Listed,
    path: &Path,
) -> Result<&'a [f32], Fault> {
    let place = || format!("{}, `{}`", path.display(), picture.name);
    let Some(numbers) = table.row(row, picture) else {
        return Err(Fault::new(FaultKind::MissingFeatures, place(), "there is no row for this picture"));
    };
    features::fault_of(numbers, place).map_or(Ok(numbers), Err)
}

/// Takes out the pictures that have a fault, from the list and from the array of `size` bytes a picture.
fn keep(
    members: &mut Vec<Ready>,
    results: Vec<Result<usize, Fault>>,
    size: usize,
    data: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) {
    let mut kept = 0;
    for (from, result) in results.iter().enumerate() {
        if result.is_ok() {
            data.copy_within(from * size..(from + 1) * size, kept * size);
            kept += 1;
        }
    }
    data.truncate(kept * size);
    let mut good = results.iter().map(Result::is_ok);
    members.retain(|_| good.next().unwrap_or(false));
    faults.extend(results.into_iter().filter_map(Result::err));
}
