#![doc = include_str!("../README.md")]
//!
//! # Features
//!
//! | feature | what it adds | what it needs |
//! |---|---|---|
//! | none | all but what stands below; there are no default features | |
//! | `onnx` | image encoders in ONNX files: [`caption::data::encoder`], `caption encode` | nothing of the system: it builds `tract-onnx` |
#![deny(missing_docs)]

pub use caption;
pub use lab;
pub use nn;
pub use tape;

#[cfg(doctest)]
#[doc = include_str!("../docs/book/write-a-cell.md")]
mod write_a_cell {}

#[cfg(doctest)]
#[doc = include_str!("../docs/notes/behaviour.md")]
mod behaviour {}
