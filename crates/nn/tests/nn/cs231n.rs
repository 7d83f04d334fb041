//! The numbers that CS231n's captioning notebooks print, and the losses of the whole captioner.
//!
//! Inputs are evenly spaced numbers; eight decimals are printed. The gradients of the losses were
//! derived by complex steps, which know no backward formula.

use nn::{
    Affine, Cell, Embedding, Layout, Lstm, LstmState, Params, Sequence, TemporalAffine, VanillaRnn,
    temporal_softmax, unroll,
};
use tape::{DType, Tensor, Var, grad};

use crate::support::{close, compute, linspace};

/// A number printed with eight decimals is known to half a unit of the last one.
const PRINTED: f64 = 5.01e-9;

const RNN_STEP: [f64; 12] = [
    -0.58172089,
    -0.50182032,
    -0.41232771,
    -0.31410098,
    0.66854692,
    0.79562378,
    0.87755553,
    0.92795967,
    0.97934501,
    0.99144213,
    0.99646691,
    0.99854353,
];

const RNN: [f64; 30] = [
    -0.42070749,
    -0.27279261,
    -0.11074945,
    0.05740409,
    0.22236251,
    -0.39525808,
    -0.22554661,
    -0.0409454,
    0.14649412,
    0.32397316,
    -0.42305111,
    -0.24223728,
    -0.04287027,
    0.15997045,
    0.35014525,
    -0.55857474,
    -0.39065825,
    -0.19198182,
    0.02378408,
    0.23735671,
    -0.27150199,
    -0.07088804,
    0.13562939,
    0.33099728,
    0.50158768,
    -0.51014825,
    -0.30524429,
    -0.06755202,
    0.17806392,
    0.40333043,
];

const EMBEDDING: [f64; 24] = [
    0.0, 0.07142857, 0.14285714, 0.64285714, 0.71428571, 0.78571429, 0.21428571, 0.28571429, 0.35714286,
    0.42857143, 0.5, 0.57142857, 0.42857143, 0.5, 0.57142857, 0.21428571, 0.28571429, 0.35714286, 0.0,
    0.07142857, 0.14285714, 0.64285714, 0.71428571, 0.78571429,
];

const LSTM_STEP_H: [f64; 15] = [
    0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904, 0.49223563, 0.55611431, 0.61507696,
    0.66844003, 0.7159181, 0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299,
];
const LSTM_STEP_C: [f64; 15] = [
    0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407, 0.66382255, 0.76674007, 0.87195994, 0.97902709,
    1.08751345, 0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676,
];

const LSTM: [f64; 24] = [
    0.01764008, 0.01823233, 0.01882671, 0.0194232, 0.11287491, 0.12146228, 0.13018446, 0.13902939,
    0.31358768, 0.33338627, 0.35304453, 0.37250975, 0.45767879, 0.4761092, 0.4936887, 0.51041945, 0.6704845,
    0.69350089, 0.71486014, 0.7346449, 0.81733511, 0.83677871, 0.85403753, 0.86935314,
];

/// Sets parameters to evenly spaced numbers.
fn set(params: &mut Params, values: &[(&str, f64, f64)]) {
    for (name, from, to) in values {
        let shape = params.get(*name).expect("a parameter").shape().sizes();
        params.set(*name, linspace(*from, *to, &shape)).expect("the same shape");
    }
}

#[test]
fn rnn_step_forward() {
    let mut params = Params::new(DType::F64);
    let cell = VanillaRnn::new(params.scope("rnn"), 10, 4);
    set(&mut params, &[("rnn/wx", -0.1, 0.9), ("rnn/wh", -0.3, 0.7), ("rnn/b", -0.2, 0.4)]);
    let h = compute(&params, |tape| {
        let x = tape.input(linspace(-0.4, 0.7, &[3, 10]));
        let h = tape.input(linspace(-0.2, 0.5, &[3, 4]));
        cell.step(h, x).1
    });
    close(&h, &RNN_STEP, PRINTED);
}

#[test]
fn rnn_forward() {
    let mut params = Params::new(DType::F64);
    let cell = VanillaRnn::new(params.scope("rnn"), 4, 5);
    set(&mut params, &[("rnn/wx", -0.2, 0.4), ("rnn/wh", -0.4, 0.1), ("rnn/b", -0.7, 0.1)]);
    let h = compute(&params, |tape| {
        let x = tape.input(linspace(-0.1, 0.3, &[2, 3, 4]));
        let h0 = tape.input(linspace(-0.3, 0.1, &[2, 5]));
        unroll(&cell, &Sequence::pack(x, &Layout::full(2, 3)), h0).0.to_padded()
    });
    close(&h, &RNN, PRINTED);
}

#[test]
fn word_embedding_forward() {
    let mut params = Params::new(DType::F64);
    let embedding = Embedding::new(params.scope("embed"), 5, 3);
    set(&mut params, &[("embed/w", 0.0, 1.0)]);
    let vectors = compute(&params, |tape| {
        embedding.apply(tape.input(Tensor::new([2, 4], vec![0, 3, 1, 2, 2, 1, 0, 3])))
    });
    close(&vectors, &EMBEDDING, PRINTED);
}

#[test]
fn lstm_step_forward() {
    let mut params = Params::new(DType::F64);
    let cell = Lstm::new(params.scope("lstm"), 4, 5);
    set(&mut params, &[("lstm/wx", -2.1, 1.3), ("lstm/wh", -0.7, 2.2), ("lstm/b", 0.3, 0.7)]);
    let tape = params.tape();
    let state = LstmState {
        h: tape.input(linspace(-0.3, 0.7, &[3, 5])),
        c: tape.input(linspace(-0.4, 0.9, &[3, 5])),
    };
    let (next, output) = cell.step(state, tape.input(linspace(-0.4, 1.2, &[3, 4])));
    close(&next.h.value().to_f64(), &LSTM_STEP_H, PRINTED);
    close(&next.c.value().to_f64(), &LSTM_STEP_C, PRINTED);
    close(&output.value().to_f64(), &LSTM_STEP_H, PRINTED);
}

#[test]
fn lstm_forward() {
    let mut params = Params::new(DType::F64);
    let cell = Lstm::new(params.scope("lstm"), 5, 4);
    set(&mut params, &[("lstm/wx", -0.2, 0.9), ("lstm/wh", -0.3, 0.6), ("lstm/b", 0.2, 0.7)]);
    let h = compute(&params, |tape| {
        let x = tape.input(linspace(-0.4, 0.6, &[2, 3, 5]));
        let h0 = tape.input(linspace(-0.4, 0.8, &[2, 4]));
        unroll(&cell, &Sequence::pack(x, &Layout::full(2, 3)), h0).0.to_padded()
    });
    close(&h, &LSTM, PRINTED);
}

/// The loss of the notebook's captioner with its parameters from -1.4 to 1.3, by the packed and by the
/// padded way, and for each named parameter the norm, first and last entry of its gradient.
fn captioner<C: Cell>(
    cell: impl Fn(&mut Params) -> C,
    features: (f64, f64),
    expected_loss: f64,
    expected: &[(&str, f64, f64, f64)],
) {
    let mut params = Params::new(DType::F64);
    let project = Affine::new(params.scope("proj"), 20, 40);
    let embed = Embedding::new(params.scope("embed"), 3, 30);
    let cell = cell(&mut params);
    let vocab = TemporalAffine::new(params.scope("vocab"), 40, 3);
    let names: Vec<String> = params.iter().map(|entry| entry.name.into()).collect();
    for name in &names {
        set(&mut params, &[(name, -1.4, 1.3)]);
    }
    // Captions (10, 13): all but the last word go in, all but the first are to come out.
    let columns =
        |from: usize| -> Vec<i32> { (0..120).map(|k| ((k / 12 * 13 + k % 12 + from) % 3) as i32).collect() };
    let (words_in, words_out) = (columns(0), columns(1));
    let mask: Vec<bool> = words_out.iter().map(|word| *word != 0).collect();
    for layout in [Layout::full(10, 12), Layout::from_mask(10, 12, &mask)] {
        let tape = params.tape();
        let features = tape.input(linspace(features.0, features.1, &[10, 20]));
        let inputs = embed.apply_sequence(&Sequence::words(&tape, &words_in, &layout));
        let (hidden, _) = unroll(&cell, &inputs, project.apply(features));
        let loss = temporal_softmax(&vocab.apply(&hidden), &words_out, &mask).per_sequence();
        close(&[loss.value().number()], &[expected_loss], 1e-12);
        for (name, norm, first, last) in expected {
            let param: Var<'_> = params.find(*name).expect("a parameter").on(&tape);
            let gradient = grad(loss, &[param])[0].value().to_f64();
            let found_norm = gradient.iter().map(|x| x * x).sum::<f64>().sqrt();
            let found = [found_norm, gradient[0], gradient[gradient.len() - 1]];
            for (found, expected) in found.into_iter().zip([norm, first, last]) {
                let limit = 1e-9 * expected.abs() + 1e-12;
                assert!((found - expected).abs() <= limit, "{name}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn the_loss_and_gradients_of_the_rnn_captioner() {
    let expected = [
        ("vocab/b", 4.4580160378e0, 1.1119753972e-1, 3.0952233176e0),
        ("vocab/w", 2.7706537275e1, 3.9927623981e-2, 3.0080198292e0),
        ("rnn/b", 4.0293574767e-3, -1.4908806822e-3, -5.2987448024e-4),
        ("proj/b", 5.6842562264e-2, 1.5485027338e-2, -1.4861812039e-2),
        ("embed/w", 7.7724889024e-2, -8.6786228900e-5, -3.3799774012e-11),
        ("rnn/wh", 4.3922522546e-2, -1.4907832311e-3, -9.1209191572e-4),
        ("rnn/wx", 5.8897788099e-3, 7.2387186130e-4, -2.0949915072e-4),
        ("proj/w", 3.1371550066e-1, -2.0423505590e-2, 1.7047356306e-2),
    ];
    captioner(|params| VanillaRnn::new(params.scope("rnn"), 30, 40), (-1.5, 0.3), 9.832355910027, &expected);
}

#[test]
fn the_loss_and_gradients_of_the_lstm_captioner() {
    let expected = [
        ("vocab/b", 4.5113023941e0, 8.3133090075e-2, 3.1475934247e0),
        ("vocab/w", 2.7718512534e1, 7.9600477659e-2, 3.0607423084e0),
        ("lstm/b", 6.9767416721e-4, 6.8141032249e-5, 1.8789861635e-9),
        ("proj/b", 1.5312980511e-9, -4.2883394458e-10, 3.8596880546e-10),
        ("embed/w", 2.6306429122e-2, -6.8442510372e-3, 1.7765630553e-3),
        ("proj/w", 2.7469554388e-9, 2.1486934502e-10, -1.1231358637e-10),
    ];
    captioner(|params| Lstm::new(params.scope("lstm"), 30, 40), (-0.5, 1.7), 9.824459354432, &expected);
}
