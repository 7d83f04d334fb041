//! The tensors of a model as one `safetensors` file, for other programs and from them.
//!
//! A checkpoint is for the program that wrote it; this is what crosses over, such as what `nn::pytorch` gives and takes:
//!
//! ```text
//! PyTorch    save_file(model.state_dict(), path)      ->   model.import(&mut params, "", &weights::read(path)?)
//! PyTorch    model.load_state_dict(load_file(path))   <-   weights::write(path, &model.export(&params, ""))
//! ```
//!
//! `save_file` and `load_file` are those of `safetensors.torch`.

use std::collections::BTreeMap;
use std::path::Path;

use tape::{Dim, Tensor};

use crate::files::{self, FileError};
use crate::tensors::{self, NamedTensor};

/// Writes tensors by their names as a `safetensors` file; what stood there is replaced as a whole or not at all.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// use std::collections::BTreeMap;
/// use tape::{Dim, Tensor};
///
/// let bias = Tensor::new([2], vec![1.0f32, 2.0]);
/// let tensors = BTreeMap::from([("head.bias".to_string(), bias)]);
/// lab::weights::write(&path, &tensors)?;
/// assert_eq!(lab::weights::read(&path)?, tensors);
/// # Ok::<(), lab::files::FileError>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or a tensor has the name that the format keeps for itself.
pub fn write(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<(), FileError> {
    let named: Vec<NamedTensor<'_>> =
        tensors.iter().map(|(name, tensor)| NamedTensor::of(name, tensor)).collect();
    let bytes = tensors::encode(&named).map_err(|problem| {
        FileError::new(path, format!("cannot be written: {problem}"), "give it another name")
    })?;
    files::write_atomically(path, &bytes)
}

/// The tensors of a `safetensors` file by their names.
///
/// # Errors
/// If the file cannot be read, is damaged, or holds elements that are not F32, F64 or I32.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, FileError> {
    let bytes = files::read_file(path, files::plain_length(path)?)?;
    let tensors = tensors::decode(&bytes).map_err(|problem| {
        let problem = format!("cannot be taken for weights: {problem}");
        FileError::new(path, problem, "save the tensors as F32 or F64 in a safetensors file")
    })?;
    let owned = |(name, tensor): (String, tensors::Tensor)| {
        check_extents(&tensor.shape).map_err(|problem| {
            let problem = format!("tensor `{name}` of shape {:?} {problem}", tensor.shape);
            FileError::new(path, problem, "check that it is the file you mean")
        })?;
        Ok((name, Tensor::of_data(&tensor.shape[..], tensor.values)))
    };
    tensors.into_iter().map(owned).collect()
}

/// Refuses a shape that no tensor has. The format counts elements, so that beside an axis of none the others may be anything.
fn check_extents(shape: &[usize]) -> Result<(), &'static str> {
    if shape.iter().any(|extent| Dim::try_new(*extent).is_none()) {
        return Err("has an axis of more than 2^31 - 1 entries");
    }
    let rows =
        shape.iter().filter(|extent| **extent > 0).try_fold(1usize, |rows, extent| rows.checked_mul(*extent));
    rows.map(|_| ()).ok_or("has more entries than can be counted, were none of its axes empty")
}
