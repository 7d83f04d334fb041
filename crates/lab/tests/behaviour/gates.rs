//! Which gates have closed, and what they are called.

use lab::behaviour::{Gate, Trajectory, gates};
use nn::{Cell, GruResetBefore, Layout, Lstm, Param, Params, Stack, VanillaRnn};
use tape::{DType, Tensor, Var};

use crate::{Linear, shown};

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

/// Biases for weights of nothing, three times each.
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
    assert!(lines.iter().all(|line| line.starts_with("behaviour/gates.rs:")), "{lines:?}");
}
