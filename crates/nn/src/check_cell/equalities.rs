//! What must be the same in whichever way the cell goes through time: values and gradients.
//!
//! Each of the two ways is recorded on a tape of its own, so that both draw the same noise.

use tape::{RunError, Segments, Var, Vars, concat, interpret, try_grad};

use super::properties::{Measured, figure};
use super::trial::{Shown, Trial, numbers_of};
use crate::cell::{Cell, each_part, unroll, unroll_from, unroll_in_segments, unroll_reverse, zero_state};
use crate::layout::{Layout, indices};
use crate::sequence::Sequence;

fn compare(trial: &Trial<'_>, found: &Shown<'_>, expected: &Shown<'_>) -> Result<Measured, RunError> {
    let (distance, name) = trial.seen(found)?.apart(&trial.seen(expected)?);
    Ok(figure(distance, format!("in {name}")))
}

/// A loop in Rust that calls `step` gives what a scan gives.
pub(super) fn steps(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let (here, there) = (trial.quiet(), trial.quiet());
    let sequences = trial.layout.sequences();
    let layout = Layout::full(sequences, trial.layout.steps());
    let inputs = Sequence::pack(trial.x.on(&here), &layout);
    let unrolled = Shown::of(unroll(&trial.cell, &inputs, trial.h0.on(&here)));

    let rows = Sequence::pack(trial.x.on(&there), &layout).rows;
    let mut state = trial.cell.start(trial.h0.on(&there));
    let mut outputs = Vars::new();
    for t in 0..layout.steps() {
        let (next, output) = trial.cell.step(state, rows.slice(0, t * sequences..(t + 1) * sequences));
        outputs.push(output);
        state = next;
    }
    let stepped = Shown::of((Sequence::new(concat(&outputs, 0), &layout), state));
    compare(trial, &unrolled, &stepped)
}

/// A batch of different lengths gives what each sequence gives alone.
pub(super) fn one_by_one(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let (here, there) = (trial.quiet(), trial.quiet());
    let sequences = 0..trial.layout.sequences();
    let alone: Vec<Shown<'_>> = sequences.map(|row| trial.unrolled_rows(&there, &[row])).collect();
    compare(trial, &trial.unrolled(&here), &Shown::joined(&alone))
}

/// A batch in another order gives the same for each sequence.
pub(super) fn any_order(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let (here, there) = (trial.quiet(), trial.quiet());
    // The other way round, which is also the way back.
    let rows: Vec<usize> = (0..trial.layout.sequences()).rev().collect();
    let back = indices(&there, rows.len(), rows.iter().copied());
    let reordered = trial.unrolled_rows(&there, &rows).map(|value| value.gather(back));
    compare(trial, &trial.unrolled(&here), &reordered)
}

/// From the last step to the first gives what the inputs in the other order give.
pub(super) fn reversed(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let (here, there) = (trial.quiet(), trial.quiet());
    let backward = Shown::of(unroll_reverse(&trial.cell, &trial.inputs(&here), trial.h0.on(&here)));

    // For each packed row that of the same sequence as many steps from the other end; this too is its own way back.
    let (layout, steps) = (&trial.layout, trial.layout.steps());
    let places: Vec<usize> = layout.places().collect();
    let turned = places.iter().map(|place| {
        let (sequence, step) = (place / steps, place % steps);
        let opposite = sequence * steps + layout.lengths()[sequence] - 1 - step;
        places.iter().position(|place| *place == opposite).expect("a step of a sequence has a row")
    });
    let turned = indices(&there, places.len(), turned);
    let turn = |rows| Var::gather(rows, turned);
    let (outputs, last) = unroll(&trial.cell, &trial.inputs(&there).map(turn), trial.h0.on(&there));
    compare(trial, &backward, &Shown::of((outputs.map(turn), last)))
}

/// A state that is given whole gives what the hidden state that it starts from gives.
pub(super) fn given_state(trial: &Trial<'_>) -> Result<Measured, RunError> {
    let (here, there) = (trial.noisy(), trial.noisy());
    let state = trial.cell.start(trial.h0.on(&there));
    let given = Shown::of(unroll_from(&trial.cell, &trial.inputs(&there), state));
    compare(trial, &trial.unrolled(&here), &given)
}

/// A hidden state of zeros gives what a state gives all of whose parts are zeros, as when none is given.
pub(super) fn zero_is_absent(trial: &Trial<'_>) -> Result<Measured, RunError> {
    if let Some(reason) = start_of_its_own(trial)? {
        return Ok(Measured::NotApplicable(reason));
    }
    let (here, there) = (trial.noisy(), trial.noisy());
    let [zeros, other_zeros] =
        [&here, &there].map(|tape| zero_state(tape, trial.layout.sequences(), trial.hidden()));
    let from_hidden = Shown::of(unroll(&trial.cell, &trial.inputs(&here), zeros));
    let state = each_part(&trial.cell.start(other_zeros), Var::zeros_like);
    compare(trial, &from_hidden, &Shown::of(unroll_from(&trial.cell, &trial.inputs(&there), state)))
}

/// Which part of the state begins with other numbers than zeros where the hidden state is zero, in words.
pub(super) fn start_of_its_own(trial: &Trial<'_>) -> Result<Option<String>, RunError> {
    let tape = trial.noisy();
    let zeros = zero_state(&tape, trial.layout.sequences(), trial.hidden());
    let parts = numbers_of(&trial.cell.start(zeros));
    let own = trial.own_weights();
    let weights: Vars<'_> = own.iter().map(|param| param.on(&tape)).collect();
    for (number, (part, value)) in parts.iter().zip(interpret(&parts)?).enumerate() {
        if value.to_f64().iter().all(|x| *x == 0.0) {
            continue;
        }
        let gradients = try_grad(part.sum(), &weights).expect("a sum is a single number");
        let learned = own.iter().zip(gradients).find(|(_, gradient)| gradient.is_some());
        let from = match learned {
            Some((param, _)) => format!("from {}, which is learned", trial.name_of(*param)),
            None => "with numbers of its own".into(),
        };
        return Ok(Some(format!("`start` begins part {} of the state {from}", number + 1)));
    }
    Ok(None)
}

/// Loops that are run again for the gradient give what loops give that keep what it needs.
pub(super) fn recomputed(trial: &Trial<'_>) -> Result<Measured, RunError> {
    in_segments(trial, Segments { length: 2, recompute: true, truncate: false })
}

/// A gradient that is truncated nowhere is the full one.
pub(super) fn truncated_nowhere(trial: &Trial<'_>) -> Result<Measured, RunError> {
    in_segments(trial, Segments::truncated(trial.layout.steps()))
}

fn in_segments(trial: &Trial<'_>, segments: Segments) -> Result<Measured, RunError> {
    let (here, there) = (trial.noisy(), trial.noisy());
    let cut = unroll_in_segments(&trial.cell, &trial.inputs(&there), trial.h0.on(&there), segments);
    compare(trial, &Shown::of(cut), &trial.unrolled(&here))
}
