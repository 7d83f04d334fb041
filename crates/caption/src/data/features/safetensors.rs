//! Features in a `safetensors` file: one array of all rows, or an array for each picture.

use std::path::Path;

use super::{Array, Channels, FeatureTable};
use crate::data::DataError;
use crate::data::arrays::ArrayFile;

pub(super) fn read(path: &Path, channels: Option<Channels>) -> Result<FeatureTable, DataError> {
    let file = ArrayFile::open(path)?;
    let keys: Vec<String> = file.arrays().keys().cloned().collect();
    // What an encoder made is by name, even of one picture.
    let alone = file.origin.is_none();
    let array = |key: &str| {
        let shape = file.about(key)?.shape.clone();
        Ok(Array { shape, data: file.floats(key)? })
    };
    let table = FeatureTable::of_keys(path, &keys, alone, array, channels)?;
    Ok(FeatureTable { origin: file.origin, ..table })
}

#[cfg(test)]
mod tests {
    use crate::data::arrays::{Numbers, write};

    #[test]
    fn all_rows_or_an_array_for_each_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.safetensors");
        let check = |arrays: &[(&str, &[usize])], rows: usize, names: &[(&str, usize)]| {
            let numbers = [0.5; 6];
            let arrays: Vec<_> = arrays
                .iter()
                .map(|(name, shape)| {
                    (name.to_string(), shape.to_vec(), Numbers::F32(&numbers[..shape.iter().product()]))
                })
                .collect();
            write(&path, "pt", &arrays).unwrap();
            let table = super::super::read(&path, None).unwrap();
            assert_eq!(table.rows(), rows);
            let found = table.names.unwrap_or_default();
            assert_eq!(found.len(), names.len());
            names.iter().for_each(|(name, row)| assert_eq!(found.get(*name), Some(row)));
        };
        check(&[("features", &[2, 3]), ("other", &[1])], 2, &[]);
        check(&[("anything", &[3, 2])], 3, &[]);
        check(&[("b.jpg", &[3]), ("a.jpg", &[1, 3])], 2, &[("a.jpg", 0), ("b.jpg", 1)]);
    }
}
