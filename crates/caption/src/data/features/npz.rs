//! Several arrays in one archive, as `numpy.savez` and `numpy.savez_compressed` write it: a zip with a file `NAME.npy` for each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use lab::files::FileError;
use zip::ZipArchive;

use super::npy::{Content, decode};
use super::{ALL, Array, Channels, FeatureTable};
use crate::data::DataError;
use crate::data::tables::MOST_COMPRESSION;

/// The array of the names.
const NAMES: &str = "names";

pub(super) fn read(path: &Path, channels: Option<Channels>) -> Result<FeatureTable, DataError> {
    let place = path.display().to_string();
    let error = |problem: String| DataError::new(&place, problem);
    let damaged = |why: zip::result::ZipError| {
        error(format!(
            "cannot be read as npz ({why}); the file is cut short, damaged or of another kind. Make it again"
        ))
    };
    let file = File::open(path).map_err(|why| FileError::system(path, "read", &why))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut arrays = BTreeMap::new();
    let mut names = None;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(damaged)?;
        let key = entry.name().map_err(damaged)?.trim_end_matches(".npy").to_string();
        // What an archive says of its sizes is no more to be believed than an array's header.
        let most = entry.compressed_size().saturating_mul(MOST_COMPRESSION).min(entry.size());
        let content = decode(&mut entry, most)
            .map_err(|problem| DataError::new(format!("{place}, key `{key}`"), problem))?;
        match content {
            Content::Texts(texts) if key == NAMES => names = Some(texts),
            Content::Texts(_) => {
                return Err(DataError::new(format!("{place}, key `{key}`"), "holds texts; expected floats"));
            }
            Content::Numbers(shape, data) => {
                arrays.insert(key, Array { shape, data });
            }
        }
    }
    let whole = match arrays.remove(ALL) {
        None if arrays.len() == 1 => arrays.pop_first().map(|(_, array)| array),
        found => found,
    };
    if let Some(array) = whole {
        return FeatureTable::whole(place, array, names, channels);
    }
    FeatureTable::by_name(place, arrays, channels)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::super::npy::tests::bytes;
    use super::*;

    fn npz(path: &Path, method: CompressionMethod, arrays: &[(&str, Vec<u8>)]) {
        let mut archive = ZipWriter::new(File::create(path).unwrap());
        for (name, array) in arrays {
            archive
                .start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method))
                .unwrap();
            archive.write_all(array).unwrap();
        }
        archive.finish().unwrap();
    }

    fn floats(shape: &str, numbers: &[f32]) -> Vec<u8> {
        bytes("<f4", shape, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn all_rows_with_names_or_without_or_an_array_for_each_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.npz");
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let rows = floats("(2, 2)", &[1.0, 2.0, 3.0, 4.0]);
            let names: Vec<u8> = "ab".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            npz(&path, method, &[("features", rows.clone()), ("names", bytes("<U1", "(2,)", &names))]);
            let table = super::super::read(&path, None).unwrap();
            assert_eq!(table.names.unwrap()["b"], 1);
            assert_eq!(table.data, [1.0, 2.0, 3.0, 4.0]);

            npz(&path, method, &[("arr_0", rows)]);
            assert_eq!(super::super::read(&path, None).unwrap().names, None);

            npz(
                &path,
                method,
                &[("b.jpg", floats("(2,)", &[3.0, 4.0])), ("a.jpg", floats("(1, 2)", &[1.0, 2.0]))],
            );
            let table = super::super::read(&path, None).unwrap();
            assert_eq!(table.names.unwrap()["b.jpg"], 1);
            assert_eq!(table.data, [1.0, 2.0, 3.0, 4.0]);
        }
    }

    #[test]
    fn a_bomb_and_damage_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.npz");
        npz(&path, CompressionMethod::Deflated, &[("features", bytes("<f4", "(1000000000, 512)", &[0; 64]))]);
        assert!(read(&path, None).unwrap_err().to_string().contains("more than the"));
        npz(&path, CompressionMethod::Deflated, &[("features", floats("(1, 2)", &[1.0, 2.0]))]);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            let _ = read(&path, None);
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path, None).is_err());
        }
    }
}
