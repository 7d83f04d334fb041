//! What a training step costs in counts that are the same on every machine and in every run: nodes, instructions,
//! loops, bytes of the plan, and heap allocations after warm-up.
//!
//! A change that moves a number writes the new one here by hand, so that its reader sees what it costs. Allocations are
//! to go to zero, since a step that repeats another finds its memory made; until then none may be added unseen.

#[path = "../benches/common/mod.rs"]
mod common;

use allocation_counter::measure;
use common::{Case, XS, nodes};
use unspool::caption::model::CellKind;
use unspool::nn::{Adam, Trainer};
use unspool::tape::{Engine, NodeId, Var};

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
fn check_size(cell: CellKind, expected: Size) {
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
    let (instructions, products_in_loops, bytes) = (43, vec![1, 1], 133_632);
    check_size(CellKind::Rnn, Size { forward: 39, all: 84, instructions, products_in_loops, bytes });
}

#[test]
fn an_lstm_keeps_one_product_in_each_of_its_two_loops() {
    let (instructions, products_in_loops, bytes) = (75, vec![1, 1], 267_264);
    check_size(CellKind::Lstm, Size { forward: 57, all: 147, instructions, products_in_loops, bytes });
}

#[test]
fn recording_allocates() {
    let case = Case::ragged(XS, CellKind::Rnn);
    let found = steady(|| {
        allocations(|| {
            let tape = case.params.tape();
            case.loss(&tape);
        })
    });
    assert_eq!(found, 86);
}

#[test]
fn differentiating_allocates() {
    let case = Case::ragged(XS, CellKind::Rnn);
    let found = steady(|| {
        let tape = case.params.tape();
        let loss = case.loss(&tape);
        allocations(|| _ = case.gradients(&tape, loss))
    });
    assert_eq!(found, 66);
}

#[test]
fn running_a_plan_allocates() {
    let case = Case::ragged(XS, CellKind::Rnn);
    let tape = case.params.tape();
    let loss = case.loss(&tape);
    let outputs: Vec<Var<'_>> = [loss].into_iter().chain(case.gradients(&tape, loss)).collect();
    let mut engine = Engine::new();
    let found =
        steady(|| allocations(|| _ = engine.run(&outputs).expect("words of the vocabulary").number(0)));
    assert_eq!(found, 77);
}

#[test]
fn a_step_of_training_allocates() {
    let Case { mut params, model, batch, .. } = Case::ragged(XS, CellKind::Rnn);
    let mut trainer = Trainer::new(&mut params, Adam::new(1e-3)).with_clip(5.0);
    let mut step = || {
        let step = trainer.step(&mut params, |tape| model.loss(tape, &batch).per_sequence());
        assert!(step.expect("finite numbers").loss.is_finite());
    };
    let found = steady(|| allocations(&mut step));
    assert_eq!(found, 293);
}
