//! The model's steps for many sentences at once.
//!
//! Each sentence is a row. A step's rows go on from any rows of the step before, so that a beam keeps, drops and
//! doubles sentences by naming them; their states are gathered by the step's own program. The number of rows takes few
//! values, so that one plan serves many steps: it is halved when half of them would do, and filled up with rows that
//! nobody reads.

use nn::{Cell, Params, zero_state};
use tape::tensor::Slice;
use tape::{Engine, RunError, Tape, Tensor, Var};

use super::{Captioner, PlaceWeights};

/// A sentence that takes part in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its row in the step before; in the first step its picture.
    pub from: usize,
    /// The number of its picture.
    pub picture: usize,
    /// Its last word.
    pub word: i32,
}

/// Where all sentences stand.
pub(super) struct Walk<'m, C> {
    model: &'m Captioner<C>,
    engine: &'m mut Engine,
    params: &'m Params,
    /// How many pictures there are.
    pub pictures: usize,
    /// The parts of the decoder's state, a row for each row of the last step.
    state: Vec<Tensor>,
    /// What every step is shown of the pictures, where it is: (pictures, W).
    seen: Option<Tensor>,
    /// Rows that a step computes.
    rows: usize,
    /// Whether it is told where steps look.
    looking: bool,
    /// A row of log probabilities.
    row: Vec<f64>,
}

impl<'m, C: Cell> Walk<'m, C> {
    /// Looks at the pictures. Where it is `looking`, steps tell where they look too.
    pub fn begin(
        model: &'m Captioner<C>,
        engine: &'m mut Engine,
        params: &'m Params,
        pictures: usize,
        given: &[f32],
        looking: bool,
    ) -> Result<Walk<'m, C>, RunError> {
        let tape = params.tape();
        let seen = model.vision.see(&tape, pictures, given);
        let state = model.decoder.start(model.decoder.begin(&model.project, seen));
        let wanted: Vec<Var<'_>> = state.iter().copied().chain(model.shown(seen)).collect();
        let run = engine.run(&wanted)?;
        let parts = (0..state.len()).map(|part| run.tensor(part)).collect();
        let seen = model.look.map(|_| run.tensor(state.len()));
        let rows = pictures;
        Ok(Walk { model, engine, params, pictures, state: parts, seen, rows, looking, row: Vec::new() })
    }

    /// Takes one step, and hands `read` each row's number, the logarithms of the probabilities of all next words, which it
    /// may change, and where the step looked.
    pub fn step(
        &mut self,
        rows: &[Row],
        mut read: impl FnMut(usize, &mut [f64], Option<PlaceWeights>),
    ) -> Result<(), RunError> {
        self.fit(rows.len());
        let count = self.rows;
        let column = |of: fn(&Row) -> i32| {
            let mut column: Vec<i32> = rows.iter().map(of).collect();
            // Any row of the last step will do where nobody reads.
            column.resize(count, 0);
            Tensor::new([count], column)
        };
        let tape: Tape = self.params.tape();
        let from = tape.input(column(|row| number(row.from)));
        let words = tape.input(column(|row| row.word));
        let parts: Vec<Var<'_>> =
            self.state.iter().map(|part| tape.input(part.clone()).gather(from)).collect();
        let mut input = self.model.embed.apply(words);
        if let Some(seen) = &self.seen {
            let pictures = tape.input(column(|row| number(row.picture)));
            input = input + tape.input(seen.clone()).gather(pictures);
        }
        let begun = self.params[self.model.project.b].shape().len();
        let any = zero_state(&tape, count, begun);
        let (state, output, weights) = self.model.decoder.step(&parts, input, any, self.looking);
        let next = self.model.scores.apply(output).log_softmax();
        let parts = 1..=state.len();
        let wanted: Vec<Var<'_>> = std::iter::once(next).chain(state).chain(weights).collect();
        let run = self.engine.run(&wanted)?;
        self.state = parts.clone().map(|part| run.tensor(part)).collect();
        let weights = weights.map_or(Vec::new(), |_| run.tensor(parts.end() + 1).to_f64());
        let places = weights.len() / count;

        let all = run.slice(0);
        let vocabulary = all.len() / count;
        for number in 0..rows.len() {
            self.row.clear();
            match all.part(number * vocabulary, vocabulary) {
                Slice::F32(row) => self.row.extend(row.iter().map(|entry| f64::from(*entry))),
                Slice::F64(row) => self.row.extend_from_slice(row),
                Slice::I32(_) => unreachable!("logarithms are floating-point numbers"),
            }
            let weights = &weights[number * places..][..places];
            let weights = (places > 0).then(|| weights.iter().map(|weight| *weight as f32).collect());
            read(number, &mut self.row, weights);
        }
        Ok(())
    }

    /// Sees to it that a step computes so many rows, and less than twice as many.
    fn fit(&mut self, wanted: usize) {
        self.rows = self.rows.max(wanted);
        while self.rows > 1 && self.rows.div_ceil(2) >= wanted {
            self.rows = self.rows.div_ceil(2);
        }
    }
}

fn number(row: usize) -> i32 {
    i32::try_from(row).expect("fewer than 2^31 sentences at once")
}
