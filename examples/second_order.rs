//! Gradients of gradients through time: how sharp is the valley that a recurrent cell descends?
//!
//! The sharpness λ is the largest eigenvalue of the Hessian H of the loss. It is found by products `H v` alone, which need no
//! Hessian: with `g` the gradient of the loss, `H v` is the gradient of `g · v`, through the loop that `g` runs backward.
//!
//! On a parabola, descent with a rate η diverges where λ > 2 / η. Networks do something else: λ moves to 2 / η while they
//! learn and stays there, and the loss goes on falling, though not in every step: the edge of stability (Cohen et al.,
//! "Gradient descent on neural networks typically occurs at the edge of stability", 2021, <https://arxiv.org/abs/2103.00065>).
//! Here is that edge for a recurrence, which no part of the program knows of.
//!
//! `cargo run --release --example second_order`; it takes two seconds.

use std::error::Error;

use unspool::lab::sequence_model::SequenceModel;
use unspool::lab::tasks::{self, Batch};
use unspool::nn::{Params, Sgd, Trainer, cells};
use unspool::tape::{DType, Engine, RunError, Tensor, Var, grad};

fn main() -> Result<(), Box<dyn Error>> {
    let task = tasks::parse("adding:steps=10")?;
    let rnn = cells::named("rnn").ok_or("there is no RNN")?;
    let batch = task.draw(64, task.length(), &mut tasks::generator(1, 0));

    println!("a vanilla RNN learns 64 sequences of the adding problem by plain descent");
    for rate in [0.1, 0.05] {
        let mut params = Params::seeded(DType::F32, 1);
        let model = SequenceModel::new(&mut params, &*task, &rnn, 32);
        let mut trainer = Trainer::new(&mut params, Sgd::new(rate));
        println!("\nrate η = {rate}, 2 / η = {}", 2.0 / rate);
        println!(" step      loss       λ  λ from three losses");
        for step in 0..=2000 {
            if step % 100 == 0 && (step < 500 || step % 500 == 0) {
                let Valley { loss, sharpness, by_losses } = look(&params, &model, &batch)?;
                println!("{step:>5}  {loss:.6}  {sharpness:>6.2}  {by_losses:>19.2}");
            }
            trainer.step(&mut params, |tape| model.loss(tape, &batch))?;
        }
    }
    Ok(())
}

/// What the loss is like around some weights.
struct Valley {
    loss: f64,
    /// The largest eigenvalue λ of the Hessian.
    sharpness: f64,
    /// The same from losses alone, along its eigenvector v: `(L(w + εv) - 2 L(w) + L(w - εv)) / ε²`.
    by_losses: f64,
}

/// Finds λ by power iteration: `v` becomes `H v`, scaled to a length of 1.
fn look(params: &Params, model: &SequenceModel, batch: &Batch) -> Result<Valley, RunError> {
    let (params, mut engine) = (params.cast(DType::F64), Engine::new());
    let tape = params.tape();
    let weights: Vec<Var<'_>> = params.weights().map(|weight| weight.on(&tape)).collect();
    let loss = model.loss(&tape, batch);

    // Any direction will do to begin with.
    let any = |weight: &Var<'_>| (0..weight.shape().len()).map(|i| (i as f64).sin()).collect::<Vec<_>>();
    let vectors: Vec<Var<'_>> =
        weights.iter().map(|weight| tape.input(Tensor::new(weight.shape(), any(weight)))).collect();
    let products = grad(dot(&grad(loss, &weights), &vectors), &weights);
    let norm = dot(&products, &products).sqrt();
    let scaled = products.iter().map(|product| *product / norm);
    let outputs: Vec<Var<'_>> = [loss, dot(&vectors, &products)].into_iter().chain(scaled).collect();

    // One program, and one run of it for each iteration.
    let (mut at, mut sharpness, mut v) = (f64::NAN, f64::NAN, Vec::new());
    for _ in 0..50 {
        let run = engine.run(&outputs)?;
        (at, sharpness) = (run.number(0), run.number(1));
        v = (2..outputs.len()).map(|output| run.tensor(output)).collect();
        vectors.iter().zip(&v).for_each(|(vector, part)| tape.set(*vector, part.clone()));
    }

    let mut loss_at = |distance: f64| -> Result<f64, RunError> {
        for ((weight, place), along) in weights.iter().zip(params.weights()).zip(&v) {
            let moved = params[place].to_f64().into_iter().zip(along.to_f64()).map(|(w, v)| w + distance * v);
            tape.set(*weight, Tensor::new(along.shape().clone(), moved.collect::<Vec<_>>()));
        }
        Ok(engine.run(&[loss])?.number(0))
    };
    let by_losses = (loss_at(1e-3)? - 2.0 * at + loss_at(-1e-3)?) / 1e-6;
    Ok(Valley { loss: at, sharpness, by_losses })
}

/// The sum of the products of all elements.
fn dot<'t>(left: &[Var<'t>], right: &[Var<'t>]) -> Var<'t> {
    let products = left.iter().zip(right).map(|(a, b)| (*a * *b).sum());
    products.reduce(|sum, product| sum + product).expect("a model has weights")
}
