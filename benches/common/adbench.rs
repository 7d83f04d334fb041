//! The LSTM problem of ADBench (Šrajer, Kukelova and Fitzgibbon, 2018, <https://arxiv.org/abs/1807.10129>): text as bits, two
//! layers whose gates are elementwise, one sequence of 1023 steps. It is all loop and no product.
//!
//! ```text
//! x₀ = input w_in
//! f = σ(x wf + bf)   i = σ(h wi + bi)   o = σ(x wo + bo)   g = tanh(h wg + bg)        for each layer
//! c' = c f + i g     h' = o tanh(c')    x of the next layer = h'
//! y = x w_out + b_out
//! loss = -(1 / B T) Σ_t target · (y - ln(2 + Σ exp y))
//! ```
//!
//! The 2 is ADBench's. Each row of `main` is (f, i, o, g), weights of a layer and then its biases.

use std::path::Path;

use safetensors::SafeTensors;
use unspool::tape::{DType, Engine, Packing, Tape, Tensor, Var, Vars, grad, scan};

/// An instance with what is expected of it.
pub struct AdBench {
    /// (2 L, 4 B)
    pub main: Tensor,
    /// (3, B)
    pub extra: Tensor,
    /// (2 L, B): the hidden state and the memory of each layer.
    pub state: Tensor,
    /// (T, B)
    pub inputs: Tensor,
    /// (T, B)
    pub targets: Tensor,
    /// The loss, as ADBench's tests give it: to eight digits.
    pub objective: f64,
    /// The gradient by `main` and `extra`, one after the other.
    pub gradient: Vec<f64>,
}

impl AdBench {
    /// The instance of 2 layers and 1024 characters.
    pub fn read() -> AdBench {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adbench_lstm_l2_c1024.safetensors");
        let bytes = std::fs::read(path).expect("the fixture");
        let file = SafeTensors::deserialize(&bytes).expect("a file that is whole");
        let numbers = |name: &str| -> Vec<f64> {
            let data = file.tensor(name).expect("an array of the fixture").data();
            data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
        };
        let tensor = |name: &str| Tensor::new(file.tensor(name).expect("an array").shape(), numbers(name));
        let bits = file.tensor("sequence").expect("an array of the fixture");
        let (steps, width) = (bits.shape()[0] - 1, bits.shape()[1]);
        let bits: Vec<f64> = bits.data().iter().map(|bit| f64::from(*bit)).collect();
        AdBench {
            main: tensor("main"),
            extra: tensor("extra"),
            state: tensor("state"),
            inputs: Tensor::new([steps, width], bits[..steps * width].to_vec()),
            targets: Tensor::new([steps, width], bits[width..].to_vec()),
            objective: numbers("objective")[0],
            gradient: numbers("gradient"),
        }
    }

    /// The loss on a tape, and the parameters that it depends on.
    pub fn record<'t>(&self, tape: &'t Tape) -> (Var<'t>, [Var<'t>; 2]) {
        let (steps, width) = (self.inputs.shape().dim(0).at(1), self.inputs.shape().dim(1).at(1));
        let [main, extra, state] =
            [&self.main, &self.extra, &self.state].map(|value| tape.input(value.clone()));
        let [inputs, targets] = [&self.inputs, &self.targets].map(|value| tape.input(value.clone()));
        let row = |of: Var<'t>, at: usize| of.slice(0, at..at + 1);
        let layers = self.state.shape().dim(0).at(1) / 2;
        let start: Vars<'t> = (0..2 * layers).map(|at| row(state, at)).collect();
        let x = inputs * row(extra, 0);
        let (_, x) = scan(&Packing::uniform(steps, 1), start, x, |state: Vars<'t>, mut x: Var<'t>| {
            let mut next = Vars::new();
            for (layer, part) in state.chunks_exact(2).enumerate() {
                let (h, c) = (part[0], part[1]);
                let gate = |of: Var<'t>, k: usize| {
                    let part = |at: usize| row(main, at).slice(1, k * width..(k + 1) * width);
                    of * part(2 * layer) + part(2 * layer + 1)
                };
                let (f, i, o) = (gate(x, 0).sigmoid(), gate(h, 1).sigmoid(), gate(x, 2).sigmoid());
                let c = c * f + i * gate(h, 3).tanh();
                x = o * c.tanh();
                next.extend([x, c]);
            }
            (next, x)
        });
        let y = x * row(extra, 1) + row(extra, 2);
        let logarithms = (y.exp().sum_along(&[1]) + 2.0).ln().reshape([steps, 1]);
        let loss = -(targets * (y - logarithms)).sum() / (steps * width) as f64;
        (loss, [main, extra])
    }

    /// The loss.
    pub fn loss(&self, engine: &mut Engine) -> f64 {
        let tape = Tape::new(DType::F64);
        let (loss, _) = self.record(&tape);
        engine.run(&[loss]).expect("numbers that can be computed").number(0)
    }

    /// The loss and its gradient, recorded, differentiated and run.
    pub fn loss_and_gradient(&self, engine: &mut Engine) -> (f64, Vec<f64>) {
        let tape = Tape::new(DType::F64);
        let (loss, parameters) = self.record(&tape);
        let gradients = grad(loss, &parameters);
        let run = engine.run(&[loss, gradients[0], gradients[1]]).expect("numbers that can be computed");
        (run.number(0), [run.tensor(1).to_f64(), run.tensor(2).to_f64()].concat())
    }
}
