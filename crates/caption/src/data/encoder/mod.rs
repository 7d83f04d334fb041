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

use std::fmt;
use std::sync::Arc;

use super::picture::{Fit, picture_of_bytes};
use super::{DataError, Pictures};

/// From the bytes of a picture file to what a model sees of it.
#[derive(Clone)]
pub struct Sight(Arc<See>);

/// A function of a file's bytes, and of what errors call it.
type See = dyn Fn(&[u8], &str) -> Result<Vec<f32>, DataError> + Send + Sync;

impl Sight {
    /// A sight of one's own: a function of a file's bytes, and of what errors call it.
    pub fn new(see: impl Fn(&[u8], &str) -> Result<Vec<f32>, DataError> + Send + Sync + 'static) -> Sight {
        Sight(Arc::new(see))
    }

    /// The sight of a model that sees pixels.
    pub fn of_pixels(height: usize, width: usize) -> Sight {
        let [rows, columns] = [height, width].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        Sight::new(move |bytes, place| {
            let data = picture_of_bytes(bytes, place, rows, columns, Fit::WHOLE)?;
            let mut seen = Vec::new();
            Pictures::Pixels { height, width, data }.see(std::iter::once(0), &mut seen)?;
            Ok(seen)
        })
    }

    /// What a model sees of a picture file, which errors call `place`.
    ///
    /// # Errors
    /// If it is no picture that can be decoded, or cannot be brought to what the model sees.
    pub fn see(&self, bytes: &[u8], place: &str) -> Result<Vec<f32>, DataError> {
        (self.0)(bytes, place)
    }
}

impl fmt::Debug for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sight")
    }
}
