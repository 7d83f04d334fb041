//! The hidden width of a cell from a budget of parameters, so that no cell wins because it is larger.
//!
//! What is counted is the whole model that a cell is compared in, its readout included: the cells of the literature have
//! between one and four matrices of a width squared, so at the same budget a vanilla RNN is about twice as wide as an LSTM.

use nn::{NamedCell, Params};
use tape::DType;

use super::{CompareError, Size};
use crate::sequence_model::SequenceModel;
use crate::tasks::Task;

/// How far from the budget a count may be, as a share of it.
///
/// A model's count goes with the square of its width H, so the counts of neighbouring widths are 2/H apart and the
/// nearest is at most 1/H away: 5% can be kept from 20 units on. As a difference between models it is small: it changes
/// a width by 2.5%.
pub(super) const TOLERANCE: f64 = 0.05;

/// How many numbers a cell of some hidden width trains on a task, the readout included.
pub fn parameters(cell: &NamedCell, task: &dyn Task, hidden: usize) -> usize {
    let mut params = Params::new(DType::F32);
    SequenceModel::new(&mut params, task, cell, hidden);
    params.weight_count()
}

/// The hidden width of a cell on a task: the given one, or that whose count is nearest to the budget.
///
/// ```
/// use lab::compare::{Size, hidden_width, parameters};
/// use lab::tasks::Adding;
///
/// let (rnn, lstm) = (nn::cells::named("rnn").unwrap(), nn::cells::named("lstm").unwrap());
/// let widths = [&rnn, &lstm].map(|cell| hidden_width(cell, &Adding::default(), Size::Parameters(10_000)).unwrap());
/// assert_eq!(widths, [98, 48]);
/// assert_eq!(parameters(&rnn, &Adding::default(), 98), 2 * 98 + 98 * 98 + 98 + 98 + 1);
/// ```
///
/// # Errors
/// If no width comes within 5% of the budget.
pub fn hidden_width(cell: &NamedCell, task: &dyn Task, size: Size) -> Result<usize, CompareError> {
    let budget = match size {
        Size::Hidden(hidden) => return Ok(hidden),
        Size::Parameters(budget) => budget,
    };
    let counted = |hidden: usize| (hidden, parameters(cell, task, hidden));
    // Counts grow with the width, and by one a unit at least: the first that is too large is found by doubling.
    let (mut low, mut high) = ((0, 0), counted(1));
    while high.1 <= budget && high.0 <= budget {
        (low, high) = (high, counted(2 * high.0));
    }
    while high.0 - low.0 > 1 {
        let middle = counted(low.0.midpoint(high.0));
        if middle.1 <= budget {
            low = middle;
        } else {
            high = middle;
        }
    }
    let nearest: Vec<(usize, usize)> = [low, high].into_iter().filter(|(hidden, _)| *hidden > 0).collect();
    let found = nearest.iter().min_by_key(|(_, count)| count.abs_diff(budget));
    match found {
        Some((hidden, count)) if count.abs_diff(budget) as f64 <= TOLERANCE * budget as f64 => Ok(*hidden),
        _ => Err(CompareError::Budget { cell: cell.name.clone(), task: task.name(), budget, nearest }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Adding;

    fn check(cell: &str, budget: usize, expected: Result<usize, Vec<(usize, usize)>>) {
        let cell = nn::cells::named(cell).unwrap();
        let found = hidden_width(&cell, &Adding::default(), Size::Parameters(budget));
        let found = found.map_err(|error| match error {
            CompareError::Budget { nearest, .. } => nearest,
            other => panic!("{other}"),
        });
        assert_eq!(found, expected, "{} with {budget}", cell.name);
    }

    #[test]
    fn the_width_with_the_nearest_count_is_found() {
        // An RNN trains H² + 4 H + 1 numbers: two columns of inputs, a bias, a column of the readout and its bias.
        check("rnn", 2701, Ok(50));
        check("rnn", 2753, Ok(50));
        check("rnn", 2754, Ok(51));
        check("rnn", 6, Ok(1));
        check("rnn", 1_000_000, Ok(998));
    }

    #[test]
    fn a_budget_between_two_widths_is_refused_with_both() {
        check("rnn", 9, Err(vec![(1, 6), (2, 13)]));
        check("rnn", 3, Err(vec![(1, 6)]));
        check("rnn", 0, Err(vec![(1, 6)]));
    }

    #[test]
    fn every_cell_finds_a_width_for_a_usual_budget() {
        for cell in nn::cells::all() {
            let hidden = hidden_width(&cell, &Adding::default(), Size::Parameters(10_000)).unwrap();
            let count = parameters(&cell, &Adding::default(), hidden);
            assert!(count.abs_diff(10_000) <= 500, "{}: {count}", cell.name);
        }
    }
}
