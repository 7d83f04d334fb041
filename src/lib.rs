#![doc = include_str!("../README.md")]
//!
//! # Features
//!
//! | feature | what it adds | what it needs |
//! |---|---|---|
//! | none | all but what stands below; there are no default features | |
//! | `onnx` | image encoders in ONNX files: [`caption::data::encoder`], `caption encode` | nothing of the system: it builds `tract-onnx` |
//! | `mpi` | training and comparing on several processes: [`lab::ranks`], `mpirun -n 2 caption train` | an MPI with its headers, and libclang |
#![deny(missing_docs)]

pub use caption;
pub use lab;
pub use nn;
pub use tape;

/// The examples of the book are tests.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../docs/book/backpropagation.md")]
    struct Backpropagation;
    #[doc = include_str!("../docs/book/write-a-cell.md")]
    struct WriteACell;
    #[doc = include_str!("../docs/book/engine.md")]
    struct Engine;
    #[doc = include_str!("../docs/book/captioning.md")]
    struct Captioning;
    #[doc = include_str!("../docs/book/figures.md")]
    struct Figures;
}

#[cfg(doctest)]
#[doc = include_str!("../docs/notes/behaviour.md")]
mod behaviour {}
