//! One formula computed in two ways, and the comparison of the two.

use nn::{Params, init};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tape::{DType, Element, Engine, RunError, Tape, Tensor, Var, try_grad};

use super::{LIMIT_F32, LIMIT_F64, Row};
use crate::handwritten::{Real, Witness};

/// How often each formula is compared, on other shapes each time.
const ROUNDS: usize = 4;

/// What comparisons share.
pub(super) struct Bench<'w> {
    pub random: ChaCha8Rng,
    pub double: &'w dyn Witness<f64>,
    pub single: &'w dyn Witness<f32>,
    pub rows: Vec<Row>,
}

/// A number of both worlds: the tape's and the formulas'.
pub(super) trait Number: Real + Element {
    const NAME: &'static str;
    const LIMIT: f64;
    fn of(number: f64) -> Self;
    fn witness<'b>(bench: &'b Bench<'_>) -> &'b dyn Witness<Self>;
}

impl Number for f64 {
    const NAME: &'static str = "f64";
    const LIMIT: f64 = LIMIT_F64;
    fn of(number: f64) -> f64 {
        number
    }
    fn witness<'b>(bench: &'b Bench<'_>) -> &'b dyn Witness<f64> {
        bench.double
    }
}

impl Number for f32 {
    const NAME: &'static str = "f32";
    const LIMIT: f64 = LIMIT_F32;
    fn of(number: f64) -> f32 {
        number as f32
    }
    fn witness<'b>(bench: &'b Bench<'_>) -> &'b dyn Witness<f32> {
        bench.single
    }
}

/// A formula on arrays of certain sizes.
pub(super) trait Formula {
    /// The layer of `nn`.
    type Layer;

    /// The name, as in the assignment.
    fn name(&self) -> &'static str;

    /// The sizes in a few characters.
    fn sizes(&self) -> String;

    /// The arrays that have gradients: the layer's parameters by their names, and its inputs.
    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)>;

    /// Declares the layer.
    fn declare(&self, params: &mut Params) -> Self::Layer;

    /// Records the results from the layer and the inputs, which are found by their names.
    fn record<'t>(
        &self,
        layer: &Self::Layer,
        tape: &'t Tape,
        input: &dyn Fn(&str) -> Var<'t>,
    ) -> Vec<Var<'t>>;

    /// The same results by hand, and the gradient of each array for these upstream gradients.
    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        upstream: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>);
}

/// The layer and the arrays of a formula in one store.
pub(super) struct Stage<L> {
    pub params: Params,
    layer: L,
}

impl<L> Stage<L> {
    pub fn new<Fm: Formula<Layer = L>>(formula: &Fm, dtype: DType, values: &[Vec<f64>]) -> Self {
        let mut params = Params::new(dtype);
        let layer = formula.declare(&mut params);
        for ((name, shape), values) in formula.arrays().into_iter().zip(values) {
            if params.find(name).is_err() {
                params.scope("").weight(name, shape.as_slice(), init::zeros());
            }
            let value = Tensor::from_f64(dtype, shape.as_slice(), values);
            params.set(name, value).expect("layers declare the shapes that their formulas have");
        }
        Stage { params, layer }
    }

    pub fn record<'t, Fm: Formula<Layer = L>>(&self, formula: &Fm, tape: &'t Tape) -> Vec<Var<'t>> {
        formula.record(&self.layer, tape, &|name| self.var(tape, name))
    }

    pub fn var<'t>(&self, tape: &'t Tape, name: &str) -> Var<'t> {
        self.params.find(name).expect("formulas ask for arrays that they have listed").on(tape)
    }
}

impl Bench<'_> {
    /// A size from 1 to `most`.
    pub fn size(&mut self, most: usize) -> usize {
        self.random.random_range(1..=most)
    }

    /// Numbers from -1 to 1.
    pub fn numbers(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.random.random_range(-1.0..1.0)).collect()
    }

    /// Whole numbers below `end`.
    pub fn words(&mut self, len: usize, end: usize) -> Vec<i32> {
        (0..len).map(|_| self.random.random_range(0..end as i32)).collect()
    }

    /// Compares a formula with itself by hand and with differences, on several shapes.
    pub fn compare<Fm: Formula>(&mut self, draw: impl Fn(&mut Self) -> Fm) -> Result<(), RunError> {
        let mut rows: Vec<Row> = Vec::new();
        for _ in 0..ROUNDS {
            let formula = draw(self);
            let sizes: Vec<usize> =
                formula.arrays().iter().map(|(_, shape)| shape.iter().product()).collect();
            let values: Vec<Vec<f64>> = sizes.into_iter().map(|len| self.numbers(len)).collect();
            let new = [self.both::<Fm, f64>(&formula, &values)?, self.both::<Fm, f32>(&formula, &values)?];
            let differences = differences(&formula, &values)?;
            let new: Vec<Row> = new.into_iter().flatten().chain([differences]).collect();
            if rows.is_empty() {
                rows = new;
            } else {
                // Of all rounds the worst is shown; an error that is not a number is worse than any.
                for (row, new) in rows.iter_mut().zip(new) {
                    if new.error > row.error || new.error.is_nan() {
                        *row = new;
                    }
                }
            }
        }
        self.rows.append(&mut rows);
        Ok(())
    }

    /// Values and gradients of both ways in one type.
    fn both<Fm: Formula, F: Number>(
        &mut self,
        formula: &Fm,
        values: &[Vec<f64>],
    ) -> Result<[Row; 2], RunError> {
        let stage = Stage::new(formula, F::DTYPE, values);
        let tape = stage.params.tape();
        let outputs = stage.record(formula, &tape);
        // A loss is differentiated as it is; other results with a random gradient from above.
        let upstream: Vec<Vec<f64>> = outputs
            .iter()
            .map(
                |output| {
                    if output.shape().rank() == 0 { vec![1.0] } else { self.numbers(output.shape().len()) }
                },
            )
            .collect();
        let weighted = outputs.iter().zip(&upstream).map(|(output, upstream)| {
            (*output * tape.input(Tensor::from_f64(F::DTYPE, output.shape(), upstream))).sum()
        });
        let number = weighted.reduce(|sum, term| sum + term).expect("a formula has a result");
        let arrays: Vec<Var<'_>> = formula.arrays().iter().map(|(name, _)| stage.var(&tape, name)).collect();
        let gradients = try_grad(number, &arrays).expect("a sum is a single number");
        let gradients =
            gradients.into_iter().zip(&arrays).map(|(found, array)| found.unwrap_or(array.zeros_like()));
        let wanted: Vec<Var<'_>> = outputs.iter().copied().chain(gradients).collect();
        let mut engine = Engine::new();
        let run = engine.run(&wanted)?;

        let cast = |arrays: &[Vec<f64>]| -> Vec<Vec<F>> {
            arrays.iter().map(|array| array.iter().map(|x| <F as Number>::of(*x)).collect()).collect()
        };
        let (results, expected) = formula.by_hand(F::witness(self), &cast(values), &cast(&upstream));
        let names: Vec<&str> = formula.arrays().iter().map(|(name, _)| *name).collect();
        let value_error = results
            .iter()
            .enumerate()
            .map(|(index, expected)| error(&run.tensor(index).to_f64(), expected))
            .fold(0.0, worse);
        let (name, gradient_error) = expected
            .iter()
            .enumerate()
            .map(|(index, expected)| {
                (names[index], error(&run.tensor(outputs.len() + index).to_f64(), expected))
            })
            .fold((names[0], 0.0_f64), |a, b| if a.1.is_nan() || a.1 >= b.1 { a } else { b });
        let row = |what: &str, place: String, error| Row {
            what: format!("{} {what}, {}", formula.name(), F::NAME),
            place,
            error,
            limit: F::LIMIT,
        };
        Ok([
            row("forward", formula.sizes(), value_error),
            row("backward", format!("{} d{name}", formula.sizes()), gradient_error),
        ])
    }
}

/// The results of a formula on the tape, in `f64`.
pub(super) fn forward<Fm: Formula>(formula: &Fm, values: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, RunError> {
    let stage = Stage::new(formula, DType::F64, values);
    let tape = stage.params.tape();
    let outputs = stage.record(formula, &tape);
    let mut engine = Engine::new();
    let run = engine.run(&outputs)?;
    Ok((0..outputs.len()).map(|index| run.tensor(index).to_f64()).collect())
}

/// Every gradient of a formula against central differences in `f64`.
fn differences<Fm: Formula>(formula: &Fm, values: &[Vec<f64>]) -> Result<Row, RunError> {
    let stage = Stage::new(formula, DType::F64, values);
    let checked = nn::check::gradients(&stage.params, |tape| {
        let outputs = stage.record(formula, tape);
        let weights = (1..).map(f64::from);
        let sums = outputs.into_iter().zip(weights).map(|(output, weight)| weight * output.sum());
        sums.reduce(|sum, term| sum + term).expect("a formula has a result")
    });
    let error = match checked {
        Ok(error) => error,
        Err(nn::check::CheckError::Apart { error, .. }) => error,
        Err(nn::check::CheckError::Run(error)) => return Err(error),
    };
    let what = format!("{} against differences, f64", formula.name());
    Ok(Row { what, place: formula.sizes(), error, limit: tape::check::LIMIT })
}

/// The largest distance between two entries, relative to the largest expected entry.
fn error<F: Number>(found: &[f64], expected: &[F]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let expected: Vec<f64> = expected.iter().map(|x| x.to_f64().unwrap_or(f64::NAN)).collect();
    let largest = expected.iter().fold(1e-6, |largest: f64, x| largest.max(x.abs()));
    found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / largest).fold(0.0, worse)
}

/// The larger error; one that is not a number is worse than any.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}
