#![doc = include_str!("../README.md")]
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
