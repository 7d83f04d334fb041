//! Layers, recurrent cells, losses and optimisers of unspool.
#![deny(missing_docs)]
