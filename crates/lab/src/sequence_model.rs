//! A cell between a task's inputs and its answers: the model that all cells are compared in.
//!
//! ```text
//! x (N, T, D)   numbers as they are, symbols one-hot
//! y (N, T, O)   = cell through time, then one affine map
//! loss          cross entropy of symbols, or squared error of numbers: means over the steps that count
//! ```

use nn::{
    AnyCell, Layout, NamedCell, Params, Sequence, TemporalAffine, output_width, temporal_softmax, unroll,
    zero_state,
};
use tape::{Engine, RunError, Tape, Tensor, Var};

use crate::tasks::{Batch, Kind, Measure, Task, Values};

/// A cell with the map from its outputs to a task's answers.
#[derive(Debug)]
pub struct SequenceModel {
    /// Carries what was seen.
    pub cell: AnyCell,
    /// From the cell's outputs to scores of symbols or to numbers.
    pub readout: TemporalAffine,
    /// The width of the hidden state, H.
    pub hidden: usize,
    /// What a step shows.
    pub inputs: Kind,
    /// What is to be said.
    pub outputs: Kind,
}

/// How well a model does on a batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judgement {
    /// The mean loss of the steps that count.
    pub loss: f64,
    /// The score in the task's measure.
    pub score: f64,
}

impl SequenceModel {
    /// Declares a model for a task: `cell/…` and `readout/…`.
    ///
    /// # Panics
    /// If the store has parameters of the same names already.
    pub fn new(params: &mut Params, task: &dyn Task, cell: &NamedCell, hidden: usize) -> SequenceModel {
        let (inputs, outputs) = (task.inputs(), task.outputs());
        let cell = cell.declare(params.scope("cell"), inputs.width(), hidden);
        let width = output_width(params, &cell, inputs.width(), hidden);
        let readout = TemporalAffine::new(params.scope("readout"), width, outputs.width());
        SequenceModel { cell, readout, hidden, inputs, outputs }
    }

    /// What each step shows, as rows (R, D) on a tape.
    pub fn shown<'t>(&self, tape: &'t Tape, batch: &Batch) -> Sequence<'t> {
        let (layout, width) = (&batch.layout, self.inputs.width());
        match &batch.inputs {
            Values::Symbols(symbols) => {
                let ones = tape.number(1.0).expand([layout.rows()]);
                Sequence::words(tape, symbols, layout).map(|symbols| ones.place(symbols, width))
            }
            Values::Numbers(numbers) => Sequence::new(packed(tape, layout, numbers, width), layout),
        }
    }

    /// What the model says at each step: rows (R, O).
    pub fn answers<'t>(&self, tape: &'t Tape, batch: &Batch) -> Sequence<'t> {
        let inputs = tape.scope("inputs", || self.shown(tape, batch));
        let h0 = zero_state(tape, batch.layout.sequences(), self.hidden);
        let (outputs, _) = tape.scope("cell", || unroll(&self.cell, &inputs, h0));
        tape.scope("readout", || self.readout.apply(&outputs))
    }

    /// The loss of a batch where the outputs of the cell are given, rows (R, …): what follows the recurrence.
    pub fn loss_of_outputs<'t>(&self, outputs: &Sequence<'t>, batch: &Batch) -> Var<'t> {
        loss_of_answers(&self.readout.apply(outputs), batch)
    }

    /// The loss of a batch, a mean over the steps that count.
    pub fn loss<'t>(&self, tape: &'t Tape, batch: &Batch) -> Var<'t> {
        loss_of_answers(&self.answers(tape, batch), batch)
    }

    /// The loss of a batch and how its answers are judged; no noise.
    ///
    /// # Errors
    /// If a symbol is not one of the task's.
    pub fn judge(
        &self,
        engine: &mut Engine,
        params: &Params,
        batch: &Batch,
        measure: Measure,
    ) -> Result<Judgement, RunError> {
        let tape = params.tape();
        let answers = self.answers(&tape, batch);
        let run = engine.run(&[loss_of_answers(&answers, batch), answers.rows])?;
        let loss = run.number(0);
        let score = match measure {
            Measure::Accuracy => accuracy(&run.tensor(1), batch),
            Measure::SquaredError => loss,
            Measure::Bits => loss / std::f64::consts::LN_2,
        };
        Ok(Judgement { loss, score })
    }
}

/// Numbers (N, T, `width`) in row-major order as packed rows (R, `width`).
fn packed<'t>(tape: &'t Tape, layout: &Layout, numbers: &[f32], width: usize) -> Var<'t> {
    let rows = layout.places().flat_map(|place| &numbers[place * width..][..width]);
    tape.input_numbers([layout.rows(), width], rows.map(|number| f64::from(*number)))
}

/// The mean loss of the steps that count.
fn loss_of_answers<'t>(answers: &Sequence<'t>, batch: &Batch) -> Var<'t> {
    let Sequence { rows, layout } = answers;
    match &batch.targets {
        Values::Symbols(symbols) => temporal_softmax(answers, symbols, &batch.counted).per_word(),
        Values::Numbers(numbers) => {
            let tape = rows.tape();
            let width = numbers.len() / batch.counted.len().max(1);
            let targets = packed(tape, layout, numbers, width);
            let counted = batch.counted.iter().filter(|counted| **counted).count();
            let weight = 1.0 / (counted * width).max(1) as f64;
            let weights = layout.places().map(|place| if batch.counted[place] { weight } else { 0.0 });
            let weights = tape.input_numbers([layout.rows(), 1], weights);
            ((*rows - targets).square() * weights).sum()
        }
    }
}

/// The share of the judged steps at which the highest score is that of the right symbol.
fn accuracy(scores: &Tensor, batch: &Batch) -> f64 {
    let Values::Symbols(right) = &batch.targets else { return f64::NAN };
    let scores = scores.to_f64();
    let width = scores.len() / batch.layout.rows().max(1);
    let (mut judged, mut hits) = (0usize, 0usize);
    for (row, place) in scores.chunks(width.max(1)).zip(batch.layout.places()) {
        if batch.judged[place] {
            let highest = (0..width).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            judged += 1;
            hits += usize::from(highest == usize::try_from(right[place]).ok());
        }
    }
    hits as f64 / judged.max(1) as f64
}
