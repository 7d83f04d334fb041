//! Reverse-mode autodiff for people who invent recurrent cells: write one step, train through time.
#![deny(missing_docs)]

pub use caption;
pub use lab;
pub use nn;
pub use tape;
