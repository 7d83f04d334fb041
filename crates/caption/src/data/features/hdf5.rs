//! Features in an HDF5 file: one table of all rows, or a table for each picture.

use std::path::Path;

use super::{Array, Channels, FeatureTable};
use crate::data::DataError;
use crate::data::tables::Tables;

pub(super) fn read(path: &Path, channels: Option<Channels>) -> Result<FeatureTable, DataError> {
    let file = Tables::open(path)?;
    let array = |key: &str| file.any_floats(key).map(|(shape, data)| Array { shape, data });
    FeatureTable::of_keys(path, &file.keys()?, true, array, channels)
}

#[cfg(test)]
mod tests {
    use hdf5_pure::FileBuilder;

    #[test]
    fn all_rows_or_a_table_for_each_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.h5");
        let check = |tables: &[(&str, &[u64])], rows: usize, names: usize| {
            let mut builder = FileBuilder::new();
            for (name, shape) in tables {
                let numbers = vec![0.5f32; shape.iter().product::<u64>() as usize];
                builder.create_dataset(name).with_data(&numbers).with_shape(shape);
            }
            builder.write(&path).unwrap();
            let table = super::super::read(&path, None).unwrap();
            assert_eq!((table.rows(), table.names.map_or(0, |names| names.len())), (rows, names));
        };
        check(&[("features", &[2, 3])], 2, 0);
        check(&[("features", &[2, 3]), ("other", &[1])], 2, 0);
        check(&[("a.jpg", &[3]), ("b.jpg", &[1, 3])], 2, 2);
    }
}
