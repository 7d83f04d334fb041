//! Layers, recurrent cells, losses and optimisers of unspool.
#![deny(missing_docs)]

pub mod affine;
pub mod cell;
pub mod check;
pub mod conv;
pub mod embedding;
pub mod init;
pub mod key;
pub mod layout;
pub mod lstm;
pub mod param;
pub mod params;
pub mod pool;
pub mod rnn;
pub mod scope;
pub mod sequence;
pub mod temporal_affine;
pub mod temporal_softmax;

pub use affine::Affine;
pub use cell::{Cell, unroll, zero_state};
pub use conv::Conv2d;
pub use embedding::Embedding;
pub use init::Init;
pub use key::{Key, ParamError};
pub use layout::Layout;
pub use lstm::{Lstm, LstmState};
pub use param::Param;
pub use params::{Entry, Params, Role};
pub use pool::{global_average, max_pool};
pub use rnn::VanillaRnn;
pub use scope::Scope;
pub use sequence::Sequence;
pub use temporal_affine::TemporalAffine;
pub use temporal_softmax::{TemporalSoftmax, temporal_softmax};
