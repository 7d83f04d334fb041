//! Weights in and out again, and tensors that do not fit.

use nn::pytorch::{Block, BothDirections, Mapping, PyTorch, Tensors, within};
use nn::{
    Affine, Conv2d, DecoderSettings, Embedding, GruResetAfter, LayerNorm, Lstm, MultiHeadAttention, Param,
    Params, ReluRnn, Scope, Stack, TemporalAffine, TransformerDecoderLayer, VanillaRnn, init,
};
use tape::{DType, Tensor, Windows};

use super::{File, HIDDEN, INPUTS, stack};
use crate::support::{Draw, scatter};

/// A model of all that has a module in PyTorch, with random weights.
struct Model {
    affine: Affine,
    per_step: TemporalAffine,
    embedding: Embedding,
    norm: LayerNorm,
    conv: Conv2d,
    vanilla: Stack<VanillaRnn>,
    rectifier: ReluRnn,
    lstm: Stack<Lstm>,
    gru: BothDirections<GruResetAfter>,
    attention: MultiHeadAttention,
    decoder: TransformerDecoderLayer,
}

impl Model {
    fn new(dtype: DType, seed: u64) -> (Params, Model) {
        let mut params = Params::seeded(dtype, seed);
        let windows = Windows { size: 2, stride: 1, padding: 0 };
        let decoder =
            DecoderSettings { width: 4, memory: 4, heads: 2, hidden: 3, ..DecoderSettings::default() };
        let model = Model {
            affine: Affine::new(params.scope("affine"), 3, 4),
            per_step: TemporalAffine::new(params.scope("per_step"), 4, 1),
            embedding: Embedding::new(params.scope("embedding"), 7, 3),
            norm: LayerNorm::new(params.scope("norm"), 5),
            conv: Conv2d::new(params.scope("conv"), windows, 3, 2),
            vanilla: Stack::new(params.scope("vanilla"), 2, 3, 4, VanillaRnn::new),
            rectifier: ReluRnn::new(params.scope("rectifier"), 2, 2),
            lstm: Stack::new(params.scope("lstm"), 3, 2, 3, Lstm::new),
            gru: BothDirections(vec![["a", "b"].map(|name| GruResetAfter::new(params.scope(name), 2, 3))]),
            attention: MultiHeadAttention::new(params.scope("attention"), 6, 6, 3, 0.0),
            decoder: TransformerDecoderLayer::new(params.scope("decoder"), &decoder),
        };
        let mut draw = Draw::new(seed);
        let mut wide = params.cast(DType::F64);
        scatter(&mut wide, &mut draw);
        (wide.cast(dtype), model)
    }
}

impl PyTorch for Model {
    fn mappings(&self) -> Vec<Mapping> {
        [
            within("affine", &self.affine),
            within("per_step", &self.per_step),
            within("embedding", &self.embedding),
            within("norm", &self.norm),
            within("conv", &self.conv),
            within("vanilla", &self.vanilla),
            within("rectifier", &self.rectifier),
            within("lstm", &self.lstm),
            within("gru", &self.gru),
            within("attention", &self.attention),
            within("decoder", &self.decoder),
        ]
        .concat()
    }
}

#[test]
fn what_goes_out_comes_in_with_the_same_bits() {
    for dtype in [DType::F32, DType::F64] {
        let (params, model) = Model::new(dtype, 1);
        let tensors = model.export(&params, "model");
        assert!(tensors.values().all(|tensor| tensor.dtype() == dtype));
        let (mut others, _) = Model::new(dtype, 2);
        model.import(&mut others, "model", &tensors).unwrap();
        for (entry, other) in params.iter().zip(others.iter()) {
            assert_eq!(entry.value, other.value, "{}", entry.name);
        }
        assert_eq!(model.export(&others, "model"), tensors);
    }
}

#[test]
fn what_comes_in_goes_out_as_it_was_but_for_biases_that_are_added() {
    let check = |name: &str, layer: &dyn Fn(Scope<'_>) -> Box<dyn PyTorch>| {
        let weights = File::read(name).part("weight/");
        let mut params = Params::new(DType::F64);
        let layer = layer(params.scope("layer"));
        layer.import(&mut params, "", &weights).unwrap();
        let out = layer.export(&params, "");
        assert_eq!(out.keys().collect::<Vec<_>>(), weights.keys().collect::<Vec<_>>());
        for (tensor, value) in &out {
            if tensor.contains("bias_") {
                let other = if tensor.contains("_ih") {
                    tensor.replace("_ih", "_hh")
                } else {
                    tensor.replace("_hh", "_ih")
                };
                let sum = |of: &Tensors| -> Vec<f64> {
                    of[tensor].to_f64().iter().zip(of[&other].to_f64()).map(|(a, b)| a + b).collect()
                };
                assert_eq!(sum(&out), sum(&weights), "{tensor} of {name}");
            } else {
                assert_eq!(*value, weights[tensor], "{tensor} of {name}");
            }
        }
    };
    check("linear", &|scope| Box::new(Affine::new(scope, 3, 4)));
    check("embedding", &|scope| Box::new(Embedding::new(scope, 7, 3)));
    let windows = Windows { size: 3, stride: 2, padding: 1 };
    check("conv2d", &move |scope| Box::new(Conv2d::new(scope, windows, 2, 3)));
    check("lstm_two_layers", &|scope| Box::new(stack(2, Lstm::new)(scope)));
    check("gru_cell", &|scope| Box::new(GruResetAfter::new(scope, INPUTS, HIDDEN)));
}

#[test]
fn the_bias_of_the_candidate_goes_out_beside_zeros() {
    let mut params = Params::seeded(DType::F64, 1);
    let gru = GruResetAfter::new(params.scope("gru"), 1, 1);
    params.set("gru/b", Tensor::new([3], vec![1.0, 2.0, 3.0])).unwrap();
    params.set("gru/chn", Tensor::new([1], vec![4.0])).unwrap();
    let tensors = gru.export(&params, "");
    assert_eq!(tensors["bias_ih"].to_f64(), [1.0, 2.0, 3.0]);
    assert_eq!(tensors["bias_hh"].to_f64(), [0.0, 0.0, 4.0]);
}

/// What an LSTM of three inputs and two units, as module `rnn`, says of tensors after `change`; its weights stay.
#[track_caller]
fn refused(change: impl FnOnce(&mut Tensors), expected: &str) {
    let mut params = Params::seeded(DType::F64, 3);
    let lstm = Stack::of(vec![Lstm::new(params.scope("lstm"), 3, 2)]);
    let mut tensors = lstm.export(&params, "rnn");
    tensors.insert("head.weight".into(), Tensor::zeros(DType::F64, [1]));
    tensors.values_mut().for_each(|tensor| *tensor = Tensor::zeros(DType::F64, tensor.shape()));
    change(&mut tensors);
    let before = params.clone();
    let error = lstm.import(&mut params, "rnn", &tensors).expect_err("tensors that do not fit");
    assert_eq!(error.to_string(), expected);
    assert!(params.iter().zip(before.iter()).all(|(a, b)| a.value == b.value), "weights stay as they were");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    refused(
        |tensors| drop(tensors.remove("rnn.bias_hh_l0")),
        "there is no tensor `rnn.bias_hh_l0` of shape [8] but `rnn.bias_ih_l0`, `rnn.weight_hh_l0`, `rnn.weight_ih_l0`; \
         check the prefix, and that the module has the same layers, with biases",
    );
    refused(
        |tensors| tensors.clear(),
        "there is no tensor `rnn.weight_ih_l0` of shape [8, 3] but none at all; check the prefix, and that the module \
         has the same layers, with biases",
    );
    refused(
        |tensors| drop(tensors.insert("rnn.weight_hh_l0".into(), Tensor::zeros(DType::F64, [2, 8]))),
        "tensor `rnn.weight_hh_l0` has the shape [2, 8], and the parameters need [8, 2]; declare them with the sizes of \
         the module",
    );
    refused(
        |tensors| drop(tensors.insert("rnn.bias_ih_l0".into(), Tensor::zeros(DType::I32, [8]))),
        "tensor `rnn.bias_ih_l0` holds whole numbers; weights are floating point",
    );
    refused(
        |tensors| {
            let second = ["rnn.weight_ih_l1", "rnn.weight_hh_l1"];
            tensors.extend(second.map(|name| (name.to_string(), Tensor::zeros(DType::F64, [8, 2]))));
        },
        "there is no place for `rnn.weight_hh_l1`, `rnn.weight_ih_l1`; declare as many layers and directions as the \
         module has, or take what is not wanted out of the tensors",
    );
}

/// A layer with a tensor that cannot be.
struct Wrong(Mapping);

impl PyTorch for Wrong {
    fn mappings(&self) -> Vec<Mapping> {
        vec![self.0.clone()]
    }
}

/// Exports what `mapping` makes of the matrices `a` (3, 5) and `b` (2, 5).
fn export_wrong(mapping: impl FnOnce([Param; 2]) -> Mapping) {
    let mut params = Params::new(DType::F64);
    let matrices =
        [("a", 3), ("b", 2)].map(|(name, rows)| params.scope("").weight(name, [rows, 5], init::zeros()));
    Wrong(mapping(matrices)).export(&params, "");
}

#[test]
#[should_panic(expected = "5 columns have no part 2 of 4")]
fn a_block_that_is_no_part_of_its_parameter_is_the_author_s_mistake() {
    export_wrong(|[a, _]| Mapping::new("weight", [Block::part(a, 2, 4)]));
}

#[test]
#[should_panic(expected = "`weight` is made of parameters with 3 rows and with 2")]
fn blocks_of_other_heights_are_the_author_s_mistake() {
    export_wrong(|matrices| Mapping::new("weight", matrices));
}
