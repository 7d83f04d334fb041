//! What the tests share: random sizes and arrays, stores filled by hand, and comparison.

use nn::{Param, Params};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape::{DType, Engine, Shape, Tape, Tensor, Var, interpret, try_grad};

/// A source of random sizes and arrays that repeats itself.
pub struct Draw(ChaCha8Rng);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Sizes of 1 to 5.
    pub fn sizes<const K: usize>(&mut self) -> [usize; K] {
        std::array::from_fn(|_| self.0.random_range(1..=5))
    }

    /// Numbers of -1 to 1.
    pub fn numbers(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.0.random_range(-1.0..1.0)).collect()
    }

    pub fn tensor(&mut self, shape: &[usize]) -> Tensor {
        Tensor::new(Shape::from(shape), self.numbers(shape.iter().product()))
    }

    pub fn words(&mut self, len: usize, words: usize) -> Vec<i32> {
        (0..len).map(|_| self.0.random_range(0..words as i32)).collect()
    }

    pub fn lengths(&mut self, sequences: usize, steps: usize) -> Vec<usize> {
        (0..sequences).map(|_| self.0.random_range(0..=steps)).collect()
    }

    pub fn marks(&mut self, len: usize) -> Vec<bool> {
        (0..len).map(|_| self.0.random_bool(0.5)).collect()
    }
}

/// Evenly spaced numbers, both ends included, as `numpy.linspace`.
pub fn linspace(from: f64, to: f64, shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    let step = (to - from) / (len - 1) as f64;
    let numbers: Vec<f64> = (0..len).map(|k| from + step * k as f64).collect();
    Tensor::new(Shape::from(shape), numbers)
}

/// Replaces the weights of an `f64` store by random ones.
pub fn scatter(params: &mut Params, draw: &mut Draw) {
    let weights: Vec<Param> = params.weights().collect();
    for param in weights {
        let value = draw.tensor(&params[param].shape().sizes());
        params.set(param, value).expect("the same shape");
    }
}

/// A random input that is declared as a weight, so that its gradient is checked too.
pub fn input(params: &mut Params, name: &str, shape: &[usize]) -> Param {
    params.scope("input").weight(name, Shape::from(shape), nn::init::uniform(1.0))
}

/// The elements of a parameter.
pub fn of(params: &Params, name: &str) -> Vec<f64> {
    params.get(name).unwrap_or_else(|error| panic!("{error}")).to_f64()
}

/// The elements of a value that is recorded on a tape of the store.
pub fn compute(params: &Params, record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>) -> Vec<f64> {
    let tape = params.tape();
    record(&tape).value().to_f64()
}

#[track_caller]
pub fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "as many numbers as expected");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "entry {index}: {a}, expected {b}");
    }
}

/// Holds the values of a layer, which follows from the store, to `expected` in both element types, its
/// gradients to central differences, and what the engine makes of both to the interpreter.
#[track_caller]
pub fn layer(params: &Params, expected: &[f64], record: impl for<'t> Fn(&'t Tape) -> Var<'t>) {
    assert_eq!(params.dtype(), DType::F64);
    close(&compute(params, &record), expected, 1e-12);
    close(&compute(&params.cast(DType::F32), &record), expected, 1e-4);
    if let Err(error) = nn::check::gradients(params, &record) {
        panic!("{error}");
    }
    let tape = params.tape();
    let value = record(&tape);
    let weights: Vec<Var<'_>> = params.weights().map(|param| param.on(&tape)).collect();
    let gradients = try_grad(value.square().sum(), &weights).expect("a sum is a single number");
    let outputs: Vec<Var<'_>> = [value].into_iter().chain(gradients.into_iter().flatten()).collect();
    let mut engine = Engine::new();
    let run = engine.run(&outputs).expect("what the interpreter has computed");
    for (index, plain) in interpret(&outputs).expect("the same").iter().enumerate() {
        close(&run.tensor(index).to_f64(), &plain.to_f64(), 1e-12);
    }
}

/// `x W` for rows of `inner` numbers.
pub fn product(x: &[f64], w: &[f64], inner: usize, columns: usize) -> Vec<f64> {
    let rows = x.chunks(inner);
    rows.flat_map(|row| {
        (0..columns).map(|j| (0..inner).map(|k| row[k] * w[k * columns + j]).sum::<f64>()).collect::<Vec<_>>()
    })
    .collect()
}
