//! Numbers as bytes, lowest first, and back.

use tape::tensor::Slice;
use tape::{DType, Tensor};

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
    let count = bytes.len() / dtype.bytes();
    match dtype {
        DType::F32 => {
            let numbers: Vec<f32> =
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Tensor::new([count], numbers)
        }
        DType::F64 => {
            let numbers: Vec<f64> =
                bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Tensor::new([count], numbers)
        }
        DType::I32 => {
            let numbers: Vec<i32> =
                bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
            Tensor::new([count], numbers)
        }
    }
}
