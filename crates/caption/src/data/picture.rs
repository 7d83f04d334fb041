//! One picture, a file or bytes, brought to the size that the network sees.

use std::io::{BufRead, Cursor, Seek};
use std::path::{Component, Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use serde::{Deserialize, Serialize};

use super::DataError;

/// The longest side that is read. A small file can claim more, and would have us reserve gigabytes.
pub const LONGEST_SIDE: u32 = 16_384;
/// The most bytes that one decoded picture may take: 100 megapixels at 8 bits.
pub const MOST_BYTES: u64 = 300 << 20;

/// The path of a picture in a folder, by the name that a list of captions gives it; nothing where the name leads out of it.
///
/// Lists are downloaded, so a name is not believed: `..` is refused, and a name from the root is taken only where it leads into
/// the folder, so that with the folder `/` any will do. Links in the folder are followed: its owner has made them, and no list
/// can.
pub fn within(folder: &Path, name: &Path) -> Option<PathBuf> {
    let full = folder.join(name);
    let climbs = name.components().any(|part| part == Component::ParentDir);
    (!climbs && full.starts_with(folder)).then_some(full)
}

/// Which part of a picture is brought to the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// This share, more than 0 and at most 1, of each side of the largest centred part of the wanted proportions.
    Crop(f64),
    /// The whole picture, whatever its proportions.
    Stretch,
}

impl Fit {
    /// The largest centred part of the wanted proportions.
    pub const WHOLE: Fit = Fit::Crop(1.0);
}

/// Reads a PNG or JPEG file as RGB bytes, (height, width, 3), row-major.
///
/// The picture is turned upright as its camera noted, cut to its largest centred part of the wanted proportions, and
/// that part is resized. Transparency is dropped.
///
/// ```no_run
/// let pixels = caption::data::picture::load_picture("dog.jpg", 224, 224)?;
/// assert_eq!(pixels.len(), 224 * 224 * 3);
/// # Ok::<(), caption::data::DataError>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or is no picture that can be taken.
pub fn load_picture(path: impl AsRef<Path>, height: u32, width: u32) -> Result<Vec<u8>, DataError> {
    let path = path.as_ref();
    let place = path.display().to_string();
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|why| {
        let problem = format!("cannot be read ({why}); expected a PNG or JPEG picture. Check the path");
        DataError::new(&place, problem)
    })?;
    read(reader, &place, height, width, Fit::WHOLE)
}

/// The same for a picture that is in memory, of which another part may be taken; `place` is what errors call it.
///
/// # Errors
/// If these are no picture that can be taken.
pub fn picture_of_bytes(
    bytes: &[u8],
    place: &str,
    height: u32,
    width: u32,
    part: Fit,
) -> Result<Vec<u8>, DataError> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|why| DataError::new(place, format!("cannot be read ({why})")))?;
    read(reader, place, height, width, part)
}

fn read(
    mut reader: ImageReader<impl BufRead + Seek>,
    place: &str,
    height: u32,
    width: u32,
    part: Fit,
) -> Result<Vec<u8>, DataError> {
    let error = |problem: String| DataError::new(place, problem);
    if height == 0 || width == 0 {
        return Err(error(format!(
            "asked for as {height} x {width}; expected at least one row and one column"
        )));
    }

    if reader.format().is_none() {
        let problem = "begins like no picture; expected PNG or JPEG. Convert the file, or leave it out";
        return Err(error(problem.to_string()));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);

    let undecodable = |why: image::ImageError| {
        error(format!(
            "cannot be decoded ({why}); expected a whole PNG or JPEG of at most {LONGEST_SIDE} pixels a side and \
             {MOST_BYTES} bytes decoded. Replace the file, or leave it out"
        ))
    };
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (columns, rows) = decoder.dimensions();
    if decoder.total_bytes() > MOST_BYTES || columns.max(rows) > LONGEST_SIDE {
        return Err(error(format!(
            "is {columns} x {rows} pixels, {} bytes decoded; expected at most {LONGEST_SIDE} a side and {MOST_BYTES} \
             bytes. Make it smaller, or leave it out",
            decoder.total_bytes()
        )));
    }
    // A broken note of the camera's is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    Ok(fit(&picture, height, width, part))
}

/// Cuts first and resizes then: the other way round, a picture one pixel wide would grow to the size of a bomb.
fn fit(picture: &DynamicImage, height: u32, width: u32, part: Fit) -> Vec<u8> {
    let (columns, rows) = (u64::from(picture.width()), u64::from(picture.height()));
    let (wide, high) = (u64::from(width), u64::from(height));
    let (cut_columns, cut_rows) = match part {
        Fit::Stretch => (columns, rows),
        Fit::Crop(share) => {
            let of = |side: u64| ((side as f64 * share).round() as u64).clamp(1, side);
            (of(columns.min((rows * wide / high).max(1))), of(rows.min((columns * high / wide).max(1))))
        }
    };
    let (left, top) = ((columns - cut_columns) / 2, (rows - cut_rows) / 2);
    // Each is at most a side of the picture, which is a `u32`.
    let [left, top, cut_columns, cut_rows] = [left, top, cut_columns, cut_rows].map(|side| side as u32);
    let cut = picture.crop_imm(left, top, cut_columns, cut_rows);
    cut.resize_exact(width, height, FilterType::Triangle).into_rgb8().into_raw()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
    use tempfile::TempDir;

    use super::*;

    const RED: [u8; 3] = [255, 0, 0];
    const GREEN: [u8; 3] = [0, 255, 0];
    const BLUE: [u8; 3] = [0, 0, 255];

    fn saved(folder: &TempDir, picture: impl Into<DynamicImage>, format: ImageFormat) -> PathBuf {
        let path = folder.path().join("picture");
        picture.into().save_with_format(&path, format).unwrap();
        path
    }

    fn check_error(path: &Path, parts: &[&str]) {
        let error = load_picture(path, 8, 8).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        for part in parts {
            assert!(error.contains(part), "`{part}` is missing in: {error}");
        }
    }

    #[test]
    fn the_middle_of_a_wide_picture_is_taken() {
        let folder = TempDir::new().unwrap();
        let picture = RgbImage::from_fn(30, 10, |x, _| Rgb([RED, GREEN, BLUE][x as usize / 10]));
        let path = saved(&folder, picture, ImageFormat::Png);
        assert_eq!(load_picture(&path, 4, 4).unwrap(), GREEN.repeat(16));
    }

    #[test]
    fn the_middle_of_a_high_picture_is_taken() {
        let folder = TempDir::new().unwrap();
        let picture = RgbImage::from_fn(10, 60, |_, y| Rgb([RED, GREEN, BLUE][y as usize / 20]));
        let path = saved(&folder, picture, ImageFormat::Png);
        assert_eq!(load_picture(&path, 4, 2).unwrap(), GREEN.repeat(8));
    }

    #[test]
    fn a_share_of_the_middle_is_taken_or_the_whole_is_stretched() {
        let picture = RgbImage::from_fn(30, 10, |x, _| Rgb([RED, GREEN, BLUE][x as usize / 10]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        // Neighbours mix a little when a picture is made smaller.
        let whole = picture_of_bytes(bytes.get_ref(), "p", 1, 3, Fit::Stretch).unwrap();
        assert!([0, 4, 8].iter().all(|at| whole[*at] > 180) && whole[2] == 0 && whole[6] == 0, "{whole:?}");
        // The middle 10 of 30 columns are green; of half of a part of 3 to 1, 15 columns, the outer thirds are partly so.
        assert_eq!(picture_of_bytes(bytes.get_ref(), "p", 1, 1, Fit::Crop(0.5)).unwrap(), GREEN);
        let seen = picture_of_bytes(bytes.get_ref(), "p", 1, 3, Fit::Crop(0.5)).unwrap();
        assert_eq!(seen[3..6], GREEN);
        assert!(seen[0] > 0 && seen[1] > 0 && seen[2] == 0, "{seen:?}");
    }

    #[test]
    fn rows_come_before_columns() {
        let folder = TempDir::new().unwrap();
        let picture = RgbImage::from_fn(2, 2, |x, y| Rgb([x as u8, y as u8, 7]));
        let path = saved(&folder, picture, ImageFormat::Png);
        assert_eq!(load_picture(&path, 2, 2).unwrap(), [0, 0, 7, 1, 0, 7, 0, 1, 7, 1, 1, 7]);
    }

    #[test]
    fn grey_transparent_and_jpeg_pictures_become_rgb() {
        let folder = TempDir::new().unwrap();
        let path = saved(&folder, image::GrayImage::from_pixel(5, 5, image::Luma([9])), ImageFormat::Png);
        assert_eq!(load_picture(&path, 2, 2).unwrap(), [9; 12]);
        let path = saved(&folder, RgbaImage::from_pixel(5, 5, Rgba([1, 2, 3, 255])), ImageFormat::Png);
        assert_eq!(load_picture(&path, 1, 2).unwrap(), [1, 2, 3, 1, 2, 3]);
        let path = saved(&folder, RgbImage::from_pixel(16, 16, Rgb([128; 3])), ImageFormat::Jpeg);
        assert!(load_picture(&path, 4, 4).unwrap().iter().all(|value| value.abs_diff(128) < 3));
    }

    #[test]
    fn a_picture_one_pixel_wide_is_resized_within_bounds() {
        let folder = TempDir::new().unwrap();
        let path = saved(&folder, RgbImage::from_pixel(1, LONGEST_SIDE, Rgb(RED)), ImageFormat::Png);
        assert_eq!(load_picture(&path, 224, 224).unwrap(), RED.repeat(224 * 224));
    }

    #[test]
    fn a_picture_cut_short_is_an_error() {
        let folder = TempDir::new().unwrap();
        let noise =
            RgbImage::from_fn(40, 40, |x, y| Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8]));
        let path = saved(&folder, noise, ImageFormat::Png);
        let whole = fs::read(&path).unwrap();
        for length in (0..whole.len() - 64).step_by(61) {
            fs::write(&path, &whole[..length]).unwrap();
            check_error(&path, &["PNG or JPEG"]);
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let folder = TempDir::new().unwrap();
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let path = saved(&folder, RgbImage::from_fn(20, 20, |x, y| Rgb([x as u8, y as u8, 0])), format);
            let whole = fs::read(&path).unwrap();
            for place in 0..whole.len().min(600) {
                let mut damaged = whole.clone();
                damaged[place] ^= 0x55;
                fs::write(&path, &damaged).unwrap();
                let _ = load_picture(&path, 8, 8);
            }
        }
    }

    #[test]
    fn a_name_leads_into_its_folder_or_nowhere() {
        let check = |folder: &str, name: &str, expected: Option<&str>| {
            assert_eq!(
                within(Path::new(folder), Path::new(name)),
                expected.map(PathBuf::from),
                "{folder} {name}"
            );
        };
        check("data", "a.jpg", Some("data/a.jpg"));
        check("data/../images", "train/a.jpg", Some("data/../images/train/a.jpg"));
        check("/data", "/data/a.jpg", Some("/data/a.jpg"));
        check("/", "/home/me/a.jpg", Some("/home/me/a.jpg"));
        for name in
            ["../a.jpg", "b/../../a.jpg", "..", "/etc/passwd", "/data/../etc/passwd", "/database/a.jpg"]
        {
            check("/data", name, None);
            check("data", name, None);
        }
    }

    #[test]
    fn files_that_are_no_pictures_are_errors() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("picture.png");
        check_error(&path, &["cannot be read", "Check the path"]);
        check_error(folder.path(), &["cannot be read"]);
        fs::write(&path, "not a picture").unwrap();
        check_error(&path, &["cannot be decoded", "Replace the file"]);
        let path = folder.path().join("picture");
        fs::write(&path, "not a picture").unwrap();
        check_error(&path, &["begins like no picture", "Convert the file"]);
        let path = saved(&folder, RgbImage::new(3, 3), ImageFormat::Png);
        assert!(load_picture(&path, 0, 3).is_err());
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        let folder = TempDir::new().unwrap();
        let path = saved(&folder, RgbImage::new(3, 3), ImageFormat::Png);
        let small = fs::read(&path).unwrap();
        for (columns, rows) in [(100_000u32, 3u32), (3, 100_000), (16_000, 16_000)] {
            let mut claim = small.clone();
            claim[16..20].copy_from_slice(&columns.to_be_bytes());
            claim[20..24].copy_from_slice(&rows.to_be_bytes());
            let sum = crc32fast::hash(&claim[12..29]);
            claim[29..33].copy_from_slice(&sum.to_be_bytes());
            fs::write(&path, &claim).unwrap();
            check_error(&path, &["at most 16384"]);
        }
    }
}
