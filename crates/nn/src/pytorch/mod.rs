//! Weights of PyTorch's modules, in and out, under the names that they have in a `state_dict`.
//!
//! ```text
//! tensor (out, in) = [block; block; …]        block: columns of a parameter (in, out), transposed
//! ```
//!
//! PyTorch computes `x Wᵀ`, and lays the gates of a cell out as rows; here they are columns, some in another order. A layer
//! says by a list of [`Mapping`]s what its tensors are called and which blocks of which parameters they are made of. From
//! that one list both directions follow.
//!
//! | PyTorch | here | its tensors | ours |
//! |---|---|---|---|
//! | `nn.Linear` | [`Affine`](crate::Affine), [`TemporalAffine`](crate::TemporalAffine) | `weight` (M, D), `bias` | `w` (D, M), `b` |
//! | `nn.Embedding` | [`Embedding`](crate::Embedding) | `weight` (V, D) | `w` (V, D) |
//! | `nn.LayerNorm` | [`LayerNorm`](crate::LayerNorm) | `weight`, `bias` (D) | `g`, `b` |
//! | `nn.Conv2d` | [`Conv2d`](crate::Conv2d) | `weight` (F, C, size, size), `bias` | `w` (size · size · C, F), `b` |
//! | `nn.RNNCell` | [`VanillaRnn`](crate::VanillaRnn), [`ReluRnn`](crate::ReluRnn) | `weight_ih`, `weight_hh`, `bias_ih` + `bias_hh` | `wx`, `wh`, `b` |
//! | `nn.LSTMCell` | [`Lstm`](crate::Lstm) | the same, with rows i, f, g, o | the same, with columns i, f, o, g |
//! | `nn.GRUCell` | [`GruResetAfter`](crate::GruResetAfter) | the same, with rows r, z, n | the same; n of `bias_hh` is `chn` |
//! | `nn.RNN`, `nn.LSTM`, `nn.GRU` | [`Stack`](crate::Stack) of these cells | the same, with `_l0`, `_l1`, … | one cell for each layer |
//! | … with `bidirectional=True` | [`BothDirections`] of these cells | the same, with `_l0_reverse`, … too | two for each layer |
//! | `nn.MultiheadAttention` | [`MultiHeadAttention`](crate::MultiHeadAttention) | `in_proj_weight`, `in_proj_bias`, `out_proj.…` | `q`, `k`, `v`; `out` |
//! | `nn.TransformerDecoderLayer` | [`TransformerDecoderLayer`](crate::TransformerDecoderLayer) | `self_attn.…`, `multihead_attn.…` | `own`, `cross` |
//! | | | `linear1.…`, `linear2.…` | `feed_forward/inner`, `feed_forward/outer` |
//! | | | `norm1.…`, `norm2.…`, `norm3.…` | `own_norm`, `cross_norm`, `feed_forward_norm` |
//!
//! The cell alone has the names of `nn.LSTMCell`, `weight_ih`; an `nn.LSTM` of one layer is `Stack::of(vec![cell])`.
//!
//! All is exact but for the two biases of a recurrent module, of which only the sum matters (but for those of n in a GRU):
//! it is formed on the way in; on the way out `bias_ih` is the sum and `bias_hh` zero.
//!
//! Weights are all that a `state_dict` has. What else a module was made with must be the same here: the windows of a
//! convolution, the ε of a norm, the rectifier of an RNN. Pictures are (N, C, H, W) there and (N, H, W, C) here; where
//! they are flattened, the rows of the next `w` lie in another order, which no mapping of [`Affine`](crate::Affine) knows.
//!
//! ```
//! use nn::pytorch::{Mapping, PyTorch, within};
//! use nn::{Affine, Embedding, Lstm, Params, Stack};
//! use tape::DType;
//!
//! /// self.embed = nn.Embedding(7, 3); self.rnn = nn.LSTM(3, 4, num_layers=2); self.head = nn.Linear(4, 7)
//! struct Model {
//!     embed: Embedding,
//!     rnn: Stack<Lstm>,
//!     head: Affine,
//! }
//!
//! impl Model {
//!     fn new(params: &mut Params) -> Model {
//!         Model {
//!             embed: Embedding::new(params.scope("embed"), 7, 3),
//!             rnn: Stack::new(params.scope("rnn"), 2, 3, 4, Lstm::new),
//!             head: Affine::new(params.scope("head"), 4, 7),
//!         }
//!     }
//! }
//!
//! impl PyTorch for Model {
//!     fn mappings(&self) -> Vec<Mapping> {
//!         [within("embed", &self.embed), within("rnn", &self.rnn), within("head", &self.head)].concat()
//!     }
//! }
//!
//! let mut params = Params::seeded(DType::F32, 1);
//! let model = Model::new(&mut params);
//! // With `lab::weights::write` these are a file for `model.load_state_dict(safetensors.torch.load_file(path))`.
//! let tensors = model.export(&params, "");
//! assert_eq!(tensors["rnn.weight_ih_l1"].shape().sizes()[..], [16, 4]);
//!
//! let mut others = Params::seeded(DType::F32, 2);
//! Model::new(&mut others).import(&mut others, "", &tensors)?;
//! assert_eq!(others.get("rnn/layer1/wx")?, params.get("rnn/layer1/wx")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod mapping;

use std::collections::{BTreeMap, HashMap, HashSet};

use tape::Tensor;

pub use error::PyTorchError;
pub use mapping::{Block, Mapping};

use crate::param::Param;
use crate::params::Params;

/// Tensors by the names that PyTorch gives them.
pub type Tensors = BTreeMap<String, Tensor>;

/// A layer, cell or model with a module of PyTorch's that computes the same.
pub trait PyTorch {
    /// The tensors of the module, and what each is made of. Together they hold every parameter whole.
    fn mappings(&self) -> Vec<Mapping>;

    /// Takes the weights of the module that is called `prefix` in `tensors` (`""` for the whole of them), rounded to the
    /// type of the store.
    ///
    /// # Errors
    /// If a tensor is missing, or has another shape than the parameters ask for, or has no place here. The parameters
    /// are left as they were.
    fn import(&self, params: &mut Params, prefix: &str, tensors: &Tensors) -> Result<(), PyTorchError> {
        let mut values: HashMap<Param, Vec<f64>> = HashMap::new();
        let mut used = HashSet::new();
        for mapping in self.mappings() {
            let name = full_name(prefix, &mapping.name);
            let expected = mapping.shape(params);
            let Some(tensor) = tensors.get(&name) else {
                let found = names_within(prefix, tensors).map(String::from).collect();
                return Err(PyTorchError::Missing { name, expected, found });
            };
            if *tensor.shape() != expected {
                return Err(PyTorchError::Shape { name, expected, given: tensor.shape().clone() });
            }
            if !tensor.dtype().is_real() {
                return Err(PyTorchError::Integers { name });
            }
            let mut elements = tensor.to_f64().into_iter();
            for block in &mapping.blocks {
                let shape = params[block.param].shape();
                let value = values.entry(block.param).or_insert_with(|| vec![0.0; shape.len()]);
                for (place, element) in mapping.places(block, shape).zip(&mut elements) {
                    value[place] = if block.added { value[place] + element } else { element };
                }
            }
            used.insert(name);
        }
        let left: Vec<String> =
            names_within(prefix, tensors).filter(|name| !used.contains(*name)).map(String::from).collect();
        if !left.is_empty() {
            return Err(PyTorchError::LeftOver { names: left });
        }
        for (param, value) in values {
            let value = Tensor::from_f64(params.dtype(), params[param].shape(), &value);
            params.set(param, value).expect("the value has the shape of its parameter");
        }
        Ok(())
    }

    /// The weights as tensors of a module that is called `prefix`, in the type of the store.
    fn export(&self, params: &Params, prefix: &str) -> Tensors {
        let one = |mapping: Mapping| {
            let shape = mapping.shape(params);
            let mut elements = Vec::with_capacity(shape.len());
            for block in &mapping.blocks {
                let value = params[block.param].to_f64();
                let places = mapping.places(block, params[block.param].shape());
                elements.extend(places.map(|place| if block.added { 0.0 } else { value[place] }));
            }
            (full_name(prefix, &mapping.name), Tensor::from_f64(params.dtype(), shape, &elements))
        };
        self.mappings().into_iter().map(one).collect()
    }
}

/// The mappings of a recurrent module whose two biases are only ever added, from `wx`, `wh` and `b`, each in these blocks.
pub(crate) fn recurrent<const N: usize>(
    [wx, wh, b]: [Param; 3],
    blocks: impl Fn(Param) -> [Block; N],
) -> Vec<Mapping> {
    vec![
        Mapping::new("weight_ih", blocks(wx)),
        Mapping::new("weight_hh", blocks(wh)),
        Mapping::new("bias_ih", blocks(b)),
        Mapping::new("bias_hh", blocks(b).map(Block::added)),
    ]
}

/// The mappings of a part of a model, which PyTorch calls by `name`: `head.weight`.
pub fn within(name: &str, part: &(impl PyTorch + ?Sized)) -> Vec<Mapping> {
    part.mappings().into_iter().map(|mapping| mapping.renamed(|own| full_name(name, own))).collect()
}

/// The mappings of a cell in a module of several: `weight_ih_l0`.
pub fn with_suffix(suffix: &str, cell: &(impl PyTorch + ?Sized)) -> Vec<Mapping> {
    cell.mappings().into_iter().map(|mapping| mapping.renamed(|own| format!("{own}{suffix}"))).collect()
}

/// The layers of an `nn.RNN`, `nn.LSTM` or `nn.GRU` with `bidirectional=True`, the lowest first: of each the cell that reads
/// forward and the one that reads backward, as [`bidirectional`](crate::bidirectional()) runs them. Beyond the first they
/// see the outputs of both.
#[derive(Clone, Debug)]
pub struct BothDirections<C>(pub Vec<[C; 2]>);

impl<C: PyTorch> PyTorch for BothDirections<C> {
    fn mappings(&self) -> Vec<Mapping> {
        let one = |(layer, [forward, backward]): (usize, &[C; 2])| {
            let backward = with_suffix(&format!("_l{layer}_reverse"), backward);
            [with_suffix(&format!("_l{layer}"), forward), backward].concat()
        };
        self.0.iter().enumerate().flat_map(one).collect()
    }
}

/// `prefix.name`, or the name alone where there is no prefix.
fn full_name(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}

/// The names of the tensors in a module.
fn names_within<'a>(prefix: &str, tensors: &'a Tensors) -> impl Iterator<Item = &'a str> {
    let start = full_name(prefix, "");
    tensors.keys().map(String::as_str).filter(move |name| name.starts_with(&start))
}
