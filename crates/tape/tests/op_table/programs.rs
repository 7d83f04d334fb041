//! Samples of what is no operation by itself: inputs, numbers, loops with their parts, and fused work.

use tape::ops::{Binary, Operation, Unary};
use tape::{Dim, Packing, ScanOptions, Segments, Var, concat, grad, scan, scan_reverse, scan_with};

use crate::arrays::{Array, joined};
use crate::loops;
use crate::samples::{Sample, real, rows};

pub fn inputs() -> Vec<Sample> {
    let of =
        |x: &[usize]| Sample::program(Operation::Input, "input", vec![real(x)], |v| v[0], |v| v[0].clone());
    vec![of(&[2, 3]), of(&[2, 1, 2]), of(&[0, 2])]
}

pub fn scalars() -> Vec<Sample> {
    let plain = |_: &[Array]| Array { sizes: vec![], numbers: vec![-2.5] };
    vec![Sample::program(Operation::Scalar, "scalar", vec![real(&[2])], |v| v[0].tape().number(-2.5), plain)]
}

/// What a loop in plain Rust makes of packed rows, for sequences of these lengths, the longest first: the state of
/// each sequence after its last step, and the states after all steps, packed.
fn unrolled(
    lengths: &[usize],
    reverse: bool,
    h0: &Array,
    mut step: impl FnMut(&[f64], usize, usize) -> Vec<f64>,
) -> (Array, Array) {
    let steps = lengths.iter().copied().max().unwrap_or(0);
    // The rows of a step follow those of the steps before it.
    let offset = |t: usize| -> usize { lengths.iter().map(|length| (*length).min(t)).sum() };
    let width = h0.width();
    let mut last = h0.clone();
    let mut all = Array::build(&[lengths.iter().sum(), width], |_| 0.0);
    for (sequence, length) in lengths.iter().enumerate() {
        let mut h = h0.numbers[sequence * width..][..width].to_vec();
        for k in 0..*length {
            let t = if reverse { length - 1 - k } else { k };
            let row = offset(t) + sequence;
            h = step(&h, row, sequence);
            all.numbers[row * width..][..width].copy_from_slice(&h);
        }
        last.numbers[sequence * width..][..width].copy_from_slice(&h);
    }
    assert!(steps == 0 || offset(steps) == all.sizes[0]);
    (last, all)
}

/// One row of `h W + x + m`, through the hyperbolic tangent.
fn tanh_step(h: &[f64], x: &[f64], w: &Array, memory: &[f64]) -> Vec<f64> {
    (0..h.len())
        .map(|j| {
            let product: f64 = (0..h.len()).map(|k| h[k] * w.at(&[k, j])).sum();
            (product + x[j] + memory[j]).tanh()
        })
        .collect()
}

fn row(array: &Array, row: usize) -> &[f64] {
    &array.numbers[row * array.width()..][..array.width()]
}

/// The same on a tape.
fn recurrence<'t>(packing: &Packing, reverse: bool, v: &[Var<'t>]) -> (Var<'t>, Var<'t>) {
    let step = |h: Var<'t>, x: Var<'t>| {
        let h = (h.dot(v[2]) + x + v[3].rows()).tanh();
        (h, h)
    };
    if reverse { scan_reverse(packing, v[0], v[1], step) } else { scan(packing, v[0], v[1], step) }
}

/// Loops over sequences of several lengths: a state, rows of each step, rows of each sequence and a weight. Of
/// these the last states, the states of all steps, and gradients, which are sums over the steps.
pub fn scans(operation: Operation) -> Vec<Sample> {
    let mut samples = Vec::new();
    for lengths in [&[3, 1, 1][..], &[2, 2], &[1], &[2, 0], &[0, 0]] {
        let (sequences, total) = (lengths.len(), lengths.iter().sum());
        let operands =
            || vec![real(&[sequences, 2]), real(&[total, 2]), real(&[2, 2]), real(&[sequences, 2])];
        for (reverse, stacked) in [(false, false), (true, false), (false, true), (true, true)] {
            let label = format!("scan of {lengths:?}, reverse {reverse}, all steps {stacked}");
            samples.push(Sample::program(
                operation,
                &label,
                operands(),
                move |v| {
                    let (last, all) = recurrence(&Packing::ragged(lengths), reverse, v);
                    if stacked { all } else { last }
                },
                move |v| {
                    let (last, all) = unrolled(lengths, reverse, &v[0], |h, at, sequence| {
                        tanh_step(h, row(&v[1], at), &v[2], row(&v[3], sequence))
                    });
                    if stacked { all } else { last }
                },
            ));
        }
        // The gradients of `Σ h` for `h' = h ∘ w + x ∘ m` by `w`, the same in all steps, and by the rows `m`.
        let operands = vec![real(&[sequences, 2]), real(&[total, 2]), real(&[2]), real(&[sequences, 2])];
        samples.push(Sample::program(
            operation,
            &format!("gradients of a scan of {lengths:?}"),
            operands,
            move |v| {
                let packing = Packing::ragged(lengths);
                let (last, ()) = scan(&packing, v[0], v[1], |h, x| (h * v[2] + x * v[3].rows(), ()));
                let gradients = grad(last.sum(), &[v[2], v[3]]);
                concat(&[gradients[0].reshape([1, 2]), gradients[1]], 0)
            },
            move |v| {
                // Beside the state its derivatives by `w` and by `m`, forward.
                let wide = Array::build(&[sequences, 6], |i| if i[1] < 2 { v[0].at(i) } else { 0.0 });
                let (last, _) = unrolled(lengths, false, &wide, |h, at, sequence| {
                    let (w, x, m) = (&v[2].numbers, row(&v[1], at), row(&v[3], sequence));
                    let state = (0..2).map(|j| h[j] * w[j] + x[j] * m[j]);
                    let by_w = (0..2).map(|j| h[j] + h[2 + j] * w[j]);
                    let by_m = (0..2).map(|j| x[j] + h[4 + j] * w[j]);
                    state.chain(by_w).chain(by_m).collect()
                });
                Array::build(&[1 + sequences, 2], |i| match i[0] {
                    0 => (0..sequences).map(|sequence| last.at(&[sequence, 2 + i[1]])).sum(),
                    row => last.at(&[row - 1, 4 + i[1]]),
                })
            },
        ));
    }
    samples.extend([nested(operation), recomputed(operation), two_states(operation)]);
    samples
}

/// Each step refines its state twice, by a loop within.
fn nested(operation: Operation) -> Sample {
    Sample::program(
        operation,
        "scan within a scan",
        vec![real(&[2, 2]), real(&[3, 2]), real(&[2, 2])],
        |v| {
            let (last, _) = scan(&Packing::ragged(&[2, 1]), v[0], v[1], |h, x| {
                let inner = Packing::uniform(2, Dim::ROWS);
                let (h, ()) = scan(&inner, h, (), |h, ()| ((h.dot(v[2]) + x).tanh(), ()));
                (h, h)
            });
            last
        },
        |v| {
            let zero = [0.0; 2];
            let step = |h: &[f64], at, _| {
                let once = tanh_step(h, row(&v[1], at), &v[2], &zero);
                tanh_step(&once, row(&v[1], at), &v[2], &zero)
            };
            unrolled(&[2, 1], false, &v[0], step).0
        },
    )
}

/// In segments whose loops are run again for the gradient.
fn recomputed(operation: Operation) -> Sample {
    Sample::program(
        operation,
        "scan in segments",
        vec![real(&[2, 2]), real(&[5, 2]), real(&[2, 2])],
        |v| {
            let segments = Some(Segments { length: 2, recompute: true, truncate: false });
            let options = ScanOptions { segments, ..ScanOptions::default() };
            let packing = Packing::ragged(&[3, 2]);
            let (_, all) = scan_with(&packing, options, v[0], v[1], |h, x| {
                let h = (h.dot(v[2]) + x).tanh();
                (h, h)
            });
            all
        },
        |v| {
            let step = |h: &[f64], at, _| tanh_step(h, row(&v[1], at), &v[2], &[0.0; 2]);
            unrolled(&[3, 2], false, &v[0], step).1
        },
    )
}

/// Two states of which each is made of the other.
fn two_states(operation: Operation) -> Sample {
    Sample::program(
        operation,
        "scan of two states",
        vec![real(&[2, 1]), real(&[2, 1]), real(&[4, 1])],
        |v| {
            let packing = Packing::uniform(2, 2);
            let ((a, b), ()) =
                scan(&packing, (v[0], v[1]), v[2], |(a, b), x| ((b * x, (a + b).sigmoid()), ()));
            concat(&[a, b], 1)
        },
        |v| {
            let both = Array::build(&[2, 2], |i| v[i[1]].at(&[i[0], 0]));
            let step = |h: &[f64], at: usize, _| {
                vec![h[1] * v[2].numbers[at], loops::unary(Unary::Sigmoid, h[0] + h[1])]
            };
            unrolled(&[2, 2], false, &both, step).0
        },
    )
}

/// What the last pass makes one node of: tables with rows, columns and numbers, sums, joined tables, cross entropy.
pub fn fused() -> Vec<Sample> {
    let table = |sizes: &[usize], row: &[usize], column: &[usize]| {
        Sample::program(
            Operation::Fused,
            &format!("fused table {sizes:?}"),
            vec![real(sizes), real(row), real(column)],
            |v| ((v[0] + v[1]).tanh() * v[2] - 0.5).sigmoid(),
            |v| {
                Array::build(&v[0].sizes, |i| {
                    let x = (v[0].at(i) + v[1].wide(i)).tanh() * v[2].wide(i) - 0.5;
                    loops::unary(Unary::Sigmoid, x)
                })
            },
        )
    };
    let sums = Sample::program(
        Operation::Fused,
        "fused sums",
        vec![real(&[3, 18]), real(&[18])],
        |v| {
            let y = (v[0] * v[1]).sin();
            y.sum_along(&[0]) * y.square().sum()
        },
        |v| {
            let y = loops::pairs(&v[0], &v[1], |x, w| (x * w).sin());
            let total: f64 = y.numbers.iter().map(|y| y * y).sum();
            loops::map(&loops::sum(&[0], &y), |y| y * total)
        },
    );
    let joined_tables = Sample::program(
        Operation::Fused,
        "fused concat",
        vec![real(&[2, 4]), real(&[2, 4])],
        |v| {
            let [a, b] = (v[0] * v[1]).split();
            concat(&[a.tanh(), b.exp()], 1)
        },
        |v| {
            let y = loops::pairs(&v[0], &v[1], |x, w| loops::binary(Binary::Mul, x, w));
            Array::build(&y.sizes, |i| if i[1] < 2 { y.at(i).tanh() } else { y.at(i).exp() })
        },
    );
    let entropy = Sample::program(
        Operation::Fused,
        "fused cross entropy",
        vec![real(&[3, 17]), real(&[17]), rows(&[3], &[16, 0, 7])],
        |v| (v[0] + v[1]).cross_entropy(v[2]) * 0.5,
        |v| {
            let scores = loops::pairs(&v[0], &v[1], |x, b| x + b);
            loops::map(&loops::cross_entropy(&scores, &v[2]), |e| 0.5 * e)
        },
    );
    let outer = Sample::program(
        Operation::Fused,
        "fused three axes",
        vec![real(&[2, 2, 1]), real(&[2, 2, 5])],
        |v| v[0].exp() * v[1] + v[1].square(),
        |v| {
            Array::build(&joined(&v[0].sizes[..2], &[5]), |i| {
                v[0].wide(i).exp() * v[1].at(i) + v[1].at(i).powi(2)
            })
        },
    );
    vec![table(&[3, 17], &[17], &[3, 1]), table(&[1, 1], &[1], &[1, 1]), table(&[0, 3], &[3], &[0, 1])]
        .into_iter()
        .chain([sums, joined_tables, entropy, outer])
        .collect()
}
