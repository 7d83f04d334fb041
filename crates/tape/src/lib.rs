//! The tape of unspool: record a tensor program, differentiate it, and run it.
//!
//! In reading order:
//! [`shape`], [`dtype`] and [`tensor`] are the values; [`graph`] is the program and [`ops`] what it is
//! made of; [`record`] grows it by operations on a [`var`], and [`trail`] spares it doing so twice;
//! [`packing`], [`scan`](mod@scan) and [`segments`] put loops into it, and [`grad`](mod@grad) adds gradients, from which [`jvp`](mod@jvp) makes
//! derivatives along a direction; [`text`] writes programs and reads them, and [`graphviz`] draws them;
//! [`interpret`](mod@interpret) evaluates them plainly; [`program`] is a graph with what is wanted of it,
//! [`passes`] rewrite it, [`fused`] is elementwise work as one node, [`plan`] places it in memory and
//! [`engine`] runs it, by the loops of `kernels`; [`explain`] says why a loop is as fast as it is, and [`profile`] where the time goes;
//! [`check`] holds gradients against differences; [`severed`] says where gradients end, and [`not_finite`] where numbers do;
//! [`error`] is what can go wrong.
#![deny(missing_docs)]

pub mod check;
pub mod dtype;
pub mod engine;
pub mod error;
pub mod explain;
pub mod fused;
pub mod grad;
pub mod graph;
pub mod graphviz;
pub mod interpret;
pub mod jvp;
mod kernels;
pub mod not_finite;
pub mod ops;
pub mod packing;
pub mod passes;
pub mod plan;
mod plans;
pub mod profile;
pub mod program;
pub mod record;
mod recording;
pub mod scan;
pub mod segments;
pub mod severed;
pub mod shape;
pub mod tensor;
pub mod text;
pub mod trail;
pub mod var;

pub use dtype::{DType, Element, Real};
pub use engine::{Engine, Run};
pub use error::{RunError, ShapeError};
pub use grad::{MaybeVars, grad, try_grad};
pub use graph::{Graph, NodeId};
pub use interpret::interpret;
pub use jvp::{jvp, vjp};
pub use kernels::{PackedMatrix, add_product, multiply_in_registers};
pub use not_finite::{NotFinite, first_not_finite};
pub use ops::{Custom, Windows, concat};
pub use packing::Packing;
pub use profile::Profile;
pub use record::{Leaf, Tape};
pub use scan::{Bundle, scan, scan_reverse};
pub use segments::{ScanOptions, Segments, scan_with};
pub use severed::why_severed;
pub use shape::{Dim, Shape};
pub use tensor::Tensor;
pub use trail::Recorder;
pub use var::{Operand, Var, Vars};
