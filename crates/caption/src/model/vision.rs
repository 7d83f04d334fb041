//! From pictures to features: as they were given, or by a small convolution net over the pixels.
//!
//! What is seen of a picture has two forms: its features (N, F), and its places (N, L, G), which attention looks at. Given
//! features are one place, or a grid of places whose mean is the features (Xu et al., 2015, <https://arxiv.org/abs/1502.03044>,
//! section 3.1.2, start from this mean). Of a net the places are those of its last map, and a head makes the features of all of
//! them.

use nn::{Affine, Conv2d, Params};
use tape::{DType, Tape, Var, Windows};

use super::Input;

/// Channels after each convolution, each of which halves height and width.
const CHANNELS: [usize; 3] = [16, 32, 64];

/// Channels of the last map.
const MAP: usize = CHANNELS[CHANNELS.len() - 1];

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
    /// The features of a grid of places are given.
    Grid {
        /// Rows of places.
        rows: usize,
        /// Places in a row.
        columns: usize,
        /// Their number at each place, F and G.
        width: usize,
    },
    /// Three convolutions with stride 2 and ReLU, and an affine map with ReLU over what is left.
    Net(Box<Net>),
}

/// What was seen of N pictures.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'t> {
    /// The features (N, F), where there are any.
    features: Option<Var<'t>>,
    /// The features as they were given, (N, F) or (N, rows, columns, G), or the last map (N, rows, columns, G).
    map: Var<'t>,
}

/// A convolution net over RGB pictures.
#[derive(Clone, Debug)]
pub struct Net {
    height: usize,
    width: usize,
    layers: Vec<Conv2d>,
    /// From the whole last map to features, where they are wanted.
    head: Option<Affine>,
}

impl Vision {
    /// Declares what the input needs.
    pub fn new(params: &mut Params, input: Input) -> Vision {
        let mut vision = Vision::without_head(params, input);
        if let Vision::Net(net) = &mut vision {
            let flat = net.grid().iter().product::<usize>() * MAP;
            net.head = Some(Affine::new(params.scope("vision").scope("head"), flat, FEATURES));
        }
        vision
    }

    /// Declares what is needed to see the places of pictures, but not their features.
    pub fn without_head(params: &mut Params, input: Input) -> Vision {
        let (height, width) = match input {
            Input::Features { width } => return Vision::Given { width },
            Input::Grid { rows, columns, width } => return Vision::Grid { rows, columns, width },
            Input::Pixels { height, width } => (height, width),
        };
        let mut vision = params.scope("vision");
        let inputs = [3].into_iter().chain(CHANNELS);
        let layers: Vec<Conv2d> = inputs
            .zip(CHANNELS)
            .enumerate()
            .map(|(index, (from, to))| Conv2d::new(vision.scope(&format!("conv{index}")), WINDOWS, from, to))
            .collect();
        Vision::Net(Box::new(Net { height, width, layers, head: None }))
    }

    /// A bound from below for the numbers that [`Vision::new`] declares.
    pub(super) fn least_weights(input: Input) -> u128 {
        match input {
            Input::Features { .. } | Input::Grid { .. } => 0,
            Input::Pixels { height, width } => {
                let halved = |side: usize| (side >> CHANNELS.len()) as u128;
                (halved(height) * halved(width)).saturating_mul((MAP * FEATURES) as u128)
            }
        }
    }

    /// How many features come of a picture, F.
    pub fn features(&self) -> usize {
        match self {
            Vision::Given { width } | Vision::Grid { width, .. } => *width,
            Vision::Net(_) => FEATURES,
        }
    }

    /// The rows and columns of the grid of places.
    pub fn grid(&self) -> [usize; 2] {
        match self {
            Vision::Given { .. } => [1, 1],
            Vision::Grid { rows, columns, .. } => [*rows, *columns],
            Vision::Net(net) => net.grid(),
        }
    }

    /// Whether a picture has several places, so that it can be told where a model looks.
    pub(crate) fn has_places(&self) -> bool {
        self.grid().iter().product::<usize>() > 1
    }

    /// How many numbers say what is at a place, G.
    pub fn grid_width(input: Input) -> usize {
        match input {
            Input::Features { width } | Input::Grid { width, .. } => width,
            Input::Pixels { .. } => MAP,
        }
    }

    /// What is seen of `count` pictures, given as one array: features, grids of them, or pixels from -1 to 1.
    ///
    /// # Panics
    /// If the array does not hold that many.
    pub fn see<'t>(&self, tape: &'t Tape, count: usize, pictures: &[f32]) -> Seen<'t> {
        let given = |shape: &[usize]| match tape.dtype() {
            DType::F32 => tape.input_with(shape, |own: &mut [f32]| own.copy_from_slice(pictures)),
            _ => tape.input_numbers(shape, pictures.iter().map(|x| f64::from(*x))),
        };
        match self {
            Vision::Given { width } => Seen::given(given(&[count, *width])),
            Vision::Grid { rows, columns, width } => {
                let map = given(&[count, *rows, *columns, *width]);
                Seen { features: Some(map.mean_along(&[1, 2])), map }
            }
            Vision::Net(net) => {
                let pixels = given(&[count, net.height, net.width, 3]);
                let map = net.layers.iter().fold(pixels, |seen, layer| layer.apply(seen).relu());
                let flat: usize = map.shape().sizes()[1..].iter().product();
                let head = |head: &Affine| head.apply(map.reshape([count, flat])).relu();
                Seen { features: net.head.as_ref().map(head), map }
            }
        }
    }
}

impl<'t> Seen<'t> {
    /// Features (N, F) as they are given.
    pub fn given(features: Var<'t>) -> Seen<'t> {
        Seen { features: Some(features), map: features }
    }

    /// The tape that it is recorded on.
    pub fn tape(self) -> &'t Tape {
        self.map.tape()
    }

    /// The features (N, F).
    ///
    /// # Panics
    /// If the net has no head.
    #[track_caller]
    pub fn features(self) -> Var<'t> {
        self.features.expect("features are made by a net's head")
    }

    /// The places (N, L, G).
    #[track_caller]
    pub fn places(self) -> Var<'t> {
        let shape = self.map.shape();
        let sizes = shape.sizes();
        let count: usize = sizes[1..sizes.len() - 1].iter().product();
        self.map.reshape([sizes[0], count, sizes[sizes.len() - 1]])
    }
}

impl Net {
    /// The rows and columns of the last map.
    fn grid(&self) -> [usize; 2] {
        [self.height, self.width].map(|extent| CHANNELS.iter().fold(extent, |extent, _| extent.div_ceil(2)))
    }
}
