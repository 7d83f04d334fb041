//! Matrix product. For `C = A B` the gradients are `dA = dC Bᵀ` and `dB = Aᵀ dC`.
//!
//! Each operand may be taken transposed, which costs no movement; gradients use that.
//!
//! Terms that are too large for the type are infinite here. The engine's multiply-adds do not round a term before it is
//! added, so that where such terms cancel it has a number and the plain loop has none.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::{Operand, Var};

/// The product of the last two axes; axes before them are equal and each makes a product of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dot {
    /// Take the last two axes of the first operand exchanged.
    pub transpose_left: bool,
    /// Take the last two axes of the second operand exchanged.
    pub transpose_right: bool,
}

/// The sizes of a product: `batch` products of (m, k) by (k, n).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProductSize {
    pub batch: usize,
    pub m: usize,
    pub k: usize,
    pub n: usize,
}

impl Dot {
    const PLAIN: Dot = Dot { transpose_left: false, transpose_right: false };

    pub(crate) fn size(self, left: &Shape, out: &Shape) -> ProductSize {
        let (left, out) = (left.sizes(), out.sizes());
        let rank = out.len();
        ProductSize {
            batch: out[..rank - 2].iter().product(),
            m: out[rank - 2],
            k: left[if self.transpose_left { rank - 2 } else { rank - 1 }],
            n: out[rank - 1],
        }
    }
}

impl Rule for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }

    fn kind(&self) -> Kind {
        Kind::Product
    }

    fn attributes(&self) -> String {
        match (self.transpose_left, self.transpose_right) {
            (false, false) => "",
            (true, false) => "left=t",
            (false, true) => "right=t",
            (true, true) => "left=t right=t",
        }
        .into()
    }

    fn sums_rows(&self, operands: &[Meta<'_>]) -> bool {
        *self == Dot { transpose_left: true, transpose_right: false }
            && operands
                .iter()
                .all(|operand| operand.shape.rank() == 2 && operand.shape.has_only_leading_rows())
    }

    fn linear(&self, varying: &[bool]) -> bool {
        varying != [true, true]
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        let (left, right) = (inputs[0].shape, inputs[1].shape);
        let rank = left.rank();
        if rank < 2 || right.rank() != rank {
            return Err(self.error(inputs, "operands need the same number of axes, two or more"));
        }
        let exchanged = |shape: &Shape, flag: bool| match flag {
            true => (shape.dim(rank - 1), shape.dim(rank - 2)),
            false => (shape.dim(rank - 2), shape.dim(rank - 1)),
        };
        let (m, k) = exchanged(left, self.transpose_left);
        let (inner, n) = exchanged(right, self.transpose_right);
        if k != inner {
            return Err(
                self.error(inputs, format!("the inner extents {k} and {inner} differ{}", flags(self)))
            );
        }
        if left.dims()[..rank - 2] != right.dims()[..rank - 2] {
            return Err(self.error(inputs, "the axes before the last two differ"));
        }
        let outer: &[Dim] = &left.dims()[..rank - 2];
        Ok((outer.iter().copied().chain([m, n]).collect(), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let size = self.size(io.inputs[0].shape, io.shape);
        with_real!(io.dtype(), T => plain_product::<T>(*self, size, io.get(0), io.get(1), io.out()));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let up = at.upstream();
        let (a, b) = (self.transpose_left, self.transpose_right);
        let left = |x: Var<'t>| match a {
            false => up.product(x, false, !b),
            true => x.product(up, b, true),
        };
        let right = |x: Var<'t>| match b {
            false => x.product(up, !a, false),
            true => up.product(x, true, a),
        };
        smallvec![at.wants(0).then(|| left(at.input(1))), at.wants(1).then(|| right(at.input(0)))]
    }
}

impl Parse for Dot {
    fn parse(line: &Line<'_>) -> Parsed<Dot> {
        line.read("dot", 2, |line| {
            Ok(Dot { transpose_left: line.has("left=t"), transpose_right: line.has("right=t") })
        })
    }
}

fn flags(dot: &Dot) -> &'static str {
    if *dot == Dot::PLAIN { "" } else { " (an operand is taken transposed)" }
}

fn plain_product<T: Real>(dot: Dot, size: ProductSize, left: &[T], right: &[T], out: &mut [T]) {
    let ProductSize { batch, m, k, n } = size;
    for p in 0..batch {
        let (left, right) = (&left[p * m * k..], &right[p * k * n..]);
        for i in 0..m {
            for j in 0..n {
                let a = |l: usize| left[if dot.transpose_left { l * m + i } else { i * k + l }];
                let b = |l: usize| right[if dot.transpose_right { j * k + l } else { l * n + j }];
                out[(p * m + i) * n + j] = (0..k).map(|l| a(l) * b(l)).sum();
            }
        }
    }
}

impl<'t> Var<'t> {
    /// The matrix product of `self` (…, M, K) and `other`, giving (…, M, N).
    ///
    /// `other` is (K, N), and then applies to the last axis of `self` whatever stands before it; or it
    /// has as many axes as `self` with the same leading ones, and each leading index is a product of
    /// its own.
    #[track_caller]
    pub fn dot(self, other: impl Operand<'t>) -> Var<'t> {
        let other = other.on(self.tape());
        let (left, right) = (self.shape(), other.shape());
        if right.rank() != 2 || left.rank() <= 2 {
            return self.product(other, false, false);
        }
        // A matrix on the right serves all leading axes at once: one product of all rows.
        let (width, leading) = (left.last(), &left.dims()[..left.rank() - 1]);
        let Some(rows) = leading.iter().try_fold(Dim::new(1), |rows, dim| rows.times(*dim)) else {
            return self.product(other, false, false);
        };
        let product = self.reshape([rows, width]).product(other, false, false);
        product.reshape(leading.iter().copied().chain([right.last()]).collect::<Shape>())
    }

    /// The matrix product with either operand's last two axes exchanged.
    #[track_caller]
    pub(crate) fn product(self, other: Var<'t>, transpose_left: bool, transpose_right: bool) -> Var<'t> {
        self.tape().push(Dot { transpose_left, transpose_right }, &[self, other])
    }
}
