//! The list of all properties, each with its limit and with what it usually means if it fails.

use tape::RunError;

use super::report::{CellProperty, Limit, Outcome};
use super::trial::Trial;
use super::{LIMIT_EQUAL, LIMIT_F32, equalities, gradients, running};
use crate::check;

/// What measuring a property gives.
pub(super) enum Measured {
    /// The figure, and where it was found.
    Figure(f64, String),
    /// Why there is none.
    NotApplicable(String),
}

/// A figure with where it was found.
pub(super) fn figure(figure: f64, place: impl Into<String>) -> Measured {
    Measured::Figure(figure, place.into())
}

type Measure = fn(&Trial<'_>) -> Result<Measured, RunError>;

/// A property of recurrences.
pub(super) struct Property {
    name: &'static str,
    limit: Limit,
    measure: Measure,
    advice: &'static str,
    /// Whether it is one of evaluation where a cell is random in training.
    without_noise: bool,
}

impl Property {
    const fn new(name: &'static str, limit: Limit, measure: Measure, advice: &'static str) -> Property {
        Property { name, limit, measure, advice, without_noise: false }
    }

    /// Two ways to the same numbers.
    const fn equal(name: &'static str, measure: Measure, advice: &'static str) -> Property {
        Property::new(name, Limit::AtMost(LIMIT_EQUAL), measure, advice)
    }

    const fn without_noise(self) -> Property {
        Property { without_noise: true, ..self }
    }

    /// Whether a cell has the property.
    pub fn of(&self, trial: &Trial<'_>) -> CellProperty {
        let (figure, outcome) = match (self.measure)(trial) {
            Ok(Measured::Figure(figure, place)) => {
                let holds = match self.limit {
                    Limit::AtMost(limit) => figure <= limit,
                    Limit::NotZero => figure > 0.0 && figure.is_finite(),
                };
                (Some(figure), if holds { Outcome::Holds } else { Outcome::Fails(place) })
            }
            Ok(Measured::NotApplicable(reason)) => (None, Outcome::NotApplicable(reason)),
            Err(error) => (None, Outcome::Fails(format!("the program does not run: {error}"))),
        };
        let without_noise = self.without_noise && trial.random;
        CellProperty {
            name: self.name,
            figure,
            limit: self.limit,
            outcome,
            without_noise,
            advice: self.advice,
        }
    }
}

const GRADIENT: Limit = Limit::AtMost(check::LIMIT);
const NONE: Limit = Limit::AtMost(0.0);

/// All properties, in the order in which they are best read.
pub(super) const BATTERY: &[Property] = &[
    Property::new(
        "gradient along random directions",
        GRADIENT,
        gradients::along_directions,
        "A gradient is wrong: look at the gradient rule of an operation of your own, and for `detach`. If there is \
         neither, the function has a corner or bends too fast at this point",
    ),
    Property::new(
        "gradient entry by entry",
        GRADIENT,
        gradients::entry_by_entry,
        "The gradient of this entry is wrong: look at the operations between it and the output, above all at the \
         gradient rule of one of your own, and for `detach`",
    ),
    Property::new(
        "second order",
        GRADIENT,
        gradients::second_order,
        "The gradient is right but its own gradient is not: look at the gradient rules of the operations that \
         your gradient rule records",
    ),
    Property::new(
        "the first input matters",
        Limit::NotZero,
        gradients::first_input_matters,
        "The step hands nothing of its inputs on to the next step: return the new state, not the old one, and let \
         it depend on the input",
    ),
    Property::new(
        "the first state matters",
        Limit::NotZero,
        gradients::first_state_matters,
        "The step does not look at the state that it is given, or `start` not at the hidden state: use them in the \
         equations of the next state, and hand h0 on in the first part of the state",
    ),
    Property::equal(
        "a sequence equals its steps",
        equalities::steps,
        "A step does something else inside a scan than outside: it must be a function of state and input, \
         without a memory in Rust beside them, and `with_rows` of an operation of your own must not change what it \
         computes",
    )
    .without_noise(),
    Property::equal(
        "lifted equals unlifted",
        running::lifted,
        "A pass has moved or fused an operation that cannot be: look at `kind`, `row_wise`, `sums_rows` and \
         `linear` of an operation of your own, which promise more than it keeps. If you have none, this is a fault \
         of the engine that you should report",
    ),
    Property::equal(
        "ragged equals one by one",
        equalities::one_by_one,
        "A sequence changes when others stand beside it: rows are mixed somewhere, as by a sum, mean or \
         normalisation along axis 0. Work along the last axis",
    )
    .without_noise(),
    Property::equal(
        "rows in any order",
        equalities::any_order,
        "A row is treated by its number: `start` or the step gives rows numbers that differ from one to another",
    )
    .without_noise(),
    Property::equal(
        "reversed equals inputs reversed",
        equalities::reversed,
        "The step knows which way it goes: it takes something by the number of the step from around the scan. Make \
         it part of the inputs",
    )
    .without_noise(),
    Property::equal(
        "a start equals a given state",
        equalities::given_state,
        "`start` gives rows numbers by their place: make each row of the state from the same row of the hidden \
         state",
    ),
    Property::equal(
        "a zero state equals an absent one",
        equalities::zero_is_absent,
        "`start` makes zeros of zeros, but not for their gradients: let it hand the hidden state on as it is",
    ),
    Property::equal(
        "recomputed equals plain",
        equalities::recomputed,
        "The loop gives other numbers when it is run again: look for an operation of your own that does not give \
         the same result for the same operands",
    ),
    Property::equal(
        "truncated nowhere equals full",
        equalities::truncated_nowhere,
        "A gradient that is truncated at the whole length differs from the full one: the step is another each \
         time that it is recorded",
    ),
    Property::new(
        "truncation cuts",
        NONE,
        gradients::truncation_cuts,
        "A gradient finds a way from step to step beside the state: the step must not keep values of former \
         steps",
    ),
    Property::new(
        "every parameter receives a gradient",
        NONE,
        gradients::every_parameter,
        "A weight is declared but does not reach the outputs or the last state: use it in the step, or do not \
         declare it. If it is not to be trained, declare it as frozen",
    ),
    Property::new(
        "f32 agrees with f64",
        Limit::AtMost(LIMIT_F32),
        running::single_precision,
        "Single precision loses digits: look for differences of large numbers, and for the logarithm or exponential \
         of a number that can be large",
    ),
    Property::new(
        "same bits from two threads",
        NONE,
        running::threads,
        "Threads share rows out that are not independent, or an operation of your own depends on when it runs",
    ),
    Property::new(
        "same bits from a second run",
        NONE,
        running::again,
        "The step is another each time: it depends on something beside state, input and parameters, such as a \
         clock, a counter or a generator of its own. Draw noise from `Tape::noise`",
    ),
];
