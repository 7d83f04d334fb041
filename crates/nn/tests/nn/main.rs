//! The layers against plain loops, the notebooks' numbers and central differences.

mod checks;
mod initial;
mod layers;
mod loss;
mod store;
mod support;
