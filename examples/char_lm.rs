//! A language model of characters: an LSTM learns to spell from a text, and then writes one.
//!
//! ```text
//! x_t = a vector for character t        h_t = LSTM(h_{t-1}, x_t)        scores of character t+1 = h_t W + b
//! ```
//!
//! (Graves, "Generating sequences with recurrent neural networks", 2013, <https://arxiv.org/abs/1308.0850>.)
//!
//! `cargo run --release --example char_lm`, some ten seconds on 2 cores, learns from tales that come with the library;
//! `-- FILE` from a text of yours, and `-- --quick` for one second.

use std::error::Error;
use std::path::Path;

use rand::RngExt;
use unspool::lab::progress::{Progress, Text as Line, digits};
use unspool::lab::tasks::{self, Batch, Task, Text, Values};
use unspool::nn::{
    Adam, Embedding, Layout, Lstm, LstmState, Params, Sequence, TemporalAffine, Trainer, schedule,
    temporal_softmax, unroll, unroll_from, zero_state,
};
use unspool::tape::{DType, Engine, RunError, Tape, Tensor, Var};

const HIDDEN: usize = 128;

struct Model {
    embedding: Embedding,
    lstm: Lstm,
    readout: TemporalAffine,
}

impl Model {
    fn new(params: &mut Params, symbols: usize) -> Model {
        Model {
            embedding: Embedding::new(params.scope("embedding"), symbols, 32),
            lstm: Lstm::with_forget_bias(params.scope("lstm"), 32, HIDDEN, 1.0),
            readout: TemporalAffine::new(params.scope("readout"), HIDDEN, symbols),
        }
    }

    /// The mean loss of a batch of windows, in nats a character.
    fn loss<'t>(&self, tape: &'t Tape, batch: &Batch) -> Var<'t> {
        let (Values::Symbols(shown), Values::Symbols(next)) = (&batch.inputs, &batch.targets) else {
            unreachable!("characters are symbols")
        };
        let inputs = self.embedding.apply_sequence(&Sequence::words(tape, shown, &batch.layout));
        let h0 = zero_state(tape, batch.layout.sequences(), HIDDEN);
        let (outputs, _) = unroll(&self.lstm, &inputs, h0);
        temporal_softmax(&self.readout.apply(&outputs), next, &batch.counted).per_word()
    }

    /// Writes a text after a first symbol, a line break; each character is drawn from what the model thinks of it, at a
    /// temperature.
    fn write(
        &self,
        params: &Params,
        text: &Text,
        length: usize,
        temperature: f64,
    ) -> Result<String, RunError> {
        let (mut engine, mut draws) =
            (Engine::with_threads(1).expect("the calling thread"), tasks::generator(3, 0));
        let zeros = Tensor::zeros(DType::F32, [1, HIDDEN]);
        let (mut state, mut symbol, mut written) = ([zeros.clone(), zeros], 1, String::new());
        for _ in 0..length {
            written.extend(text.character(symbol));
            // The same program each time, so that it is planned once.
            let tape = params.tape();
            let [h, c] = state.map(|part| tape.input(part));
            let shown = Sequence::words(&tape, &[symbol], &Layout::full(1, 1));
            let shown = self.embedding.apply_sequence(&shown);
            let (output, next) = unroll_from(&self.lstm, &shown, LstmState { h, c });
            let probabilities = (self.readout.apply(&output).rows / temperature).softmax();
            let run = engine.run(&[probabilities, next.h, next.c])?;
            let mut left: f64 = draws.random();
            let is_it = |p: &f64| {
                left -= p;
                left < 0.0
            };
            symbol = run.tensor(0).to_f64().iter().position(is_it).unwrap_or(0) as i32;
            state = [run.tensor(1), run.tensor(2)];
        }
        Ok(written)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    let quick = argument.as_deref() == Some("--quick");
    let text = match argument {
        Some(path) if !quick => Text::open(Path::new(&path))?,
        _ => Text::default(),
    };
    println!(
        "{}; by counting characters alone {:.2} bits are reached",
        text.about(),
        text.baseline(100).score
    );

    let mut params = Params::seeded(DType::F32, 1);
    let model = Model::new(&mut params, text.inputs().width());
    let mut trainer = Trainer::new(&mut params, Adam::new(0.0)).with_clip(1.0);
    let held_out = text.draw_held_out(32, text.length(), &mut tasks::generator(2, 0));
    let steps = if quick { 20 } else { 500 };
    let mut progress = Progress::new(steps, 0);
    for step in 0..steps {
        let (at, all) = (step as usize, steps as usize);
        trainer.optimizer.learning_rate =
            1e-2 * schedule::warmup(at, all / 20) * schedule::cosine(at, all, 0.05);
        let batch = text.draw(32, text.length(), &mut tasks::generator(1, step));
        let loss = trainer.step(&mut params, |tape| model.loss(tape, &batch))?.loss;
        let standing = || format!("step {}/{steps}  loss {}", step + 1, digits(loss));
        progress.report((step + 1, steps), || Line { standing: standing(), ..Line::default() });
    }
    progress.finish();
    let loss = trainer.evaluate(&params, |tape| model.loss(tape, &held_out))?;
    println!("held out: {:.3} bits a character\n", loss / std::f64::consts::LN_2);
    println!("{}", model.write(&params, &text, if quick { 80 } else { 600 }, 0.5)?);
    Ok(())
}
