//! Long short-term memory, one step and through time; gates in the order i, f, o, g.
//!
//! ```text
//! a = x Wx + h Wh + b                                   (N, 4H), cut into four blocks of H
//! i = σ(aᵢ)   f = σ(a_f)   o = σ(aₒ)   g = tanh(a_g)
//! c' = f c + i g
//! h' = o tanh(c')
//! ```
//!
//! Backward, with `dc` the gradient of `c'` from both of its uses:
//!
//! ```text
//! dc  = dc' + dh' o (1 - tanh²(c'))
//! daᵢ = dc g i (1 - i)   da_f = dc c f (1 - f)   daₒ = dh' tanh(c') o (1 - o)   da_g = dc i (1 - g²)
//! ```
//!
//! and the gradient handed to the state before is `dc f`; from `da` on it is the affine layer twice over. Hochreiter and
//! Schmidhuber, "Long Short-Term Memory", 1997, with the forget gate of Gers, Schmidhuber and Cummins, 2000.

use super::arrays::{add, expect_len, repeat_row, set_time_step, sum_rows, time_step, zeros};
use super::{Products, Real};

/// What one LSTM step reads.
#[derive(Debug, Clone, Copy)]
pub struct LstmStep<'a, F> {
    /// Rows of the batch, N.
    pub n: usize,
    /// Entries of an input vector, D.
    pub d: usize,
    /// Entries of the state, H.
    pub h: usize,
    /// Inputs (N, D).
    pub x: &'a [F],
    /// States before the step, (N, H).
    pub prev_h: &'a [F],
    /// Cell states before the step, (N, H).
    pub prev_c: &'a [F],
    /// Weights from the input, (D, 4H).
    pub wx: &'a [F],
    /// Weights from the state, (H, 4H).
    pub wh: &'a [F],
    /// Bias (4H).
    pub b: &'a [F],
}

impl<F> LstmStep<'_, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.d]);
        expect_len("prev_h", self.prev_h, &[self.n, self.h]);
        expect_len("prev_c", self.prev_c, &[self.n, self.h]);
        expect_len("wx", self.wx, &[self.d, 4 * self.h]);
        expect_len("wh", self.wh, &[self.h, 4 * self.h]);
        expect_len("b", self.b, &[4 * self.h]);
    }
}

/// What one LSTM step yields, and what its gradient needs.
#[derive(Debug, Clone, PartialEq)]
pub struct LstmStepValues<F> {
    /// States after the step, (N, H).
    pub next_h: Vec<F>,
    /// Cell states after the step, (N, H).
    pub next_c: Vec<F>,
    /// The gates i, f, o, g after their sigmoid or tanh, (N, 4H).
    pub gates: Vec<F>,
}

/// The gradients of one LSTM step, each of its input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct LstmStepGradients<F> {
    /// Of the inputs, (N, D).
    pub dx: Vec<F>,
    /// Of the states before the step, (N, H).
    pub dprev_h: Vec<F>,
    /// Of the cell states before the step, (N, H).
    pub dprev_c: Vec<F>,
    /// Of the weights from the input, (D, 4H).
    pub dwx: Vec<F>,
    /// Of the weights from the state, (H, 4H).
    pub dwh: Vec<F>,
    /// Of the bias, (4H).
    pub db: Vec<F>,
}

fn sigmoid<F: Real>(a: F) -> F {
    F::one() / (F::one() + (-a).exp())
}

/// One LSTM step, by the equations above.
///
/// CS231n `rnn_layers.py`, `lstm_step_forward`.
pub fn lstm_step_forward<F: Real>(products: &dyn Products<F>, inputs: &LstmStep<F>) -> LstmStepValues<F> {
    inputs.expect_lengths();
    let LstmStep { n, d, h, x, prev_h, prev_c, wx, wh, b } = *inputs;
    let mut gates = repeat_row(b, n);
    products.ab(n, d, 4 * h, x, wx, &mut gates);
    products.ab(n, h, 4 * h, prev_h, wh, &mut gates);
    let (mut next_h, mut next_c) = (zeros(n * h), zeros(n * h));
    for row in 0..n {
        let gates = &mut gates[row * 4 * h..][..4 * h];
        for k in 0..h {
            let i = sigmoid(gates[k]);
            let f = sigmoid(gates[h + k]);
            let o = sigmoid(gates[2 * h + k]);
            let g = gates[3 * h + k].tanh();
            let c = f * prev_c[row * h + k] + i * g;
            next_c[row * h + k] = c;
            next_h[row * h + k] = o * c.tanh();
            (gates[k], gates[h + k], gates[2 * h + k], gates[3 * h + k]) = (i, f, o, g);
        }
    }
    LstmStepValues { next_h, next_c, gates }
}

/// The gradients of one LSTM step, by the equations above.
///
/// `values` is what [`lstm_step_forward`] returned; `dnext_h` and `dnext_c` are the gradients of the states after the
/// step, (N, H). CS231n `rnn_layers.py`, `lstm_step_backward`.
pub fn lstm_step_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &LstmStep<F>,
    values: &LstmStepValues<F>,
    dnext_h: &[F],
    dnext_c: &[F],
) -> LstmStepGradients<F> {
    inputs.expect_lengths();
    let LstmStep { n, d, h, x, prev_h, prev_c, wx, wh, .. } = *inputs;
    expect_len("next_c", &values.next_c, &[n, h]);
    expect_len("gates", &values.gates, &[n, 4 * h]);
    expect_len("dnext_h", dnext_h, &[n, h]);
    expect_len("dnext_c", dnext_c, &[n, h]);
    let one = F::one();
    let (mut da, mut dprev_c) = (zeros(n * 4 * h), zeros(n * h));
    for row in 0..n {
        let gates = &values.gates[row * 4 * h..][..4 * h];
        let da = &mut da[row * 4 * h..][..4 * h];
        for k in 0..h {
            let (i, f, o, g) = (gates[k], gates[h + k], gates[2 * h + k], gates[3 * h + k]);
            let at = row * h + k;
            let tanh_c = values.next_c[at].tanh();
            let dc = dnext_c[at] + dnext_h[at] * o * (one - tanh_c * tanh_c);
            da[k] = dc * g * i * (one - i);
            da[h + k] = dc * prev_c[at] * f * (one - f);
            da[2 * h + k] = dnext_h[at] * tanh_c * o * (one - o);
            da[3 * h + k] = dc * i * (one - g * g);
            dprev_c[at] = dc * f;
        }
    }
    let (mut dx, mut dprev_h) = (zeros(n * d), zeros(n * h));
    let (mut dwx, mut dwh) = (zeros(d * 4 * h), zeros(h * 4 * h));
    products.abt(n, 4 * h, d, &da, wx, &mut dx);
    products.abt(n, 4 * h, h, &da, wh, &mut dprev_h);
    products.atb(d, n, 4 * h, x, &da, &mut dwx);
    products.atb(h, n, 4 * h, prev_h, &da, &mut dwh);
    LstmStepGradients { dx, dprev_h, dprev_c, dwx, dwh, db: sum_rows(&da, 4 * h) }
}

/// What an LSTM reads through time; its cell states start at zero.
#[derive(Debug, Clone, Copy)]
pub struct Lstm<'a, F> {
    /// Sequences of the batch, N.
    pub n: usize,
    /// Time steps, T.
    pub t: usize,
    /// Entries of an input vector, D.
    pub d: usize,
    /// Entries of the state, H.
    pub h: usize,
    /// Inputs (N, T, D).
    pub x: &'a [F],
    /// States before the first step, (N, H).
    pub h0: &'a [F],
    /// Weights from the input, (D, 4H).
    pub wx: &'a [F],
    /// Weights from the state, (H, 4H).
    pub wh: &'a [F],
    /// Bias (4H).
    pub b: &'a [F],
}

impl<'a, F> Lstm<'a, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.t, self.d]);
        expect_len("h0", self.h0, &[self.n, self.h]);
    }

    /// What one step reads, with these inputs and states.
    fn step<'s>(&self, x: &'s [F], prev_h: &'s [F], prev_c: &'s [F]) -> LstmStep<'s, F>
    where
        'a: 's,
    {
        LstmStep { n: self.n, d: self.d, h: self.h, x, prev_h, prev_c, wx: self.wx, wh: self.wh, b: self.b }
    }
}

/// What an LSTM yields through time, and what its gradient needs.
#[derive(Debug, Clone, PartialEq)]
pub struct LstmValues<F> {
    /// The states after each step, (N, T, H).
    pub states: Vec<F>,
    /// What each step yielded, the first step first.
    pub steps: Vec<LstmStepValues<F>>,
}

/// The gradients of an LSTM through time, each of its input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct LstmGradients<F> {
    /// Of the inputs, (N, T, D).
    pub dx: Vec<F>,
    /// Of the states before the first step, (N, H).
    pub dh0: Vec<F>,
    /// Of the weights from the input, (D, 4H).
    pub dwx: Vec<F>,
    /// Of the weights from the state, (H, 4H).
    pub dwh: Vec<F>,
    /// Of the bias, (4H).
    pub db: Vec<F>,
}

/// The states after each step, (N, T, H), and what each step yielded; `c₀ = 0`.
///
/// CS231n `rnn_layers.py`, `lstm_forward`.
pub fn lstm_forward<F: Real>(products: &dyn Products<F>, inputs: &Lstm<F>) -> LstmValues<F> {
    inputs.expect_lengths();
    let Lstm { n, t, d, h, x, h0, .. } = *inputs;
    let (mut prev_h, mut prev_c) = (h0.to_vec(), zeros(n * h));
    let (mut states, mut steps) = (zeros(n * t * h), Vec::with_capacity(t));
    for step in 0..t {
        let values =
            lstm_step_forward(products, &inputs.step(&time_step(x, [n, t, d], step), &prev_h, &prev_c));
        set_time_step(&mut states, [n, t, h], step, &values.next_h);
        (prev_h, prev_c) = (values.next_h.clone(), values.next_c.clone());
        steps.push(values);
    }
    LstmValues { states, steps }
}

/// Backward through time: from the last step to the first, a state's gradient is `dstates` there plus what the step
/// after it handed down, and a cell state's gradient is what was handed down alone. The weights' gradients are sums
/// over steps.
///
/// `values` is what [`lstm_forward`] returned; `dstates` is the gradient of its states, (N, T, H). CS231n
/// `rnn_layers.py`, `lstm_backward`.
pub fn lstm_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &Lstm<F>,
    values: &LstmValues<F>,
    dstates: &[F],
) -> LstmGradients<F> {
    inputs.expect_lengths();
    let Lstm { n, t, d, h, x, h0, .. } = *inputs;
    expect_len("steps", &values.steps, &[t]);
    expect_len("dstates", dstates, &[n, t, h]);
    let (mut dx, mut dwx, mut dwh) = (zeros(n * t * d), zeros(d * 4 * h), zeros(h * 4 * h));
    let (mut db, mut dh, mut dc, c0) = (zeros(4 * h), zeros(n * h), zeros(n * h), zeros(n * h));
    for (step, at_step) in values.steps.iter().enumerate().rev() {
        let (prev_h, prev_c) = match step.checked_sub(1) {
            Some(before) => (&*values.steps[before].next_h, &*values.steps[before].next_c),
            None => (h0, &*c0),
        };
        add(&mut dh, &time_step(dstates, [n, t, h], step));
        let x = time_step(x, [n, t, d], step);
        let gradients = lstm_step_backward(products, &inputs.step(&x, prev_h, prev_c), at_step, &dh, &dc);
        set_time_step(&mut dx, [n, t, d], step, &gradients.dx);
        add(&mut dwx, &gradients.dwx);
        add(&mut dwh, &gradients.dwh);
        add(&mut db, &gradients.db);
        (dh, dc) = (gradients.dprev_h, gradients.dprev_c);
    }
    LstmGradients { dx, dh0: dh, dwx, dwh, db }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::PlainLoops;
    use crate::handwritten::differences::{Draw, agree, dot};

    #[test]
    fn gradients_of_a_step_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, d, h] = draw.sizes();
            let (x, prev_h, prev_c) = (draw.array(n * d), draw.array(n * h), draw.array(n * h));
            let (wx, wh, b) = (draw.array(d * 4 * h), draw.array(h * 4 * h), draw.array(4 * h));
            let (dnext_h, dnext_c) = (draw.array(n * h), draw.array(n * h));
            let at = LstmStep { n, d, h, x: &x, prev_h: &prev_h, prev_c: &prev_c, wx: &wx, wh: &wh, b: &b };
            let values = lstm_step_forward(&PlainLoops, &at);
            let gradients = lstm_step_backward(&PlainLoops, &at, &values, &dnext_h, &dnext_c);
            let value = |inputs: LstmStep<f64>| {
                let values = lstm_step_forward(&PlainLoops, &inputs);
                dot(&values.next_h, &dnext_h) + dot(&values.next_c, &dnext_c)
            };
            agree("dx", &gradients.dx, &x, |x| value(LstmStep { x, ..at }));
            agree("dprev_h", &gradients.dprev_h, &prev_h, |prev_h| value(LstmStep { prev_h, ..at }));
            agree("dprev_c", &gradients.dprev_c, &prev_c, |prev_c| value(LstmStep { prev_c, ..at }));
            agree("dwx", &gradients.dwx, &wx, |wx| value(LstmStep { wx, ..at }));
            agree("dwh", &gradients.dwh, &wh, |wh| value(LstmStep { wh, ..at }));
            agree("db", &gradients.db, &b, |b| value(LstmStep { b, ..at }));
        }
    }

    #[test]
    fn gradients_through_time_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, t, d, h] = draw.sizes();
            let (x, h0, dstates) = (draw.array(n * t * d), draw.array(n * h), draw.array(n * t * h));
            let (wx, wh, b) = (draw.array(d * 4 * h), draw.array(h * 4 * h), draw.array(4 * h));
            let at = Lstm { n, t, d, h, x: &x, h0: &h0, wx: &wx, wh: &wh, b: &b };
            let gradients = lstm_backward(&PlainLoops, &at, &lstm_forward(&PlainLoops, &at), &dstates);
            let value = |inputs: Lstm<f64>| dot(&lstm_forward(&PlainLoops, &inputs).states, &dstates);
            agree("dx", &gradients.dx, &x, |x| value(Lstm { x, ..at }));
            agree("dh0", &gradients.dh0, &h0, |h0| value(Lstm { h0, ..at }));
            agree("dwx", &gradients.dwx, &wx, |wx| value(Lstm { wx, ..at }));
            agree("dwh", &gradients.dwh, &wh, |wh| value(Lstm { wh, ..at }));
            agree("db", &gradients.db, &b, |b| value(Lstm { b, ..at }));
        }
    }
}
