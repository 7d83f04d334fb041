//! Layers, recurrent cells, losses and optimisers of unspool.
#![deny(missing_docs)]

pub mod check;
pub mod init;
pub mod key;
pub mod param;
pub mod params;
pub mod scope;

pub use init::Init;
pub use key::{Key, ParamError};
pub use param::Param;
pub use params::{Entry, Params, Role};
pub use scope::Scope;
