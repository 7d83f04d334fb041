//! The cells of the literature, a file each, and all of them by name.

mod gru;
mod lstm;
mod rnn;

pub use gru::{GruResetAfter, GruResetBefore};
pub use lstm::{Lstm, LstmState};
pub use rnn::VanillaRnn;

use crate::any_cell::NamedCell;

/// All cells here, as a program offers them to choose from.
pub fn all() -> Vec<NamedCell> {
    vec![
        NamedCell::new("rnn", "vanilla recurrent cell: one tanh (Elman, 1990)", VanillaRnn::new),
        NamedCell::new("lstm", "long short-term memory (Hochreiter and Schmidhuber, 1997)", Lstm::new),
        NamedCell::new("gru", "gated recurrent unit, reset after the product (cuDNN)", GruResetAfter::new),
        NamedCell::new(
            "gru_before",
            "gated recurrent unit, reset before the product (Cho et al., 2014)",
            GruResetBefore::new,
        ),
    ]
}

/// The cell of this name.
pub fn named(name: &str) -> Option<NamedCell> {
    all().into_iter().find(|cell| cell.name == name)
}
