//! Word embedding: a vector for each word, looked up by the word's number.
//!
//! ```text
//! y[i] = W[x[i]]        x (…) whole numbers below V   W (V, D)   y (…, D)
//! ```

use tape::Var;

use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch};
use crate::scope::Scope;
use crate::sequence::Sequence;

/// `y = W[x]`.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    /// The vectors W (V, D), one row for each word.
    pub w: Param,
}

impl Embedding {
    /// Declares `w` for `words` words, normal with deviation 0.01.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, words: usize, width: usize) -> Embedding {
        Embedding { w: scope.weight("w", [words, width], init::normal(0.01)) }
    }

    /// From words (…), which are `i32`, to their vectors (…, D).
    #[track_caller]
    pub fn apply<'t>(&self, words: Var<'t>) -> Var<'t> {
        self.w.on(words.tape()).gather(words)
    }

    /// From sequences of words to sequences of their vectors.
    #[track_caller]
    pub fn apply_sequence<'t>(&self, words: &Sequence<'t>) -> Sequence<'t> {
        Sequence::new(self.apply(words.rows), &words.layout)
    }
}

/// `nn.Embedding`.
impl PyTorch for Embedding {
    fn mappings(&self) -> Vec<Mapping> {
        vec![Mapping::same("weight", self.w)]
    }
}
