//! How far gradients reach back through time: ‖dL/ds_t‖ for cells as they start, where the loss sees the last step alone.

use unspool::lab::behaviour::{Trajectory, gradient_norms};
use unspool::lab::report::chart::{Axis, Curve, Form, Lines, Look, Point, Scale, picture};
use unspool::nn::{Cell, GruResetAfter, Layout, Lstm, Params, Scope, Sequence, VanillaRnn};
use unspool::tape::{DType, Tensor};

const SEQUENCES: usize = 8;
const STEPS: usize = 50;
const INPUTS: usize = 4;
const HIDDEN: usize = 64;

/// The charts of gradient norms.
pub fn figures() -> Vec<(&'static str, String)> {
    vec![
        ("vanishing", chart("A vanilla RNN by the size of its recurrent weights", gains())),
        ("gradient_flow", chart("Cells of 64 units as they start", cells())),
    ]
}

/// A vanilla cell whose recurrent weights are an orthogonal matrix times a factor.
fn gains() -> Vec<(String, Vec<f64>)> {
    let norms = |gain: f64| {
        let mut params = Params::new(DType::F64);
        let cell = VanillaRnn::orthogonal(params.scope("rnn"), INPUTS, HIDDEN);
        let scaled = params
            .get(cell.wh)
            .expect("it was declared")
            .to_f64()
            .iter()
            .map(|w| gain * w)
            .collect::<Vec<_>>();
        let wh = Tensor::new([HIDDEN, HIDDEN], scaled);
        params.set(cell.wh, wh).expect("it has the same shape");
        (format!("g = {gain}"), reach(&cell, &params))
    };
    [0.8, 1.0, 1.5, 3.0].map(norms).to_vec()
}

fn cells() -> Vec<(String, Vec<f64>)> {
    fn norms<C: Cell>(name: &str, declare: impl FnOnce(Scope<'_>) -> C) -> (String, Vec<f64>) {
        let mut params = Params::new(DType::F64);
        let cell = declare(params.scope("cell"));
        (name.to_string(), reach(&cell, &params))
    }
    let lstm = |bias: f64| move |scope: Scope<'_>| Lstm::with_forget_bias(scope, INPUTS, HIDDEN, bias);
    vec![
        norms("rnn", |scope| VanillaRnn::new(scope, INPUTS, HIDDEN)),
        norms("lstm", lstm(0.0)),
        norms("gru", |scope| GruResetAfter::new(scope, INPUTS, HIDDEN)),
        norms("lstm, bias 1", lstm(1.0)),
        norms("lstm, bias 3", lstm(3.0)),
    ]
}

/// ‖dL/ds_t‖ as a share of what it is after the last step, from that step backwards.
fn reach<C: Cell>(cell: &C, params: &Params) -> Vec<f64> {
    let rows = SEQUENCES * STEPS;
    // Numbers without pattern between -0.2 and 0.2, the same everywhere.
    let number = |i: usize| 0.4 * ((i as f64 + 1.0) * 0.618_033_988_749_895).fract() - 0.2;
    let mut trajectory = Trajectory::follow(cell, params, HIDDEN, |tape| {
        let numbers = (0..rows * INPUTS).map(number);
        Sequence::new(tape.input_numbers([rows, INPUTS], numbers), &Layout::full(SEQUENCES, STEPS))
    })
    .expect("numbers are what a cell takes");
    let last = rows - SEQUENCES..rows;
    let norms = gradient_norms(&mut trajectory, |outputs| outputs.rows.slice(0, last).square().sum());
    let state = norms.expect("numbers are what a cell takes").state;
    state.iter().rev().map(|norm| norm / state[STEPS]).collect()
}

fn chart(title: &str, curves: Vec<(String, Vec<f64>)>) -> String {
    let all: Vec<f64> = curves.iter().flat_map(|(_, norms)| norms.iter().copied()).collect();
    let curve = |(number, (name, norms)): (usize, (String, Vec<f64>))| Curve {
        name,
        look: Look(number),
        points: norms.iter().enumerate().map(|(back, norm)| Point::bare(back as f64, *norm)).collect(),
        form: Form::Whole,
    };
    let lines = Lines {
        title: title.to_string(),
        x: Axis {
            title: "steps back from the last one".to_string(),
            scale: Scale::between(0.0, STEPS as f64),
        },
        y: Axis { title: "‖dL/ds‖, beside that of the last step".to_string(), scale: Scale::log(all) },
        curves: curves.into_iter().enumerate().map(curve).collect(),
        levels: Vec::new(),
        marks: Vec::new(),
    };
    picture(&[lines], "How far gradients reach back.")
}
