//! What CS231n's captioning notebooks print, as data: inputs by rule, expected outputs, losses and gradients.
//!
//! The notebooks (`RNN_Captioning.ipynb`, `LSTM_Captioning.ipynb`, 2016 to 2023) feed evenly spaced numbers to each
//! formula and print eight decimals of what should come out. [`TABLES`] are those checks and [`CAPTIONERS`] the two
//! whole losses. Of the losses the notebooks give no gradients; ours were derived by complex steps in `f64` (the
//! parameter moved by 1e-30 i, the imaginary part of the loss divided by 1e-30), which knows no backward formula.
//!
//! To check something, walk [`TABLES`], make the inputs with [`Table::numbers`], compute, and compare with
//! [`Output::largest_error`].

use crate::handwritten::{CaptioningSizes, Cell, PerParameter};

/// `n` evenly spaced numbers from `a` to `b`, both included, as `numpy.linspace`.
pub fn linspace(a: f64, b: f64, n: usize) -> Vec<f64> {
    let step = (b - a) / n.saturating_sub(1).max(1) as f64;
    (0..n).map(|k| if k > 0 && k + 1 == n { b } else { a + step * k as f64 }).collect()
}

/// A number printed with eight decimals is known to half a unit of the last one.
pub const PRINTED_TO: f64 = 5.01e-9;

/// One check of a notebook: a formula, its inputs and what should come out.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The formula, named as in the assignment.
    pub formula: &'static str,
    /// What goes in.
    pub inputs: &'static [Input],
    /// What should come out.
    pub outputs: &'static [Output],
}

/// An array that goes into a formula.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// The array, named as in the assignment.
    pub name: &'static str,
    /// Its shape; elements are row-major.
    pub shape: &'static [usize],
    /// Its elements.
    pub values: Values,
}

/// The elements of an input.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// Evenly spaced from the first number to the second, both included.
    Even(f64, f64),
    /// Whole numbers, one by one.
    Whole(&'static [i32]),
}

/// An array that should come out of a formula, to within [`PRINTED_TO`].
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The array, named as in the assignment.
    pub name: &'static str,
    /// Its shape.
    pub shape: &'static [usize],
    /// Its elements, row-major.
    pub expected: &'static [f64],
}

impl Table {
    #[track_caller]
    fn input(&self, name: &str) -> &Input {
        let found = self.inputs.iter().find(|input| input.name == name);
        found.unwrap_or_else(|| panic!("{} has no input `{name}`", self.formula))
    }

    /// The shape of an input.
    ///
    /// # Panics
    /// If the formula has no input of that name.
    #[track_caller]
    pub fn shape(&self, name: &str) -> &'static [usize] {
        self.input(name).shape
    }

    /// The elements of an input of real numbers; indices come as numbers too.
    ///
    /// # Panics
    /// If the formula has no input of that name.
    #[track_caller]
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let input = self.input(name);
        match input.values {
            Values::Even(a, b) => linspace(a, b, input.shape.iter().product()),
            Values::Whole(values) => values.iter().copied().map(f64::from).collect(),
        }
    }

    /// The elements of an input of indices; empty for one of real numbers.
    ///
    /// # Panics
    /// If the formula has no input of that name.
    #[track_caller]
    pub fn indices(&self, name: &str) -> &'static [i32] {
        match self.input(name).values {
            Values::Even(..) => &[],
            Values::Whole(values) => values,
        }
    }
}

impl Output {
    /// How far the farthest element is from what is expected; infinite where shapes differ.
    pub fn largest_error(&self, found: &[f64]) -> f64 {
        if found.len() != self.expected.len() {
            return f64::INFINITY;
        }
        // A NaN must not pass for agreement, and `f64::max` would drop it.
        let distance = |(x, y): (&f64, &f64)| if x.is_nan() { f64::INFINITY } else { (x - y).abs() };
        found.iter().zip(self.expected).map(distance).fold(0.0, f64::max)
    }
}

/// One input of evenly spaced numbers; keeps [`TABLES`] readable.
const fn even(name: &'static str, shape: &'static [usize], from: f64, to: f64) -> Input {
    Input { name, shape, values: Values::Even(from, to) }
}

/// `rnn_step_forward`, next_h (3, 4).
pub const RNN_STEP_NEXT_H: [[f64; 4]; 3] = [
    [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
    [0.66854692, 0.79562378, 0.87755553, 0.92795967],
    [0.97934501, 0.99144213, 0.99646691, 0.99854353],
];

/// `rnn_forward`, h (2, 3, 5), a row for each sequence and step.
pub const RNN_FORWARD_H: [[f64; 5]; 6] = [
    [-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251],
    [-0.39525808, -0.22554661, -0.0409454, 0.14649412, 0.32397316],
    [-0.42305111, -0.24223728, -0.04287027, 0.15997045, 0.35014525],
    [-0.55857474, -0.39065825, -0.19198182, 0.02378408, 0.23735671],
    [-0.27150199, -0.07088804, 0.13562939, 0.33099728, 0.50158768],
    [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043],
];

/// The words that `word_embedding_forward` looks up, x (2, 4).
pub const EMBEDDING_WORDS: [i32; 8] = [0, 3, 1, 2, 2, 1, 0, 3];

/// `word_embedding_forward`, out (2, 4, 3), a row for each word.
pub const EMBEDDING_OUT: [[f64; 3]; 8] = [
    [0.0, 0.07142857, 0.14285714],
    [0.64285714, 0.71428571, 0.78571429],
    [0.21428571, 0.28571429, 0.35714286],
    [0.42857143, 0.5, 0.57142857],
    [0.42857143, 0.5, 0.57142857],
    [0.21428571, 0.28571429, 0.35714286],
    [0.0, 0.07142857, 0.14285714],
    [0.64285714, 0.71428571, 0.78571429],
];

/// `lstm_step_forward`, next_h (3, 5).
pub const LSTM_STEP_NEXT_H: [[f64; 5]; 3] = [
    [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
    [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
    [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
];

/// `lstm_step_forward`, next_c (3, 5).
pub const LSTM_STEP_NEXT_C: [[f64; 5]; 3] = [
    [0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
    [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
    [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
];

/// `lstm_forward`, h (2, 3, 4), a row for each sequence and step.
pub const LSTM_FORWARD_H: [[f64; 4]; 6] = [
    [0.01764008, 0.01823233, 0.01882671, 0.0194232],
    [0.11287491, 0.12146228, 0.13018446, 0.13902939],
    [0.31358768, 0.33338627, 0.35304453, 0.37250975],
    [0.45767879, 0.4761092, 0.4936887, 0.51041945],
    [0.6704845, 0.69350089, 0.71486014, 0.7346449],
    [0.81733511, 0.83677871, 0.85403753, 0.86935314],
];

/// The notebooks' checks of single formulas.
pub const TABLES: [Table; 5] = [
    Table {
        formula: "rnn_step_forward",
        inputs: &[
            even("x", &[3, 10], -0.4, 0.7),
            even("prev_h", &[3, 4], -0.2, 0.5),
            even("Wx", &[10, 4], -0.1, 0.9),
            even("Wh", &[4, 4], -0.3, 0.7),
            even("b", &[4], -0.2, 0.4),
        ],
        outputs: &[Output { name: "next_h", shape: &[3, 4], expected: RNN_STEP_NEXT_H.as_flattened() }],
    },
    Table {
        formula: "rnn_forward",
        inputs: &[
            even("x", &[2, 3, 4], -0.1, 0.3),
            even("h0", &[2, 5], -0.3, 0.1),
            even("Wx", &[4, 5], -0.2, 0.4),
            even("Wh", &[5, 5], -0.4, 0.1),
            even("b", &[5], -0.7, 0.1),
        ],
        outputs: &[Output { name: "h", shape: &[2, 3, 5], expected: RNN_FORWARD_H.as_flattened() }],
    },
    Table {
        formula: "word_embedding_forward",
        inputs: &[
            Input { name: "x", shape: &[2, 4], values: Values::Whole(&EMBEDDING_WORDS) },
            even("W", &[5, 3], 0.0, 1.0),
        ],
        outputs: &[Output { name: "out", shape: &[2, 4, 3], expected: EMBEDDING_OUT.as_flattened() }],
    },
    Table {
        formula: "lstm_step_forward",
        inputs: &[
            even("x", &[3, 4], -0.4, 1.2),
            even("prev_h", &[3, 5], -0.3, 0.7),
            even("prev_c", &[3, 5], -0.4, 0.9),
            even("Wx", &[4, 20], -2.1, 1.3),
            even("Wh", &[5, 20], -0.7, 2.2),
            even("b", &[20], 0.3, 0.7),
        ],
        outputs: &[
            Output { name: "next_h", shape: &[3, 5], expected: LSTM_STEP_NEXT_H.as_flattened() },
            Output { name: "next_c", shape: &[3, 5], expected: LSTM_STEP_NEXT_C.as_flattened() },
        ],
    },
    Table {
        formula: "lstm_forward",
        inputs: &[
            even("x", &[2, 3, 5], -0.4, 0.6),
            even("h0", &[2, 4], -0.4, 0.8),
            even("Wx", &[5, 16], -0.2, 0.9),
            even("Wh", &[4, 16], -0.3, 0.6),
            even("b", &[16], 0.2, 0.7),
        ],
        outputs: &[Output { name: "h", shape: &[2, 3, 4], expected: LSTM_FORWARD_H.as_flattened() }],
    },
];

/// The loss of a whole captioner on a made-up batch, and the gradients of that loss.
#[derive(Debug, Clone, Copy)]
pub struct Captioner {
    /// What carries it from word to word.
    pub cell: Cell,
    /// Features (N, D) are evenly spaced from the first number to the second.
    pub features: (f64, f64),
    /// The loss that the notebook prints.
    pub loss: f64,
    /// The gradient of each parameter.
    pub gradients: &'static [GradientFacts],
}

/// What is known of one parameter's gradient.
#[derive(Debug, Clone, Copy)]
pub struct GradientFacts {
    /// The parameter, named as in the assignment.
    pub parameter: &'static str,
    /// The five numbers, to eleven digits.
    pub summary: Summary,
}

/// Five numbers that tell one array from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The sum of all elements.
    pub sum: f64,
    /// The square root of the sum of squares.
    pub l2: f64,
    /// The first element.
    pub first: f64,
    /// The last element.
    pub last: f64,
    /// The largest absolute value.
    pub max_abs: f64,
}

impl Summary {
    /// The summary of an array; zeros for an empty one.
    pub fn of(array: &[f64]) -> Summary {
        Summary {
            sum: array.iter().sum(),
            l2: array.iter().map(|entry| entry * entry).sum::<f64>().sqrt(),
            first: array.first().copied().unwrap_or(0.0),
            last: array.last().copied().unwrap_or(0.0),
            max_abs: array.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs())),
        }
    }

    /// Each number with its name.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        let Summary { sum, l2, first, last, max_abs } = *self;
        [("sum", sum), ("l2", l2), ("first", first), ("last", last), ("max_abs", max_abs)]
    }

    /// How far a found summary may be from this one: 1e-12 where units are saturated, else ten digits of whichever
    /// is largest, as sums lose digits to cancellation.
    pub fn tolerance(&self) -> f64 {
        1e-12 + 1e-10 * self.l2.max(self.sum.abs()).max(self.max_abs)
    }

    /// How far the farthest of the five numbers is; infinite where one is not a number.
    pub fn largest_error(&self, found: &Summary) -> f64 {
        let distance =
            |((_, x), (_, y)): ((_, f64), (_, f64))| if y.is_nan() { f64::INFINITY } else { (x - y).abs() };
        self.named().into_iter().zip(found.named()).map(distance).fold(0.0, f64::max)
    }
}

impl Captioner {
    /// N, D, W, H = 10, 20, 30, 40; the three words `<NULL>`, cat, dog; captions of 13.
    pub const SIZES: CaptioningSizes = CaptioningSizes { n: 10, d: 20, w: 30, h: 40, v: 3, t: 13 };

    /// Evenly spaced features, (N, D).
    pub fn features(&self) -> Vec<f64> {
        linspace(self.features.0, self.features.1, Self::SIZES.n * Self::SIZES.d)
    }

    /// The words 0, 1, 2, 0, 1, 2, … as captions, (N, T).
    pub fn captions(&self) -> Vec<i32> {
        (0..3).cycle().take(Self::SIZES.n * Self::SIZES.t).collect()
    }

    /// Every parameter evenly spaced from -1.4 to 1.3.
    pub fn parameters(&self) -> PerParameter<Vec<f64>> {
        Self::SIZES.lengths(self.cell).map(|length| linspace(-1.4, 1.3, *length))
    }
}

/// The RNN captioner's loss, printed to eleven decimals.
pub const CAPTIONING_RNN_LOSS: f64 = 9.83235591003;

/// The LSTM captioner's loss, printed to eleven decimals.
pub const CAPTIONING_LSTM_LOSS: f64 = 9.82445935443;

/// One row of a table of gradients; keeps the tables readable.
const fn row(parameter: &'static str, [sum, l2, first, last, max_abs]: [f64; 5]) -> GradientFacts {
    GradientFacts { parameter, summary: Summary { sum, l2, first, last, max_abs } }
}

/// Gradients of the RNN captioner's loss: sum, L2 norm, first and last element, largest absolute value.
#[rustfmt::skip]
pub const CAPTIONING_RNN_GRADIENTS: [GradientFacts; 8] = [
    row("W_proj",  [-3.0738242054e-01, 3.1371550066e-01, -2.0423505590e-02,  1.7047356306e-02, 2.0423505590e-02]),
    row("b_proj",  [ 1.2464305974e-02, 5.6842562264e-02,  1.5485027338e-02, -1.4861812039e-02, 1.5485027338e-02]),
    row("W_embed", [ 2.3778787679e-02, 7.7724889024e-02, -8.6786228900e-05, -3.3799774012e-11, 2.4531902325e-02]),
    row("Wx",      [ 2.5438638649e-02, 5.8897788099e-03,  7.2387186130e-04, -2.0949915072e-04, 7.2387186130e-04]),
    row("Wh",      [-1.1833715800e+00, 4.3922522546e-02, -1.4907832311e-03, -9.1209191572e-04, 2.9122350262e-03]),
    row("b",       [-1.8109409556e-02, 4.0293574767e-03, -1.4908806822e-03, -5.2987448024e-04, 1.4908806822e-03]),
    row("W_vocab", [ 0.0,              2.7706537275e+01,  3.9927623981e-02,  3.0080198292e+00, 3.1541097467e+00]),
    row("b_vocab", [ 0.0,              4.4580160378e+00,  1.1119753972e-01,  3.0952233176e+00, 3.2064208573e+00]),
];

/// Gradients of the LSTM captioner's loss: sum, L2 norm, first and last element, largest absolute value.
#[rustfmt::skip]
pub const CAPTIONING_LSTM_GRADIENTS: [GradientFacts; 8] = [
    row("W_proj",  [ 6.7923989847e-09, 2.7469554388e-09,  2.1486934502e-10, -1.1231358637e-10, 2.1486934502e-10]),
    row("b_proj",  [-8.5730278238e-10, 1.5312980511e-09, -4.2883394458e-10,  3.8596880546e-10, 4.2883394458e-10]),
    row("W_embed", [-7.0528922072e-03, 2.6306429122e-02, -6.8442510372e-03,  1.7765630553e-03, 6.8442510372e-03]),
    row("Wx",      [-1.0338271970e-01, 6.5991181341e-03,  2.6567920636e-05,  2.4444740967e-10, 4.9939061461e-04]),
    row("Wh",      [ 1.1328454311e-01, 4.1375187343e-03,  5.7336427002e-05,  1.4687974350e-09, 2.2863099385e-04]),
    row("b",       [ 3.4261095501e-03, 6.9767416721e-04,  6.8141032249e-05,  1.8789861635e-09, 2.2797207900e-04]),
    row("W_vocab", [ 0.0,              2.7718512534e+01,  7.9600477659e-02,  3.0607423084e+00, 3.1409006067e+00]),
    row("b_vocab", [ 0.0,              4.5113023941e+00,  8.3133090075e-02,  3.1475934247e+00, 3.2307265148e+00]),
];

/// The notebooks' checks of whole captioners.
pub const CAPTIONERS: [Captioner; 2] = [
    Captioner {
        cell: Cell::Rnn,
        features: (-1.5, 0.3),
        loss: CAPTIONING_RNN_LOSS,
        gradients: &CAPTIONING_RNN_GRADIENTS,
    },
    Captioner {
        cell: Cell::Lstm,
        features: (-0.5, 1.7),
        loss: CAPTIONING_LSTM_LOSS,
        gradients: &CAPTIONING_LSTM_GRADIENTS,
    },
];

/// A loss printed with eleven decimals is known to half a unit of the last one.
pub const LOSS_PRINTED_TO: f64 = 5.01e-12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::{
        ByHand, Captioning, Lstm, LstmStep, PlainLoops, Rnn, RnnStep, Witness, WordEmbedding, lstm_forward,
        lstm_step_forward, rnn_forward, rnn_step_forward, word_embedding_forward,
    };

    /// The outputs of a table's formula, as the formulas by hand compute them.
    fn by_hand(table: &Table) -> Vec<Vec<f64>> {
        let get = |name| table.numbers(name);
        match (table.formula, table.shape("x")) {
            ("rnn_step_forward", &[n, d]) => {
                let (x, prev_h, wx, wh, b) = (get("x"), get("prev_h"), get("Wx"), get("Wh"), get("b"));
                let h = b.len();
                let inputs = RnnStep { n, d, h, x: &x, prev_h: &prev_h, wx: &wx, wh: &wh, b: &b };
                vec![rnn_step_forward(&PlainLoops, &inputs)]
            }
            ("rnn_forward", &[n, t, d]) => {
                let (x, h0, wx, wh, b) = (get("x"), get("h0"), get("Wx"), get("Wh"), get("b"));
                let h = b.len();
                vec![rnn_forward(&PlainLoops, &Rnn { n, t, d, h, x: &x, h0: &h0, wx: &wx, wh: &wh, b: &b })]
            }
            ("word_embedding_forward", &[n, t]) => {
                let &[v, d] = table.shape("W") else { panic!("W is a table") };
                vec![word_embedding_forward(&WordEmbedding {
                    n,
                    t,
                    v,
                    d,
                    x: table.indices("x"),
                    w: &get("W"),
                })]
            }
            ("lstm_step_forward", &[n, d]) => {
                let (x, prev_h, prev_c) = (get("x"), get("prev_h"), get("prev_c"));
                let (wx, wh, b) = (get("Wx"), get("Wh"), get("b"));
                let h = b.len() / 4;
                let inputs =
                    LstmStep { n, d, h, x: &x, prev_h: &prev_h, prev_c: &prev_c, wx: &wx, wh: &wh, b: &b };
                let values = lstm_step_forward(&PlainLoops, &inputs);
                vec![values.next_h, values.next_c]
            }
            ("lstm_forward", &[n, t, d]) => {
                let (x, h0, wx, wh, b) = (get("x"), get("h0"), get("Wx"), get("Wh"), get("b"));
                let h = b.len() / 4;
                let inputs = Lstm { n, t, d, h, x: &x, h0: &h0, wx: &wx, wh: &wh, b: &b };
                vec![lstm_forward(&PlainLoops, &inputs).states]
            }
            (formula, shape) => panic!("no formula by hand for {formula} with x {shape:?}"),
        }
    }

    #[test]
    fn the_formulas_agree_with_every_table() {
        for table in &TABLES {
            let found = by_hand(table);
            assert_eq!(found.len(), table.outputs.len());
            for (output, found) in table.outputs.iter().zip(&found) {
                let error = output.largest_error(found);
                assert!(error <= PRINTED_TO, "{} {}: {error:e}", table.formula, output.name);
            }
        }
    }

    #[test]
    fn the_formulas_agree_with_both_captioners() {
        for captioner in &CAPTIONERS {
            let (features, captions) = (captioner.features(), captioner.captions());
            let parameters = captioner.parameters();
            let found = ByHand.captioning_loss(&Captioning {
                cell: captioner.cell,
                sizes: Captioner::SIZES,
                features: &features,
                captions: &captions,
                parameters: parameters.map(Vec::as_slice),
            });
            let error = (found.loss - captioner.loss).abs();
            assert!(error <= LOSS_PRINTED_TO, "{:?} loss {}: {error:e}", captioner.cell, found.loss);
            for (facts, (name, gradient)) in captioner.gradients.iter().zip(found.gradients.named()) {
                assert_eq!(facts.parameter, name);
                let error = facts.summary.largest_error(&Summary::of(gradient));
                assert!(error <= facts.summary.tolerance(), "{:?} {name}: {error:e}", captioner.cell);
            }
        }
    }

    #[test]
    fn expected_outputs_fill_their_shapes() {
        for output in TABLES.iter().flat_map(|table| table.outputs) {
            assert_eq!(output.expected.len(), output.shape.iter().product::<usize>(), "{}", output.name);
        }
    }

    #[test]
    fn a_number_that_is_none_does_not_pass() {
        let output = Output { name: "out", shape: &[1], expected: &[1.0] };
        assert_eq!(output.largest_error(&[f64::NAN]), f64::INFINITY);
        assert_eq!(output.largest_error(&[]), f64::INFINITY);
        assert_eq!(output.largest_error(&[1.5]), 0.5);
        assert_eq!(Summary::of(&[1.0]).largest_error(&Summary::of(&[f64::NAN])), f64::INFINITY);
    }

    #[test]
    fn evenly_spaced_numbers_include_both_ends() {
        assert_eq!(linspace(-1.0, 1.0, 5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(linspace(3.0, 4.0, 1), [3.0]);
        assert!(linspace(3.0, 4.0, 0).is_empty());
    }
}
