//! Element types: `f32` to train, `f64` to check, `i32` for indices.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{AddAssign, MulAssign};

use crate::kernels::Multiply;
use crate::tensor::{Data, Slice, SliceMut};

/// The type of a tensor's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DType {
    /// 32-bit floating point, for training.
    F32,
    /// 64-bit floating point, for checking.
    F64,
    /// 32-bit signed integers, for indices.
    I32,
}

impl DType {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::F64 => 8,
        }
    }

    /// Whether elements are floating-point numbers, which have gradients.
    pub fn is_real(self) -> bool {
        self != DType::I32
    }

    /// The name in dumps: `f32`, `f64` or `i32`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
        }
    }
}

/// There are kernels for three types, and no other can be added from outside.
mod sealed {
    pub trait Sealed {}
}

/// A Rust type that tensors can hold: `f32`, `f64` or `i32`.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + Send + Sync + Debug + Display + 'static
{
    /// The corresponding [`DType`].
    const DTYPE: DType;
    /// Wraps owned elements.
    fn wrap(elements: Vec<Self>) -> Data;
    /// The elements, where they are of this type.
    fn slice<'a>(slice: Slice<'a>) -> Option<&'a [Self]>;
    /// The elements for writing, where they are of this type.
    fn slice_mut<'a>(slice: SliceMut<'a>) -> Option<&'a mut [Self]>;
}

/// A floating-point element.
pub trait Real: Element + Multiply + num_traits::Float + AddAssign + MulAssign + Sum {
    /// The nearest number of this type.
    fn from_f64(number: f64) -> Self;
    /// The number as `f64`, which represents it exactly.
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($type:ident, $dtype:ident) => {
        impl sealed::Sealed for $type {}

        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            fn wrap(elements: Vec<Self>) -> Data {
                Data::$dtype(elements)
            }
            fn slice<'a>(slice: Slice<'a>) -> Option<&'a [Self]> {
                if let Slice::$dtype(elements) = slice { Some(elements) } else { None }
            }
            fn slice_mut<'a>(slice: SliceMut<'a>) -> Option<&'a mut [Self]> {
                if let SliceMut::$dtype(elements) = slice { Some(elements) } else { None }
            }
        }
    };
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            fn from_f64(number: f64) -> Self {
                number as $type
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);
element!(i32, I32);
real!(f32);
real!(f64);

/// Runs an expression with `$T` standing for the Rust type of a floating-point dtype.
macro_rules! with_real {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::I32 => unreachable!("the shape rule admits only floating-point operands"),
        }
    };
}

/// Runs an expression with `$T` standing for the Rust type of any dtype.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
        }
    };
}

pub(crate) use {with_element, with_real};
