//! How an encoder wants its pictures: JSON beside the model, `encoder.json` for `encoder.onnx`.
//!
//! ```json
//! {
//!   "size": [224, 224],
//!   "fit": {"crop": 0.875},
//!   "mean": [0.485, 0.456, 0.406],
//!   "std": [0.229, 0.224, 0.225],
//!   "order": "rgb",
//!   "layout": "nchw",
//!   "input": "image",
//!   "output": "features"
//! }
//! ```
//!
//! | key | what it says | without it |
//! |---|---|---|
//! | `size` | rows and columns of what the network sees | those of the network's input, or 224 by 224 |
//! | `fit` | `{"crop": SHARE}` takes this share of the largest centred part of these proportions, `"stretch"` the whole picture | `{"crop": 0.875}` |
//! | `mean`, `std` | for each channel what is subtracted of a value from 0 to 1, and what it is then divided by | ImageNet's |
//! | `order` | `"rgb"` or `"bgr"`: the order of the channels, here and in the network | `"rgb"` |
//! | `layout` | `"nchw"` or `"nhwc"`: whether channels stand before rows and columns, in input and grid, or after | what the input's shape says, or `"nchw"` |
//! | `input`, `output` | names in the network | its only input, its first output |
//!
//! What is not said is as it is for the classifiers that PyTorch's `torchvision` trained on ImageNet
//! (<https://docs.pytorch.org/vision/stable/models.html>): a short side of 256 pixels of which the middle 224 are taken is a share of
//! 0.875.

use std::fmt;
use std::path::{Path, PathBuf};

use lab::files::read_text;
use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::data::picture::Fit;

/// The most bytes of a card.
const LONGEST: u64 = 1 << 16;

/// The largest side of what a network sees.
const LARGEST_SIDE: usize = 4096;

/// How an encoder wants its pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    /// Rows and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Which part of a picture is seen.
    pub fit: Fit,
    /// What is subtracted of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// What each channel is then divided by.
    pub std: [f32; 3],
    /// The order of the channels.
    pub order: Order,
    /// Where the channels stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The name of the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The name of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// Where the channels of pictures and grids stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Before rows and columns.
    Nchw,
    /// After them.
    Nhwc,
}

/// Which encoder made some features, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of the encoder's file.
    pub file: String,
    /// The file's SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// How pictures were brought to it; nothing is left unsaid.
    pub card: Card,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SHA-256 {}…)", self.file, self.sha256.get(..12).unwrap_or(&self.sha256))
    }
}

impl Default for Card {
    /// As ImageNet's classifiers want them.
    fn default() -> Self {
        Card {
            size: None,
            fit: Fit::Crop(0.875),
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            order: Order::Rgb,
            layout: None,
            input: None,
            output: None,
        }
    }
}

impl Card {
    /// The card of an encoder, and where it was found: the one that is given, the one beside it, or none, which is as the default.
    ///
    /// # Errors
    /// As for [`Card::read`].
    pub fn of(encoder: &Path, given: Option<&Path>) -> Result<(Card, Option<PathBuf>), DataError> {
        let beside = encoder.with_extension("json");
        let path = given.map(Path::to_path_buf).or(beside.is_file().then_some(beside));
        Ok((path.as_deref().map_or(Ok(Card::default()), Card::read)?, path))
    }

    /// Reads a card.
    ///
    /// # Errors
    /// If the file cannot be read, is no such JSON, or says what cannot be.
    pub fn read(path: &Path) -> Result<Card, DataError> {
        let error = |problem: String| DataError::new(path.display().to_string(), problem);
        let text = read_text(path, LONGEST)?;
        let card: Card = serde_json::from_str(&text).map_err(|why| {
            error(format!(
                "is no card of an encoder ({why}). Expected JSON as {{\"size\": [224, 224], \"fit\": {{\"crop\": 0.875}}, \"mean\": \
                 [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225], \"order\": \"rgb\"}}"
            ))
        })?;
        card.check().map_err(error)?;
        Ok(card)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(size) =
            self.size.filter(|size| size.iter().any(|side| !(1..=LARGEST_SIDE).contains(side)))
        {
            return Err(format!("`size` is {size:?}; expected two sides from 1 to {LARGEST_SIDE}"));
        }
        if let Fit::Crop(share) = self.fit
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(format!("`fit` crops to a share of {share}; expected more than 0 and at most 1"));
        }
        if self.mean.iter().chain(&self.std).any(|number| !number.is_finite()) || self.std.contains(&0.0) {
            let (mean, std) = (self.mean, self.std);
            return Err(format!(
                "`mean` is {mean:?} and `std` {std:?}; expected finite numbers, and no `std` of 0"
            ));
        }
        Ok(())
    }

    /// Brings RGB bytes (rows, columns, 3) to what the network takes, in its order and layout.
    pub fn bring(&self, pixels: &[u8], to: &mut Vec<f32>) {
        let value = |pixel: &[u8], channel: usize| {
            let byte = match self.order {
                Order::Rgb => pixel[channel],
                Order::Bgr => pixel[2 - channel],
            };
            (f32::from(byte) / 255.0 - self.mean[channel]) / self.std[channel]
        };
        let all = pixels.as_chunks::<3>().0;
        match self.layout {
            Some(Layout::Nhwc) => {
                to.extend(all.iter().flat_map(|pixel| [0, 1, 2].map(|at| value(pixel, at))))
            }
            _ => [0, 1, 2].iter().for_each(|at| to.extend(all.iter().map(|pixel| value(pixel, *at)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_does_not_say_is_as_for_imagenet() {
        let card: Card = serde_json::from_str(r#"{"size": [2, 1], "order": "bgr"}"#).unwrap();
        assert_eq!(card, Card { size: Some([2, 1]), order: Order::Bgr, ..Card::default() });
        let text = serde_json::to_string(&card).unwrap();
        assert_eq!(serde_json::from_str::<Card>(&text).unwrap(), card);
    }

    #[test]
    fn cards_that_cannot_be_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.json");
        let check = |text: &str, expected: &str| {
            std::fs::write(&path, text).unwrap();
            let error = Card::read(&path).unwrap_err().to_string();
            assert!(error.contains("card.json") && error.contains(expected), "{error}");
        };
        check("{", "is no card of an encoder");
        check(r#"{"men": [0, 0, 0]}"#, "unknown field `men`");
        check(r#"{"size": [0, 224]}"#, "`size` is [0, 224]");
        check(r#"{"size": [224, 100000]}"#, "from 1 to 4096");
        check(r#"{"fit": {"crop": 1.5}}"#, "a share of 1.5");
        check(r#"{"fit": "zoom"}"#, "unknown variant `zoom`");
        check(r#"{"std": [1, 0, 1]}"#, "no `std` of 0");
    }

    #[test]
    fn pixels_are_brought_in_order_and_layout() {
        let plain = Card { mean: [0.0, 0.5, 1.0], std: [1.0, 0.5, 2.0], ..Card::default() };
        // Two pixels: red, and half a grey that is 51 of 255, 0.2.
        let pixels = [255, 0, 0, 51, 51, 51];
        let check = |order: Order, layout: Option<Layout>, expected: [f32; 6]| {
            let mut seen = Vec::new();
            Card { order, layout, ..plain.clone() }.bring(&pixels, &mut seen);
            assert!(seen.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-6), "{seen:?}");
        };
        check(Order::Rgb, None, [1.0, 0.2, -1.0, -0.6, -0.5, -0.4]);
        check(Order::Rgb, Some(Layout::Nhwc), [1.0, -1.0, -0.5, 0.2, -0.6, -0.4]);
        check(Order::Bgr, Some(Layout::Nchw), [0.0, 0.2, -1.0, -0.6, 0.0, -0.4]);
    }
}
