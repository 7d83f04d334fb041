//! The windows of pictures side by side, so that a convolution is one matrix product, and the
//! reverse: windows added into pictures. The two are each other's gradient.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// Square windows that slide over pictures, with zeros around the border.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Windows {
    /// Rows and columns of a window.
    pub size: u16,
    /// Pixels from one window to the next.
    pub stride: u16,
    /// Rows and columns of zeros around each picture.
    pub padding: u16,
}

/// From pictures (N, H, W, C) their windows (N, H', W', size · size · C).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unfold {
    /// The windows.
    pub windows: Windows,
}

/// From windows (N, H', W', size · size · C) pictures (N, `height`, `width`, C), each pixel the sum of
/// what the windows over it hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fold {
    /// The windows.
    pub windows: Windows,
    /// Rows of a picture.
    pub height: u16,
    /// Columns of a picture.
    pub width: u16,
}

impl Windows {
    /// How many windows fit side by side into `extent` pixels.
    pub fn along(self, extent: usize) -> Option<usize> {
        let free = (extent + 2 * usize::from(self.padding)).checked_sub(usize::from(self.size))?;
        (self.stride > 0 && self.size > 0).then(|| free / usize::from(self.stride) + 1)
    }

    /// Visits each row of each window that touches the picture: where it starts among the windows and
    /// in the picture, in pixels, and how many pixels lie side by side in both.
    fn rows(self, height: usize, width: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let (size, stride, padding) =
            (usize::from(self.size), usize::from(self.stride), usize::from(self.padding));
        let (down, across) = (self.along(height).unwrap_or(0), self.along(width).unwrap_or(0));
        for (top, left) in (0..down).flat_map(|top| (0..across).map(move |left| (top, left))) {
            let window = (top * across + left) * size * size;
            let start = (left * stride).max(padding) - padding;
            let end = (left * stride + size).min(width + padding).max(padding) - padding;
            let skipped = padding.saturating_sub(left * stride);
            for row in 0..size {
                let y = top * stride + row;
                if y >= padding && y < height + padding && end > start {
                    visit(window + row * size + skipped, (y - padding) * width + start, end - start);
                }
            }
        }
    }
}

impl std::fmt::Display for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "size={} stride={} padding={}", self.size, self.stride, self.padding)
    }
}

impl Rule for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        self.windows.to_string()
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        let [pictures, height, width, channels] = *inputs[0].shape.dims() else {
            return Err(self.error(inputs, "pictures need the axes (N, H, W, C)"));
        };
        let along = |dim: Dim| dim.known().and_then(|extent| self.windows.along(extent));
        let (Some(down), Some(across)) = (along(height), along(width)) else {
            return Err(self.error(inputs, format!("no window of {} fits into a picture", self.windows)));
        };
        let area = Dim::try_new(usize::from(self.windows.size).pow(2));
        let Some(elements) = area.and_then(|area| channels.times(area)) else {
            return Err(self.error(inputs, "a window would be longer than 2^31 - 1 elements"));
        };
        Ok((Shape::from([pictures, Dim::new(down), Dim::new(across), elements]), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let sizes = io.inputs[0].shape.sizes();
        let (picture, window) = (sizes[1..].iter().product(), io.shape.without_leading().len());
        let channels = sizes[3];
        io.out.clear();
        with_real!(io.dtype(), T => {
            let from = io.get::<T>(0).chunks_exact(usize::max(picture, 1));
            for (from, to) in from.zip(io.out::<T>().chunks_exact_mut(window.max(1))) {
                self.windows.rows(sizes[1], sizes[2], |window, pixel, count| {
                    let from = &from[pixel * channels..][..count * channels];
                    to[window * channels..][..count * channels].copy_from_slice(from);
                });
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let shape = at.input_shape(0);
        smallvec![Some(at.upstream().fold(self.windows, shape.dim(1).at(0), shape.dim(2).at(0)))]
    }
}

impl Rule for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        format!("{} height={} width={}", self.windows, self.height, self.width)
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        let (height, width) = (usize::from(self.height), usize::from(self.width));
        let area = usize::from(self.windows.size).pow(2);
        let [pictures, down, across, elements] = *inputs[0].shape.dims() else {
            return Err(self.error(inputs, "windows need the axes (N, H', W', size · size · C)"));
        };
        let fits = self.windows.along(height).is_some_and(|extent| down == extent)
            && self.windows.along(width).is_some_and(|extent| across == extent);
        match elements.known().filter(|elements| fits && elements % area == 0) {
            Some(elements) => {
                Ok((Shape::from([pictures, height.into(), width.into(), (elements / area).into()]), dtype))
            }
            None => Err(self.error(inputs, format!("these are not the windows of {}", self.attributes()))),
        }
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn add<T: Real>(to: &mut [T], from: &[T]) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
        }
        let sizes = io.shape.sizes();
        let (picture, window) = (sizes[1..].iter().product(), io.inputs[0].shape.without_leading().len());
        let channels = sizes[3];
        io.out.clear();
        with_real!(io.dtype(), T => {
            let from = io.get::<T>(0).chunks_exact(window.max(1));
            for (from, to) in from.zip(io.out::<T>().chunks_exact_mut(usize::max(picture, 1))) {
                self.windows.rows(sizes[1], sizes[2], |window, pixel, count| {
                    let from = &from[window * channels..][..count * channels];
                    add(&mut to[pixel * channels..][..count * channels], from);
                });
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(at.upstream().unfold(self.windows))]
    }
}

impl Parse for Unfold {
    fn parse(line: &Line<'_>) -> Parsed<Unfold> {
        line.read("unfold", 1, |line| Ok(Unfold { windows: windows(line)? }))
    }
}

impl Parse for Fold {
    fn parse(line: &Line<'_>) -> Parsed<Fold> {
        line.read("fold", 1, |line| {
            let windows = windows(line)?;
            Ok(Fold { windows, height: line.number("height")?, width: line.number("width")? })
        })
    }
}

fn windows(line: &Line<'_>) -> Result<Windows, String> {
    let size = line.number("size")?;
    Ok(Windows { size, stride: line.number("stride")?, padding: line.number("padding")? })
}

impl<'t> Var<'t> {
    /// The windows (N, H', W', size · size · C) of these pictures (N, H, W, C).
    #[track_caller]
    pub fn unfold(self, windows: Windows) -> Var<'t> {
        self.tape().push(Unfold { windows }, &[self])
    }

    /// Pictures (N, `height`, `width`, C) in which these windows (N, H', W', size · size · C) add up.
    #[track_caller]
    pub fn fold(self, windows: Windows, height: usize, width: usize) -> Var<'t> {
        let (Ok(rows), Ok(columns)) = (u16::try_from(height), u16::try_from(width)) else {
            panic!("fold to {height} by {width}: a picture has fewer than 65536 rows and columns");
        };
        self.tape().push(Fold { windows, height: rows, width: columns }, &[self])
    }
}
