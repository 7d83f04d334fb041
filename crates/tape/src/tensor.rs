//! Values outside the tape: an owned array with a shape, shared until it is written.

use std::fmt;
use std::sync::Arc;

use num_traits::Float;

use crate::dtype::{DType, Element, Real, with_real};
use crate::shape::Shape;

/// Owned elements of one type.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit floating point.
    F64(Vec<f64>),
    /// 32-bit integers.
    I32(Vec<i32>),
}

/// Borrowed elements of one type.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Slice<'a> {
    /// 32-bit floating point.
    F32(&'a [f32]),
    /// 64-bit floating point.
    F64(&'a [f64]),
    /// 32-bit integers.
    I32(&'a [i32]),
}

impl Data {
    /// The elements, borrowed.
    pub fn slice(&self) -> Slice<'_> {
        match self {
            Data::F32(elements) => Slice::F32(elements),
            Data::F64(elements) => Slice::F64(elements),
            Data::I32(elements) => Slice::I32(elements),
        }
    }
}

/// A copy.
impl From<Slice<'_>> for Data {
    fn from(elements: Slice<'_>) -> Data {
        match elements {
            Slice::F32(elements) => Data::F32(elements.into()),
            Slice::F64(elements) => Data::F64(elements.into()),
            Slice::I32(elements) => Data::I32(elements.into()),
        }
    }
}

impl Slice<'_> {
    /// The place of the first element that is NaN or an infinity.
    ///
    /// ```
    /// use tape::tensor::Slice;
    ///
    /// assert_eq!(Slice::F32(&[1.0, f32::INFINITY, f32::NAN]).first_not_finite(), Some(1));
    /// assert_eq!(Slice::I32(&[1]).first_not_finite(), None);
    /// ```
    pub fn first_not_finite(&self) -> Option<usize> {
        match self {
            Slice::F32(elements) => first_not_finite(elements),
            Slice::F64(elements) => first_not_finite(elements),
            Slice::I32(_) => None,
        }
    }
}

/// Whole chunks are looked at without a way out, which vectors can do.
fn first_not_finite<T: Float>(elements: &[T]) -> Option<usize> {
    const CHUNK: usize = 256;
    let is_finite = |chunk: &[T]| chunk.iter().fold(true, |all, x| all & x.is_finite());
    let from = CHUNK * elements.chunks(CHUNK).position(|chunk| !is_finite(chunk))?;
    elements[from..].iter().position(|x| !x.is_finite()).map(|place| from + place)
}

/// Borrowed elements of one type, for writing.
#[derive(Debug)]
pub enum SliceMut<'a> {
    /// 32-bit floating point.
    F32(&'a mut [f32]),
    /// 64-bit floating point.
    F64(&'a mut [f64]),
    /// 32-bit integers.
    I32(&'a mut [i32]),
}

/// An array in row-major order. Clones share their elements until one of them is written.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Arc<Data>,
}

impl Tensor {
    /// A tensor of the given elements in row-major order.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[track_caller]
    pub fn new<T: Element>(shape: impl Into<Shape>, elements: impl Into<Vec<T>>) -> Tensor {
        Tensor::of_data(shape, T::wrap(elements.into()))
    }

    /// The same of elements whose type is known when the program runs.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[track_caller]
    pub fn of_data(shape: impl Into<Shape>, data: impl Into<Data>) -> Tensor {
        let (shape, data) = (shape.into(), data.into());
        let (expected, given) = (shape.len(), data.slice().len());
        assert!(expected == given, "a tensor of shape {shape} holds {expected} elements, {given} were given");
        Tensor { shape, data: Arc::new(data) }
    }

    /// A single number.
    pub fn scalar<T: Element>(number: T) -> Tensor {
        Tensor::new(Shape::scalar(), [number])
    }

    /// All zeros.
    pub fn zeros(dtype: DType, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let len = shape.len();
        let data = match dtype {
            DType::F32 => Data::F32(vec![0.0; len]),
            DType::F64 => Data::F64(vec![0.0; len]),
            DType::I32 => Data::I32(vec![0; len]),
        };
        Tensor { shape, data: Arc::new(data) }
    }

    /// A tensor with any elements, in the memory of another that is not used any more where there is one.
    pub(crate) fn from_spare(spare: Option<Tensor>, dtype: DType, shape: &Shape) -> Tensor {
        let Some(Tensor { mut data, .. }) = spare else { return Tensor::zeros(dtype, shape) };
        let len = shape.len();
        match (Arc::get_mut(&mut data), dtype) {
            (Some(Data::F32(elements)), DType::F32) => elements.resize(len, 0.0),
            (Some(Data::F64(elements)), DType::F64) => elements.resize(len, 0.0),
            (Some(Data::I32(elements)), DType::I32) => elements.resize(len, 0),
            _ => return Tensor::zeros(dtype, shape),
        }
        Tensor { shape: shape.clone(), data }
    }

    /// Floating-point numbers given in `f64` and rounded to `dtype`.
    ///
    /// # Panics
    /// If `dtype` is not floating point, or the number of elements is not that of the shape.
    #[track_caller]
    pub fn from_f64(dtype: DType, shape: impl Into<Shape>, numbers: &[f64]) -> Tensor {
        assert!(dtype.is_real(), "real numbers cannot be stored as {}", dtype.name());
        with_real!(dtype, T => {
            Tensor::new(shape, numbers.iter().map(|number| T::from_f64(*number)).collect::<Vec<T>>())
        })
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.slice().dtype()
    }

    /// The elements in row-major order, whatever their type.
    pub fn slice(&self) -> Slice<'_> {
        self.data.slice()
    }

    /// The elements for writing; clones that share them keep what they have.
    pub fn slice_mut(&mut self) -> SliceMut<'_> {
        match Arc::make_mut(&mut self.data) {
            Data::F32(elements) => SliceMut::F32(elements),
            Data::F64(elements) => SliceMut::F64(elements),
            Data::I32(elements) => SliceMut::I32(elements),
        }
    }

    /// The elements in row-major order.
    ///
    /// # Panics
    /// If they are not of type `T`.
    #[track_caller]
    pub fn as_slice<T: Element>(&self) -> &[T] {
        self.slice().typed()
    }

    /// The elements for writing.
    ///
    /// # Panics
    /// If they are not of type `T`.
    #[track_caller]
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        let dtype = self.dtype();
        T::slice_mut(self.slice_mut()).unwrap_or_else(|| wrong_type::<T>(dtype))
    }

    /// All elements as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.slice() {
            Slice::F32(elements) => elements.iter().map(|x| f64::from(*x)).collect(),
            Slice::F64(elements) => elements.to_vec(),
            Slice::I32(elements) => elements.iter().map(|x| f64::from(*x)).collect(),
        }
    }

    /// The number in a tensor of one element.
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn number(&self) -> f64 {
        assert!(self.shape.len() == 1, "a tensor of shape {} is not a single number", self.shape);
        match self.slice() {
            Slice::F32(elements) => f64::from(elements[0]),
            Slice::F64(elements) => elements[0],
            Slice::I32(elements) => f64::from(elements[0]),
        }
    }

    /// The same elements in another floating-point type.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Tensor {
        if self.dtype() == dtype {
            return self.clone();
        }
        Tensor::from_f64(dtype, &self.shape, &self.to_f64())
    }

    /// The same elements under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        assert!(shape.len() == self.shape.len(), "{} cannot be reshaped to {shape}", self.shape);
        Tensor { shape, data: Arc::clone(&self.data) }
    }
}

impl<'a> Slice<'a> {
    /// The element type.
    pub fn dtype(self) -> DType {
        match self {
            Slice::F32(_) => DType::F32,
            Slice::F64(_) => DType::F64,
            Slice::I32(_) => DType::I32,
        }
    }

    /// The elements as Rust numbers.
    ///
    /// # Panics
    /// If they are not of type `T`.
    #[track_caller]
    pub fn typed<T: Element>(self) -> &'a [T] {
        T::slice(self).unwrap_or_else(|| wrong_type::<T>(self.dtype()))
    }

    /// Where the first element lies.
    pub(crate) fn start(self) -> *const u8 {
        match self {
            Slice::F32(elements) => elements.as_ptr().cast(),
            Slice::F64(elements) => elements.as_ptr().cast(),
            Slice::I32(elements) => elements.as_ptr().cast(),
        }
    }

    /// How many elements there are.
    pub fn len(self) -> usize {
        match self {
            Slice::F32(elements) => elements.len(),
            Slice::F64(elements) => elements.len(),
            Slice::I32(elements) => elements.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements from `start` on, `len` of them.
    pub fn part(self, start: usize, len: usize) -> Slice<'a> {
        match self {
            Slice::F32(elements) => Slice::F32(&elements[start..start + len]),
            Slice::F64(elements) => Slice::F64(&elements[start..start + len]),
            Slice::I32(elements) => Slice::I32(&elements[start..start + len]),
        }
    }
}

impl SliceMut<'_> {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            SliceMut::F32(_) => DType::F32,
            SliceMut::F64(_) => DType::F64,
            SliceMut::I32(_) => DType::I32,
        }
    }

    /// The same elements, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> SliceMut<'_> {
        match self {
            SliceMut::F32(elements) => SliceMut::F32(elements),
            SliceMut::F64(elements) => SliceMut::F64(elements),
            SliceMut::I32(elements) => SliceMut::I32(elements),
        }
    }

    /// The elements from `start` on, `len` of them.
    pub fn part(&mut self, start: usize, len: usize) -> SliceMut<'_> {
        match self {
            SliceMut::F32(elements) => SliceMut::F32(&mut elements[start..start + len]),
            SliceMut::F64(elements) => SliceMut::F64(&mut elements[start..start + len]),
            SliceMut::I32(elements) => SliceMut::I32(&mut elements[start..start + len]),
        }
    }

    /// Overwrites all elements.
    ///
    /// # Panics
    /// If types or lengths differ.
    #[track_caller]
    pub fn copy_from(&mut self, source: Slice<'_>) {
        match (self, source) {
            (SliceMut::F32(to), Slice::F32(from)) => to.copy_from_slice(from),
            (SliceMut::F64(to), Slice::F64(from)) => to.copy_from_slice(from),
            (SliceMut::I32(to), Slice::I32(from)) => to.copy_from_slice(from),
            (to, from) => {
                panic!("{} elements cannot be copied into {}", from.dtype().name(), to.dtype().name())
            }
        }
    }

    /// Adds element by element.
    ///
    /// # Panics
    /// If types or lengths differ, or the elements are not floating point.
    #[track_caller]
    pub fn add_from(&mut self, source: Slice<'_>) {
        fn add<T: Real>(to: &mut [T], from: &[T]) {
            assert_eq!(to.len(), from.len());
            to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
        }
        match (self, source) {
            (SliceMut::F32(to), Slice::F32(from)) => add(to, from),
            (SliceMut::F64(to), Slice::F64(from)) => add(to, from),
            (to, from) => panic!("{} elements cannot be added to {}", from.dtype().name(), to.dtype().name()),
        }
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        match self {
            SliceMut::F32(elements) => elements.fill(0.0),
            SliceMut::F64(elements) => elements.fill(0.0),
            SliceMut::I32(elements) => elements.fill(0),
        }
    }
}

#[track_caller]
fn wrong_type<T: Element>(found: DType) -> ! {
    panic!("the tensor holds {}, {} was asked for", found.name(), T::DTYPE.name())
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "{}{}", self.dtype().name(), self.shape)?;
        let elements = self.to_f64();
        f.debug_list().entries(elements.iter().take(SHOWN)).finish()?;
        if elements.len() > SHOWN { write!(f, " … {} more", elements.len() - SHOWN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_until_written() {
        let first = Tensor::new([2], vec![1.0f32, 2.0]);
        let mut second = first.clone();
        second.as_mut_slice::<f32>()[0] = 5.0;
        assert_eq!(first.as_slice::<f32>(), [1.0, 2.0]);
        assert_eq!(second.as_slice::<f32>(), [5.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "a tensor of shape [2, 3] holds 6 elements, 2 were given")]
    fn too_few_elements_are_refused() {
        let _ = Tensor::new([2, 3], vec![1.0f32, 2.0]);
    }
}
