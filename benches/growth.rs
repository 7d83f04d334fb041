//! How a step's time and memory grow with the number of time steps, from ten to ten thousand: both linearly; and where
//! gradients are recomputed in segments, memory as the root.
//!
//! A vanilla RNN of small sizes, so that what grows is bookkeeping as much as arithmetic: gradients of a loss on the last
//! state of four sequences of T steps. The memory is the plan's, which is known before anything runs.
//!
//! `cargo bench --bench growth` prints the table and draws `target/growth.svg`; with `-- --record` the figures go to
//! `benches/record/growth.json`.

mod common;

use std::hint::black_box;
use std::path::Path;

use common::{Wish, repeat};
use serde_json::json;
use unspool::lab::report::chart::{self, Axis, Curve, Lines, Look, Point, Scale, height_of, picture};
use unspool::nn::{
    Layout, Param, Params, Sequence, VanillaRnn, init, unroll, unroll_in_segments, zero_state,
};
use unspool::tape::{DType, Engine, Segments, Tape, Tensor, Var, grad};

/// Sequences, and the width of inputs and state.
const N: usize = 4;
const WIDTH: usize = 16;

/// How a loop keeps what its backward loop needs.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    /// All of it.
    Kept,
    /// The states between segments of √T steps; the rest is computed again.
    Recomputed,
}

/// Each form is a row of the table and a curve.
const FORMS: [Form; 2] = [Form::Kept, Form::Recomputed];

struct Model {
    params: Params,
    cell: VanillaRnn,
    readout: Param,
    weights: Vec<Param>,
}

impl Model {
    fn new() -> Model {
        let mut params = Params::seeded(DType::F32, 231);
        let cell = VanillaRnn::new(params.scope("rnn"), WIDTH, WIDTH);
        let readout = params.scope("readout").weight("w", [WIDTH, 1], init::fan_in());
        let weights = params.weights().collect();
        Model { params, cell, readout, weights }
    }

    /// The mean square of a readout of the last states, and its gradients.
    fn outputs<'t>(&self, tape: &'t Tape, form: Form, inputs: &Tensor, steps: usize) -> Vec<Var<'t>> {
        let sequence = Sequence::new(tape.input(inputs.clone()), &Layout::full(N, steps));
        let start = zero_state(tape, N, WIDTH);
        let (_, last) = match form {
            Form::Kept => unroll(&self.cell, &sequence, start),
            Form::Recomputed => unroll_in_segments(&self.cell, &sequence, start, Segments::recomputed(steps)),
        };
        let loss = last.dot(self.readout).square().mean();
        let weights: Vec<Var<'t>> = self.weights.iter().map(|weight| weight.on(tape)).collect();
        [loss].into_iter().chain(grad(loss, &weights)).collect()
    }
}

/// One row of the table.
struct Row {
    form: Form,
    steps: usize,
    milliseconds: f64,
    bytes: usize,
}

/// The least time of steps, as many as fit into so many seconds.
fn measure(model: &Model, form: Form, steps: usize, patience: f64) -> Row {
    let numbers = (0..N * steps * WIDTH).map(|i| ((i + 1) as f32 * 0.618).fract() - 0.5);
    let inputs = Tensor::new([N * steps, WIDTH], numbers.collect::<Vec<f32>>());
    let mut engine = Engine::with_threads(1).expect("a thread");
    let mut bytes = 0;
    let step = || {
        let tape = model.params.tape();
        let run = engine.run(&model.outputs(&tape, form, &inputs, steps)).expect("numbers");
        bytes = run.plan().bytes();
        black_box(run.number(0));
    };
    let least = repeat(1, patience, step)[0];
    Row { form, steps, milliseconds: 1e3 * least, bytes }
}

fn main() {
    let wish = Wish::read();
    let (lengths, patience): (&[usize], _) =
        if wish.short { (&[10, 100], 0.0) } else { (&[10, 30, 100, 300, 1_000, 3_000, 10_000], 0.5) };
    let model = Model::new();
    println!("loss and gradients of a vanilla RNN, N {N}, D and H {WIDTH}, one thread\n");
    println!("| form | T | ms | µs per time step | plan, bytes | bytes per time step |");
    println!("|---|---|---|---|---|---|");
    let mut rows = Vec::new();
    for form in FORMS {
        for steps in lengths {
            let row = measure(&model, form, *steps, patience);
            let Row { milliseconds, bytes, .. } = row;
            let (each, share) = (1e3 * milliseconds / *steps as f64, bytes / steps);
            println!("| {form:?} | {steps} | {milliseconds:.3} | {each:.2} | {bytes} | {share} |");
            rows.push(row);
        }
    }
    draw(&rows);
    let figure = |row: &Row| {
        json!({
            "form": format!("{:?}", row.form),
            "steps": row.steps,
            "ms": row.milliseconds,
            "bytes": row.bytes,
        })
    };
    wish.keep("growth", rows.iter().map(figure).collect());
}

/// Time and memory over the number of steps, both axes logarithmic: linear growth is a straight line that rises by one
/// decade with each decade.
fn draw(rows: &[Row]) {
    let curve = |number: usize, of: fn(&Row) -> f64| {
        let own = rows.iter().filter(|row| row.form == FORMS[number]);
        Curve {
            name: format!("{:?}", FORMS[number]),
            look: Look(number),
            points: own.map(|row| Point::bare(row.steps as f64, of(row))).collect(),
            form: chart::Form::Whole,
        }
    };
    let lines = |title: &str, unit: &str, of: fn(&Row) -> f64| {
        let curves: Vec<Curve> = (0..FORMS.len()).map(|number| curve(number, of)).collect();
        Lines {
            title: title.into(),
            x: Axis {
                title: "time steps".into(),
                scale: Scale::log(rows.iter().map(|row| row.steps as f64)),
            },
            y: Axis { title: unit.into(), scale: height_of(&curves, &[], Scale::log) },
            curves,
            levels: Vec::new(),
            marks: Vec::new(),
        }
    };
    let charts = [
        lines("Time of a step", "ms", |row| row.milliseconds),
        lines("Memory of the plan", "bytes", |row| row.bytes as f64),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/growth.svg");
    match std::fs::write(&path, picture(&charts, "Time and memory over the number of steps.")) {
        Ok(()) => println!("\ndrawn in {}", path.display()),
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}
