#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub use caption;
pub use lab;
pub use nn;
pub use tape;
