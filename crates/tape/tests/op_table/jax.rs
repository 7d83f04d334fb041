//! Every operation against JAX, an implementation that shares nothing with this one: values, gradients, and gradients of
//! gradients.
//!
//! `tests/fixtures/jax.safetensors` holds the operands of each sample and what `jax.py` beside it has made of them:
//!
//! ```text
//! LABEL|operand/K     the operands                      LABEL|up     u, the coefficient of the result
//! LABEL|toward/K      c, the coefficient of a gradient
//! LABEL|result        y                                 LABEL|gradient/K    g = d Σ u y / d operand K
//! LABEL|second/K      d Σ c g / d operand K
//! ```
//!
//! After a sample was added or changed:
//!
//! ```text
//! cargo test -p unspool-tape --test op_table write_the_operands_for_jax -- --ignored
//! python crates/tape/tests/fixtures/jax.py
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tape::ops::Operation;
use tape::{DType, Tape, Var, try_grad};

use crate::arrays::Array;
use crate::samples::{self, Sample, real};
use crate::{by_engine, close};

/// Results may differ in the last bits of the functions that make them.
const LIMIT: f64 = 1e-12;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jax.safetensors")
}

/// The samples of what JAX has too: single operations on arrays that the library itself has.
fn those_of_jax() -> impl Iterator<Item = Sample> {
    let has = |sample: &Sample| {
        sample.op.is_some() && !matches!(sample.operation, Operation::Scalar | Operation::Custom)
    };
    samples::all().into_iter().filter(has)
}

/// Operands and coefficients of a sample, by name.
fn given(sample: &Sample) -> BTreeMap<String, Array> {
    let tape = Tape::new(DType::F64);
    let (inputs, result) = sample.on(&tape);
    let mut given = BTreeMap::new();
    for (k, (array, input)) in sample.arrays().into_iter().zip(&inputs).enumerate() {
        if sample.operands[k].is_real() {
            given.insert(format!("toward/{k}"), real(&input.shape().sizes()).array(31 + k));
        }
        given.insert(format!("operand/{k}"), array);
    }
    given.insert("up".to_string(), real(&result.shape().sizes()).array(23));
    given
}

/// What the tape makes of a sample, by the names of the fixture.
fn found(sample: &Sample, given: &BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let tape = Tape::new(DType::F64);
    let (inputs, result) = sample.on(&tape);
    let real: Vec<usize> = (0..inputs.len()).filter(|k| sample.operands[*k].is_real()).collect();
    let inputs: Vec<Var<'_>> = real.iter().map(|k| inputs[*k]).collect();
    let coefficient = |name: String| tape.input(given[&name].tensor(DType::F64));
    let first = gradients((result * coefficient("up".to_string())).sum(), &inputs);
    let toward = first.iter().zip(&real).map(|(gradient, k)| *gradient * coefficient(format!("toward/{k}")));
    let second = gradients(toward.fold(tape.number(0.0), |sum, one| sum + one.sum()), &inputs);
    let names = |kind: &'static str| real.iter().map(move |k| format!("{kind}/{k}"));
    let names = ["result".to_string()].into_iter().chain(names("gradient")).chain(names("second"));
    let values: Vec<Var<'_>> = [result].into_iter().chain(first).chain(second).collect();
    names.zip(by_engine(&values)).collect()
}

/// The gradients of a number. Where there is none, JAX has zeros.
fn gradients<'t>(of: Var<'t>, inputs: &[Var<'t>]) -> Vec<Var<'t>> {
    let gradients = try_grad(of, inputs).expect("a single number");
    gradients.into_iter().zip(inputs).map(|(g, input)| g.unwrap_or_else(|| input.zeros_like())).collect()
}

#[test]
fn values_and_gradients_are_those_of_jax() {
    let bytes = std::fs::read(path()).expect("the fixture");
    let file = SafeTensors::deserialize(&bytes).expect("a file that is whole");
    let mut compared = 0;
    for sample in those_of_jax() {
        let read = |name: &str| {
            let view = file.tensor(&format!("{}|{name}", sample.label)).unwrap_or_else(|_| {
                panic!("{}: the fixture has no `{name}`; {} says how it is made", sample.label, file!())
            });
            assert_eq!(view.dtype(), Dtype::F64);
            let numbers = view.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Array { sizes: view.shape().to_vec(), numbers }
        };
        let given = given(&sample);
        for (name, array) in &given {
            assert_eq!(&read(name), array, "{}: `{name}` was another when JAX saw it", sample.label);
        }
        for (name, array) in found(&sample, &given) {
            close(&array, &read(&name), LIMIT, &format!("{}, {name}", sample.label));
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared} values compared");
}

#[test]
#[ignore = "writes the fixture anew, which JAX has then to complete"]
fn write_the_operands_for_jax() {
    let all: Vec<(String, Array)> = those_of_jax()
        .flat_map(|sample| {
            let given = given(&sample).into_iter();
            given.map(|(name, array)| (format!("{}|{name}", sample.label), array)).collect::<Vec<_>>()
        })
        .collect();
    let bytes: Vec<Vec<u8>> = all
        .iter()
        .map(|(_, array)| array.numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views = all.iter().zip(&bytes).map(|((name, array), bytes)| {
        (
            name,
            TensorView::new(Dtype::F64, array.sizes.clone(), bytes).expect("as many bytes as the shape has"),
        )
    });
    safetensors::serialize_to_file(views, None, &path()).expect("the folder can be written");
}
