//! Random programs, decoded from bytes, so that a failure shrinks to a short one. What does not fit is skipped: every
//! sequence of bytes is a program.

use tape::{Dim, Packing, ScanOptions, Segments, Tape, Var, concat, scan, scan_reverse, scan_with};

use crate::common::spread;

struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    /// The next choice among `options`; 0 when the bytes have run out.
    fn among(&mut self, options: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % options)
    }
}

/// How large a program's tensors are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub rows: usize,
    pub width: usize,
}

/// Small enough for a naive interpreter.
pub const SMALL: Size = Size { rows: 3, width: 2 };
/// Large enough that threads share the work of most programs.
pub const LARGE: Size = Size { rows: 128, width: 96 };

/// A program that was decoded.
#[derive(Debug)]
pub struct Decoded<'t> {
    pub leaves: Vec<Var<'t>>,
    /// A number that depends on every value.
    pub number: Var<'t>,
    /// Some of its values, which are wanted beside it.
    pub outputs: Vec<Var<'t>>,
}

/// Decodes bytes into a program over some leaves.
pub fn program<'t>(tape: &'t Tape, bytes: &[u8], size: Size) -> Decoded<'t> {
    let mut choices = Choices(bytes.iter());
    let Size { rows, width } = size;
    // No steps and no sequences too, and axes without entries.
    let shapes: [&[usize]; 7] =
        [&[rows, width], &[width, width], &[width], &[1, width], &[rows, 1], &[], &[0, width]];
    let leaves: Vec<Var<'t>> = shapes
        .iter()
        .enumerate()
        .map(|(salt, shape)| tape.input(spread(shape, salt, tape.dtype())))
        .collect();
    let mut values = leaves.clone();
    let mut outputs = Vec::new();
    while !choices.0.as_slice().is_empty() {
        let a = values[choices.among(values.len())];
        let b = values[choices.among(values.len())];
        if let Some(value) = apply(tape, &mut choices, a, b, &leaves) {
            values.push(value);
            // Every third value is wanted; it can lie within what passes would rather merge.
            outputs.extend(values.len().is_multiple_of(3).then_some(value));
        }
    }
    let number = values[leaves.len()..].iter().fold(tape.number(0.0), |sum, value| sum + value.tanh().sum());
    Decoded { leaves, number, outputs }
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
        18 if ra == 2 && sb.rank() == 2 && leaves_width(leaves, a) && leaves_width(leaves, b) => {
            Some(shared(a, b, leaves))
        }
        19..=21 if ra == 2 && leaves_width(leaves, a) => Some(recurrence(tape, choices, a, leaves)),
        _ => None,
    }
}

/// Whether rows of a table can be steps of the loops here.
fn leaves_width(leaves: &[Var<'_>], table: Var<'_>) -> bool {
    table.shape().dim(1) == leaves[2].shape().dim(0)
}

/// Products that share a side, and sums of products.
fn shared<'t>(a: Var<'t>, b: Var<'t>, leaves: &[Var<'t>]) -> Var<'t> {
    let w = leaves[1];
    let [p, q] = [a.dot(w).tanh(), a.dot(w * 0.5)];
    let sum = (p * q).dot(w.t()) + q.dot(w) + a.dot(w.t());
    concat(&[sum, b.dot(w) - 0.3], 0)
}

/// How many bodies of loops there are.
pub const BODIES: usize = 9;
/// How many cuts of the sequences there are.
pub const LENGTHS: usize = 5;
/// How many ways through time there are.
pub const WAYS: usize = 10;

/// Lengths of sequences with so many rows together, from long to short.
fn lengths(choices: &mut Choices<'_>, total: usize) -> Vec<usize> {
    match choices.among(LENGTHS) {
        0 => vec![total],
        1 => vec![1; total],
        2 => vec![total - total / 2, total / 2],
        3 => vec![total, 0],
        _ => {
            let mut lengths = vec![0];
            let mut rest = total;
            while rest > 0 {
                let length = 1 + choices.among(rest);
                lengths.push(length);
                rest -= length;
            }
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths
        }
    }
}

/// A scan over the rows of a value, with one of several bodies, lengths, directions and segments. Its outputs can be the rows
/// of another one.
fn recurrence<'t>(tape: &'t Tape, choices: &mut Choices<'_>, rows: Var<'t>, leaves: &[Var<'t>]) -> Var<'t> {
    let lengths = lengths(choices, rows.shape().sizes()[0]);
    let packing = Packing::ragged(&lengths);
    let (w, b) = (leaves[1], leaves[2]);
    let width = b.shape().dim(0);
    let states = [Dim::new(lengths.len()), width];
    let zero = tape.number(0.0).expand(states);
    let memory = b.sigmoid().expand(states);
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
            let all = all.reshape([Dim::new(2), Dim::ROWS, width]).sum_along(&[0]);
            ((inner, c + inner), all)
        }
        5 => {
            // Gates with a weight each, for the state and for the inputs.
            let gate = |factor: f64| x.dot(w + factor) + h.dot(w * factor) + b * factor;
            let c = gate(0.5).sigmoid() * c + gate(-1.0).tanh();
            ((gate(2.0).sigmoid() * c.tanh(), c), h.dot(w))
        }
        6 => {
            // What is looked at is the same in every step of a sequence.
            let seen = (memory.rows() * h).dot(w).softmax() * memory.rows().dot(w);
            (((seen + h.dot(w) + c.dot(w.t())).tanh(), seen), seen + x)
        }
        7 => {
            // A loop in a loop in a loop; what is looked at is seen from the innermost but one.
            let seen = memory.rows();
            let (far, ()) = scan_reverse(&Packing::uniform(2, Dim::ROWS), (h, c), (), |(h, c), ()| {
                let (near, ()) =
                    scan(&Packing::uniform(2, Dim::ROWS), h, (), |h, ()| ((h.dot(w) + c * x).tanh(), ()));
                ((near, (c + near * seen).sigmoid()), ())
            });
            (far, far.0 * far.1)
        }
        _ => {
            // Expressions that the next state, the other state and the output share.
            let sum = (h + x).tanh();
            let product = sum.dot(w);
            (((product + sum).tanh(), product - sum * c.sigmoid()), product * sum + (h + x).tanh())
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
    match choices.among(3) {
        0 => h.sum_along(&[0]) + c.sum_along(&[0]) * y.sum_along(&[0]),
        1 => y.tanh(),
        _ => h * c.tanh(),
    }
}
