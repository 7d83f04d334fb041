//! Layers, cells, losses and optimisers against PyTorch: the files in `tests/fixtures/pytorch/`, which `pytorch.py` beside
//! them has written, hold weights under PyTorch's names, inputs, outputs, and the gradients of Σ projection · output.

mod attention;
mod layers;
mod optimizers;
mod recurrences;
mod weights;

use std::collections::BTreeMap;
use std::path::Path;

use nn::pytorch::{PyTorch, Tensors};
use nn::{Cell, Layout, Param, Params, Scope, Sequence, Stack};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tape::{DType, Engine, Shape, Tensor, Var, grad};

use crate::support::close;

/// How far results may be from PyTorch's, beside one and their size.
const TOLERANCE: f64 = 1e-12;

/// A file that PyTorch has made.
struct File(Tensors);

impl File {
    fn read(name: &str) -> File {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch");
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).expect("a fixture");
        let file = SafeTensors::deserialize(&bytes).expect("a file that is whole");
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            let (shape, bytes) = (Shape::from(view.shape()), view.data());
            let tensor = match view.dtype() {
                Dtype::F64 => Tensor::new(shape, numbers(bytes, f64::from_le_bytes)),
                Dtype::I32 => Tensor::new(shape, numbers(bytes, i32::from_le_bytes)),
                other => panic!("{name} holds {other}"),
            };
            (name.to_string(), tensor)
        };
        File(file.iter().map(tensor).collect())
    }

    /// What stands under a prefix such as `weight/`.
    fn part(&self, prefix: &str) -> Tensors {
        let within = |(name, tensor): (&String, &Tensor)| {
            Some((name.strip_prefix(prefix)?.to_string(), tensor.clone()))
        };
        self.0.iter().filter_map(within).collect()
    }
}

fn numbers<const WIDTH: usize, T>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

/// The inputs of a file on a tape.
struct Given<'t>(BTreeMap<String, Var<'t>>);

impl<'t> Given<'t> {
    fn get(&self, name: &str) -> Var<'t> {
        self.0[name]
    }

    /// Whole numbers.
    fn counts(&self, name: &str) -> Vec<i32> {
        self.get(name).value().as_slice::<i32>().to_vec()
    }

    /// The input `x` (N, T, D), of which the first steps count where there are `lengths`.
    fn sequence(&self) -> Sequence<'t> {
        let x = self.get("x");
        let [sequences, steps, _] = x.shape().sizes()[..] else { panic!("(N, T, D)") };
        let layout = if self.0.contains_key("lengths") {
            let lengths: Vec<usize> = self.counts("lengths").iter().map(|n| *n as usize).collect();
            Layout::new(steps, &lengths)
        } else {
            Layout::full(sequences, steps)
        };
        Sequence::pack(x, &layout)
    }

    /// The states (N, H) of each layer and direction, of an input (L, N, H).
    fn states(&self, name: &str) -> Vec<Var<'t>> {
        let states = self.get(name);
        let [layers, rows, width] = states.shape().sizes()[..] else { panic!("(L, N, H)") };
        (0..layers).map(|layer| states.slice(0, layer..layer + 1).reshape([rows, width])).collect()
    }
}

/// Outputs by the names of the file.
type Outputs<'t> = Vec<(&'static str, Var<'t>)>;

/// What a layer with PyTorch's weights makes of a file's inputs, by the names of the file: outputs, and gradients of
/// Σ projection · output.
fn results<L: PyTorch>(
    file: &File,
    weights: &Tensors,
    declare: impl FnOnce(Scope<'_>) -> L,
    record: impl for<'t> FnOnce(&L, &Given<'t>) -> Outputs<'t>,
) -> Tensors {
    let mut params = Params::new(DType::F64);
    let layer = declare(params.scope("layer"));
    layer.import(&mut params, "", weights).unwrap_or_else(|error| panic!("{error}"));

    let tape = params.tape();
    let inputs = file.part("input/").into_iter().map(|(name, tensor)| (name, tape.input(tensor))).collect();
    let given = Given(inputs);
    let outputs = record(&layer, &given);
    let projections = file.part("projection/");
    let terms = outputs.iter().map(|(name, y)| (*y * tape.input(projections[*name].clone())).sum());
    let loss = terms.reduce(|sum, term| sum + term).expect("an output");

    let params_of: Vec<Param> = params.weights().collect();
    let real: Vec<(&String, Var<'_>)> =
        given.0.iter().filter(|(_, input)| input.dtype().is_real()).map(|(name, x)| (name, *x)).collect();
    let leaves: Vec<Var<'_>> =
        params_of.iter().map(|param| param.on(&tape)).chain(real.iter().map(|(_, x)| *x)).collect();
    let wanted: Vec<Var<'_>> = outputs.iter().map(|(_, y)| *y).chain(grad(loss, &leaves)).collect();
    let mut engine = Engine::new();
    let run = engine.run(&wanted).unwrap_or_else(|error| panic!("{error}"));
    let mut values = (0..wanted.len()).map(|index| run.tensor(index));

    let mut results = Tensors::new();
    results.extend(outputs.iter().zip(&mut values).map(|((name, _), y)| (format!("output/{name}"), y)));
    let mut gradients = params.clone();
    for (param, gradient) in params_of.iter().zip(&mut values) {
        gradients.set(*param, gradient).expect("the shape of its parameter");
    }
    results.extend(real.iter().zip(values).map(|((name, _), g)| (format!("gradient/input/{name}"), g)));
    let gradients = of_both_biases(layer.export(&gradients, ""));
    results.extend(gradients.into_iter().map(|(name, g)| (format!("gradient/weight/{name}"), g)));
    results
}

/// Where two biases are only ever added, both have the gradient of the sum, which stands in the first.
fn of_both_biases(mut gradients: Tensors) -> Tensors {
    let first: Vec<String> = gradients.keys().filter(|name| name.starts_with("bias_ih")).cloned().collect();
    for name in first {
        let sum = gradients[&name].to_f64();
        let second = gradients.get_mut(&name.replace("bias_ih", "bias_hh")).expect("the second bias");
        for (g, sum) in second.as_mut_slice::<f64>().iter_mut().zip(sum) {
            *g = if *g == 0.0 { sum } else { *g };
        }
    }
    gradients
}

/// Holds a layer to all that a file says.
#[track_caller]
fn check<L: PyTorch>(
    name: &str,
    declare: impl FnOnce(Scope<'_>) -> L,
    record: impl for<'t> FnOnce(&L, &Given<'t>) -> Outputs<'t>,
) {
    let file = File::read(name);
    let found = results(&file, &file.part("weight/"), declare, record);
    let is_result = |name: &&String| name.starts_with("output/") || name.starts_with("gradient/");
    let expected: Vec<&String> = file.0.keys().filter(is_result).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected, "the results of {name}");
    for result in expected {
        assert_eq!(found[result].shape(), file.0[result].shape(), "{name}: {result}");
        close(&found[result].to_f64(), &file.0[result].to_f64(), TOLERANCE);
    }
}

/// The widths of the cells in the files.
const INPUTS: usize = 2;
const HIDDEN: usize = 3;

/// A stack of so many layers with the widths of the files.
fn stack<C: Cell>(
    layers: usize,
    cell: impl Fn(Scope<'_>, usize, usize) -> C,
) -> impl FnOnce(Scope<'_>) -> Stack<C> {
    move |scope| Stack::new(scope, layers, INPUTS, HIDDEN, cell)
}
