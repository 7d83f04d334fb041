//! Runs, checkpoints and comparisons of unspool.
#![deny(missing_docs)]
