//! The layers against plain loops, the notebooks' numbers and central differences.

mod checks;
mod initial;
mod store;
mod support;
