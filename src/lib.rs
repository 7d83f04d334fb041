#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub use caption;
pub use lab;
pub use nn;
pub use tape;

#[cfg(doctest)]
#[doc = include_str!("../docs/book/write-a-cell.md")]
mod write_a_cell {}
