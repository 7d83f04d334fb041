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
use std::time::{Duration, Instant};

use common::{Curve, Plot, Wish, svg};
use serde_json::json;
use unspool::nn::{
    Layout, Param, Params, Sequence, VanillaRnn, init, unroll, unroll_in_segments, zero_state,
};
use unspool::tape::{DType, Engine, Segments, Tape, Tensor, Var, grad};

/// Sequences, and the width of inputs and state.
const N: usize = 4;
const WIDTH: usize = 16;

/// How a loop keeps what its backward loop needs.
#[derive(Clone, Copy, Debug)]
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

fn measure(model: &Model, form: Form, steps: usize, patience: Duration) -> Row {
    let numbers = (0..N * steps * WIDTH).map(|i| ((i + 1) as f32 * 0.618).fract() - 0.5);
    let inputs = Tensor::new([N * steps, WIDTH], numbers.collect::<Vec<f32>>());
    let mut engine = Engine::with_threads(1).expect("a thread");
    let mut bytes = 0;
    let mut step = || {
        let tape = model.params.tape();
        let run = engine.run(&model.outputs(&tape, form, &inputs, steps)).expect("numbers");
        bytes = run.plan().bytes();
        black_box(run.number(0));
    };
    step();
    let (start, mut least) = (Instant::now(), Duration::MAX);
    while start.elapsed() < patience || least == Duration::MAX {
        let begin = Instant::now();
        step();
        least = least.min(begin.elapsed());
    }
    Row { form, steps, milliseconds: 1e3 * least.as_secs_f64(), bytes }
}

fn main() {
    let wish = Wish::read();
    let (lengths, patience): (&[usize], _) = if wish.short {
        (&[10, 100], Duration::ZERO)
    } else {
        (&[10, 30, 100, 300, 1_000, 3_000, 10_000], Duration::from_millis(500))
    };
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
    let curves = |of: fn(&Row) -> f64| {
        let points = |form: Form| {
            let own = rows.iter().filter(move |row| row.form as usize == form as usize);
            own.map(|row| (row.steps as f64, of(row))).collect()
        };
        FORMS.iter().map(|form| Curve { name: format!("{form:?}"), points: points(*form) }).collect()
    };
    let plots = [
        Plot { title: "Time of a step", x: "T", y: "ms", curves: curves(|row| row.milliseconds) },
        Plot { title: "Memory of the plan", x: "T", y: "bytes", curves: curves(|row| row.bytes as f64) },
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/growth.svg");
    match std::fs::write(&path, svg(&plots)) {
        Ok(()) => println!("\ndrawn in {}", path.display()),
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}
