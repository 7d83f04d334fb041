//! Axes in another order. The gradient takes the inverse order.

use smallvec::{SmallVec, smallvec};

use super::walk::{Strides, contiguous, each};
use super::{Gradients, Io, Kind, Meta, Parse, Rule, kept_axis};
use crate::dtype::{DType, with_element};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The axes in another order: axis `i` of the result is axis `order[i]` of the operand.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Transpose {
    order: SmallVec<[u8; 8]>,
}

impl Transpose {
    /// Axes in the given order.
    ///
    /// # Panics
    /// If an axis is not below 256.
    #[track_caller]
    pub fn new(order: &[usize]) -> Transpose {
        let mut kept = SmallVec::new();
        for axis in order {
            kept.push(kept_axis(*axis));
        }
        Transpose { order: kept }
    }

    /// Whether the last two axes are exchanged and all others stay.
    pub(crate) fn exchanges_last_two(&self) -> bool {
        let rank = self.order.len();
        rank >= 2
            && self.axes().enumerate().all(|(to, from)| match rank - to {
                1 => from == rank - 2,
                2 => from == rank - 1,
                _ => from == to,
            })
    }

    fn axes(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().map(|axis| usize::from(*axis))
    }
}

impl Rule for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        let axes: Vec<String> = self.axes().map(|axis| axis.to_string()).collect();
        format!("order={}", axes.join(","))
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let shape = inputs[0].shape;
        let mut sorted: Strides = self.axes().collect();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..shape.rank()) {
            let reason = format!("{:?} does not name each of its axes once", self.order);
            return Err(self.error(inputs, reason));
        }
        Ok((self.axes().map(|axis| shape.dim(axis)).collect(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let own = contiguous(&io.inputs[0].shape.sizes());
        let strides: Strides = self.axes().map(|axis| own[axis]).collect();
        let sizes = io.shape.sizes();
        with_element!(io.dtype(), T => {
            let (from, mut to) = (io.get::<T>(0), io.out::<T>().iter_mut());
            each(&sizes, &strides, |offset| {
                if let Some(to) = to.next() {
                    *to = from[offset];
                }
            });
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let mut inverse: Strides = smallvec![0; self.order.len()];
        self.axes().enumerate().for_each(|(to, from)| inverse[from] = to);
        smallvec![Some(at.upstream().transpose(&inverse))]
    }
}

impl Parse for Transpose {
    fn parse(line: &Line<'_>) -> Parsed<Transpose> {
        line.read("transpose", 1, |line| Ok(Transpose::new(&line.axes("order")?)))
    }
}

impl<'t> Var<'t> {
    /// The axes in another order: axis `i` of the result is axis `order[i]` of this one.
    #[track_caller]
    pub fn transpose(self, order: &[usize]) -> Var<'t> {
        self.tape().push(Transpose::new(order), &[self])
    }

    /// The last two axes exchanged.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn t(self) -> Var<'t> {
        let rank = self.shape().rank();
        assert!(rank >= 2, "t of {}: there are fewer than two axes", self.shape());
        let mut order: Strides = (0..rank).collect();
        order.swap(rank - 2, rank - 1);
        self.transpose(&order)
    }
}
