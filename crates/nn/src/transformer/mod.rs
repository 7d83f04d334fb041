//! A transformer that decodes: attention over the steps before and over a memory, instead of a state (Vaswani et al.,
//! "Attention is all you need", 2017, <https://arxiv.org/abs/1706.03762>).

mod decoder;
mod feed_forward;
mod layer;
mod positions;

pub use decoder::{DecoderSettings, DecoderState, TransformerDecoder};
pub use feed_forward::FeedForward;
pub use layer::{LayerState, NormPlace, TransformerDecoderLayer};
pub use positions::PositionalEncoding;
