//! Initial values.

use nn::{Init, Params, init};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape::DType;

use crate::support::{close, of};

fn draw(init: impl Init, shape: &[usize]) -> Vec<f64> {
    init.draw(shape, &mut ChaCha8Rng::seed_from_u64(7))
}

fn mean_and_deviation(numbers: &[f64]) -> [f64; 2] {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    [mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt()]
}

#[test]
fn numbers_have_the_deviation_that_was_asked_for() {
    close(&mean_and_deviation(&draw(init::normal(0.5), &[200, 200])), &[0.0, 0.5], 0.01);
    close(&mean_and_deviation(&draw(init::fan_in(), &[4, 25, 400])), &[0.0, 0.1], 0.01);
    close(&mean_and_deviation(&draw(init::uniform(3.0), &[40_000])), &[0.0, 3f64.sqrt()], 0.02);
    assert!(draw(init::uniform(3.0), &[1000]).iter().all(|x| x.abs() <= 3.0));
    assert_eq!(draw(init::constant(2.0), &[2, 1]), [2.0, 2.0]);
    assert_eq!(draw(init::zeros(), &[]), [0.0]);
    assert_eq!(draw(init::identity(0.5), &[2, 2]), [0.5, 0.0, 0.0, 0.5]);
    assert_eq!(draw(init::identity(1.0), &[2, 3]), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(draw(init::identity(1.0), &[3, 0]), [0.0; 0]);
}

#[test]
fn orthogonal_rows_or_columns_have_products_of_zero_and_one() {
    for [rows, columns] in [[4, 4], [3, 8], [8, 3], [1, 5], [0, 3]] {
        let q = draw(init::orthogonal(2.0), &[rows, columns]);
        let few = rows.min(columns);
        let product = |a: usize, b: usize| -> f64 {
            (0..rows.max(columns))
                .map(|k| match rows <= columns {
                    true => q[a * columns + k] * q[b * columns + k],
                    false => q[k * columns + a] * q[k * columns + b],
                })
                .sum()
        };
        for (a, b) in (0..few).flat_map(|a| (0..few).map(move |b| (a, b))) {
            close(&[product(a, b)], &[if a == b { 4.0 } else { 0.0 }], 1e-14);
        }
    }
}

#[test]
fn both_types_start_from_the_same_numbers() {
    let store = |dtype| {
        let mut params = Params::seeded(dtype, 11);
        let mut scope = params.scope("layer");
        scope.weight("normal", [5, 3], init::normal(0.1));
        scope.weight("orthogonal", [3, 3], init::orthogonal(1.0));
        params
    };
    let (single, double) = (store(DType::F32), store(DType::F64));
    for entry in double.iter() {
        assert_eq!(single.get(entry.name), Ok(&entry.value.cast(DType::F32)));
    }
}

#[test]
fn a_parameter_starts_the_same_whatever_else_is_declared() {
    let store = |seed, names: &[&str]| {
        let mut params = Params::seeded(DType::F64, seed);
        for name in names {
            params.scope(name).weight("w", [3], init::normal(1.0));
        }
        params
    };
    let (alone, beside) = (store(5, &["rnn"]), store(5, &["embed", "rnn"]));
    assert_eq!(of(&alone, "rnn/w"), of(&beside, "rnn/w"));
    assert_ne!(of(&beside, "embed/w"), of(&beside, "rnn/w"));
    assert_ne!(of(&alone, "rnn/w"), of(&store(6, &["rnn"]), "rnn/w"));
}
