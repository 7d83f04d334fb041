//! The features of all pictures of a collection.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::files::read_file;
use rayon::prelude::*;

use super::{Encoder, Origin};
use crate::data::arrays::{Numbers, write_with_origin};
use crate::data::collection::{Collection, NamedFile, Watch};
use crate::data::doctor::beyond_memory;
use crate::data::fault::{Fault, FaultKind, first_fault};
use crate::data::features::{Form, fault_of};
use crate::data::picture::MOST_BYTES;
use crate::data::{DataError, Source};

/// What a file of such features says it is.
const FORMAT: &str = "unspool features 1";

/// Features of pictures by their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Which encoder made them.
    pub origin: Origin,
    /// What they are of each picture.
    pub form: Form,
    /// The pictures, in the order in which they are listed.
    pub names: Vec<String>,
    /// Their features, one after another.
    pub numbers: Vec<f32>,
}

/// Has an encoder look at all pictures of a collection, on all cores; what cannot be used is noted and left out.
///
/// # Errors
/// If the captions cannot be read, the network fails, the features would not fit the memory, or no picture is left.
pub fn encode(
    encoder: &Encoder,
    collection: &Collection,
    faults: &mut Vec<Fault>,
    watch: Watch,
) -> Result<Encoded, DataError> {
    let files = collection.files()?;
    let (form, size, batch) = (encoder.form(), encoder.form().size(), encoder.batch());
    let bytes = (4 * size as u64).saturating_mul(files.len() as u64);
    if let Some(problem) = beyond_memory(&format!("{form} of {} pictures", files.len()), bytes) {
        let problem = format!("{problem}. Name an output in the card that has fewer");
        return Err(DataError::new(&encoder.origin().file, problem));
    }
    let mut numbers = vec![0.0; files.len() * size];
    let (done, total) = (AtomicUsize::new(0), files.len());
    let some = |(files, numbers): (&[NamedFile], &mut [f32])| {
        let mut brought = Vec::new();
        let mut bring = |file: &Result<PathBuf, Fault>| match file {
            Ok(path) => bring(encoder, path, &mut brought),
            Err(fault) => Err(fault.clone()),
        };
        let mut results: Vec<Result<(), Fault>> = files.iter().map(|(_, file)| bring(file)).collect();
        let features = encoder.encode(brought)?;
        let good = results.iter_mut().zip(numbers.chunks_exact_mut(size)).zip(files);
        let good = good.filter(|((result, _), _)| result.is_ok());
        for (((result, to), (name, _)), features) in good.zip(features.chunks_exact(size)) {
            to.copy_from_slice(features);
            *result = fault_of(features, || name.clone()).map_or(Ok(()), Err);
        }
        watch(done.fetch_add(files.len(), Ordering::Relaxed) + files.len(), total);
        Ok::<_, DataError>(results)
    };
    let results: Result<Vec<_>, DataError> =
        files.par_chunks(batch).zip(numbers.par_chunks_mut(batch * size)).map(some).collect();

    let mut names = Vec::new();
    for (at, ((name, _), result)) in files.iter().zip(results?.into_iter().flatten()).enumerate() {
        match result {
            Ok(()) => {
                numbers.copy_within(at * size..(at + 1) * size, names.len() * size);
                names.push(name.clone());
            }
            Err(fault) => faults.push(fault),
        }
    }
    numbers.truncate(names.len() * size);
    if names.is_empty() {
        let problem = format!("no picture can be encoded{}", first_fault(faults));
        return Err(DataError::new(collection.describe(), problem));
    }
    Ok(Encoded { origin: encoder.origin().clone(), form, names, numbers })
}

/// Brings a picture of a file to what the network takes.
fn bring(encoder: &Encoder, path: &Path, to: &mut Vec<f32>) -> Result<(), Fault> {
    let brought = read_file(path, MOST_BYTES)
        .map_err(DataError::from)
        .and_then(|bytes| encoder.bring(&bytes, &path.display().to_string(), to));
    brought.map_err(|error| Fault::of(FaultKind::CorruptPicture, error))
}

impl Encoded {
    /// Writes the features as `safetensors`, an array for each picture, with what made them; `--features` takes such a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        let shape = match self.form {
            Form::Vector { width } => vec![width],
            Form::Grid { rows, columns, width } => vec![rows, columns, width],
        };
        let rows = self.numbers.chunks_exact(self.form.size());
        let arrays: Vec<_> = self
            .names
            .iter()
            .zip(rows)
            .map(|(name, numbers)| (name.clone(), shape.clone(), Numbers::F32(numbers)))
            .collect();
        write_with_origin(path, FORMAT, Some(&self.origin), &arrays)
    }
}
