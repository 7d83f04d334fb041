//! How fast a cell is: the time of its loss and all its gradients, beside other cells on the same numbers.
//!
//! A step is recorded, differentiated and run each time, as in a training. The cells take turns, A B C A B C, so that a
//! machine whose speed changes changes it for all of them; what is quoted is the median of the rounds.

use std::time::{Duration, Instant};

use nn::{AnyCell, Layout, NamedCell, Params, Sequence, unroll, zero_state};
use tape::{DType, Engine, RunError, Tape, Var, Vars, try_grad};

/// The sizes at which cells are timed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Sequences, N.
    pub sequences: usize,
    /// Steps of each, T.
    pub steps: usize,
    /// Width of the inputs, D.
    pub inputs: usize,
    /// Width of the hidden state, H.
    pub hidden: usize,
}

impl Default for Sizes {
    /// 32 sequences of 64 steps, 64 inputs, 128 hidden units.
    fn default() -> Sizes {
        Sizes { sequences: 32, steps: 64, inputs: 64, hidden: 128 }
    }
}

/// How fast a cell is at some sizes, on one thread.
#[derive(Clone, PartialEq, Debug)]
pub struct Timing {
    /// The name of the cell.
    pub cell: String,
    /// How many numbers are trained.
    pub parameters: usize,
    /// The median time of the loss and all gradients.
    pub time: Duration,
    /// The matrix products that each step of time repeats, forward and backward. The others are done for all steps at once.
    pub products_in_loops: Vec<usize>,
    /// The bytes that all values take at once.
    pub bytes: usize,
}

/// Times cells in so many rounds, after one that is not counted.
///
/// ```
/// use lab::timing::{Sizes, time};
/// use nn::cells::named;
///
/// let cells = ["rnn", "gru"].map(|name| named(name).expect("a cell of the list"));
/// let timings = time(&cells, Sizes { sequences: 2, steps: 3, inputs: 4, hidden: 5 }, 3)?;
/// println!("{}", lab::timing::table(&timings));
/// assert_eq!(timings[1].products_in_loops, [1, 1]);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If a cell cannot be run on inputs of 0.
pub fn time(cells: &[NamedCell], sizes: Sizes, rounds: usize) -> Result<Vec<Timing>, RunError> {
    let mut subjects: Vec<Subject> = cells.iter().map(|cell| Subject::new(cell, sizes)).collect();
    for round in 0..=rounds.max(1) {
        for subject in &mut subjects {
            let start = Instant::now();
            subject.run(sizes)?;
            if round > 0 {
                subject.times.push(start.elapsed());
            }
        }
    }
    subjects.into_iter().map(|subject| subject.timing(sizes)).collect()
}

/// A cell that is being timed.
struct Subject {
    name: String,
    params: Params,
    cell: AnyCell,
    engine: Engine,
    times: Vec<Duration>,
}

impl Subject {
    fn new(cell: &NamedCell, sizes: Sizes) -> Subject {
        let mut params = Params::new(DType::F32);
        let declared = cell.declare(params.scope("cell"), sizes.inputs, sizes.hidden);
        // Where no thread can be started, the one that calls does the work.
        let engine = Engine::with_threads(1).unwrap_or_else(|_| Engine::new());
        Subject { name: cell.name.clone(), params, cell: declared, engine, times: Vec::new() }
    }

    fn run(&mut self, sizes: Sizes) -> Result<(), RunError> {
        let tape = self.params.tape();
        let wanted = loss_and_gradients(&self.params, &self.cell, &tape, sizes);
        self.engine.run(&wanted)?;
        Ok(())
    }

    fn timing(mut self, sizes: Sizes) -> Result<Timing, RunError> {
        let tape = self.params.tape();
        let wanted = loss_and_gradients(&self.params, &self.cell, &tape, sizes);
        let run = self.engine.run(&wanted)?;
        self.times.sort_unstable();
        Ok(Timing {
            cell: self.name,
            parameters: self.params.weight_count(),
            time: self.times[self.times.len() / 2],
            products_in_loops: run.plan().products_in_loops(),
            bytes: run.plan().bytes(),
        })
    }
}

/// The mean square of all outputs, and its gradients.
fn loss_and_gradients<'t>(params: &Params, cell: &AnyCell, tape: &'t Tape, sizes: Sizes) -> Vars<'t> {
    let Sizes { sequences, steps, inputs, hidden } = sizes;
    // A wave, so that no unit is saturated and none rests.
    let numbers = (0..sequences * steps * inputs).map(|place| (place as f64 * 0.7).sin());
    let x = tape.input_numbers([sequences * steps, inputs], numbers);
    let inputs = Sequence::new(x, &Layout::full(sequences, steps));
    let (outputs, _) = unroll(cell, &inputs, zero_state(tape, sequences, hidden));
    let loss = outputs.rows.square().mean();
    let weights: Vec<Var<'t>> = params.weights().map(|param| param.on(tape)).collect();
    let gradients = try_grad(loss, &weights).expect("a mean is a single number");
    [loss].into_iter().chain(gradients.into_iter().flatten()).collect()
}

/// Timings as a table for a terminal; the ratios are to the first of them.
pub fn table(timings: &[Timing]) -> String {
    let header = ["cell", "parameters", "ms", "ratio", "MB", "products a step"];
    let first = timings.first().map_or(f64::NAN, |timing| timing.time.as_secs_f64());
    let row = |timing: &Timing| {
        let seconds = timing.time.as_secs_f64();
        let products: Vec<String> = timing.products_in_loops.iter().map(usize::to_string).collect();
        [
            timing.cell.clone(),
            timing.parameters.to_string(),
            format!("{:.3}", 1e3 * seconds),
            format!("{:.2}", seconds / first),
            format!("{:.2}", 1e-6 * timing.bytes as f64),
            products.join(" + "),
        ]
    };
    let line = |[cell, parameters, time, ratio, bytes, products]: [String; 6]| {
        format!("{cell:<16} {parameters:>10} {time:>10} {ratio:>7} {bytes:>9}   {products}\n")
    };
    [header.map(String::from)].into_iter().chain(timings.iter().map(row)).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::cells;

    #[test]
    fn what_is_said_beside_the_time_does_not_vary() {
        let sizes = Sizes { sequences: 3, steps: 4, inputs: 2, hidden: 5 };
        let timings = time(&cells::all(), sizes, 1).unwrap();
        let of = |name: &str| timings.iter().find(|timing| timing.cell == name).unwrap();
        assert_eq!(of("rnn").parameters, 2 * 5 + 5 * 5 + 5);
        assert_eq!(of("lstm").parameters, 4 * (2 * 5 + 5 * 5 + 5));
        assert_eq!(of("mgu").products_in_loops, [2, 2]);
        assert_eq!(of("min_gru").products_in_loops, [0, 0]);
        assert!(of("lstm").bytes > of("rnn").bytes);
    }

    #[test]
    fn a_table_has_a_line_for_each_cell_and_ratios_to_the_first() {
        let timing = |cell: &str, micros| Timing {
            cell: cell.into(),
            parameters: 12,
            time: Duration::from_micros(micros),
            products_in_loops: vec![1, 2],
            bytes: 4_500_000,
        };
        let table = table(&[timing("rnn", 1500), timing("mine", 3000)]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["rnn", "12", "1.500", "1.00", "4.50", "1", "+", "2"]);
        assert_eq!(rows[2][..4], ["mine", "12", "3.000", "2.00"]);
    }
}
