//! The image captioner of unspool, and the hand-written formulas that witness its gradients.
#![deny(missing_docs)]
pub mod contact_sheet;
pub mod data;
pub mod handwritten;
pub mod metrics;
pub mod reference;
