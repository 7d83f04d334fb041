//! The battery for cells: green for every cell there is, and red for cells that are wrong.

use std::sync::atomic::{AtomicU32, Ordering};

use nn::check_cell::Outcome;
use nn::{
    AnyCell, Cell, CellReport, GruResetAfter, Lru, Lstm, Param, Residual, Scope, Stack, StepDropout,
    VanillaRnn, VariationalDropout, cells, check_cell, check_cell_sized, init,
};
use smallvec::smallvec;
use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::{Custom, DType, Shape, ShapeError, Tensor, Var};

/// Holds a report to the names of the properties that fail, in their order.
#[track_caller]
fn check(report: &CellReport, expected: &[&str]) {
    let failed: Vec<&str> = report.failed().map(|property| property.name).collect();
    assert_eq!(failed, expected, "\n{report}");
}

/// The reason why a property is not applicable, if it is not.
fn reason<'r>(report: &'r CellReport, name: &str) -> Option<&'r str> {
    let property = report.properties.iter().find(|property| property.name == name).expect("a property");
    if let Outcome::NotApplicable(reason) = &property.outcome { Some(reason) } else { None }
}

#[test]
fn every_cell_of_the_list_is_right() {
    for cell in cells::all() {
        let report = check_cell(|scope, inputs, hidden| cell.declare(scope, inputs, hidden));
        println!("{}\n{report}", cell.name);
        check(&report, &[]);
        assert!(
            report.properties.iter().all(|property| property.figure.is_some() && !property.without_noise)
        );
    }
}

#[test]
fn cells_made_of_cells_are_right() {
    let deep = |scope: Scope<'_>, inputs, hidden| Stack::new(scope, 2, inputs, hidden, Lstm::new);
    check(&check_cell(deep), &[]);
    let residual =
        |scope: Scope<'_>, inputs, hidden| Residual::new(GruResetAfter::new(scope, inputs, hidden));
    check(&check_cell_sized(residual, 4, 4), &[]);
    let mixed = |mut scope: Scope<'_>, inputs, hidden| {
        Stack::of(vec![
            AnyCell::new(Lru::new(scope.scope("lru"), inputs, hidden)),
            AnyCell::new(Residual::new(VanillaRnn::new(scope.scope("rnn"), hidden, hidden))),
        ])
    };
    check(&check_cell(mixed), &[]);
}

#[test]
fn cells_that_are_random_in_training_are_right() {
    let of_evaluation = |report: &CellReport| {
        check(report, &[]);
        let quiet = report.properties.iter().filter(|property| property.without_noise);
        let quiet: Vec<&str> = quiet.map(|property| property.name).collect();
        let expected = [
            "a sequence equals its steps",
            "ragged equals one by one",
            "rows in any order",
            "reversed equals inputs reversed",
        ];
        assert_eq!(quiet, expected);
        assert!(report.to_string().contains("ok, without noise"));
    };
    of_evaluation(&check_cell(|scope, inputs, hidden| {
        StepDropout::new(Lstm::new(scope, inputs, hidden), 0.3, 0.3)
    }));
    of_evaluation(&check_cell(|scope, inputs, hidden| {
        VariationalDropout::new(VanillaRnn::new(scope, inputs, hidden), 0.2, 0.4)
    }));
    of_evaluation(&check_cell(|scope, inputs, hidden| {
        AnyCell::new(StepDropout::new(GruResetAfter::new(scope, inputs, hidden), 0.5, 0.0))
    }));
}

/// A vanilla cell, `h' = tanh(x W + h U + b)`, whose step is another.
struct Changed<F> {
    params: [Param; 3],
    step: F,
}

impl<F> Changed<F> {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize, step: F) -> Changed<F> {
        let params = [
            scope.weight("w", [inputs, hidden], init::fan_in()),
            scope.weight("u", [hidden, hidden], init::fan_in()),
            scope.weight("b", [hidden], init::zeros()),
        ];
        Changed { params, step }
    }
}

impl<F: for<'t> Fn([Param; 3], Var<'t>, Var<'t>) -> (Var<'t>, Var<'t>)> Cell for Changed<F> {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        (self.step)(self.params, h, x)
    }
}

fn report(step: impl for<'t> Fn([Param; 3], Var<'t>, Var<'t>) -> (Var<'t>, Var<'t>)) -> CellReport {
    check_cell(|scope, inputs, hidden| Changed::new(scope, inputs, hidden, &step))
}

/// A cell whose new state, before the rest, is changed by an operation.
fn report_of(custom: impl Rule + Send + Sync + 'static) -> CellReport {
    let custom = Custom::new(custom);
    report(|[w, u, b], h, x| {
        let h = (x.dot(w) + h.dot(u) + b).apply_custom(&custom, &[]).tanh();
        (h, h)
    })
}

#[test]
fn the_cell_that_the_wrong_ones_are_made_of_is_right() {
    let right = report(|[w, u, b], h, x| {
        let h = (x.dot(w) + h.dot(u) + b).tanh();
        (h, h)
    });
    check(&right, &[]);
    assert!(right.ok().is_ok());
}

#[test]
fn a_step_that_does_not_look_at_its_state_is_found() {
    let forgets = report(|[w, u, b], _, x| {
        let h = (x.dot(w) + b).tanh().dot(u);
        (h, h)
    });
    check(&forgets, &["the first input matters", "the first state matters"]);
    let error = forgets.ok().expect_err("it is wrong").to_string();
    let start = "the first input matters: 0 (limit > 0), no last output depends on the first input of its \
                 sequence. The step hands nothing of its inputs on";
    assert!(error.starts_with(start), "{error}");
}

#[test]
fn a_state_that_is_reset_is_found() {
    let resets = report(|[w, u, b], h, x| {
        let y = (x.dot(w) + h.dot(u) + b).tanh();
        (y * 0.0, y)
    });
    check(&resets, &["the first input matters", "the first state matters"]);
}

#[test]
fn an_old_state_that_is_returned_is_found() {
    let stays = report(|[w, u, b], h, x| (h, (x.dot(w) + h.dot(u) + b).tanh()));
    check(&stays, &["the first input matters"]);
}

#[test]
fn a_weight_that_is_not_used_is_named() {
    let severed = report(|[w, u, _], h, x| {
        let h = (x.dot(w) + h.dot(u)).tanh();
        (h, h)
    });
    check(&severed, &["every parameter receives a gradient"]);
    let error = severed.ok().expect_err("it is wrong").to_string();
    assert!(error.contains("no gradient reaches `cell/b`"), "{error}");
}

#[test]
fn a_path_that_is_cut_is_found() {
    let cut = report(|[w, u, b], h, x| {
        let h = (x.dot(w) + h.detach().dot(u) + b).tanh();
        (h, h)
    });
    let expected = [
        "gradient along random directions",
        "gradient entry by entry",
        "second order",
        "the first input matters",
        "the first state matters",
    ];
    check(&cut, &expected);
}

#[test]
fn rows_that_are_mixed_are_found() {
    let mixes = report(|[w, u, b], h, x| {
        let h = (x.dot(w) + h.dot(u) + b).tanh();
        let h = h - 0.1 * h.sum_along(&[0]);
        (h, h)
    });
    check(&mixes, &["ragged equals one by one", "reversed equals inputs reversed"]);
}

/// `y = sin x` with gradients that a test may spoil.
#[derive(Clone, Copy)]
struct Wave {
    quarter: u32,
    /// The quarter whose gradient is wrong by a factor.
    wrong: u32,
}

impl Rule for Wave {
    fn name(&self) -> &'static str {
        "wave"
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn attributes(&self) -> String {
        format!("quarter={} wrong={}", self.quarter, self.wrong)
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let turn = f64::from(self.quarter) * std::f64::consts::FRAC_PI_2;
        match io.dtype() {
            DType::F32 => {
                let from = io.get::<f32>(0);
                io.out::<f32>().iter_mut().zip(from).for_each(|(y, x)| *y = (x + turn as f32).sin());
            }
            _ => {
                let from = io.get::<f64>(0);
                io.out::<f64>().iter_mut().zip(from).for_each(|(y, x)| *y = (x + turn).sin());
            }
        }
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let next = Custom::new(Wave { quarter: self.quarter + 1, ..*self });
        let slope = at.input(0).apply_custom(&next, &[]);
        let factor = if self.quarter == self.wrong { 1.001 } else { 1.0 };
        smallvec![Some(at.upstream() * slope * factor)]
    }
}

#[test]
fn a_wrong_gradient_of_an_operation_is_found() {
    check(&report_of(Wave { quarter: 0, wrong: 9 }), &[]);
    let wrong = report_of(Wave { quarter: 0, wrong: 0 });
    check(&wrong, &["gradient along random directions", "gradient entry by entry", "second order"]);
}

#[test]
fn a_wrong_gradient_of_a_gradient_is_found() {
    check(&report_of(Wave { quarter: 0, wrong: 1 }), &["second order"]);
}

/// Takes the mean of all rows off each row, and promises that rows are apart.
struct Centre;

impl Rule for Centre {
    fn name(&self) -> &'static str {
        "centre"
    }

    fn kind(&self) -> Kind {
        Kind::RowFunction
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn centre<T: tape::Real>(width: usize, from: &[T], to: &mut [T]) {
            let rows = T::from_f64((from.len() / width) as f64);
            for (index, to) in to.iter_mut().enumerate() {
                let column = from.iter().skip(index % width).step_by(width).copied();
                *to = from[index] - column.sum::<T>() / rows;
            }
        }
        let width = io.shape.last().at(0);
        match io.dtype() {
            DType::F32 => centre::<f32>(width, io.get(0), io.out()),
            _ => centre::<f64>(width, io.get(0), io.out()),
        }
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(at.upstream().apply_custom(&Custom::new(Centre), &[]))]
    }
}

#[test]
fn a_promise_to_the_passes_that_is_not_kept_is_found() {
    let centre = Custom::new(Centre);
    let broken = report(|[w, u, b], h, x| {
        let h = (x.dot(w).apply_custom(&centre, &[]) + h.dot(u) + b).tanh();
        (h, h)
    });
    let failed: Vec<&str> = broken.failed().map(|property| property.name).collect();
    for expected in ["lifted equals unlifted", "ragged equals one by one"] {
        assert!(failed.contains(&expected), "{broken}");
    }
}

#[test]
fn a_step_that_is_another_inside_of_scans_is_found() {
    let knows = report(|[w, u, b], h, x| {
        let gain = if x.tape().packing().is_some() { 0.9 } else { 1.0 };
        let h = (x.dot(w) + gain * h.dot(u) + b).tanh();
        (h, h)
    });
    check(&knows, &["a sequence equals its steps"]);
}

#[test]
fn a_step_that_knows_its_number_is_found() {
    let counts = report(|[w, u, b], h, x| {
        let number = x.tape().packing().map(|packing| {
            let rows: Vec<f64> = packing.places().map(|(_, step)| step as f64).collect();
            x.tape().input_numbers([rows.len(), 1], rows).at_step()
        });
        let h = (x.dot(w) + h.dot(u) + b).tanh();
        let h = if let Some(number) = number { h * number.cos() } else { h };
        (h, h)
    });
    let expected = ["a sequence equals its steps", "reversed equals inputs reversed"];
    check(&counts, &expected);
}

#[test]
fn digits_that_single_precision_loses_are_found() {
    let loses = report(|[w, u, b], h, x| {
        let h = ((x.dot(w) + h.dot(u) + b + 1e4) - 1e4).tanh();
        (h, h)
    });
    check(&loses, &["f32 agrees with f64"]);
}

#[test]
fn a_step_that_is_another_each_time_is_found() {
    let times = AtomicU32::new(0);
    let ages = report(|[w, u, b], h, x| {
        let age = f64::from(times.fetch_add(1, Ordering::Relaxed));
        let h = (x.dot(w) + h.dot(u) + b + age * 1e-3).tanh();
        (h, h)
    });
    let failed: Vec<&str> = ages.failed().map(|property| property.name).collect();
    let expected = [
        "recomputed equals plain",
        "truncated nowhere equals full",
        "same bits from two threads",
        "same bits from a second run",
    ];
    assert!(expected.iter().all(|name| failed.contains(name)), "{ages}");
}

/// An integrator, `s' = s + tanh(x W + b)`, with a start of its own.
struct Starts<F> {
    w: Param,
    b: Param,
    start: F,
}

impl<F: for<'t> Fn(Param, Var<'t>) -> Var<'t>> Cell for Starts<F> {
    type State<'t> = Var<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> Var<'t> {
        (self.start)(self.b, h0)
    }

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = h + (x.dot(self.w) + self.b).tanh();
        (h, h)
    }
}

fn report_start(start: impl for<'t> Fn(Param, Var<'t>) -> Var<'t>) -> CellReport {
    check_cell(|mut scope, inputs, hidden| Starts {
        w: scope.weight("w", [inputs, hidden], init::fan_in()),
        b: scope.weight("b", [hidden], init::zeros()),
        start: &start,
    })
}

const ZERO: &str = "a zero state equals an absent one";

#[test]
fn a_start_of_its_own_is_not_held_to_zeros() {
    let learned = report_start(|b, h0| h0 + b);
    check(&learned, &[]);
    let why = "`start` begins part 1 of the state from `cell/b`, which is learned";
    assert_eq!(reason(&learned, ZERO), Some(why));
    // Where the start is learned it need not look at h0.
    check(&report_start(|b, h0| h0.zeros_like() + b), &[]);
    let constant = report_start(|_, h0| h0 + 1.0);
    check(&constant, &[]);
    assert_eq!(reason(&constant, ZERO), Some("`start` begins part 1 of the state with numbers of its own"));
    assert!(constant.to_string().contains("not applicable: `start` begins part 1"), "{constant}");
}

#[test]
fn a_start_that_drops_the_hidden_state_is_found() {
    check(&report_start(|_, h0| h0.zeros_like()), &["the first state matters"]);
}

#[test]
fn a_start_that_is_zero_without_being_so_for_gradients_is_found() {
    check(
        &report_start(|b, h0| h0 + (b.on(h0.tape()) - b.on(h0.tape()).detach())),
        &["gradient along random directions", "gradient entry by entry", "second order", ZERO],
    );
}

#[test]
fn a_start_that_numbers_rows_is_found() {
    let numbers = report_start(|_, h0| {
        let rows = h0.dim(0).known().expect("a start outside of scans");
        h0 + h0.tape().input_numbers([rows, 1], (0..rows).map(|row| row as f64))
    });
    let expected = ["ragged equals one by one", "rows in any order", "a start equals a given state"];
    check(&numbers, &expected);
}

#[test]
fn a_rectifier_may_be_at_its_corner() {
    // Sixteen rectifiers in a row, so that differences often reach over a corner.
    let corners = report(|[w, u, b], h, x| {
        let mut h = x.dot(w) + h.dot(u) + b;
        for k in 0..16 {
            h = (h - f64::from(k) * 0.01).relu() + 0.01 * h;
        }
        (h, h)
    });
    check(&corners, &[]);
}

#[test]
fn a_program_that_does_not_run_is_reported() {
    let refused = report(|[w, u, b], h, x| {
        let row = u.on(x.tape()).gather(x.tape().input(Tensor::new([1], vec![99])));
        let h = (x.dot(w) + h.dot(u) + b + row).tanh();
        (h, h)
    });
    let error = refused.ok().expect_err("no such row").to_string();
    assert!(
        error.starts_with("gradient along random directions: the program does not run: gather"),
        "{error}"
    );
}

#[test]
#[should_panic(expected = "dot of [n, 4] and [3, 4]: the inner extents 4 and 3 differ")]
fn a_mistake_of_shapes_panics_where_it_is() {
    report(|[w, u, _], h, x| {
        let h = (h.dot(w) + x.dot(u)).tanh();
        (h, h)
    });
}
