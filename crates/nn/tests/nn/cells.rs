//! Cells against plain loops, one step and through time.

use nn::{
    Cell, GruResetAfter, GruResetBefore, Layout, Lstm, LstmState, Params, Sequence, VanillaRnn, unroll,
    unroll_in_segments, zero_state,
};
use tape::{DType, Segments, concat, grad};

use crate::support::{Draw, close, compute, input, layer, of, product, scatter};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `x Wx + h Wh + b` for one row.
fn mix(x: &[f64], h: &[f64], [wx, wh, b]: &[Vec<f64>; 3]) -> Vec<f64> {
    let columns = b.len();
    let (from_x, from_h) = (product(x, wx, x.len(), columns), product(h, wh, h.len(), columns));
    (0..columns).map(|k| from_x[k] + from_h[k] + b[k]).collect()
}

/// All hidden states of one sequence.
fn rnn_loop(xs: &[f64], width: usize, h0: &[f64], weights: &[Vec<f64>; 3]) -> Vec<Vec<f64>> {
    let mut h = h0.to_vec();
    let step = |x| {
        h = mix(x, &h, weights).into_iter().map(f64::tanh).collect();
        h.clone()
    };
    xs.chunks(width).map(step).collect()
}

/// All hidden states of one sequence, and the last memory.
fn lstm_loop(xs: &[f64], width: usize, h0: &[f64], weights: &[Vec<f64>; 3]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut h, mut c) = (h0.to_vec(), vec![0.0; h0.len()]);
    let mut all = Vec::new();
    for x in xs.chunks(width) {
        let a = mix(x, &h, weights);
        let gates: Vec<&[f64]> = a.chunks(h.len()).collect();
        for k in 0..h.len() {
            let [i, f, o] = [0, 1, 2].map(|gate| sigmoid(gates[gate][k]));
            c[k] = f * c[k] + i * gates[3][k].tanh();
            h[k] = o * c[k].tanh();
        }
        all.push(h.clone());
    }
    (all, c)
}

#[test]
fn the_vanilla_cell_through_time_is_its_loop() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed);
        let [n, t, width, hidden] = draw.sizes();
        let layout = Layout::new(t, &draw.lengths(n, t));
        let mut params = Params::new(DType::F64);
        let cell = VanillaRnn::new(params.scope("rnn"), width, hidden);
        let x = input(&mut params, "x", &[n, t, width]);
        let h0 = input(&mut params, "h0", &[n, hidden]);
        scatter(&mut params, &mut draw);
        let weights = ["rnn/wx", "rnn/wh", "rnn/b"].map(|name| of(&params, name));
        let (xs, h0s) = (of(&params, "input/x"), of(&params, "input/h0"));
        let (mut expected, mut last) = (Vec::new(), Vec::new());
        for (row, length) in layout.lengths().iter().enumerate() {
            let h0 = &h0s[row * hidden..][..hidden];
            let all = rnn_loop(&xs[row * t * width..][..length * width], width, h0, &weights);
            expected.extend(all.concat());
            expected.extend(vec![0.0; (t - length) * hidden]);
            last.extend(all.last().map_or(h0, |h| h).to_vec());
        }
        layer(&params, &expected, |tape| {
            unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
        });
        layer(&params, &last, |tape| unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).1);
    }
}

#[test]
fn the_lstm_through_time_is_its_loop() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed + 100);
        let [n, t, width, hidden] = draw.sizes();
        let layout = Layout::new(t, &draw.lengths(n, t));
        let mut params = Params::new(DType::F64);
        let cell = Lstm::new(params.scope("lstm"), width, hidden);
        let x = input(&mut params, "x", &[n, t, width]);
        let h0 = input(&mut params, "h0", &[n, hidden]);
        scatter(&mut params, &mut draw);
        let weights = ["lstm/wx", "lstm/wh", "lstm/b"].map(|name| of(&params, name));
        let (xs, h0s) = (of(&params, "input/x"), of(&params, "input/h0"));
        let (mut expected, mut last) = (Vec::new(), Vec::new());
        for (row, length) in layout.lengths().iter().enumerate() {
            let h0 = &h0s[row * hidden..][..hidden];
            let (all, c) = lstm_loop(&xs[row * t * width..][..length * width], width, h0, &weights);
            expected.extend(all.concat());
            expected.extend(vec![0.0; (t - length) * hidden]);
            last.extend(all.last().map_or(h0, |h| h).iter().chain(&c).copied().collect::<Vec<_>>());
        }
        layer(&params, &expected, |tape| {
            unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
        });
        layer(&params, &last, |tape| {
            let (_, LstmState { h, c }) = unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape));
            concat(&[h, c], 1)
        });
    }
}

/// The state after a step of a gated recurrent unit, from what its gates get of `x` and `h`, both r, z, n: where the
/// reset comes before the product, `candidate` gives `(r h) Whn`, else it is `r (h Whn + chn)`.
fn gru_step(x: &[f64], h: &[f64], hh: &[f64], candidate: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let hidden = h.len();
    let r: Vec<f64> = (0..hidden).map(|k| sigmoid(x[k] + hh[k])).collect();
    let from_h = candidate(&r);
    let next = |k: usize| {
        let z = sigmoid(x[hidden + k] + hh[hidden + k]);
        (1.0 - z) * (x[2 * hidden + k] + from_h[k]).tanh() + z * h[k]
    };
    (0..hidden).map(next).collect()
}

/// Holds a cell whose output is its state to `step`, one row at a time, over sequences of different lengths.
fn through_time<C>(
    draw: &mut Draw,
    declare: impl Fn(&mut Params, usize, usize) -> C,
    step: impl Fn(&Params, &[f64], &[f64]) -> Vec<f64>,
) where
    C: for<'t> Cell<State<'t> = tape::Var<'t>>,
{
    let [n, t, width, hidden] = draw.sizes();
    let layout = Layout::new(t, &draw.lengths(n, t));
    let mut params = Params::new(DType::F64);
    let cell = declare(&mut params, width, hidden);
    let x = input(&mut params, "x", &[n, t, width]);
    let h0 = input(&mut params, "h0", &[n, hidden]);
    scatter(&mut params, draw);
    let (xs, h0s) = (of(&params, "input/x"), of(&params, "input/h0"));
    let (mut expected, mut last) = (Vec::new(), Vec::new());
    for (row, length) in layout.lengths().iter().enumerate() {
        let mut h = h0s[row * hidden..][..hidden].to_vec();
        for x in xs[row * t * width..][..length * width].chunks(width) {
            h = step(&params, x, &h);
            expected.extend(&h);
        }
        expected.extend(vec![0.0; (t - length) * hidden]);
        last.extend(h);
    }
    layer(&params, &expected, |tape| {
        unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
    });
    layer(&params, &last, |tape| unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).1);
}

#[test]
fn the_gru_that_resets_before_the_product_is_its_loop() {
    for seed in 0..5 {
        let declare =
            |params: &mut Params, width, hidden| GruResetBefore::new(params.scope("gru"), width, hidden);
        through_time(&mut Draw::new(seed + 200), declare, |params, x, h| {
            let [wx, wh, whn, b] = ["gru/wx", "gru/wh", "gru/whn", "gru/b"].map(|name| of(params, name));
            let no_state = [wx, vec![0.0; h.len() * b.len()], b];
            let from_h = product(h, &wh, h.len(), 2 * h.len());
            gru_step(&mix(x, h, &no_state), h, &from_h, |r| {
                let reset: Vec<f64> = r.iter().zip(h).map(|(r, h)| r * h).collect();
                product(&reset, &whn, h.len(), h.len())
            })
        });
    }
}

#[test]
fn the_gru_that_resets_after_the_product_is_its_loop() {
    for seed in 0..5 {
        let declare =
            |params: &mut Params, width, hidden| GruResetAfter::new(params.scope("gru"), width, hidden);
        through_time(&mut Draw::new(seed + 300), declare, |params, x, h| {
            let [wx, wh, b, chn] = ["gru/wx", "gru/wh", "gru/b", "gru/chn"].map(|name| of(params, name));
            let no_state = [wx, vec![0.0; h.len() * b.len()], b];
            let from_h = product(h, &wh, h.len(), 3 * h.len());
            gru_step(&mix(x, h, &no_state), h, &from_h, |r| {
                (0..h.len()).map(|k| r[k] * (from_h[2 * h.len() + k] + chn[k])).collect()
            })
        });
    }
}

#[test]
fn a_sequence_is_its_steps() {
    let mut params = Params::seeded(DType::F64, 3);
    let cell = Lstm::new(params.scope("lstm"), 2, 3);
    let x = input(&mut params, "x", &[2, 4, 2]);
    let unrolled = compute(&params, |tape| {
        let h0 = zero_state(tape, 2, 3);
        unroll(&cell, &Sequence::pack(x.on(tape), &Layout::full(2, 4)), h0).0.to_padded()
    });
    let stepped = compute(&params, |tape| {
        let mut state = cell.start(zero_state(tape, 2, 3));
        let outputs: Vec<_> = (0..4)
            .map(|t| {
                let (next, h) = cell.step(state, x.on(tape).slice(1, t..t + 1).reshape([2, 2]));
                state = next;
                h.reshape([2, 1, 3])
            })
            .collect();
        concat(&outputs, 1)
    });
    close(&unrolled, &stepped, 1e-14);
}

#[test]
#[should_panic(expected = "a value of [3, 3] for 2 sequences")]
fn a_state_with_another_number_of_rows_is_refused() {
    let mut params = Params::new(DType::F64);
    let cell = VanillaRnn::new(params.scope("rnn"), 2, 3);
    let tape = params.tape();
    let x = Sequence::pack(tape.number(0.0).expand([2, 1, 2]), &Layout::full(2, 1));
    unroll(&cell, &x, zero_state(&tape, 3, 3));
}

#[test]
fn segments_of_time_change_no_gradient() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Lstm::new(params.scope("lstm"), 3, 2);
    let layout = Layout::new(5, &[2, 5, 3]);
    let (x, h0) = (input(&mut params, "x", &[3, 5, 3]), input(&mut params, "h0", &[3, 2]));
    let of = |segments: Option<Segments>| {
        compute(&params, |tape| {
            let inputs = Sequence::pack(x.on(tape), &layout);
            let (outputs, last) = match segments {
                None => unroll(&cell, &inputs, h0.on(tape)),
                Some(segments) => unroll_in_segments(&cell, &inputs, h0.on(tape), segments),
            };
            grad(outputs.to_padded().sum() * last.c.sum(), &[x.on(tape)])[0]
        })
    };
    close(&of(Some(Segments::recomputed(5))), &of(None), 1e-14);
    let truncated_nowhere = Segments { length: 5, recompute: false, truncate: true };
    close(&of(Some(truncated_nowhere)), &of(None), 1e-14);
}
