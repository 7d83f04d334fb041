//! Weights that leave as a file and come back, with the names that PyTorch has for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lab::weights;
use nn::pytorch::{Mapping, PyTorch, within};
use nn::{Affine, GruResetAfter, Layout, Params, Sequence, Stack, unroll, zero_state};
use tape::{DType, Tensor};

/// Two layers of recurrent units, and an affine map of what they give.
struct Model {
    rnn: Stack<GruResetAfter>,
    head: Affine,
}

impl Model {
    fn new(params: &mut Params) -> Model {
        Model {
            rnn: Stack::new(params.scope("rnn"), 2, 3, 4, GruResetAfter::new),
            head: Affine::new(params.scope("head"), 4, 5),
        }
    }

    /// The scores (R, 5) of two sequences.
    fn scores(&self, params: &Params) -> Tensor {
        let tape = params.tape();
        let x = tape.input_numbers([2, 4, 3], (0..24).map(|k| f64::from(k * 7 % 11) / 11.0 - 0.5));
        let inputs = Sequence::pack(x, &Layout::new(4, &[2, 4]));
        let (states, _) = unroll(&self.rnn, &inputs, zero_state(&tape, 2, 4));
        self.head.apply(states.rows).value()
    }
}

impl PyTorch for Model {
    fn mappings(&self) -> Vec<Mapping> {
        [within("rnn", &self.rnn), within("head", &self.head)].concat()
    }
}

#[test]
fn a_model_computes_the_same_after_its_way_through_a_file() {
    for dtype in [DType::F32, DType::F64] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let (mut params, mut others) = (Params::seeded(dtype, 1), Params::seeded(dtype, 2));
        let (model, other) = (Model::new(&mut params), Model::new(&mut others));
        assert_ne!(model.scores(&params), other.scores(&others));

        weights::write(&path, &model.export(&params, "model")).unwrap();
        let read = weights::read(&path).unwrap();
        assert!(read.contains_key("model.rnn.weight_hh_l1"), "{:?}", read.keys());
        other.import(&mut others, "model", &read).unwrap();
        assert_eq!(model.scores(&params), other.scores(&others));
    }
}

#[test]
fn every_type_and_shape_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tensors.safetensors");
    let tensors = BTreeMap::from([
        ("number".to_string(), Tensor::scalar(0.1f64)),
        ("none".to_string(), Tensor::new([3, 0], Vec::<f32>::new())),
        ("words".to_string(), Tensor::new([2, 1], vec![i32::MIN, 7])),
    ]);
    weights::write(&path, &tensors).unwrap();
    assert_eq!(weights::read(&path).unwrap(), tensors);
}

/// What is said of a file with these bytes.
fn refused(path: &Path, bytes: &[u8], expected: &str) {
    fs::write(path, bytes).expect("a folder of our own");
    let error = weights::read(path).expect_err("a file that is none of weights");
    assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
}

#[test]
fn a_file_that_is_none_of_weights_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let advice = "save the tensors as F32 or F64 in a safetensors file";
    refused(&path, b"", &format!("cannot be taken for weights: header too small; {advice}"));
    let header = br#"{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    let half = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    let problem = "tensor `w` has elements of type F16; F32, F64 and I32 can be read";
    refused(&path, &half, &format!("cannot be taken for weights: {problem}; {advice}"));

    let missing = weights::read(&folder.path().join("none")).unwrap_err();
    assert!(missing.to_string().contains("none: cannot be read: "), "{missing}");
    let reserved = BTreeMap::from([("__metadata__".to_string(), Tensor::scalar(1.0f32))]);
    let error = weights::write(&path, &reserved).unwrap_err();
    assert!(
        error.to_string().ends_with("no tensor can be called `__metadata__`; give it another name"),
        "{error}"
    );
}
