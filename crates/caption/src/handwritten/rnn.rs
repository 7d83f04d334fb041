//! The `tanh` recurrence, one step and through time.
//!
//! `h' = tanh(a)` with `a = x Wx + h Wh + b`. As `tanh' = 1 - tanh²`, `da = dh' (1 - h'²)`; what follows is the affine
//! layer twice over. Through time, the gradient of a state is what came from above plus what the next step hands down.

use super::arrays::{add, expect_len, repeat_row, set_time_step, sum_rows, time_step, zeros};
use super::{Products, Real};

/// What one step of the recurrence reads.
#[derive(Debug, Clone, Copy)]
pub struct RnnStep<'a, F> {
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
    /// Weights from the input, (D, H).
    pub wx: &'a [F],
    /// Weights from the state, (H, H).
    pub wh: &'a [F],
    /// Bias (H).
    pub b: &'a [F],
}

impl<F> RnnStep<'_, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.d]);
        expect_len("prev_h", self.prev_h, &[self.n, self.h]);
        expect_len("wx", self.wx, &[self.d, self.h]);
        expect_len("wh", self.wh, &[self.h, self.h]);
        expect_len("b", self.b, &[self.h]);
    }
}

/// The gradients of one step, each of its input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct RnnStepGradients<F> {
    /// Of the inputs, (N, D).
    pub dx: Vec<F>,
    /// Of the states before the step, (N, H).
    pub dprev_h: Vec<F>,
    /// Of the weights from the input, (D, H).
    pub dwx: Vec<F>,
    /// Of the weights from the state, (H, H).
    pub dwh: Vec<F>,
    /// Of the bias, (H).
    pub db: Vec<F>,
}

/// `h' = tanh(x Wx + h Wh + b)`, (N, H).
///
/// CS231n `rnn_layers.py`, `rnn_step_forward`.
pub fn rnn_step_forward<F: Real>(products: &dyn Products<F>, inputs: &RnnStep<F>) -> Vec<F> {
    inputs.expect_lengths();
    let RnnStep { n, d, h, x, prev_h, wx, wh, b } = *inputs;
    let mut next_h = repeat_row(b, n);
    products.ab(n, d, h, x, wx, &mut next_h);
    products.ab(n, h, h, prev_h, wh, &mut next_h);
    for entry in &mut next_h {
        *entry = entry.tanh();
    }
    next_h
}

/// With `da = dh' (1 - h'²)`: `dx = da Wxᵀ`, `dh = da Whᵀ`, `dWx = xᵀ da`, `dWh = hᵀ da`, `db = Σₙ da`.
///
/// `next_h` is what [`rnn_step_forward`] returned; `dnext_h` its gradient; both (N, H). CS231n `rnn_layers.py`,
/// `rnn_step_backward`.
pub fn rnn_step_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &RnnStep<F>,
    next_h: &[F],
    dnext_h: &[F],
) -> RnnStepGradients<F> {
    inputs.expect_lengths();
    let RnnStep { n, d, h, x, prev_h, wx, wh, .. } = *inputs;
    expect_len("next_h", next_h, &[n, h]);
    expect_len("dnext_h", dnext_h, &[n, h]);
    let da: Vec<F> = dnext_h.iter().zip(next_h).map(|(dh, h)| *dh * (F::one() - *h * *h)).collect();
    let (mut dx, mut dprev_h) = (zeros(n * d), zeros(n * h));
    let (mut dwx, mut dwh) = (zeros(d * h), zeros(h * h));
    products.abt(n, h, d, &da, wx, &mut dx);
    products.abt(n, h, h, &da, wh, &mut dprev_h);
    products.atb(d, n, h, x, &da, &mut dwx);
    products.atb(h, n, h, prev_h, &da, &mut dwh);
    RnnStepGradients { dx, dprev_h, dwx, dwh, db: sum_rows(&da, h) }
}

/// What the recurrence reads through time.
#[derive(Debug, Clone, Copy)]
pub struct Rnn<'a, F> {
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
    /// Weights from the input, (D, H).
    pub wx: &'a [F],
    /// Weights from the state, (H, H).
    pub wh: &'a [F],
    /// Bias (H).
    pub b: &'a [F],
}

impl<'a, F> Rnn<'a, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.t, self.d]);
        expect_len("h0", self.h0, &[self.n, self.h]);
    }

    /// What one step reads, with these inputs and states.
    fn step<'s>(&self, x: &'s [F], prev_h: &'s [F]) -> RnnStep<'s, F>
    where
        'a: 's,
    {
        RnnStep { n: self.n, d: self.d, h: self.h, x, prev_h, wx: self.wx, wh: self.wh, b: self.b }
    }
}

/// The gradients of the recurrence through time, each of its input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct RnnGradients<F> {
    /// Of the inputs, (N, T, D).
    pub dx: Vec<F>,
    /// Of the states before the first step, (N, H).
    pub dh0: Vec<F>,
    /// Of the weights from the input, (D, H).
    pub dwx: Vec<F>,
    /// Of the weights from the state, (H, H).
    pub dwh: Vec<F>,
    /// Of the bias, (H).
    pub db: Vec<F>,
}

/// The states after each step, (N, T, H): `hₜ = tanh(xₜ Wx + hₜ₋₁ Wh + b)`.
///
/// CS231n `rnn_layers.py`, `rnn_forward`.
pub fn rnn_forward<F: Real>(products: &dyn Products<F>, inputs: &Rnn<F>) -> Vec<F> {
    inputs.expect_lengths();
    let Rnn { n, t, d, h, x, h0, .. } = *inputs;
    let mut states = zeros(n * t * h);
    let mut state = h0.to_vec();
    for step in 0..t {
        state = rnn_step_forward(products, &inputs.step(&time_step(x, [n, t, d], step), &state));
        set_time_step(&mut states, [n, t, h], step, &state);
    }
    states
}

/// Backward through time: from the last step to the first, a state's gradient is `dstates` there plus what the step
/// after it handed down; the weights' gradients are sums over steps; what the first step hands down is `dh0`.
///
/// `states` is what [`rnn_forward`] returned; `dstates` its gradient; both (N, T, H). CS231n `rnn_layers.py`,
/// `rnn_backward`.
pub fn rnn_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &Rnn<F>,
    states: &[F],
    dstates: &[F],
) -> RnnGradients<F> {
    inputs.expect_lengths();
    let Rnn { n, t, d, h, x, h0, .. } = *inputs;
    expect_len("states", states, &[n, t, h]);
    expect_len("dstates", dstates, &[n, t, h]);
    let (mut dx, mut dwx, mut dwh, mut db) = (zeros(n * t * d), zeros(d * h), zeros(h * h), zeros(h));
    let mut handed_down = zeros(n * h);
    for step in (0..t).rev() {
        let x = time_step(x, [n, t, d], step);
        let prev_h = if step == 0 { h0.to_vec() } else { time_step(states, [n, t, h], step - 1) };
        let next_h = time_step(states, [n, t, h], step);
        let mut dnext_h = time_step(dstates, [n, t, h], step);
        add(&mut dnext_h, &handed_down);
        let at_step = rnn_step_backward(products, &inputs.step(&x, &prev_h), &next_h, &dnext_h);
        set_time_step(&mut dx, [n, t, d], step, &at_step.dx);
        add(&mut dwx, &at_step.dwx);
        add(&mut dwh, &at_step.dwh);
        add(&mut db, &at_step.db);
        handed_down = at_step.dprev_h;
    }
    RnnGradients { dx, dh0: handed_down, dwx, dwh, db }
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
            let (x, prev_h, dnext_h) = (draw.array(n * d), draw.array(n * h), draw.array(n * h));
            let (wx, wh, b) = (draw.array(d * h), draw.array(h * h), draw.array(h));
            let at = RnnStep { n, d, h, x: &x, prev_h: &prev_h, wx: &wx, wh: &wh, b: &b };
            let gradients =
                rnn_step_backward(&PlainLoops, &at, &rnn_step_forward(&PlainLoops, &at), &dnext_h);
            let value = |inputs: RnnStep<f64>| dot(&rnn_step_forward(&PlainLoops, &inputs), &dnext_h);
            agree("dx", &gradients.dx, &x, |x| value(RnnStep { x, ..at }));
            agree("dprev_h", &gradients.dprev_h, &prev_h, |prev_h| value(RnnStep { prev_h, ..at }));
            agree("dwx", &gradients.dwx, &wx, |wx| value(RnnStep { wx, ..at }));
            agree("dwh", &gradients.dwh, &wh, |wh| value(RnnStep { wh, ..at }));
            agree("db", &gradients.db, &b, |b| value(RnnStep { b, ..at }));
        }
    }

    #[test]
    fn gradients_through_time_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, t, d, h] = draw.sizes();
            let (x, h0, dstates) = (draw.array(n * t * d), draw.array(n * h), draw.array(n * t * h));
            let (wx, wh, b) = (draw.array(d * h), draw.array(h * h), draw.array(h));
            let at = Rnn { n, t, d, h, x: &x, h0: &h0, wx: &wx, wh: &wh, b: &b };
            let gradients = rnn_backward(&PlainLoops, &at, &rnn_forward(&PlainLoops, &at), &dstates);
            let value = |inputs: Rnn<f64>| dot(&rnn_forward(&PlainLoops, &inputs), &dstates);
            agree("dx", &gradients.dx, &x, |x| value(Rnn { x, ..at }));
            agree("dh0", &gradients.dh0, &h0, |h0| value(Rnn { h0, ..at }));
            agree("dwx", &gradients.dwx, &wx, |wx| value(Rnn { wx, ..at }));
            agree("dwh", &gradients.dwh, &wh, |wh| value(Rnn { wh, ..at }));
            agree("db", &gradients.db, &b, |b| value(Rnn { b, ..at }));
        }
    }
}
