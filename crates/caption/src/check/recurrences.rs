//! The recurrent cells: one step, and steps through time.

use nn::{Cell, Layout, Lstm, LstmState, Params, Sequence, VanillaRnn, unroll};
use tape::{RunError, Tape, Var};

use super::formula::{Bench, Formula, Number};
use crate::handwritten::{self, PlainLoops, Witness};

pub(super) fn compare(bench: &mut Bench<'_>) -> Result<(), RunError> {
    bench.compare(|bench| RnnStepFormula { n: bench.size(5), d: bench.size(6), h: bench.size(6) })?;
    bench.compare(|bench| {
        let [n, t, d, h] = [4, 6, 5, 5].map(|most| bench.size(most));
        RnnFormula { n, t, d, h }
    })?;
    bench.compare(|bench| LstmStepFormula { n: bench.size(5), d: bench.size(6), h: bench.size(6) })?;
    bench.compare(|bench| {
        let [n, t, d, h] = [4, 6, 5, 5].map(|most| bench.size(most));
        LstmFormula { n, t, d, h }
    })
}

pub(super) struct RnnStepFormula {
    pub n: usize,
    pub d: usize,
    pub h: usize,
}

impl Formula for RnnStepFormula {
    type Layer = VanillaRnn;

    fn name(&self) -> &'static str {
        "rnn_step"
    }

    fn sizes(&self) -> String {
        format!("N{} D{} H{}", self.n, self.d, self.h)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (n, d, h) = (self.n, self.d, self.h);
        vec![
            ("x", vec![n, d]),
            ("prev_h", vec![n, h]),
            ("wx", vec![d, h]),
            ("wh", vec![h, h]),
            ("b", vec![h]),
        ]
    }

    fn declare(&self, params: &mut Params) -> VanillaRnn {
        VanillaRnn::new(params.scope(""), self.d, self.h)
    }

    fn record<'t>(&self, cell: &VanillaRnn, _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        vec![cell.step(input("prev_h"), input("x")).0]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, prev_h, wx, wh, b] = arrays else { unreachable!("five arrays are listed") };
        let inputs = handwritten::RnnStep { n: self.n, d: self.d, h: self.h, x, prev_h, wx, wh, b };
        let next = handwritten::rnn_step_forward(&PlainLoops, &inputs);
        let back = witness.rnn_step_backward(&inputs, &next, &upstream[0]);
        (vec![next], vec![back.dx, back.dprev_h, back.dwx, back.dwh, back.db])
    }
}

pub(super) struct RnnFormula {
    pub n: usize,
    pub t: usize,
    pub d: usize,
    pub h: usize,
}

impl Formula for RnnFormula {
    type Layer = VanillaRnn;

    fn name(&self) -> &'static str {
        "rnn"
    }

    fn sizes(&self) -> String {
        format!("N{} T{} D{} H{}", self.n, self.t, self.d, self.h)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        through_time(self.n, self.t, self.d, self.h, 1)
    }

    fn declare(&self, params: &mut Params) -> VanillaRnn {
        VanillaRnn::new(params.scope(""), self.d, self.h)
    }

    fn record<'t>(&self, cell: &VanillaRnn, _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        let x = Sequence::pack(input("x"), &Layout::full(self.n, self.t));
        vec![unroll(cell, &x, input("h0")).0.to_padded()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, h0, wx, wh, b] = arrays else { unreachable!("five arrays are listed") };
        let inputs = handwritten::Rnn { n: self.n, t: self.t, d: self.d, h: self.h, x, h0, wx, wh, b };
        let states = handwritten::rnn_forward(&PlainLoops, &inputs);
        let back = witness.rnn_backward(&inputs, &states, &upstream[0]);
        (vec![states], vec![back.dx, back.dh0, back.dwx, back.dwh, back.db])
    }
}

pub(super) struct LstmStepFormula {
    pub n: usize,
    pub d: usize,
    pub h: usize,
}

impl Formula for LstmStepFormula {
    type Layer = Lstm;

    fn name(&self) -> &'static str {
        "lstm_step"
    }

    fn sizes(&self) -> String {
        format!("N{} D{} H{}", self.n, self.d, self.h)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (n, d, h) = (self.n, self.d, self.h);
        let states = [("x", vec![n, d]), ("prev_h", vec![n, h]), ("prev_c", vec![n, h])];
        let weights = [("wx", vec![d, 4 * h]), ("wh", vec![h, 4 * h]), ("b", vec![4 * h])];
        states.into_iter().chain(weights).collect()
    }

    fn declare(&self, params: &mut Params) -> Lstm {
        Lstm::new(params.scope(""), self.d, self.h)
    }

    fn record<'t>(&self, cell: &Lstm, _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        let (next, _) = cell.step(LstmState { h: input("prev_h"), c: input("prev_c") }, input("x"));
        vec![next.h, next.c]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, prev_h, prev_c, wx, wh, b] = arrays else { unreachable!("six arrays are listed") };
        let inputs = handwritten::LstmStep { n: self.n, d: self.d, h: self.h, x, prev_h, prev_c, wx, wh, b };
        let next = handwritten::lstm_step_forward(&PlainLoops, &inputs);
        let back = witness.lstm_step_backward(&inputs, &next, &upstream[0], &upstream[1]);
        let gradients = vec![back.dx, back.dprev_h, back.dprev_c, back.dwx, back.dwh, back.db];
        (vec![next.next_h, next.next_c], gradients)
    }
}

pub(super) struct LstmFormula {
    pub n: usize,
    pub t: usize,
    pub d: usize,
    pub h: usize,
}

impl Formula for LstmFormula {
    type Layer = Lstm;

    fn name(&self) -> &'static str {
        "lstm"
    }

    fn sizes(&self) -> String {
        format!("N{} T{} D{} H{}", self.n, self.t, self.d, self.h)
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        through_time(self.n, self.t, self.d, self.h, 4)
    }

    fn declare(&self, params: &mut Params) -> Lstm {
        Lstm::new(params.scope(""), self.d, self.h)
    }

    fn record<'t>(&self, cell: &Lstm, _: &'t Tape, input: &dyn Fn(&str) -> Var<'t>) -> Vec<Var<'t>> {
        let x = Sequence::pack(input("x"), &Layout::full(self.n, self.t));
        vec![unroll(cell, &x, input("h0")).0.to_padded()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [x, h0, wx, wh, b] = arrays else { unreachable!("five arrays are listed") };
        let inputs = handwritten::Lstm { n: self.n, t: self.t, d: self.d, h: self.h, x, h0, wx, wh, b };
        let values = handwritten::lstm_forward(&PlainLoops, &inputs);
        let back = witness.lstm_backward(&inputs, &values, &upstream[0]);
        (vec![values.states], vec![back.dx, back.dh0, back.dwx, back.dwh, back.db])
    }
}

/// The arrays of a cell through time whose weights have `blocks` blocks of H columns.
fn through_time(n: usize, t: usize, d: usize, h: usize, blocks: usize) -> Vec<(&'static str, Vec<usize>)> {
    let width = blocks * h;
    let inputs = [("x", vec![n, t, d]), ("h0", vec![n, h])];
    let weights = [("wx", vec![d, width]), ("wh", vec![h, width]), ("b", vec![width])];
    inputs.into_iter().chain(weights).collect()
}
