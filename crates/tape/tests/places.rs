//! Where values of a plan lie, as golden files: the bytes of the arena, what is written where it belongs, what runs in
//! place. The widths are whole vectors everywhere, so that packed operands are as large on every machine.

mod common;

use common::{golden, spread};
use tape::grad::Adjoint;
use tape::ops::{Custom, Gradients, Io, Kind, Meta, Rule};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, Packing, Shape, ShapeError, Tape, Tensor, Var, grad, scan};

/// From what a product and a bias give, and the second state: both next states.
type Step = for<'t> fn(Var<'t>, Var<'t>) -> [Var<'t>; 2];

fn vanilla<'t>(sum: Var<'t>, c: Var<'t>) -> [Var<'t>; 2] {
    [sum.tanh(), c]
}

fn lstm<'t>(sum: Var<'t>, c: Var<'t>) -> [Var<'t>; 2] {
    let [i, f, o, g] = sum.split();
    let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
    [o.sigmoid() * c.tanh(), c]
}

/// The plan for a loss on the outputs of a recurrence of 16 units and its gradients, of three sequences.
fn plan(step: Step, width: usize) -> String {
    let tape = Tape::new(DType::F32);
    let given = |shape: &[usize], salt| tape.input(spread(shape, salt, DType::F32));
    let (h, c, x) = (given(&[3, 16], 1), given(&[3, 16], 2), given(&[6, 16], 3));
    let weights = [given(&[16, width], 4), given(&[16, width], 5), given(&[width], 6)];
    let (_, outputs) = scan(&Packing::ragged(&[3, 2, 1]), (h, c), x, |(h, c), x| {
        let [h, c] = step(x.dot(weights[0]) + h.dot(weights[1]) + weights[2], c);
        ((h, c), h)
    });
    let loss = outputs.square().sum();
    let outputs = [loss].into_iter().chain(grad(loss, &weights)).map(|var| var.id()).collect();
    Plan::new(Program { graph: tape.graph().clone(), outputs }).dump()
}

#[test]
fn a_vanilla_recurrence_is_placed() {
    golden("plan_rnn.txt", &plan(vanilla, 16));
}

#[test]
fn an_lstm_is_placed() {
    golden("plan_lstm.txt", &plan(lstm, 64));
}

/// Each element twice, by an operation that says of itself that it is a view.
struct Twice;

impl Rule for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn kind(&self) -> Kind {
        Kind::View
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((Shape::from([2 * inputs[0].shape.len()]), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let from = io.get::<f64>(0);
        io.out::<f64>().chunks_exact_mut(2).zip(from).for_each(|(pair, x)| pair.fill(*x));
        Ok(())
    }

    fn grad<'t>(&self, _: &Adjoint<'_, 't>) -> Gradients<'t> {
        Gradients::new()
    }
}

#[test]
fn what_only_says_that_it_is_a_view_has_a_place_of_its_own() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([2], vec![1.0, 2.0]));
    let mut engine = Engine::new();
    // One of what is given from outside and one of the arena, which end where the operand does.
    for x in [x, x.exp()] {
        let twice = x.apply_custom(&Custom::new(Twice), &[]);
        let run = engine.run(&[twice]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run.tensor(0), twice.value());
    }
}
