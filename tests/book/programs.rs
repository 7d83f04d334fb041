//! What is recorded for the book.

use unspool::tape::{DType, Leaf, Packing, Tape, Tensor, Var, Vars, grad, scan};

/// The sizes of a batch in a drawing, with the letters that the chapters have for them.
pub const LETTERS: [(usize, &str); 6] = [(3, "N"), (4, "D"), (5, "H"), (6, "M"), (7, "V"), (20, "4H")];

/// A named value of zeros: what it holds says nothing of what is recorded.
fn leaf(name: &str, shape: &[usize]) -> Leaf {
    Leaf { name: name.to_string(), value: Tensor::zeros(DType::F32, shape) }
}

/// A tape with leaves of these names and shapes.
fn tape(leaves: &[(&str, &[usize])]) -> Tape {
    let leaves: Vec<Leaf> = leaves.iter().map(|(name, shape)| leaf(name, shape)).collect();
    Tape::with_leaves(DType::F32, leaves.into())
}

/// Something recorded, and what is wanted of it: gradients among them.
pub struct Recorded {
    pub tape: Tape,
    record: for<'t> fn(&'t Tape) -> Vec<Var<'t>>,
}

impl Recorded {
    /// Records it; once for each tape.
    pub fn wanted(&self) -> Vec<Var<'_>> {
        (self.record)(&self.tape)
    }
}

fn leaves<const N: usize>(tape: &Tape) -> [Var<'_>; N] {
    std::array::from_fn(|number| tape.leaf(number))
}

/// A value and its gradients.
fn after<'t>(value: Var<'t>, gradients: Vars<'t>) -> Vec<Var<'t>> {
    [value].into_iter().chain(gradients).collect()
}

/// `out = x W + b`, and the gradients for a given `dout`.
pub fn affine() -> Recorded {
    Recorded {
        tape: tape(&[("x", &[3, 4]), ("W", &[4, 6]), ("b", &[6]), ("dout", &[3, 6])]),
        record: |tape| {
            let [x, w, b, dout] = leaves(tape);
            let out = x.dot(w) + b;
            after(out, grad((out * dout).sum(), &[x, w, b]))
        },
    }
}

/// Rows of a table, and its gradient for a given `dout`.
pub fn embedding() -> Recorded {
    Recorded {
        tape: tape(&[("W", &[7, 4]), ("dout", &[3, 4])]),
        record: |tape| {
            let [w, dout] = leaves(tape);
            let words = tape.input(Tensor::zeros(DType::I32, [3]));
            let out = w.gather(words);
            after(out, grad((out * dout).sum(), &[w]))
        },
    }
}

/// One step of the vanilla recurrence, and the gradients for a given `dh'`.
pub fn step() -> Recorded {
    Recorded {
        tape: tape(&[
            ("x", &[3, 4]),
            ("h", &[3, 5]),
            ("Wx", &[4, 5]),
            ("Wh", &[5, 5]),
            ("b", &[5]),
            ("dh'", &[3, 5]),
        ]),
        record: |tape| {
            let [x, h, wx, wh, b, dnext] = leaves(tape);
            let next = (x.dot(wx) + h.dot(wh) + b).tanh();
            after(next, grad((next * dnext).sum(), &[x, h, wx, wh, b]))
        },
    }
}

/// One step of an LSTM, and the gradients for a given `dh'` and `dc'`.
pub fn lstm_step() -> Recorded {
    Recorded {
        tape: tape(&[
            ("x", &[3, 4]),
            ("h", &[3, 5]),
            ("c", &[3, 5]),
            ("Wx", &[4, 20]),
            ("Wh", &[5, 20]),
            ("b", &[20]),
            ("dh'", &[3, 5]),
            ("dc'", &[3, 5]),
        ]),
        record: |tape| {
            let [x, h, c, wx, wh, b, dh, dc] = leaves(tape);
            let [i, f, o, g] = (x.dot(wx) + h.dot(wh) + b).split();
            let c_next = f.sigmoid() * c + i.sigmoid() * g.tanh();
            let h_next = o.sigmoid() * c_next.tanh();
            let loss = (h_next * dh).sum() + (c_next * dc).sum();
            [vec![h_next, c_next], grad(loss, &[x, h, c, wx, wh, b]).to_vec()].concat()
        },
    }
}

/// Cross entropy of rows of scores, and its gradient.
pub fn softmax() -> Recorded {
    Recorded {
        tape: tape(&[("scores", &[3, 7])]),
        record: |tape| {
            let [scores] = leaves(tape);
            let words = tape.input(Tensor::zeros(DType::I32, [3]));
            let loss = -scores.log_softmax().pick(words).sum() / 3.0;
            after(loss, grad(loss, &[scores]))
        },
    }
}

/// How long the sequences of [`training`] are.
pub const LENGTHS: [usize; 3] = [3, 2, 1];

/// The recurrence through time: scores of every state, their cross entropy, and the gradients of all weights. The step is
/// written as one would on paper, with no thought of speed.
pub fn training() -> Recorded {
    Recorded {
        tape: tape(&[("Wx", &[4, 5]), ("Wh", &[5, 5]), ("b", &[5]), ("V", &[5, 7])]),
        record: |tape| {
            let rows = LENGTHS.iter().sum::<usize>();
            let [wx, wh, b, v] = leaves(tape);
            let x = tape.input(Tensor::zeros(DType::F32, [rows, 4]));
            let words = tape.input(Tensor::zeros(DType::I32, [rows]));
            let h0 = tape.number(0.0).expand([LENGTHS.len(), 5]);
            let (_, scores) = scan(&Packing::ragged(&LENGTHS), h0, x, |h, x| {
                let h = (x.dot(wx) + h.dot(wh) + b).tanh();
                (h, h.dot(v))
            });
            let loss = scores.cross_entropy(words).sum() / LENGTHS.len() as f64;
            after(loss, grad(loss, &[wx, wh, b, v]))
        },
    }
}

/// A step with two products of the state, for the pass that makes one of them.
pub fn two_products() -> Recorded {
    Recorded {
        tape: tape(&[("x", &[6, 4]), ("Uf", &[4, 4]), ("Ug", &[4, 4])]),
        record: |tape| {
            let [x, uf, ug] = leaves(tape);
            let h0 = tape.number(0.0).expand([3, 4]);
            let (last, ()) = scan(&Packing::ragged(&LENGTHS), h0, x, |h, x| {
                let forget = (x + h.dot(uf)).sigmoid();
                (h * forget + (x + h.dot(ug)).tanh(), ())
            });
            vec![last]
        },
    }
}
