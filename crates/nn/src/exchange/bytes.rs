//! Numbers as bytes, lowest first, and back.

use tape::tensor::Slice;
use tape::{DType, Element, Tensor};

/// The bytes of some numbers.
pub(super) fn to_bytes(numbers: Slice<'_>) -> Vec<u8> {
    match numbers {
        Slice::F32(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Slice::F64(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Slice::I32(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
    }
}

/// The numbers of some bytes; what is left over is none.
pub(super) fn from_bytes(dtype: DType, bytes: &[u8]) -> Tensor {
    fn read<T: Element, const N: usize>(bytes: &[u8], number: fn([u8; N]) -> T) -> Tensor {
        let numbers: Vec<T> = bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect();
        Tensor::new([numbers.len()], numbers)
    }
    match dtype {
        DType::F32 => read(bytes, f32::from_le_bytes),
        DType::F64 => read(bytes, f64::from_le_bytes),
        DType::I32 => read(bytes, i32::from_le_bytes),
    }
}
