//! A page of pictures, each with its true caption and the predicted one below, as a PNG.
//!
//! The prediction is green where it is true, red where it is false and grey where nobody knows. Characters that the
//! font lacks become a box.

use std::io::Cursor;

use font8x8::{BASIC_FONTS, UnicodeFonts};
use image::{ImageFormat, Rgb, RgbImage};

use crate::data::DataError;

/// One picture with what is said of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// RGB pixels, (height, width, 3), row-major.
    pub pixels: &'a [u8],
    /// Rows of the picture.
    pub height: usize,
    /// Columns of the picture.
    pub width: usize,
    /// A reference caption, drawn in black.
    pub truth: &'a str,
    /// What the network said, drawn in the colour of the verdict.
    pub prediction: &'a str,
    /// Whether the prediction is true, where that is known.
    pub verdict: Option<bool>,
}

/// Side of a character of the font.
const CHARACTER: usize = 8;
/// From one line of text to the next.
const LINE: usize = 10;
/// Around each cell, and between a picture and its text.
const GAP: usize = 8;
/// Pictures are enlarged by the greatest whole number that keeps them within this width and height.
const PICTURE: usize = 160;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([0, 0, 0]);
const TRUE: Rgb<u8> = Rgb([0, 120, 40]);
const FALSE: Rgb<u8> = Rgb([200, 0, 0]);
const UNKNOWN: Rgb<u8> = Rgb([120, 120, 120]);

/// Draws entries row by row, `columns` in a row, and gives the bytes of a PNG file.
///
/// An error names the entry whose pixels do not fill its height and width.
pub fn render(entries: &[Entry], columns: usize) -> Result<Vec<u8>, DataError> {
    for (index, entry) in entries.iter().enumerate() {
        let (found, expected) = (entry.pixels.len(), entry.height * entry.width * 3);
        if found != expected {
            let size = format!("{} by {} RGB pixels", entry.height, entry.width);
            let problem = format!("{found} bytes, expected {expected} for {size}");
            return Err(DataError::new(format!("contact sheet, picture {index}"), problem));
        }
    }

    let columns = columns.clamp(1, entries.len().max(1));
    let cell_width = entries.iter().map(|entry| entry.width * scale(entry)).fold(PICTURE, usize::max);
    let blocks: Vec<Block> = entries.iter().map(|entry| Block::of(entry, cell_width / CHARACTER)).collect();
    let row_heights: Vec<usize> =
        blocks.chunks(columns).map(|row| row.iter().map(Block::height).max().unwrap_or(0)).collect();

    let width = GAP + columns * (cell_width + GAP);
    let height = GAP + row_heights.iter().map(|height| height + GAP).sum::<usize>();
    let mut sheet = RgbImage::from_pixel(width as u32, height as u32, PAPER);
    let mut top = GAP;
    for (row, height) in blocks.chunks(columns).zip(row_heights) {
        for (column, block) in row.iter().enumerate() {
            block.draw(&mut sheet, GAP + column * (cell_width + GAP), top);
        }
        top += height + GAP;
    }

    let mut png = Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| DataError::new("contact sheet", format!("cannot be written as PNG: {error}")))?;
    Ok(png.into_inner())
}

/// By how much a picture is enlarged.
fn scale(entry: &Entry) -> usize {
    (PICTURE / entry.width.max(entry.height).max(1)).max(1)
}

/// An entry with its text already broken into lines.
struct Block<'a> {
    entry: &'a Entry<'a>,
    lines: Vec<(String, Rgb<u8>)>,
}

impl<'a> Block<'a> {
    fn of(entry: &'a Entry, columns: usize) -> Self {
        let verdict = match entry.verdict {
            Some(true) => TRUE,
            Some(false) => FALSE,
            None => UNKNOWN,
        };
        let truth = wrap(entry.truth, columns).into_iter().map(|line| (line, INK));
        let prediction = wrap(entry.prediction, columns).into_iter().map(|line| (line, verdict));
        Block { entry, lines: truth.chain(prediction).collect() }
    }

    fn height(&self) -> usize {
        self.entry.height * scale(self.entry) + GAP + self.lines.len() * LINE
    }

    fn draw(&self, sheet: &mut RgbImage, left: usize, top: usize) {
        let scale = scale(self.entry);
        let [width, height] = [self.entry.width, self.entry.height].map(|side| side * scale);
        for y in 0..height {
            for x in 0..width {
                let pixel = &self.entry.pixels[(y / scale * self.entry.width + x / scale) * 3..][..3];
                sheet.put_pixel((left + x) as u32, (top + y) as u32, Rgb([pixel[0], pixel[1], pixel[2]]));
            }
        }
        for (index, (line, ink)) in self.lines.iter().enumerate() {
            draw_line(sheet, line, *ink, left, top + height + GAP + index * LINE);
        }
    }
}

fn draw_line(sheet: &mut RgbImage, line: &str, ink: Rgb<u8>, left: usize, top: usize) {
    for (column, character) in line.chars().enumerate() {
        for (y, bits) in glyph(character).into_iter().enumerate() {
            for x in (0..CHARACTER).filter(|x| bits >> x & 1 == 1) {
                sheet.put_pixel((left + column * CHARACTER + x) as u32, (top + y) as u32, ink);
            }
        }
    }
}

/// The rows of a character, lowest bit on the left; a box for what the font lacks.
fn glyph(character: char) -> [u8; 8] {
    const BOX: [u8; 8] = [0x7f, 0x41, 0x41, 0x41, 0x41, 0x41, 0x7f, 0x00];
    if character.is_control() { BOX } else { BASIC_FONTS.get(character).unwrap_or(BOX) }
}

/// Breaks a text between words into lines of at most `columns` characters; longer words are broken within.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line: Vec<char> = Vec::new();
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.len() + 1 + word.len() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
        while line.len() > columns {
            let rest = line.split_off(columns);
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines.into_iter().map(String::from_iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(entries: &[Entry], columns: usize) -> RgbImage {
        image::load_from_memory(&render(entries, columns).unwrap()).unwrap().into_rgb8()
    }

    fn entry<'a>(pixels: &'a [u8], prediction: &'a str, verdict: Option<bool>) -> Entry<'a> {
        Entry { pixels, height: 2, width: 2, truth: "a small red square", prediction, verdict }
    }

    const PICTURE_OF_FOUR: [u8; 12] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];

    #[test]
    fn a_sheet_decodes_to_enlarged_pictures_and_coloured_text() {
        let entries =
            [Some(true), Some(false), None].map(|verdict| entry(&PICTURE_OF_FOUR, "a cross", verdict));
        let sheet = decode(&entries, 2);
        // Two rows: a picture of 160, a gap, and two lines of text each.
        assert_eq!(sheet.dimensions(), (8 + 2 * 168, 8 + 2 * (160 + 8 + 20 + 8)));
        assert_eq!(sheet.get_pixel(8, 8), &Rgb([10, 20, 30]));
        assert_eq!(sheet.get_pixel(8 + 159, 8 + 159), &Rgb([100, 110, 120]));
        for ink in [INK, TRUE, FALSE, UNKNOWN] {
            let drawn = sheet.pixels().filter(|pixel| **pixel == ink).count();
            assert!(drawn > 50, "{drawn} pixels of {ink:?}");
        }
    }

    #[test]
    fn text_the_font_lacks_becomes_boxes() {
        let ink_of = |prediction| {
            let sheet = decode(&[entry(&PICTURE_OF_FOUR, prediction, Some(true))], 1);
            sheet.pixels().filter(|pixel| **pixel == TRUE).count()
        };
        assert_eq!(ink_of(""), 0);
        assert_eq!(ink_of("字"), 24);
        assert_eq!(ink_of("\u{7}字"), 48);
    }

    #[test]
    fn text_breaks_between_words_and_within_long_ones() {
        assert_eq!(wrap("a large red circle", 8), ["a large", "red", "circle"]);
        assert_eq!(wrap("an unfathomable word", 6), ["an", "unfath", "omable", "word"]);
        assert_eq!(wrap("", 6), [""]);
    }

    #[test]
    fn sheets_of_odd_sizes_are_drawn_and_wrong_ones_refused() {
        assert_eq!(decode(&[], 3).dimensions(), (176, 8));
        let wide = vec![0; 3 * 200 * 3];
        let entries = [
            entry(&PICTURE_OF_FOUR, "", None),
            Entry { pixels: &wide, height: 3, width: 200, truth: "", prediction: "", verdict: None },
        ];
        assert_eq!(decode(&entries, 0).width(), 8 + 200 + 8);
        let error = render(&[entry(&[0; 11], "", None)], 1).unwrap_err().to_string();
        assert_eq!(error, "contact sheet, picture 0: 11 bytes, expected 12 for 2 by 2 RGB pixels");
    }
}
