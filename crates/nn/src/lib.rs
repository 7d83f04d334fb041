//! Layers, recurrent cells, losses and optimisers of unspool.
//!
//! In reading order: [`param`], [`params`], [`key`], [`scope`] and [`init`] are the numbers of a model;
//! [`affine`], [`embedding`], [`layer_norm`] and [`dropout`] are layers; [`layout`] and [`sequence`] are batches of sequences, with
//! [`temporal_affine`] and the loss [`temporal_softmax`](mod@temporal_softmax) over them; [`cell`] says
//! what a recurrent cell is, [`cells`] are those of the literature, and [`any_cell`] chooses among them by name;
//! [`stack`], [`residual`], [`noise`] and [`mod@bidirectional`] make more of cells; [`attention`] looks at a memory, also
//! from within a cell, and [`transformer`] decodes by it alone; [`conv`] and [`pool`] look at pictures; [`optim`],
//! [`schedule`], [`clip`], [`outliers`] and [`train`] change the numbers, on several ranks by an [`exchange`]; [`check`] holds gradients against differences, and
//! [`mod@check_cell`] is the battery for a cell; [`pytorch`] takes weights in and gives them out under the names that PyTorch
//! has for them.
#![deny(missing_docs)]

pub mod affine;
pub mod any_cell;
pub mod attention;
pub mod bidirectional;
pub mod cell;
pub mod cells;
pub mod check;
pub mod check_cell;
pub mod clip;
pub mod conv;
pub mod dropout;
pub mod embedding;
pub mod exchange;
pub mod init;
pub mod key;
pub mod layer_norm;
pub mod layout;
pub mod noise;
pub mod optim;
pub mod outliers;
pub mod param;
pub mod params;
pub mod pool;
pub mod pytorch;
pub mod residual;
pub mod schedule;
pub mod scope;
pub mod sequence;
pub mod stack;
pub mod temporal_affine;
pub mod temporal_softmax;
pub mod train;
pub mod transformer;

pub use affine::Affine;
pub use any_cell::{AnyCell, NamedCell};
pub use attention::{
    AdditiveAttention, Attention, Attentive, Memory, MultiHeadAttention, ScaledDotAttention, masked_softmax,
    scaled_dot_weights,
};
pub use bidirectional::bidirectional;
pub use cell::{Cell, output_width, unroll, unroll_from, unroll_in_segments, unroll_reverse, zero_state};
pub use cells::{
    GruResetAfter, GruResetBefore, LayerNormLstm, Lru, LruState, Lstm, LstmState, Mgu, MinGru, ReluRnn,
    VanillaRnn,
};
pub use check_cell::{CellFault, CellProperty, CellReport, check_cell, check_cell_sized};
pub use clip::{clip_by_global_norm, global_norm};
pub use conv::Conv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use exchange::Exchange;
pub use init::Init;
pub use key::{Key, ParamError};
pub use layer_norm::LayerNorm;
pub use layout::Layout;
pub use noise::{StepDropout, VariationalDropout};
pub use optim::{Adam, AdamW, Momentum, Optimizer, RmsProp, Sgd};
pub use outliers::Outliers;
pub use param::Param;
pub use params::{Entry, Params, Role};
pub use pool::{global_average, max_pool};
pub use pytorch::{PyTorch, PyTorchError};
pub use residual::Residual;
pub use scope::Scope;
pub use sequence::Sequence;
pub use stack::Stack;
pub use temporal_affine::TemporalAffine;
pub use temporal_softmax::{TemporalSoftmax, smoothed_temporal_softmax, temporal_softmax};
pub use train::{Parts, Severed, StepReport, TrainError, Trainer};
pub use transformer::{
    DecoderSettings, DecoderState, FeedForward, LayerState, NormPlace, PositionalEncoding,
    TransformerDecoder, TransformerDecoderLayer,
};
