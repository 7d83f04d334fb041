//! From pictures to features: as they were given, or by a small convolution net over the pixels.

use nn::{Affine, Conv2d, Params};
use tape::{DType, Tape, Var, Windows};

use super::Input;

/// Channels after each convolution, each of which halves height and width.
const CHANNELS: [usize; 3] = [16, 32, 64];

/// Features that the net makes of a picture.
const FEATURES: usize = 256;

/// Windows of 3 by 3 pixels, every other one.
const WINDOWS: Windows = Windows { size: 3, stride: 2, padding: 1 };

/// What turns a batch of pictures into features.
#[derive(Clone, Debug)]
pub enum Vision {
    /// The features are given.
    Given {
        /// Their number, F.
        width: usize,
    },
    /// Three convolutions with stride 2 and ReLU, and an affine map with ReLU over what is left.
    Net(Box<Net>),
}

/// A convolution net over RGB pictures.
#[derive(Clone, Debug)]
pub struct Net {
    height: usize,
    width: usize,
    layers: Vec<Conv2d>,
    head: Affine,
}

impl Vision {
    /// Declares what the input needs.
    pub fn new(params: &mut Params, input: Input) -> Vision {
        let (height, width) = match input {
            Input::Features { width } => return Vision::Given { width },
            Input::Pixels { height, width } => (height, width),
        };
        let mut vision = params.scope("vision");
        let inputs = [3].into_iter().chain(CHANNELS);
        let layers: Vec<Conv2d> = inputs
            .zip(CHANNELS)
            .enumerate()
            .map(|(index, (from, to))| Conv2d::new(vision.scope(&format!("conv{index}")), WINDOWS, from, to))
            .collect();
        let left = |extent: usize| CHANNELS.iter().fold(extent, |extent, _| extent.div_ceil(2));
        let flat = left(height) * left(width) * CHANNELS[CHANNELS.len() - 1];
        let head = Affine::new(vision.scope("head"), flat, FEATURES);
        Vision::Net(Box::new(Net { height, width, layers, head }))
    }

    /// How many features come of a picture, F.
    pub fn features(&self) -> usize {
        match self {
            Vision::Given { width } => *width,
            Vision::Net(_) => FEATURES,
        }
    }

    /// The features (N, F) of `count` pictures, given as one array: features, or pixels from -1 to 1.
    ///
    /// # Panics
    /// If the array does not hold that many.
    pub fn look<'t>(&self, tape: &'t Tape, count: usize, pictures: &[f32]) -> Var<'t> {
        let given = |shape: &[usize]| match tape.dtype() {
            DType::F32 => tape.input_with(shape, |own: &mut [f32]| own.copy_from_slice(pictures)),
            _ => tape.input_numbers(shape, pictures.iter().map(|x| f64::from(*x))),
        };
        match self {
            Vision::Given { width } => given(&[count, *width]),
            Vision::Net(net) => {
                let pixels = given(&[count, net.height, net.width, 3]);
                let seen = net.layers.iter().fold(pixels, |seen, layer| layer.apply(seen).relu());
                let flat: usize = seen.shape().sizes()[1..].iter().product();
                net.head.apply(seen.reshape([count, flat])).relu()
            }
        }
    }
}
