//! Cells against plain loops, one step and through time.

use nn::{
    Cell, GruResetAfter, GruResetBefore, LayerNormLstm, Layout, Lru, Lstm, Mgu, MinGru, Params, ReluRnn,
    Scope, Sequence, VanillaRnn, cells, unroll, zero_state,
};
use tape::{Bundle, DType, Engine, Var, concat, grad};

use crate::layers::layer_norm_loop;
use crate::support::{Draw, close, input, layer, of, product, scatter};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The weights of a cell by name.
pub type Weights<'a> = &'a dyn Fn(&str) -> Vec<f64>;

/// `x W` for one row, with as many columns as the weights make.
pub fn times(x: &[f64], w: &[f64]) -> Vec<f64> {
    product(x, w, x.len(), w.len() / x.len())
}

pub fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `x Wx + h Wh + b` for one row.
pub fn mix(w: Weights<'_>, x: &[f64], h: &[f64]) -> Vec<f64> {
    add(&add(&times(x, &w("wx")), &times(h, &w("wh"))), &w("b"))
}

/// Holds a cell to `step`, one row at a time, over sequences of different lengths. From the weights, a row of inputs and
/// the parts of a state, it gives the output and leaves the next parts.
#[track_caller]
fn through_time<C: Cell>(
    declare: impl Fn(Scope<'_>, usize, usize) -> C,
    parts: usize,
    step: impl Fn(Weights<'_>, &[f64], &mut [Vec<f64>]) -> Vec<f64>,
) {
    for seed in 0..5 {
        let mut draw = Draw::new(seed + 100);
        let [n, t, width, hidden] = draw.sizes();
        let layout = Layout::new(t, &draw.lengths(n, t));
        let mut params = Params::new(DType::F64);
        let cell = declare(params.scope("cell"), width, hidden);
        let x = input(&mut params, "x", &[n, t, width]);
        let h0 = input(&mut params, "h0", &[n, hidden]);
        scatter(&mut params, &mut draw);
        let (xs, h0s) = (of(&params, "input/x"), of(&params, "input/h0"));
        let (mut expected, mut last) = (Vec::new(), Vec::new());
        for (row, length) in layout.lengths().iter().enumerate() {
            let mut state = vec![vec![0.0; hidden]; parts];
            state[0].copy_from_slice(&h0s[row * hidden..][..hidden]);
            for x in xs[row * t * width..][..length * width].chunks(width) {
                expected.extend(step(&|name| of(&params, &format!("cell/{name}")), x, &mut state));
            }
            expected.extend(vec![0.0; (t - length) * hidden]);
            last.extend(state.concat());
        }
        layer(&params, &expected, |tape| {
            unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
        });
        layer(&params, &last, |tape| {
            side_by_side(&unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).1)
        });
    }
}

/// The parts of a state as the columns of one value.
fn side_by_side<'t>(state: &impl Bundle<'t>) -> Var<'t> {
    concat(&state.parts(), 1)
}

#[test]
fn the_vanilla_cell_is_its_loop() {
    let step = |w: Weights<'_>, x: &[f64], state: &mut [Vec<f64>]| {
        state[0] = mix(w, x, &state[0]).into_iter().map(f64::tanh).collect();
        state[0].clone()
    };
    through_time(VanillaRnn::new, 1, step);
    through_time(VanillaRnn::orthogonal, 1, step);
}

#[test]
fn the_cell_with_a_rectifier_is_its_loop() {
    let step = |w: Weights<'_>, x: &[f64], state: &mut [Vec<f64>]| {
        state[0] = mix(w, x, &state[0]).into_iter().map(|a| a.max(0.0)).collect();
        state[0].clone()
    };
    through_time(ReluRnn::new, 1, step);
    through_time(ReluRnn::irnn, 1, step);
}

/// What the gates i, f, o, g of a long short-term memory make of h and c; `seen` is c as the output sees it.
pub fn lstm_step(gates: &[f64], state: &mut [Vec<f64>], seen: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let hidden = state[0].len();
    let gate = |number: usize, k: usize| sigmoid(gates[number * hidden + k]);
    for k in 0..hidden {
        state[1][k] = gate(1, k) * state[1][k] + gate(0, k) * gates[3 * hidden + k].tanh();
    }
    let seen = seen(&state[1]);
    for k in 0..hidden {
        state[0][k] = gate(2, k) * seen[k].tanh();
    }
    state[0].clone()
}

#[test]
fn the_lstm_is_its_loop() {
    through_time(Lstm::new, 2, |w, x, state| lstm_step(&mix(w, x, &state[0]), state, <[f64]>::to_vec));
}

#[test]
fn the_lstm_with_layer_norm_is_its_loop() {
    // Rows of few numbers are normalised to almost steps, of which differences say little: hence a large ε.
    let declare = |scope: Scope<'_>, width, hidden| {
        let mut cell = LayerNormLstm::new(scope, width, hidden);
        cell.memory.epsilon = 0.1;
        cell
    };
    through_time(declare, 2, |w, x, state| {
        let none = vec![0.0; w("b").len()];
        let from_x = layer_norm_loop(&times(x, &w("wx")), &w("gx"), &none, 0.1);
        let from_h = layer_norm_loop(&times(&state[0], &w("wh")), &w("gh"), &none, 0.1);
        let gates = add(&add(&from_x, &from_h), &w("b"));
        lstm_step(&gates, state, |c| layer_norm_loop(c, &w("memory/g"), &w("memory/b"), 0.1))
    });
}

/// A step of a gated recurrent unit, from what its gates get of the input and of `h`, both r, z, n: where the reset
/// comes before the product, `candidate` gives `(r h) Whn`, else it is `r (h Whn + chn)`.
fn gru_step(
    x: &[f64],
    from_h: &[f64],
    state: &mut [Vec<f64>],
    candidate: impl Fn(&[f64], &[f64]) -> Vec<f64>,
) -> Vec<f64> {
    let h = &state[0];
    let hidden = h.len();
    let r: Vec<f64> = (0..hidden).map(|k| sigmoid(x[k] + from_h[k])).collect();
    let candidate = candidate(&r, h);
    let next = |k: usize| {
        let z = sigmoid(x[hidden + k] + from_h[hidden + k]);
        (1.0 - z) * (x[2 * hidden + k] + candidate[k]).tanh() + z * h[k]
    };
    state[0] = (0..hidden).map(next).collect();
    state[0].clone()
}

#[test]
fn the_gru_that_resets_before_the_product_is_its_loop() {
    through_time(GruResetBefore::new, 1, |w, x, state| {
        let (from_x, from_h) = (add(&times(x, &w("wx")), &w("b")), times(&state[0], &w("wh")));
        gru_step(&from_x, &from_h, state, |r, h| {
            let reset: Vec<f64> = r.iter().zip(h).map(|(r, h)| r * h).collect();
            times(&reset, &w("whn"))
        })
    });
}

#[test]
fn the_gru_that_resets_after_the_product_is_its_loop() {
    through_time(GruResetAfter::new, 1, |w, x, state| {
        let (from_x, from_h) = (add(&times(x, &w("wx")), &w("b")), times(&state[0], &w("wh")));
        let chn = w("chn");
        gru_step(&from_x, &from_h, state, |r, h| {
            (0..h.len()).map(|k| r[k] * (from_h[2 * h.len() + k] + chn[k])).collect()
        })
    });
}

#[test]
fn the_minimal_gated_unit_is_its_loop() {
    through_time(Mgu::new, 1, |w, x, state| {
        let from_x = add(&times(x, &w("wx")), &w("b"));
        let h = state[0].clone();
        let f: Vec<f64> = add(&from_x[..h.len()], &times(&h, &w("whf"))).into_iter().map(sigmoid).collect();
        let gated: Vec<f64> = f.iter().zip(&h).map(|(f, h)| f * h).collect();
        let n = add(&from_x[h.len()..], &times(&gated, &w("whn")));
        state[0] = (0..h.len()).map(|k| (1.0 - f[k]) * h[k] + f[k] * n[k].tanh()).collect();
        state[0].clone()
    });
}

#[test]
fn the_minimal_gru_is_its_loop() {
    through_time(MinGru::new, 1, |w, x, state| {
        let from_x = add(&times(x, &w("wx")), &w("b"));
        let hidden = state[0].len();
        for k in 0..hidden {
            let z = sigmoid(from_x[k]);
            state[0][k] = (1.0 - z) * state[0][k] + z * from_x[hidden + k];
        }
        state[0].clone()
    });
}

#[test]
fn the_linear_recurrent_unit_is_its_loop() {
    through_time(Lru::new, 2, |w, x, state| {
        let [nu, theta, gamma] = ["nu", "theta", "gamma"].map(w);
        let (u, v) = (times(x, &w("b_re")), times(x, &w("b_im")));
        for k in 0..nu.len() {
            // λ s as a turn and a shrinking of s, in polar coordinates.
            let (length, angle) = (state[0][k].hypot(state[1][k]), state[1][k].atan2(state[0][k]));
            let (length, angle) = (length * (-nu[k].exp()).exp(), angle + theta[k].exp());
            state[0][k] = length * angle.cos() + gamma[k].exp() * u[k];
            state[1][k] = length * angle.sin() + gamma[k].exp() * v[k];
        }
        let from_im: Vec<f64> = times(&state[1], &w("c_im")).iter().map(|y| -y).collect();
        add(&add(&times(&state[0], &w("c_re")), &from_im), &times(x, &w("d")))
    });
}

#[test]
fn linear_recurrences_start_in_their_ring_and_of_the_size_of_their_input() {
    let mut params = Params::seeded(DType::F64, 8);
    let cell = Lru::with_ring(params.scope("lru"), 3, 2000, [0.6, 0.8]);
    let [nu, theta, gamma] = [cell.nu, cell.theta, cell.gamma].map(|param| params[param].to_f64());
    let radii: Vec<f64> = nu.iter().map(|nu| (-nu.exp()).exp()).collect();
    assert!(radii.iter().all(|radius| (0.6..=0.8).contains(radius)));
    // Half of the ring's area lies within sqrt((0.36 + 0.64) / 2).
    let inner = radii.iter().filter(|radius| **radius < 0.5f64.sqrt()).count();
    assert!((940..1060).contains(&inner), "{inner}");
    let first_half = theta.iter().filter(|theta| theta.exp() < std::f64::consts::PI).count();
    assert!((940..1060).contains(&first_half), "{first_half}");
    for (radius, gamma) in radii.iter().zip(gamma) {
        close(&[gamma.exp()], &[(1.0 - radius * radius).sqrt()], 1e-12);
    }
}

#[test]
#[should_panic(expected = "a ring from 0.9 to 0.5: radii lie between 0 and 1, the inner one first")]
fn a_ring_inside_out_is_refused() {
    Lru::with_ring(Params::new(DType::F32).scope("lru"), 3, 4, [0.9, 0.5]);
}

#[test]
fn cells_start_as_their_papers_say() {
    let mut params = Params::seeded(DType::F64, 8);
    let lstm = Lstm::with_forget_bias(params.scope("lstm"), 3, 2, 1.5);
    assert_eq!(params[lstm.b].to_f64(), [0.0, 0.0, 1.5, 1.5, 0.0, 0.0, 0.0, 0.0]);
    let irnn = ReluRnn::irnn(params.scope("irnn"), 3, 2);
    assert_eq!(params[irnn.wh].to_f64(), [1.0, 0.0, 0.0, 1.0]);
    assert!(params[irnn.wx].to_f64().iter().all(|w| w.abs() < 0.006));
    let rnn = VanillaRnn::orthogonal(params.scope("rnn"), 3, 2);
    let wh = params[rnn.wh].to_f64();
    let transposed = [wh[0], wh[2], wh[1], wh[3]];
    close(&product(&wh, &transposed, 2, 2), &[1.0, 0.0, 0.0, 1.0], 1e-14);
}

/// The products that a cell's loops repeat at every step, forward and backward.
fn products_in_loops(name: &str) -> Vec<usize> {
    let mut params = Params::seeded(DType::F64, 3);
    let named = cells::named(name).expect("a cell of the list");
    let cell = named.declare(params.scope("cell"), 2, 3);
    let x = input(&mut params, "x", &[3, 4, 2]);
    let tape = params.tape();
    let inputs = Sequence::pack(x.on(&tape), &Layout::new(4, &[4, 1, 3]));
    let (outputs, _) = unroll(&cell, &inputs, zero_state(&tape, 3, 3));
    let weights: Vec<Var<'_>> = params.weights().map(|param| param.on(&tape)).collect();
    let wanted = grad(outputs.rows.square().sum(), &weights);
    Engine::new().run(&wanted).expect("the program runs").plan().products_in_loops()
}

#[test]
fn loops_repeat_the_products_that_equations_force() {
    let expected = [
        ("rnn", [1, 1]),
        ("rnn_relu", [1, 1]),
        ("irnn", [1, 1]),
        ("lstm", [1, 1]),
        ("ln_lstm", [1, 1]),
        ("gru", [1, 1]),
        ("gru_before", [2, 2]),
        ("mgu", [2, 2]),
        ("min_gru", [0, 0]),
        ("lru", [0, 0]),
    ];
    let names: Vec<String> = cells::all().into_iter().map(|cell| cell.name).collect();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, products) in expected {
        assert_eq!(products_in_loops(name), products, "{name}");
    }
}

#[test]
#[should_panic(expected = "a value of [3, 3] for 2 sequences: its leading axis must be the sequences")]
fn a_state_with_another_number_of_rows_is_refused() {
    let mut params = Params::new(DType::F64);
    let cell = VanillaRnn::new(params.scope("rnn"), 2, 3);
    let tape = params.tape();
    let x = Sequence::pack(tape.number(0.0).expand([2, 1, 2]), &Layout::full(2, 1));
    unroll(&cell, &x, zero_state(&tape, 3, 3));
}
