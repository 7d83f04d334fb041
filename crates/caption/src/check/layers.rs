//! The layers without time, or with the same map at every step.

use nn::{Affine, Embedding, Layout, Params, Sequence, TemporalAffine, temporal_softmax};
use rand::RngExt;
use tape::{RunError, Tape, Var};

use super::formula::{Bench, Formula, Number};
use crate::handwritten::{self, PlainLoops, Witness};

pub(super) fn compare(bench: &mut Bench<'_>) -> Result<(), RunError> {
    bench.compare(|bench| AffineFormula { n: bench.size(6), d: bench.size(6), m: bench.size(6) })?;
    bench.compare(|bench| {
        let [n, t, d, m] = [4, 5, 6, 6].map(|most| bench.size(most));
        TemporalAffineFormula { n, t, d, m }
    })?;
    bench.compare(|bench| {
        let [n, t, v, d] = [4, 5, 6, 6].map(|most| bench.size(most));
        EmbeddingFormula { n, t, v, d, x: bench.words(n * t, v) }
    })?;
    bench.compare(|bench| {
        let [n, t, v] = [4, 5, 7].map(|most| bench.size(most));
        let mask = (0..n * t).map(|_| bench.random.random_bool(0.6)).collect();
        SoftmaxFormula { n, t, v, y: bench.words(n * t, v), mask }
    })
}

struct AffineFormula {
    n: usize,
    d: usize,
    m: usize,
}

impl Formula for AffineFormula {
    type Layer = Affine;

    fn name(&self) -> &'static str {
        "affine"
    }

    fn sizes(&self) -> String {
        format!("N{} D{} M{}", self.n, self.d, self.m)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("x", vec![self.n, self.d]), ("w", vec![self.d, self.m]), ("b", vec![self.m])]
    }

    fn declare(&self, params: &mut Params) -> Affine {
        Affine::new(params.scope(""), self.d, self.m)
    }

    fn record<'t>(&self, layer: &Affine, _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        vec![layer.apply(input("x"))]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, w, b] = arrays else { unreachable!("three arrays are listed") };
        let inputs = handwritten::Affine { n: self.n, d: self.d, m: self.m, x, w, b };
        let back = witness.affine_backward(&inputs, &upstream[0]);
        (vec![handwritten::affine_forward(&PlainLoops, &inputs)], vec![back.dx, back.dw, back.db])
    }
}

struct TemporalAffineFormula {
    n: usize,
    t: usize,
    d: usize,
    m: usize,
}

impl Formula for TemporalAffineFormula {
    type Layer = TemporalAffine;

    fn name(&self) -> &'static str {
        "temporal_affine"
    }

    fn sizes(&self) -> String {
        format!("N{} T{} D{} M{}", self.n, self.t, self.d, self.m)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("x", vec![self.n, self.t, self.d]), ("w", vec![self.d, self.m]), ("b", vec![self.m])]
    }

    fn declare(&self, params: &mut Params) -> TemporalAffine {
        TemporalAffine::new(params.scope(""), self.d, self.m)
    }

    fn record<'t>(
        &self,
        layer: &TemporalAffine,
        _: &'t Tape,
        input: &dyn Fn(&str) -> Var<'t>,
    ) -> Vec<Var<'t>> {
        let x = Sequence::pack(input("x"), &Layout::full(self.n, self.t));
        vec![layer.apply(&x).to_padded()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, w, b] = arrays else { unreachable!("three arrays are listed") };
        let inputs = handwritten::TemporalAffine { n: self.n, t: self.t, d: self.d, m: self.m, x, w, b };
        let back = witness.temporal_affine_backward(&inputs, &upstream[0]);
        (vec![handwritten::temporal_affine_forward(&PlainLoops, &inputs)], vec![back.dx, back.dw, back.db])
    }
}

pub(super) struct EmbeddingFormula {
    pub n: usize,
    pub t: usize,
    pub v: usize,
    pub d: usize,
    pub x: Vec<i32>,
}

impl Formula for EmbeddingFormula {
    type Layer = Embedding;

    fn name(&self) -> &'static str {
        "word_embedding"
    }

    fn sizes(&self) -> String {
        format!("N{} T{} V{} D{}", self.n, self.t, self.v, self.d)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("w", vec![self.v, self.d])]
    }

    fn declare(&self, params: &mut Params) -> Embedding {
        Embedding::new(params.scope(""), self.v, self.d)
    }

    fn record<'t>(&self, layer: &Embedding, tape: &'t Tape, _: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        let words = Sequence::words(tape, &self.x, &Layout::full(self.n, self.t));
        vec![layer.apply_sequence(&words).to_padded()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let (n, t, v, d) = (self.n, self.t, self.v, self.d);
        let inputs = handwritten::WordEmbedding { n, t, v, d, x: &self.x, w: &arrays[0] };
        let back = witness.word_embedding_backward(&inputs, &upstream[0]);
        (vec![handwritten::word_embedding_forward(&inputs)], vec![back])
    }
}

struct SoftmaxFormula {
    n: usize,
    t: usize,
    v: usize,
    y: Vec<i32>,
    mask: Vec<bool>,
}

impl Formula for SoftmaxFormula {
    type Layer = ();

    fn name(&self) -> &'static str {
        "temporal_softmax_loss"
    }

    fn sizes(&self) -> String {
        format!("N{} T{} V{}", self.n, self.t, self.v)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        vec![("x", vec![self.n, self.t, self.v])]
    }

    fn declare(&self, _: &mut Params) {}

    fn record<'t>(&self, (): &(), _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        // What lies beyond a sequence's last marked step is left out, holes before it count nothing.
        let layout = Layout::from_mask(self.n, self.t, &self.mask);
        let scores = Sequence::pack(input("x"), &layout);
        vec![temporal_softmax(&scores, &self.y, &self.mask).per_sequence()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        _: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let (n, t, v) = (self.n, self.t, self.v);
        let inputs = handwritten::TemporalSoftmax { n, t, v, x: &arrays[0], y: &self.y, mask: &self.mask };
        let found = witness.temporal_softmax_loss(&inputs);
        (vec![vec![found.loss]], vec![found.dx])
    }
}
