//! What a training step costs in counts that are the same on every machine and in every run: nodes, instructions,
//! loops, bytes of the plan, and heap allocations after warm-up.
//!
//! A change that moves a number writes the new one here by hand, so that its reader sees what it costs. A step that
//! repeats another finds its memory made, and allocates nothing.

#[path = "../benches/common/mod.rs"]
mod common;

use allocation_counter::measure;
use common::{Case, XS, declare_mgu, nodes};
use unspool::caption::data::batch::Batch;
use unspool::caption::model::Captioner;
use unspool::nn::{Adam, Cell, Params, Trainer};
use unspool::tape::{Engine, NodeId, Vars, grad};

/// What `count` gives when it has been called before: buffers and tables that are kept have their size by then.
fn steady(mut count: impl FnMut() -> u64) -> u64 {
    (0..5).for_each(|_| _ = count());
    let counts: Vec<u64> = (0..3).map(|_| count()).collect();
    assert!(counts.iter().all(|one| *one == counts[0]), "the count varies: {counts:?}");
    counts[0]
}

/// Allocations on this thread; products of the size XS need no other.
fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// What does not depend on the machine.
#[derive(Debug, PartialEq)]
struct Size {
    /// Nodes of the loss.
    forward: usize,
    /// Nodes with those of the gradients.
    all: usize,
    /// Of the plan, each counted once however often it runs.
    instructions: usize,
    /// The products that each loop repeats in every step.
    products_in_loops: Vec<usize>,
    /// Of the arena.
    bytes: usize,
}

#[track_caller]
fn check_size(cell: &str, expected: Size) {
    let case = Case::ragged(XS, cell);
    let tape = case.params.tape();
    let loss = case.loss(&tape);
    let forward = nodes(&tape.graph());
    let outputs: Vec<NodeId> =
        [loss].into_iter().chain(case.gradients(&tape, loss)).map(|var| var.id()).collect();
    let all = nodes(&tape.graph());
    let plan = Engine::new().plan(&tape.graph(), &outputs);
    let (instructions, products_in_loops, bytes) =
        (plan.instructions(), plan.products_in_loops(), plan.bytes());
    assert_eq!(Size { forward, all, instructions, products_in_loops, bytes }, expected);
}

#[test]
fn a_captioner_keeps_one_product_in_each_of_its_two_loops() {
    let (instructions, products_in_loops, bytes) = (29, vec![1, 1], 82_432);
    check_size("rnn", Size { forward: 37, all: 72, instructions, products_in_loops, bytes });
}

#[test]
fn an_lstm_keeps_one_product_in_each_of_its_two_loops() {
    let (instructions, products_in_loops, bytes) = (29, vec![1, 1], 227_328);
    check_size("lstm", Size { forward: 57, all: 125, instructions, products_in_loops, bytes });
}

/// After warm-up neither recording, differentiating and running allocates, nor a whole step of training with Adam and
/// clipping.
#[track_caller]
fn check_allocations<C: Cell>(mut params: Params, model: &Captioner<C>, batch: &Batch) {
    let mut engine = Engine::new();
    let gradients = steady(|| {
        allocations(|| {
            let tape = params.tape();
            let weights: Vars<'_> = params.weights().map(|weight| weight.on(&tape)).collect();
            let loss = model.loss(&tape, batch).per_sequence();
            let outputs: Vars<'_> = [loss].into_iter().chain(grad(loss, &weights)).collect();
            let run = engine.run(&outputs).expect("words of the vocabulary");
            assert!(run.number(0).is_finite());
        })
    });
    assert_eq!(gradients, 0, "of loss and gradients");

    let mut trainer = Trainer::new(&mut params, Adam::new(1e-3)).with_clip(5.0);
    let step = steady(|| {
        allocations(|| {
            let step = trainer.step(&mut params, |tape| model.loss(tape, batch).per_sequence());
            assert!(step.expect("finite numbers").loss.is_finite());
        })
    });
    assert_eq!(step, 0, "of a step of training");
}

#[test]
fn a_step_allocates_nothing() {
    for cell in ["rnn", "lstm"] {
        let Case { params, model, batch, .. } = Case::ragged(XS, cell);
        check_allocations(params, &model, &batch);
    }
}

#[test]
fn nor_does_one_with_a_cell_of_the_users() {
    let Case { params, model, batch, .. } = Case::ragged_with(XS, |scope| declare_mgu(scope, XS));
    check_allocations(params, &model, &batch);
}
