//! Pictures, as files that users name and as bytes that clients send.

use std::io::Cursor;

use caption::data::picture::{Fit, load_picture, picture_of_bytes};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::place;

/// Reads bytes as a picture, from memory and from a file.
pub fn picture(bytes: &[u8]) {
    let read = picture_of_bytes(bytes, "the picture", 5, 7, Fit::WHOLE);
    let of_file = load_picture(place::file("picture", bytes), 5, 7);
    assert_eq!(read.is_ok(), of_file.is_ok(), "a file and its bytes are one picture");
    if let Ok(pixels) = read {
        assert_eq!(pixels.len(), 5 * 7 * 3, "the picture has the size that was asked for");
    }
}

/// A small picture of many colours.
fn colours(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8]))
        .into()
}

/// A picture as bytes.
fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("memory takes a small picture");
    bytes.into_inner()
}

/// A small PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(&colours(width, height), ImageFormat::Png)
}

/// PNG and JPEG of several kinds of pixels.
pub fn seeds() -> Vec<Vec<u8>> {
    let picture = colours(9, 6);
    let grey = DynamicImage::from(picture.to_luma8());
    let deep = DynamicImage::from(picture.to_rgba16());
    vec![
        png(9, 6),
        encoded(&grey, ImageFormat::Png),
        encoded(&deep, ImageFormat::Png),
        encoded(&picture, ImageFormat::Jpeg),
        encoded(&grey, ImageFormat::Jpeg),
    ]
}
