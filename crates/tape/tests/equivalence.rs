//! Random programs: the engine, with every pass on and off, against the naive interpreter, for
//! values, gradients and gradients of gradients.
//!
//! A program is decoded from random bytes, so that a failure shrinks to a short one. What does not fit
//! is skipped: every sequence of bytes is a program.

mod common;

use approx::relative_eq;
use common::spread;
use proptest::prelude::*;
use tape::passes::{PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{
    DType, Dim, Engine, NodeId, Packing, ScanOptions, Segments, Tape, Tensor, Var, concat, interpret, scan,
    scan_with, try_grad,
};

struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    /// The next choice among `options`; 0 when the bytes have run out.
    fn among(&mut self, options: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % options)
    }
}

/// Decodes bytes into a program over some leaves, and returns the leaves and one value.
fn program<'t>(tape: &'t Tape, bytes: &[u8]) -> (Vec<Var<'t>>, Var<'t>) {
    let mut choices = Choices(bytes.iter());
    let shapes: [&[usize]; 7] = [&[3, 2], &[2, 2], &[2], &[1, 2], &[3, 1], &[], &[0, 2]];
    let leaves: Vec<Var<'t>> = shapes
        .iter()
        .enumerate()
        .map(|(salt, shape)| tape.input(spread(shape, salt, tape.dtype())))
        .collect();
    let mut values = leaves.clone();
    // No steps and no sequences too, and axes without entries.
    while !choices.0.as_slice().is_empty() {
        let a = values[choices.among(values.len())];
        let b = values[choices.among(values.len())];
        if let Some(value) = apply(tape, &mut choices, a, b, &leaves) {
            values.push(value);
        }
    }
    let all = values[leaves.len()..].iter().fold(tape.number(0.0), |sum, value| sum + value.tanh().sum());
    (leaves, all)
}

fn apply<'t>(
    tape: &'t Tape,
    choices: &mut Choices<'_>,
    a: Var<'t>,
    b: Var<'t>,
    leaves: &[Var<'t>],
) -> Option<Var<'t>> {
    let (sa, sb) = (a.shape(), b.shape());
    let (ra, len) = (sa.rank(), sa.len());
    let broadcasts = sa.broadcast(&sb).is_some();
    match choices.among(22) {
        0 => Some(a.tanh()),
        1 => Some(-a.sigmoid()),
        2 => Some(a.square()),
        3 => Some(a.softplus() * 1.0),
        4 if broadcasts => Some(a + b),
        5 if broadcasts => Some(a - b * -1.0),
        6 if broadcasts => Some(a * b),
        7 if broadcasts => Some(a / (b.square() + 1.0)),
        8 if broadcasts => Some(a.maximum(b)),
        9 if ra == 2 && sb.rank() == 2 && sa.dim(1) == sb.dim(0) => Some(a.dot(b)),
        9 if ra == 2 && sb.rank() == 2 && sa.dim(1) == sb.dim(1) => Some(a.dot(b.t())),
        9 if ra == 2 && sb.rank() == 2 && sa.dim(0) == sb.dim(0) => Some(a.t().dot(b)),
        10 if ra > 0 => Some(a.sum_along(&[choices.among(ra)])),
        11 => Some(a.reshape([len]).reshape([1, len])),
        12 if ra == 2 => Some(a.t()),
        13 if ra > 0 && sa.dim(0).known() > Some(1) => Some(a.slice(0, 1..sa.sizes()[0])),
        14 if ra > 0 && sa.dims()[1..] == sb.dims()[sb.rank().min(1)..] && sb.rank() > 0 => {
            Some(concat(&[a, b], 0))
        }
        15 if ra > 0 && sa.last() != 0 => Some(a.softmax()),
        16 if ra > 0 && sa.last() != 0 => Some(a.log_softmax()),
        17 => Some(a.detach() * a),
        18 if ra == 2 && sb.rank() == 2 && sa.dim(1) == 2 && sb.dim(1) == 2 => Some(shared(a, b, leaves)),
        19..=21 if ra == 2 && sa.dim(1) == 2 => Some(recurrence(tape, choices, a, leaves)),
        _ => None,
    }
}

/// Products that share a side, and sums of products.
fn shared<'t>(a: Var<'t>, b: Var<'t>, leaves: &[Var<'t>]) -> Var<'t> {
    let w = leaves[1];
    let [p, q] = [a.dot(w).tanh(), a.dot(w * 0.5)];
    let sum = (p * q).dot(w.t()) + q.dot(w) + a.dot(w.t());
    concat(&[sum, b.dot(w) - 0.3], 0)
}

/// How many bodies, cuts of the sequences and ways through time there are.
const BODIES: usize = 7;
const LENGTHS: usize = 4;
const WAYS: usize = 10;

/// A scan over the rows of a value, with one of several bodies, lengths, directions and segments.
fn recurrence<'t>(tape: &'t Tape, choices: &mut Choices<'_>, rows: Var<'t>, leaves: &[Var<'t>]) -> Var<'t> {
    let total = rows.shape().sizes()[0];
    let lengths: Vec<usize> = match choices.among(LENGTHS) {
        0 => vec![total],
        1 => vec![1; total],
        2 => vec![total - total / 2, total / 2],
        _ => vec![total, 0],
    };
    let packing = Packing::ragged(&lengths);
    let zero = tape.number(0.0).expand([lengths.len(), 2]);
    let (w, b) = (leaves[1], leaves[2]);
    let memory = b.sigmoid().expand([lengths.len(), 2]);
    let body = choices.among(BODIES);
    let step = |(h, c): (Var<'t>, Var<'t>), x: Var<'t>| match body {
        0 => ((h.dot(w) + x, c), h),
        1 => ((c, (h * x + b).tanh()), h + c),
        2 => (((h.dot(w) + x.dot(w) + b).sigmoid(), h), c * x),
        3 => ((h + x.softmax() * memory.rows(), c + h), x),
        4 => {
            let (inner, all) = scan(&Packing::uniform(2, Dim::ROWS), h, (), |h, ()| {
                let h = (h.dot(w) + x.dot(w)).tanh();
                (h, h * x)
            });
            let all = all.reshape([Dim::new(2), Dim::ROWS, Dim::new(2)]).sum_along(&[0]);
            ((inner, c + inner), all)
        }
        5 => {
            // Gates with a weight each, for the state and for the inputs.
            let gate = |factor: f64| x.dot(w + factor) + h.dot(w * factor) + b * factor;
            let c = gate(0.5).sigmoid() * c + gate(-1.0).tanh();
            ((gate(2.0).sigmoid() * c.tanh(), c), h.dot(w))
        }
        _ => {
            // What is looked at is the same in every step of a sequence.
            let seen = (memory.rows() * h).dot(w).softmax() * memory.rows().dot(w);
            (((seen + h.dot(w) + c.dot(w.t())).tanh(), seen), seen + x)
        }
    };
    let way = choices.among(WAYS);
    let segments = match way / 2 {
        0 => None,
        1 => Some(Segments { length: 1, recompute: true, truncate: false }),
        2 => Some(Segments { length: 2, recompute: true, truncate: false }),
        3 => Some(Segments { length: 2, recompute: false, truncate: true }),
        _ => Some(Segments { length: 9, recompute: true, truncate: true }),
    };
    let start = if way % 2 == 1 { zero + 1.0 } else { zero };
    let ((h, c), y) =
        scan_with(&packing, ScanOptions { reverse: way % 2 == 1, segments }, (zero, start), rows, step);
    h.sum_along(&[0]) + c.sum_along(&[0]) * y.sum_along(&[0])
}

/// The value, its gradients, and the gradients of a number made of these.
fn wanted<'t>(leaves: &[Var<'t>], value: Var<'t>) -> Vec<Var<'t>> {
    let first: Vec<Var<'t>> = try_grad(value, leaves).expect("a number").into_iter().flatten().collect();
    let mixed = first.iter().fold(value * 0.0, |sum, gradient| sum + gradient.square().sum());
    let second = try_grad(mixed, leaves).expect("a number").into_iter().flatten();
    std::iter::once(value).chain(first.iter().copied()).chain(second.collect::<Vec<_>>()).collect()
}

fn agree(found: &Tensor, plain: &Tensor, limit: f64, label: &str) {
    assert_eq!(found.shape(), plain.shape(), "{label}");
    for (a, b) in found.to_f64().iter().zip(plain.to_f64()) {
        let equal = relative_eq!(*a, b, epsilon = limit, max_relative = limit) || (a.is_nan() && b.is_nan());
        assert!(equal, "{label}: {a} is not {b}");
    }
}

/// A program of the bytes, run by the interpreter and by the engine with all passes, and in `f64` also with each
/// pass by itself and with none.
fn check(bytes: &[u8], dtype: DType) {
    let tape = Tape::new(dtype);
    let (leaves, value) = program(&tape, bytes);
    let mut wanted = wanted(&leaves, value);
    // In `f32` the numbers of second order can be anything.
    let limit = if dtype == DType::F64 { 1e-12 } else { 1e-3 };
    if dtype == DType::F32 {
        wanted.truncate(1 + leaves.len());
    }
    let plain = interpret(&wanted).expect("random programs can be evaluated");
    let same = |found: &tape::Run<'_>, label: &str| {
        plain.iter().enumerate().for_each(|(index, plain)| agree(&found.tensor(index), plain, limit, label));
    };
    let mut engine = Engine::new();
    same(&engine.run(&wanted).expect("random programs can be evaluated"), "all passes");
    if dtype == DType::F32 {
        return;
    }
    let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
    let none: &[Pass] = &[];
    for passes in PIPELINE.iter().map(std::slice::from_ref).chain([none]) {
        let source = Program { graph: tape.graph().clone(), outputs: outputs.clone() };
        let label = passes.first().map_or("no pass", |(name, _)| name);
        let mut engine = Engine::new();
        same(&engine.run_plan(&tape, Plan::with_passes(source, passes)).expect("as before"), label);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_computes_what_the_interpreter_does(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
        check(&bytes, DType::F64);
    }

    #[test]
    fn single_precision_agrees_too(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        check(&bytes, DType::F32);
    }
}

#[test]
fn every_kind_of_loop_is_covered() {
    // Rows, lengths, bodies and ways, one after another rather than by chance.
    for rows in [0, 6] {
        for lengths in 0..LENGTHS {
            for body in 0..BODIES {
                for way in 0..WAYS {
                    let [lengths, body, way] = [lengths, body, way].map(|choice| choice as u8);
                    check(&[rows, 0, 20, lengths, body, way, 1, 1, 20, lengths, body, way], DType::F64);
                }
            }
        }
    }
}
