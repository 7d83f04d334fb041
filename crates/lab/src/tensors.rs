//! Named tensors as the bytes of a `safetensors` file, and back.
//!
//! The format is the one that PyTorch, JAX and candle users read, so weights leave and enter without a converter. Equal
//! tensors give equal bytes. Decoding trusts nothing: the header is validated before a tensor is touched, and no more
//! memory is asked for than the bytes that are there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use tape::DType;
use tape::tensor::{Data, Slice};

/// A tensor that is to be written, under the name by which it will be found.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor<'a> {
    /// Unique in its file: `rnn/wx`.
    pub name: &'a str,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// As many elements as the shape says, row-major.
    pub data: Slice<'a>,
}

/// A tensor that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// As many elements as the shape says, row-major.
    pub values: Data,
}

/// What was read, by name.
pub type Tensors = BTreeMap<String, Tensor>;

impl<'a> NamedTensor<'a> {
    /// A tensor of a program, under a name.
    pub fn of(name: &'a str, tensor: &'a tape::Tensor) -> NamedTensor<'a> {
        NamedTensor { name, shape: tensor.shape().sizes().to_vec(), data: tensor.slice() }
    }
}

impl View for &NamedTensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.data.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::I32 => Dtype::I32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.data {
            Slice::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Slice::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Slice::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        self.data.len() * self.dtype().bitsize() / 8
    }
}

/// The bytes of a `safetensors` file; the error says in words which tensor cannot be written and why.
pub fn encode(tensors: &[NamedTensor<'_>]) -> Result<Vec<u8>, String> {
    let mut names = BTreeSet::new();
    for tensor in tensors {
        let NamedTensor { name, shape, data } = tensor;
        if !names.insert(*name) {
            return Err(format!("two tensors are called `{name}`"));
        }
        // The key under which the format keeps its own remarks.
        if *name == "__metadata__" {
            return Err("no tensor can be called `__metadata__`".to_string());
        }
        let elements = shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent));
        if elements != Some(data.len()) {
            return Err(format!("tensor `{name}` of shape {shape:?} has {} elements", data.len()));
        }
    }
    safetensors::serialize(tensors.iter().map(|tensor| (tensor.name, tensor)), None)
        .map_err(|error| error.to_string())
}

/// The tensors in the bytes of a `safetensors` file; the error says in words what is wrong with them.
///
/// ```
/// use lab::tensors::{NamedTensor, decode, encode};
/// use tape::tensor::{Data, Slice};
///
/// let data = Slice::F32(&[1.0, 2.0]);
/// let bytes = encode(&[NamedTensor { name: "bias", shape: vec![2], data }])?;
/// assert_eq!(decode(&bytes)?["bias"].values, Data::F32(vec![1.0, 2.0]));
/// # Ok::<(), String>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<Tensors, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    file.iter().map(|(name, view)| Ok((name.to_string(), decode_one(name, &view)?))).collect()
}

fn decode_one(name: &str, view: &TensorView<'_>) -> Result<Tensor, String> {
    let values = match view.dtype() {
        Dtype::F32 => Data::F32(numbers(view.data(), f32::from_le_bytes)),
        Dtype::F64 => Data::F64(numbers(view.data(), f64::from_le_bytes)),
        Dtype::I32 => Data::I32(numbers(view.data(), i32::from_le_bytes)),
        other => {
            return Err(format!(
                "tensor `{name}` has elements of type {other}; F32, F64 and I32 can be read"
            ));
        }
    };
    Ok(Tensor { shape: view.shape().to_vec(), values })
}

fn numbers<const WIDTH: usize, T>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bias(name: &str) -> NamedTensor<'_> {
        NamedTensor { name, shape: vec![2], data: Slice::F32(&[1.0, 2.0]) }
    }

    fn named<'a>(name: &'a str, Tensor { shape, values }: &'a Tensor) -> NamedTensor<'a> {
        NamedTensor { name, shape: shape.clone(), data: values.slice() }
    }

    /// A file with this header over `length` zero bytes.
    fn file(header: &str, length: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; length]);
        bytes
    }

    #[test]
    fn every_bit_comes_back_whatever_the_type_and_shape() {
        let odd = [f32::NAN, -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0, 1.0 / 3.0, f32::MAX];
        let tensors = [
            NamedTensor { name: "rnn/wx", shape: vec![2, 3], data: Slice::F32(&odd) },
            NamedTensor { name: "check", shape: vec![1, 1, 2], data: Slice::F64(&[0.1, f64::MIN_POSITIVE]) },
            NamedTensor { name: "scalar", shape: vec![], data: Slice::F64(&[std::f64::consts::PI]) },
            NamedTensor { name: "empty", shape: vec![3, 0], data: Slice::I32(&[]) },
            NamedTensor { name: "größe \"7\"", shape: vec![2], data: Slice::I32(&[i32::MIN, 7]) },
        ];
        let bytes = encode(&tensors).unwrap();
        let read = decode(&bytes).unwrap();
        assert_eq!(read.len(), tensors.len());
        for tensor in &tensors[1..] {
            assert_eq!(named(tensor.name, &read[tensor.name]), *tensor);
        }
        let Data::F32(values) = &read["rnn/wx"].values else { panic!("{:?}", read["rnn/wx"]) };
        assert_eq!(values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), odd.map(f32::to_bits));
        let again: Vec<_> = read.iter().map(|(name, tensor)| named(name, tensor)).collect();
        assert_eq!(encode(&again).unwrap(), bytes, "equal tensors give equal bytes");
    }

    #[test]
    fn what_cannot_be_found_again_is_not_written() {
        let check =
            |tensors: &[NamedTensor<'_>], expected: &str| assert_eq!(encode(tensors).unwrap_err(), expected);
        check(&[bias("b"), bias("b")], "two tensors are called `b`");
        check(&[bias("__metadata__")], "no tensor can be called `__metadata__`");
        check(&[NamedTensor { shape: vec![3], ..bias("b") }], "tensor `b` of shape [3] has 2 elements");
        check(
            &[NamedTensor { shape: vec![usize::MAX, 2], ..bias("b") }],
            "tensor `b` of shape [18446744073709551615, 2] has 2 elements",
        );
    }

    #[test]
    fn a_hostile_file_is_an_error_and_allocates_nothing_large() {
        let check = |bytes: &[u8], expected: &str| {
            let error = decode(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(&[], "header too small");
        check(&u64::MAX.to_le_bytes(), "header too large");
        check(&99_000_000u64.to_le_bytes(), "invalid header length");
        check(&file("{", 0), "invalid JSON");
        check(&file(&"[".repeat(100_000), 0), "invalid JSON");
        let one = |dtype: &str, shape: &str, to: u64| {
            format!("{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{to}]}}}}")
        };
        check(&file(&one("F32", "[2]", 8), 7), "not fully covered");
        check(&file(&one("F32", "[2]", 8), 9), "not fully covered");
        check(&file(&one("F32", "[3]", 8), 8), "invalid");
        check(&file(&one("F32", "[4000000000, 4000000000, 4000000000]", 8), 8), "overflow");
        check(&file(&one("F32", "[4000000000000]", 16_000_000_000_000), 8), "not fully covered");
        check(
            &file(&one("F16", "[2]", 4), 4),
            "tensor `w` has elements of type F16; F32, F64 and I32 can be read",
        );
    }
}
