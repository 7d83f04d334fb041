//! What a training step costs in counts that are the same on every machine and in every run: nodes, instructions,
//! loops, bytes of the plan, and heap allocations after warm-up.
//!
//! A change that moves a number writes the new one here by hand, so that its reader sees what it costs. Allocations are
//! to go to zero, since a step that repeats another finds its memory made: recording, gradients, clipping and update
//! are there, and of the run none may be added unseen.

#[path = "../benches/common/mod.rs"]
mod common;

use allocation_counter::measure;
use common::{Case, XS, nodes};
use unspool::caption::data::batch::Batch;
use unspool::caption::model::{Captioner, CellKind, Input, ModelSettings};
use unspool::nn::{Adam, Cell, Optimizer, Param, Params, Scope, Trainer, clip_by_global_norm, init};
use unspool::tape::{DType, Engine, NodeId, Tape, Var, Vars, grad};

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
    let (instructions, products_in_loops, bytes) = (41, vec![1, 1], 133_632);
    check_size(CellKind::Rnn, Size { forward: 39, all: 80, instructions, products_in_loops, bytes });
}

#[test]
fn an_lstm_keeps_one_product_in_each_of_its_two_loops() {
    let (instructions, products_in_loops, bytes) = (71, vec![1, 1], 227_328);
    check_size(CellKind::Lstm, Size { forward: 57, all: 131, instructions, products_in_loops, bytes });
}

/// A minimal gated unit as a user writes it, without a word about plans or memory.
#[derive(Debug)]
struct Mgu {
    wf: Param,
    uf: Param,
    bf: Param,
    wg: Param,
    ug: Param,
    bg: Param,
    hidden: usize,
}

impl Mgu {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Mgu {
        Mgu {
            wf: scope.weight("wf", [inputs, hidden], init::fan_in()),
            uf: scope.weight("uf", [hidden, hidden], init::fan_in()),
            bf: scope.weight("bf", [hidden], init::zeros()),
            wg: scope.weight("wg", [inputs, hidden], init::fan_in()),
            ug: scope.weight("ug", [hidden, hidden], init::fan_in()),
            bg: scope.weight("bg", [hidden], init::zeros()),
            hidden,
        }
    }
}

impl Cell for Mgu {
    type State<'t> = Var<'t>;

    fn hidden(&self) -> usize {
        self.hidden
    }

    fn start<'t>(&self, h0: Var<'t>) -> Var<'t> {
        h0
    }

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let f = (x.dot(self.wf) + h.dot(self.uf) + self.bf).sigmoid();
        let g = (x.dot(self.wg) + (f * h).dot(self.ug) + self.bg).tanh();
        let h = h + f * (g - h);
        (h, h)
    }
}

/// What a step of training allocates.
#[derive(Debug, PartialEq)]
struct Allocations {
    /// To record the loss.
    loss: u64,
    /// To record its gradients.
    gradients: u64,
    /// To run loss and gradients.
    run: u64,
    /// Of a whole step with `Trainer`, Adam and clipping, the run of its program included.
    step: u64,
    /// Of the run of that program.
    step_run: u64,
}

fn weights<'t>(params: &Params, tape: &'t Tape) -> Vars<'t> {
    params.weights().map(|weight| weight.on(tape)).collect()
}

#[track_caller]
fn check_allocations<C: Cell>(mut params: Params, model: &Captioner<C>, batch: &Batch) -> Allocations {
    let record = |tape: &Tape| _ = model.loss(tape, batch).per_sequence();
    let loss = steady(|| allocations(|| record(&params.tape())));
    let gradients = steady(|| {
        let tape = params.tape();
        let (loss, weights) = (model.loss(&tape, batch).per_sequence(), weights(&params, &tape));
        allocations(|| _ = grad(loss, &weights))
    });
    let mut engine = Engine::new();
    let run = steady(|| {
        let tape = params.tape();
        let loss = model.loss(&tape, batch).per_sequence();
        let outputs: Vars<'_> = [loss].into_iter().chain(grad(loss, &weights(&params, &tape))).collect();
        allocations(|| _ = engine.run(&outputs).expect("words of the vocabulary").number(0))
    });

    let mut trainer = Trainer::new(&mut params, Adam::new(1e-3)).with_clip(5.0);
    let step = steady(|| {
        allocations(|| {
            let step = trainer.step(&mut params, |tape| model.loss(tape, batch).per_sequence());
            assert!(step.expect("finite numbers").loss.is_finite());
        })
    });
    let tape = params.tape();
    let loss_again = model.loss(&tape, batch).per_sequence();
    let used: Vec<Param> = params.weights().collect();
    let vars = weights(&params, &tape);
    let (clipped, norm) = tape.scope("clip", || clip_by_global_norm(&grad(loss_again, &vars), 5.0));
    let clipped: Vec<(Param, Var<'_>)> = used.into_iter().zip(clipped).collect();
    let updates = tape.scope("update", || trainer.optimizer.update(&params, &tape, &clipped));
    let values = updates.iter().map(|(_, value)| *value);
    let outputs: Vec<Var<'_>> = [loss_again, norm].into_iter().chain(values).collect();
    let plans = trainer.engine.plans();
    let step_run = steady(|| {
        allocations(|| _ = trainer.engine.run(&outputs).expect("words of the vocabulary").number(0))
    });
    assert_eq!(trainer.engine.plans(), plans, "this is the program that the trainer runs");
    Allocations { loss, gradients, run, step, step_run }
}

#[test]
fn a_step_allocates_nothing_but_in_its_run() {
    for cell in [CellKind::Rnn, CellKind::Lstm] {
        let Case { params, model, batch, .. } = Case::ragged(XS, cell);
        let found = check_allocations(params, &model, &batch);
        let (run, step_run) = (found.run, found.step_run);
        let nothing_else = Allocations { loss: 0, gradients: 0, run, step: step_run, step_run };
        assert_eq!(found, nothing_else, "{cell:?}");
        let expected = match cell {
            CellKind::Rnn => (77, 80),
            CellKind::Lstm => (79, 82),
        };
        assert_eq!((run, step_run), expected, "{cell:?}");
    }
}

#[test]
fn nor_does_one_with_a_cell_of_the_users() {
    let Case { workload, batch, .. } = Case::ragged(XS, CellKind::Rnn);
    let settings = ModelSettings {
        input: Input::Features { width: workload.f },
        cell: CellKind::Rnn,
        embedding: workload.d,
        hidden: workload.h,
        vocabulary: workload.v,
        picture_at_every_step: true,
    };
    let mut params = Params::seeded(DType::F32, 231);
    let model = Captioner::with_cell(&mut params, &settings, |params| {
        Mgu::new(params.scope("mgu"), workload.d, workload.h)
    });
    let found = check_allocations(params, &model, &batch);
    let (run, step_run) = (found.run, found.step_run);
    assert_eq!(found, Allocations { loss: 0, gradients: 0, run, step: step_run, step_run });
    assert_eq!((run, step_run), (149, 150));
}
