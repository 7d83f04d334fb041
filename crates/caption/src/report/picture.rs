//! A picture as a file within the page.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use crate::data::DataError;

/// A picture as a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Its type, such as `image/png`.
    pub kind: &'static str,
    /// Its rows.
    pub height: usize,
    /// Its columns.
    pub width: usize,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// RGB pixels, (height, width, 3), without loss: for small pictures.
    ///
    /// # Errors
    /// If the pixels do not fill the height and width.
    pub fn png(pixels: &[u8], height: usize, width: usize) -> Result<Picture, DataError> {
        encoded("image/png", pixels, height, width, |pixels, width, height, to| {
            PngEncoder::new(to).write_image(pixels, width, height, ExtendedColorType::Rgb8)
        })
    }

    /// The same with a little loss: for photographs, which take a tenth of the room.
    ///
    /// # Errors
    /// As for [`Picture::png`].
    pub fn jpeg(pixels: &[u8], height: usize, width: usize) -> Result<Picture, DataError> {
        encoded("image/jpeg", pixels, height, width, |pixels, width, height, to| {
            JpegEncoder::new_with_quality(to, 85).write_image(pixels, width, height, ExtendedColorType::Rgb8)
        })
    }
}

fn encoded(
    kind: &'static str,
    pixels: &[u8],
    height: usize,
    width: usize,
    encode: impl FnOnce(&[u8], u32, u32, &mut Cursor<Vec<u8>>) -> Result<(), ImageError>,
) -> Result<Picture, DataError> {
    let refused = |problem: String| DataError::new("a picture of the report", problem);
    if pixels.len() != height * width * 3 {
        let found = pixels.len();
        return Err(refused(format!("{found} bytes, expected {height} by {width} RGB pixels")));
    }
    let side = |side: usize| u32::try_from(side).map_err(|_| refused(format!("{side} pixels are too many")));
    let mut bytes = Cursor::new(Vec::new());
    encode(pixels, side(width)?, side(height)?, &mut bytes)
        .map_err(|error| refused(format!("cannot be written as {kind}: {error}")))?;
    Ok(Picture { kind, height, width, bytes: bytes.into_inner() })
}
