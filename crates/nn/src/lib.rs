//! Layers, recurrent cells, losses and optimisers of unspool.
//!
//! In reading order: [`param`], [`params`], [`key`], [`scope`] and [`init`] are the numbers of a model;
//! [`affine`], [`embedding`] and [`layer_norm`] are layers; [`layout`] and [`sequence`] are batches of sequences, with
//! [`temporal_affine`] and the loss [`temporal_softmax`](mod@temporal_softmax) over them; [`cell`] says
//! what a recurrent cell is, [`rnn`], [`lstm`] and [`gru`] are some; [`conv`] and [`pool`] look at pictures;
//! [`optim`], [`schedule`], [`clip`] and [`train`] change the numbers; [`check`] holds gradients against differences.
#![deny(missing_docs)]

pub mod affine;
pub mod cell;
pub mod check;
pub mod clip;
pub mod conv;
pub mod embedding;
pub mod gru;
pub mod init;
pub mod key;
pub mod layer_norm;
pub mod layout;
pub mod lstm;
pub mod optim;
pub mod param;
pub mod params;
pub mod pool;
pub mod rnn;
pub mod schedule;
pub mod scope;
pub mod sequence;
pub mod temporal_affine;
pub mod temporal_softmax;
pub mod train;

pub use affine::Affine;
pub use cell::{Cell, unroll, unroll_in_segments, zero_state};
pub use clip::{clip_by_global_norm, global_norm};
pub use conv::Conv2d;
pub use embedding::Embedding;
pub use gru::{GruResetAfter, GruResetBefore};
pub use init::Init;
pub use key::{Key, ParamError};
pub use layer_norm::LayerNorm;
pub use layout::Layout;
pub use lstm::{Lstm, LstmState};
pub use optim::{Adam, AdamW, Momentum, Optimizer, RmsProp, Sgd};
pub use param::Param;
pub use params::{Entry, Params, Role};
pub use pool::{global_average, max_pool};
pub use rnn::VanillaRnn;
pub use scope::Scope;
pub use sequence::Sequence;
pub use temporal_affine::TemporalAffine;
pub use temporal_softmax::{TemporalSoftmax, temporal_softmax};
pub use train::{StepReport, TrainError, Trainer};
