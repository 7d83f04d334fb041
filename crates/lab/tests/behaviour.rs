//! What is said of a cell's behaviour, held against closed forms, central differences and loops in Rust.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use lab::behaviour::{
    Behaviour, BehaviourError, Gate, Trajectory, gates, gradient_norms, jacobian, jacobians, lyapunov,
    observe, singular_values,
};
use lab::sequence_model::SequenceModel;
use lab::tasks::{Adding, Task, generator};
use nalgebra::DMatrix;
use nn::{
    AnyCell, Cell, GruResetAfter, GruResetBefore, Layout, Lru, Lstm, NamedCell, Param, Params, Scope,
    Sequence, Stack, StepDropout, VanillaRnn, VariationalDropout, cells, init,
};
use rand::RngExt;
use tape::{Bundle, DType, Tape, Tensor, Var, Vars, bundle, concat, grad, interpret};

/// h' = x V + h W, and the output is h'.
struct Linear {
    v: Param,
    w: Param,
}

impl Linear {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Linear {
        Linear {
            v: scope.weight("v", [inputs, hidden], init::fan_in()),
            w: scope.weight("w", [hidden, hidden], init::fan_in()),
        }
    }
}

impl Cell for Linear {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = x.dot(self.v) + h.dot(self.w);
        (h, h)
    }
}

/// Numbers between -1 and 1.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, 0);
    (0..count).map(|_| generator.random_range(-1.0..1.0)).collect()
}

/// Random inputs, as wide as said.
fn shown(layout: &Layout, width: usize) -> impl for<'t> FnOnce(&'t Tape) -> Sequence<'t> {
    move |tape| {
        let rows = numbers(layout.rows() * width, 3);
        Sequence::new(tape.input_numbers([layout.rows(), width], rows), layout)
    }
}

/// Inputs of 0 in one sequence.
fn nothing(steps: usize, width: usize) -> impl for<'t> FnOnce(&'t Tape) -> Sequence<'t> {
    move |tape| Sequence::new(tape.number(0.0).expand([steps, width]), &Layout::full(1, steps))
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(found.len(), expected.len());
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= limit * (1.0 + expected.abs()), "number {place}: {found}, expected {expected}");
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn parts<'t>(state: &impl Bundle<'t>) -> Vars<'t> {
    let mut parts = Vars::new();
    state.flatten(&mut parts);
    parts
}

#[test]
fn gradients_of_a_linear_cell_are_powers_of_its_matrix() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Linear::new(params.scope(""), 1, 3);
    let steps = 6;
    let mut trajectory = Trajectory::follow(&cell, &params, 3, nothing(steps, 1)).unwrap();
    // L = p · h_T, so dL/dh_t = W^(T - t) p.
    let p = [0.5, -1.0, 2.0];
    let found = gradient_norms(&mut trajectory, |outputs| {
        let last = outputs.rows.slice(0, steps - 1..steps);
        (last * last.tape().input_numbers([1, 3], p)).sum()
    })
    .unwrap();
    let w = params[cell.w].to_f64();
    let mut gradient = p.to_vec();
    let mut expected = vec![norm(&gradient)];
    for _ in 0..steps {
        gradient = (0..3).map(|i| (0..3).map(|j| w[3 * i + j] * gradient[j]).sum()).collect();
        expected.insert(0, norm(&gradient));
    }
    close(&found.hidden, &expected, 1e-13);
    assert_eq!(found.hidden, found.state);
}

/// The norms of gradients, and the same by a loop in Rust in which every state is a value.
#[track_caller]
fn check_norms<C: Cell>(cell: &C, params: &Params, lengths: &[usize], inputs: usize, hidden: usize) {
    let layout = Layout::new(*lengths.iter().max().unwrap(), lengths);
    let weights = |rows: Var<'_>| Tensor::new(rows.shape(), numbers(rows.shape().len(), 8));
    let mut trajectory = Trajectory::follow(cell, params, hidden, shown(&layout, inputs)).unwrap();
    let found = gradient_norms(&mut trajectory, |outputs| {
        let (rows, tape) = (outputs.rows, outputs.rows.tape());
        (rows.square() * tape.input(weights(rows))).sum()
    })
    .unwrap();

    let tape = params.tape();
    let sequence = shown(&layout, inputs)(&tape);
    let packing = layout.packing();
    // Layers begin with the same value; here each has its own.
    let start = cell.start(tape.number(0.0).expand([lengths.len(), hidden]));
    let own = |part: Var<'_>| tape.input_numbers(part.shape(), vec![0.0; part.shape().len()]);
    let mut state = start.rebuild(&mut parts(&start).into_iter().map(own));
    let (mut states, mut outputs) = (vec![parts(&state)], Vec::new());
    for t in 0..packing.steps() {
        let (first, running) = (packing.offset(t, 0), packing.running(t, 0));
        let still: Vars<'_> = parts(&state).into_iter().map(|part| part.slice(0, 0..running)).collect();
        let x = sequence.rows.slice(0, first..first + running);
        let (next, output) = cell.step(state.rebuild(&mut still.into_iter()), x);
        states.push(parts(&next));
        outputs.push(output);
        state = next;
    }
    let rows = concat(&outputs, 0);
    let loss = (rows.square() * tape.input(weights(rows))).sum();
    for (t, parts) in states.iter().enumerate() {
        let gradients = interpret(&grad(loss, parts)).unwrap();
        let rows = gradients[0].shape().dim(0).at(0);
        let of_row = |gradient: &Tensor, row: usize| -> Vec<f64> {
            gradient.to_f64().chunks(gradient.shape().len() / rows).nth(row).unwrap().to_vec()
        };
        let hidden = (0..rows).map(|row| norm(&of_row(&gradients[0], row))).sum::<f64>() / rows as f64;
        let whole = |row| norm(&gradients.iter().flat_map(|part| of_row(part, row)).collect::<Vec<_>>());
        let whole = (0..rows).map(whole).sum::<f64>() / rows as f64;
        close(&[found.hidden[t], found.state[t]], &[hidden, whole], 1e-12);
    }
    assert_eq!(found.hidden.len(), states.len());
}

#[test]
fn gradient_norms_are_those_of_a_loop_in_rust() {
    let mut params = Params::seeded(DType::F64, 2);
    check_norms(&Lstm::new(params.scope("lstm"), 2, 3), &params, &[5, 5], 2, 3);
    check_norms(&Lstm::new(params.scope("ragged"), 2, 3), &params, &[2, 6, 1, 4], 2, 3);
    check_norms(&GruResetBefore::new(params.scope("gru"), 2, 3), &params, &[2, 6], 2, 3);
    // Its output is not its state, and the last state has an influence only through it.
    check_norms(&Lru::new(params.scope("lru"), 2, 3), &params, &[4, 6], 2, 3);
    check_norms(&Stack::new(params.scope("stack"), 2, 2, 3, Lstm::new), &params, &[4, 6], 2, 3);
}

/// A Jacobian along random inputs, and the central differences of the same steps run from states that were moved.
#[track_caller]
fn check_jacobian(declare: impl Fn(Scope<'_>) -> AnyCell, size: usize) {
    let (inputs, hidden) = (2, 3);
    let mut params = Params::seeded(DType::F32, 6);
    let cell = declare(params.scope("cell"));
    let layout = Layout::new(7, &[4, 7]);
    let mut trajectory = Trajectory::follow(&cell, &params, hidden, shown(&layout, inputs)).unwrap();
    assert_eq!(trajectory.state_size(), size);
    let steps = 2..6;
    let found = jacobian(&mut trajectory, 1, steps.clone()).unwrap();

    let params = params.cast(DType::F64);
    let tape = params.tape();
    let rows = trajectory.rows_of(1);
    let sequence = shown(&layout, inputs)(&tape);
    let x = |t: usize| sequence.rows.slice(0, rows[t]..rows[t] + 1);
    let zero = tape.input_numbers([1, hidden], vec![0.0; hidden]);
    let before = (0..steps.start).fold(cell.start(zero), |state, t| cell.step(state, x(t)).0);
    let before = interpret(&before).unwrap();
    let run = |moved: Option<(usize, f64)>| -> Vec<f64> {
        let mut parts = before.clone();
        if let Some((number, by)) = moved {
            let width = parts[0].shape().len();
            parts[number / width].as_mut_slice::<f64>()[number % width] += by;
        }
        let start: Vars<'_> = parts.into_iter().map(|part| tape.input(part)).collect();
        let state = steps.clone().fold(start, |state, t| cell.step(state, x(t)).0);
        interpret(&state).unwrap().iter().flat_map(Tensor::to_f64).collect()
    };
    let by = 1e-5;
    let mut expected = vec![0.0; size * size];
    for column in 0..size {
        let (plus, minus) = (run(Some((column, by))), run(Some((column, -by))));
        for row in 0..size {
            expected[row * size + column] = (plus[row] - minus[row]) / (2.0 * by);
        }
    }
    close(&found, &expected, 1e-8);
    assert!(norm(&found) > 1e-3, "nothing to compare");
}

#[test]
fn jacobians_are_central_differences_of_the_whole_state() {
    check_jacobian(|scope| AnyCell::new(VanillaRnn::new(scope, 2, 3)), 3);
    check_jacobian(|scope| AnyCell::new(Lstm::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(nn::LayerNormLstm::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(GruResetAfter::new(scope, 2, 3)), 3);
    check_jacobian(|scope| AnyCell::new(Lru::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(Stack::new(scope, 2, 2, 3, Lstm::new)), 12);
    check_jacobian(|scope| AnyCell::new(StepDropout::new(Lstm::new(scope, 2, 3), 0.5, 0.5)), 6);
    check_jacobian(|scope| AnyCell::new(VariationalDropout::new(Lstm::new(scope, 2, 3), 0.5, 0.5)), 6);
}

#[test]
fn a_hidden_type_changes_nothing() {
    let mut params = Params::seeded(DType::F32, 6);
    let cell = Lstm::new(params.scope("lstm"), 2, 3);
    let layout = Layout::full(2, 9);
    let any = AnyCell::new(cell);
    let mut typed = Trajectory::follow(&cell, &params, 3, shown(&layout, 2)).unwrap();
    let mut hidden = Trajectory::follow(&any, &params, 3, shown(&layout, 2)).unwrap();
    assert_eq!(jacobians(&mut typed, 1, &[1, 9]), jacobians(&mut hidden, 1, &[1, 9]));
    assert_eq!(lyapunov(&mut typed, 1), lyapunov(&mut hidden, 1));
    assert_eq!(gates(&mut typed), gates(&mut hidden));
}

#[test]
fn singular_values_are_those_of_known_matrices() {
    close(&singular_values(2, &[0.0, 3.0, -4.0, 0.0]), &[4.0, 3.0], 1e-15);
    // [[1, 1], [0, 1]]: the golden ratio and its inverse.
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    close(&singular_values(2, &[1.0, 1.0, 0.0, 1.0]), &[golden, 1.0 / golden], 1e-15);
    close(&singular_values(3, &[1e-150, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), &[1.0, 0.0, 0.0], 1e-15);
    assert!(singular_values(2, &[1.0, f64::NAN, 0.0, 1.0]).iter().all(|value| value.is_nan()));
    assert!(singular_values(0, &[]).is_empty());
}

#[test]
fn jacobians_over_more_steps_than_there_are_are_left_out() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Linear::new(params.scope(""), 1, 2);
    params.set("w", Tensor::new([2, 2], vec![0.5, 0.0, 0.0, -2.0])).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, 2, nothing(3, 1)).unwrap();
    let found = jacobians(&mut trajectory, 0, &[4, 3, 1]).unwrap();
    assert_eq!(found.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), [1, 3]);
    close(&found[0].singular_values, &[2.0, 0.5], 1e-15);
    close(&found[1].singular_values, &[8.0, 0.125], 1e-15);
}

/// A state with a memory that is only looked at.
#[derive(Clone)]
struct Reading<'t> {
    h: Var<'t>,
    memory: Var<'t>,
}

bundle!(Reading { h, memory });

struct Reader {
    linear: Linear,
}

impl Cell for Reader {
    type State<'t> = Reading<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> Reading<'t> {
        let rows = h0.shape().dim(0).at(0);
        Reading { h: h0, memory: h0.tape().number(0.5).expand([rows, 4, 5]) }
    }

    fn step<'t>(&self, state: Reading<'t>, x: Var<'t>) -> (Reading<'t>, Var<'t>) {
        let (h, _) = self.linear.step(state.h, x);
        let read = state.memory.slice(1, 0..1).slice(2, 0..1).reshape([h.shape().dim(0), 1.into()]);
        let h = h * read;
        (Reading { h, memory: state.memory }, h)
    }
}

#[test]
fn what_is_handed_on_as_it_was_is_no_part_of_the_state() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Reader { linear: Linear::new(params.scope(""), 1, 2) };
    params.set("w", Tensor::new([2, 2], vec![0.5, 0.0, 0.0, -2.0])).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, 2, shown(&Layout::full(2, 60), 1)).unwrap();
    assert_eq!(trajectory.state_size(), 2);
    close(&jacobian(&mut trajectory, 1, 0..2).unwrap(), &[0.0625, 0.0, 0.0, 1.0], 1e-15);
    close(&[lyapunov(&mut trajectory, 25).unwrap()], &[0.0], 1e-12);
    let norms = gradient_norms(&mut trajectory, |outputs| outputs.rows.sum()).unwrap();
    assert_eq!(norms.hidden, norms.state);
    close(&norms.hidden[60..], &[2f64.sqrt()], 1e-15);
}

/// The exponent of h' = h W.
#[track_caller]
fn check_linear(w: &[f64], steps: usize, transient: usize, expected: f64, limit: f64) {
    let hidden = (w.len() as f64).sqrt() as usize;
    let mut params = Params::new(DType::F64);
    let cell = Linear::new(params.scope(""), 1, hidden);
    params.set("w", Tensor::new([hidden, hidden], w)).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, hidden, nothing(steps, 1)).unwrap();
    close(&[lyapunov(&mut trajectory, transient).unwrap()], &[expected], limit);
}

#[test]
fn exponents_of_linear_cells_are_known() {
    check_linear(&[0.7], 20, 0, 0.7f64.ln(), 1e-14);
    check_linear(&[-1.3], 20, 5, 1.3f64.ln(), 1e-14);
    let (sin, cos) = 0.3f64.sin_cos();
    check_linear(&[cos, sin, -sin, cos], 50, 5, 0.0, 1e-14);
    // The largest of two, and not of a matrix that is normal.
    check_linear(&[0.9, 5.0, 0.0, 0.3], 200, 60, 0.9f64.ln(), 1e-12);
    // A step that leaves nothing.
    check_linear(&[0.0, 1.0, 0.0, 0.0], 10, 4, f64::MIN_POSITIVE.ln(), 1e-14);
    // Too few steps for a transient.
    check_linear(&[0.7], 3, 10, 0.7f64.ln(), 1e-14);
}

#[test]
fn the_exponent_of_a_linear_recurrent_unit_is_its_largest_radius() {
    let mut params = Params::seeded(DType::F64, 3);
    let cell = Lru::new(params.scope("lru"), 2, 4);
    let radii = [0.5f64, 0.95, 0.7, 0.3];
    // |λ| = exp(-exp(ν)).
    params.set(cell.nu, Tensor::new([4], radii.map(|radius| (-radius.ln()).ln()))).unwrap();
    let layout = Layout::new(300, &[300, 250]);
    let mut trajectory = Trajectory::follow(&cell, &params, 4, shown(&layout, 2)).unwrap();
    close(&[lyapunov(&mut trajectory, 100).unwrap()], &[0.95f64.ln()], 1e-12);
}

#[test]
fn near_rest_the_exponent_of_a_vanilla_cell_is_that_of_its_matrix() {
    // W is normal with deviation g / sqrt(H); where h = 0 and x = 0, the Jacobian is W.
    for gain in [0.5, 1.0, 1.5] {
        let mut params = Params::seeded(DType::F64, 11);
        let cell = VanillaRnn::new(params.scope("rnn"), 1, 24);
        let w: Vec<f64> = params[cell.wh].to_f64().iter().map(|w| w * gain).collect();
        params.set(cell.wh, Tensor::new([24, 24], w.clone())).unwrap();
        let eigenvalues = DMatrix::from_row_slice(24, 24, &w).complex_eigenvalues();
        let radius = eigenvalues.iter().map(|value| value.norm()).fold(0.0, f64::max);
        let mut trajectory = Trajectory::follow(&cell, &params, 24, nothing(4000, 1)).unwrap();
        close(&[lyapunov(&mut trajectory, 500).unwrap()], &[radius.ln()], 2e-3);
    }
}

/// Hénon's map: x' = 1 - 1.4 x² + y, y' = 0.3 x.
struct Henon;

impl Cell for Henon {
    type State<'t> = [Var<'t>; 2];

    fn step<'t>(&self, [x, y]: [Var<'t>; 2], input: Var<'t>) -> ([Var<'t>; 2], Var<'t>) {
        let next = [1.0 - 1.4 * x.square() + y + input, 0.3 * x];
        (next, next[0])
    }
}

#[test]
fn the_exponent_of_a_chaotic_map_is_the_published_one() {
    // 0.41922 (Sprott, "Chaos and time-series analysis", 2003, appendix A), from 24 starts.
    let (sequences, steps) = (24, 600);
    let mut trajectory = Trajectory::follow(&Henon, &Params::new(DType::F64), 1, |tape| {
        let first = numbers(sequences, 5).into_iter().map(|number| 0.1 * number);
        let rows = first.chain(std::iter::repeat(0.0)).take(sequences * steps);
        Sequence::new(tape.input_numbers([sequences * steps, 1], rows), &Layout::full(sequences, steps))
    })
    .unwrap();
    close(&[lyapunov(&mut trajectory, 50).unwrap()], &[0.41922], 5e-3);
    // Areas shrink by 0.3 at each step.
    let matrix = jacobian(&mut trajectory, 2, 100..103).unwrap();
    close(&[matrix[0] * matrix[3] - matrix[1] * matrix[2]], &[-0.3f64.powi(3)], 1e-12);
}

/// What the gates of a cell are called, and the shares at the ends.
#[track_caller]
fn check_gates<C: Cell>(cell: &C, params: &Params, expected: &[(&str, &str, f64, f64)]) {
    let mut trajectory = Trajectory::follow(cell, params, 3, shown(&Layout::new(5, &[5, 2]), 2)).unwrap();
    let found = gates(&mut trajectory).unwrap();
    let of = |gate: &Gate| (gate.function.clone(), gate.name.clone(), gate.low, gate.high);
    let as_owned = |(function, name, low, high): &(&str, &str, f64, f64)| {
        (function.to_string(), name.to_string(), *low, *high)
    };
    assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected.iter().map(as_owned).collect::<Vec<_>>());
}

/// Biases for weights of nothing, `hidden` times each.
fn only_biases(params: &mut Params, bias: &str, blocks: &[f64]) {
    let all: Vec<Param> = params.weights().collect();
    for param in all {
        let zeros = Tensor::zeros(params.dtype(), params[param].shape());
        params.set(param, zeros).unwrap();
    }
    let elements: Vec<f64> = blocks.iter().flat_map(|block| [*block; 3]).collect();
    params.set(bias, Tensor::new([elements.len()], elements)).unwrap();
}

#[test]
fn gates_that_are_pushed_to_their_ends_are_found_there() {
    let mut params = Params::seeded(DType::F32, 1);
    let cell = Lstm::new(params.scope("a/lstm"), 2, 3);
    only_biases(&mut params, "a/lstm/b", &[-9.0, 9.0, 0.0, -9.0]);
    check_gates(
        &cell,
        &params,
        &[
            ("sigmoid", "part 2 of 4 of wx, wh, b", 0.0, 1.0),
            ("sigmoid", "part 1 of 4 of wx, wh, b", 1.0, 0.0),
            ("tanh", "part 4 of 4 of wx, wh, b", 1.0, 0.0),
            ("sigmoid", "part 3 of 4 of wx, wh, b", 0.0, 0.0),
            ("tanh", "", 0.0, 0.0),
        ],
    );
    let mut params = Params::seeded(DType::F32, 1);
    let cell = GruResetBefore::new(params.scope("gru"), 2, 3);
    only_biases(&mut params, "gru/b", &[-2.9, 3.0, 1.5]);
    // σ(-2.9) = 0.052, σ(3) = 0.953, tanh(1.5) = 0.905
    check_gates(
        &cell,
        &params,
        &[
            ("sigmoid", "part 1 of 3 of wx, b, wh", 0.0, 0.0),
            ("sigmoid", "part 2 of 3 of wx, b, wh", 0.0, 1.0),
            ("tanh", "part 3 of 3 of wx, b, whn", 0.0, 1.0),
        ],
    );
}

#[test]
fn shares_are_counted_over_all_rows() {
    // More rows than are looked at together; the tanh of a vanilla cell is its output.
    let mut params = Params::seeded(DType::F64, 1);
    let cell = VanillaRnn::new(params.scope("rnn"), 2, 3);
    let wx = params[cell.wx].to_f64().iter().map(|w| 3.0 * w).collect::<Vec<_>>();
    params.set(cell.wx, Tensor::new([2, 3], wx)).unwrap();
    let layout = Layout::full(3, 500);
    let mut trajectory = Trajectory::follow(&cell, &params, 3, shown(&layout, 2)).unwrap();
    let found = gates(&mut trajectory).unwrap();
    let tape = params.tape();
    let zero = tape.number(0.0).expand([3, 3]);
    let outputs = nn::unroll(&cell, &shown(&layout, 2)(&tape), zero).0.rows.value().to_f64();
    let share = |is_near: &dyn Fn(f64) -> bool| {
        outputs.iter().filter(|h| is_near(**h)).count() as f64 / outputs.len() as f64
    };
    assert_eq!((found[0].low, found[0].high), (share(&|h| h <= -0.9), share(&|h| h >= 0.9)));
    assert!(found[0].low > 0.05 && found[0].high > 0.05);
}

#[test]
fn gates_of_layers_have_names_of_their_own() {
    let mut params = Params::seeded(DType::F32, 1);
    let cell = Stack::new(params.scope("deep"), 2, 2, 3, VanillaRnn::new);
    check_names(&cell, &params, &["layer0/wx, layer0/wh, layer0/b", "layer1/wx, layer1/wh, layer1/b"]);
}

#[track_caller]
fn check_names<C: Cell>(cell: &C, params: &Params, expected: &[&str]) {
    let mut trajectory = Trajectory::follow(cell, params, 3, shown(&Layout::full(1, 4), 2)).unwrap();
    let found: Vec<String> = gates(&mut trajectory).unwrap().into_iter().map(|gate| gate.name).collect();
    assert_eq!(found, expected);
}

/// Two gates in scopes, of which nothing else speaks.
struct Scoped(Linear);

impl Cell for Scoped {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let (sum, _) = self.0.step(h, x);
        // Seen by nobody, and so not a gate.
        let _ = sum.sigmoid();
        let keep = x.tape().scope("keep", || (sum + 100.0).sigmoid());
        let h = keep * x.tape().scope("new", || (sum - 100.0).tanh());
        (h, h)
    }
}

#[test]
fn a_scope_is_the_name_of_its_gate() {
    let mut params = Params::seeded(DType::F64, 1);
    let cell = Scoped(Linear::new(params.scope(""), 2, 3));
    check_gates(&cell, &params, &[("sigmoid", "keep", 0.0, 1.0), ("tanh", "new", 1.0, 0.0)]);
    let mut trajectory = Trajectory::follow(&cell, &params, 3, shown(&Layout::full(1, 4), 2)).unwrap();
    let lines: Vec<String> = gates(&mut trajectory).unwrap().into_iter().map(|gate| gate.line).collect();
    assert!(lines.iter().all(|line| line.starts_with("tests/behaviour.rs:")), "{lines:?}");
}

fn model(cell: &NamedCell, task: &dyn Task, hidden: usize) -> (Params, SequenceModel) {
    let mut params = Params::seeded(DType::F32, 1);
    let model = SequenceModel::new(&mut params, task, cell, hidden);
    (params, model)
}

#[test]
fn every_cell_can_be_observed() {
    let task = Adding { steps: 20 };
    let deep = NamedCell::new("deep", "", |scope, inputs, hidden| {
        StepDropout::new(Stack::new(scope, 2, inputs, hidden, Lstm::new), 0.5, 0.5)
    });
    for cell in cells::all().into_iter().chain([deep]) {
        let (params, model) = model(&cell, &task, 6);
        let found = observe(&params, &model, &task, 3).unwrap();
        assert_eq!(found.gradient_norms.len(), 21, "{}", cell.name);
        assert!(found.gradient_norms[20] > 0.0, "{}", cell.name);
        assert_eq!(found.jacobians.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), [1, 4, 16]);
        let states = ["lstm", "ln_lstm", "lru", "deep"].map(|name| name == cell.name);
        let size = if states[3] {
            24
        } else if states.contains(&true) {
            12
        } else {
            6
        };
        assert!(found.jacobians.iter().all(|jacobian| jacobian.singular_values.len() == size));
        // The same seed gives the same bits, and a file keeps them.
        assert_eq!(observe(&params, &model, &task, 3).unwrap(), found);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Behaviour>(&text).unwrap(), found);
    }
}

#[test]
fn a_task_may_be_short_and_a_state_large() {
    let check = |steps: usize, hidden: usize, expected: &[usize]| {
        let task = Adding { steps };
        let (params, model) = model(&cells::named("rnn").unwrap(), &task, hidden);
        let found = observe(&params, &model, &task, 3).unwrap();
        assert_eq!(found.jacobians.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), expected);
    };
    check(2, 3, &[1]);
    check(70, 3, &[1, 4, 16, 64]);
    check(17, 256, &[1, 4]);
    check(4, 513, &[]);
}

#[test]
fn weights_that_are_not_finite_are_heard_of() {
    let task = Adding { steps: 5 };
    let (mut params, model) = model(&cells::named("rnn").unwrap(), &task, 3);
    params.set("cell/wh", Tensor::new([3, 3], [f64::NAN; 9])).unwrap();
    let error = observe(&params, &model, &task, 3).unwrap_err();
    assert_eq!(error, BehaviourError::NotFinite { figure: "gradient norms" });
}

/// Prints the table of `docs/notes/behaviour.md`.
#[test]
#[ignore = "trains three cells for minutes and measures nothing that could fail"]
fn table_of_the_notes() {
    use lab::tasks::Measure;
    use nn::{Adam, Trainer};

    let task = Adding { steps: 50 };
    println!(
        "| cell | steps | loss | ‖dL/dh_0‖ | ‖dL/dh_25‖ | ‖dL/dh_50‖ | σ_max, 16 steps | of them > 0.1 | λ | gates |"
    );
    for name in ["rnn", "lstm", "gru"] {
        let (mut params, model) = model(&cells::named(name).unwrap(), &task, 64);
        let mut trainer = Trainer::new(&mut params, Adam::new(2e-3)).with_clip(1.0);
        let held_out = task.draw(256, 50, &mut generator(2, 0));
        let show = |params: &Params, engine: &mut tape::Engine, steps: usize| {
            let loss = model.judge(engine, params, &held_out, Measure::SquaredError).unwrap().loss;
            let start = std::time::Instant::now();
            let Behaviour { gradient_norms: norms, jacobians, lyapunov, gates } =
                observe(params, &model, &task, 3).unwrap();
            let seconds = start.elapsed().as_secs_f64();
            let values = &jacobians[2].singular_values;
            let wide = values.iter().filter(|value| **value > 0.1).count();
            let gates: Vec<String> = gates
                .iter()
                .map(|gate| format!("{} {} {:.2} {:.2}", gate.function, gate.name, gate.low, gate.high))
                .collect();
            println!(
                "| {name} | {steps} | {loss:.4} | {:.1e} | {:.1e} | {:.1e} | {:.2e} | {wide} of {} | {lyapunov:.3} | {} | {seconds:.2} s",
                norms[0],
                norms[25],
                norms[50],
                values[0],
                values.len(),
                gates.join("; ")
            );
        };
        show(&params, &mut trainer.engine, 0);
        for step in 0..3000u64 {
            let batch = task.draw(32, 50, &mut generator(1, step));
            trainer.step(&mut params, |tape| model.loss(tape, &batch)).unwrap();
        }
        show(&params, &mut trainer.engine, 3000);
    }
}
