//! Features of pictures by somebody's image encoder in an ONNX file, such as a ResNet whose classifier was cut off.
//!
//! In reading order: a [`Card`] says how the encoder wants its pictures, an [`Origin`] which encoder made some features. The rest
//! is there with the cargo feature `onnx`: `Encoder` runs the network, `encode` has it look at all pictures of a collection.

mod card;
#[cfg(feature = "onnx")]
mod folder;
#[cfg(feature = "onnx")]
mod onnx;

pub use card::{Card, Layout, Order, Origin};
#[cfg(feature = "onnx")]
pub use folder::{Encoded, encode};
#[cfg(feature = "onnx")]
pub use onnx::Encoder;

use std::sync::Arc;

use super::picture::{Fit, picture_of_bytes};
use super::{DataError, Pictures};

/// From the bytes of a picture file, and what errors call it, to what a model sees of it.
pub type Sight = Arc<dyn Fn(&[u8], &str) -> Result<Vec<f32>, DataError> + Send + Sync>;

/// The sight of a model that sees pixels.
pub fn sight_of_pixels(height: usize, width: usize) -> Sight {
    let [rows, columns] = [height, width].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    Arc::new(move |bytes, place| {
        let data = picture_of_bytes(bytes, place, rows, columns, Fit::WHOLE)?;
        let mut seen = Vec::new();
        Pictures::Pixels { height, width, data }.see(std::iter::once(0), &mut seen);
        Ok(seen)
    })
}
