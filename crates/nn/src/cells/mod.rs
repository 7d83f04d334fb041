//! The cells of the literature, a file each, and all of them by name.

mod gru;
mod ln_lstm;
mod lru;
mod lstm;
mod mgu;
mod min_gru;
mod relu_rnn;
mod rnn;

pub use gru::{GruResetAfter, GruResetBefore};
pub use ln_lstm::LayerNormLstm;
pub use lru::{Lru, LruState};
pub use lstm::{Lstm, LstmState};
pub use mgu::Mgu;
pub use min_gru::MinGru;
pub use relu_rnn::ReluRnn;
pub use rnn::VanillaRnn;

use crate::any_cell::NamedCell;

/// All cells here, as a program offers them to choose from.
pub fn all() -> Vec<NamedCell> {
    vec![
        NamedCell::new("rnn", "vanilla recurrent cell: one tanh (Elman, 1990)", VanillaRnn::new),
        NamedCell::new("rnn_relu", "vanilla recurrent cell with a rectifier", ReluRnn::new),
        NamedCell::new("irnn", "rectifier that starts from the identity (Le et al., 2015)", ReluRnn::irnn),
        NamedCell::new("lstm", "long short-term memory (Hochreiter and Schmidhuber, 1997)", Lstm::new),
        NamedCell::new("ln_lstm", "layer-normalised LSTM (Ba et al., 2016)", LayerNormLstm::new),
        NamedCell::new("gru", "gated recurrent unit, reset after the product (cuDNN)", GruResetAfter::new),
        NamedCell::new(
            "gru_before",
            "gated recurrent unit, reset before the product (Cho et al., 2014)",
            GruResetBefore::new,
        ),
        NamedCell::new("mgu", "minimal gated unit (Zhou et al., 2016)", Mgu::new),
        NamedCell::new("min_gru", "minimal GRU, gates from the input alone (Feng et al., 2024)", MinGru::new),
        NamedCell::new("lru", "linear recurrent unit, complex and diagonal (Orvieto et al., 2023)", Lru::new),
    ]
}

/// The cell of this name.
pub fn named(name: &str) -> Option<NamedCell> {
    all().into_iter().find(|cell| cell.name == name)
}
