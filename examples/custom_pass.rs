//! A pass of one's own: what would a recurrent cell learn if its products took bfloat16, or eight bits?
//!
//! A recorded program has all products of a training step in it, those of the gradients too. A pass is a function from one
//! program to another, and this one puts a rounding before every product, as hardware does that multiplies in few bits and
//! adds in many. The model is not touched, and no product is forgotten.
//!
//! `cargo run --release --example custom_pass`, some seconds; `-- --quick` for one.

use std::collections::HashMap;
use std::error::Error;

use unspool::lab::sequence_model::SequenceModel;
use unspool::lab::tasks;
use unspool::nn::{Adam, Params, Trainer, cells};
use unspool::tape::grad::Adjoint;
use unspool::tape::graph::{Graph, Node};
use unspool::tape::ops::{Gradients, Io, Kind, Meta, Rule};
use unspool::tape::passes::{PIPELINE, Pass};
use unspool::tape::program::Program;
use unspool::tape::{Custom, DType, Engine, NodeId, Shape, ShapeError, grad};

/// Puts operands of products into so many bits after the leading one.
fn round_products<const BITS: u32>(program: Program) -> Program {
    let rounding = Custom::new(Round::<BITS>);
    let mut rewrite = |program: Program| {
        // An operand of two products is rounded once, so that they can still be merged.
        let mut rounded: HashMap<NodeId, NodeId> = HashMap::new();
        program.rebuild(|graph: &mut Graph, _, mut node| {
            // A pass asks for the kind of an operation and never for its name.
            if node.op.kind() == Kind::Product {
                for input in &mut node.inputs {
                    let (op, inputs) = (rounding.clone().into(), [*input].into_iter().collect());
                    let round = Node { op, inputs, ..graph.node(*input).clone() };
                    *input = *rounded.entry(*input).or_insert_with(|| graph.push(round));
                }
            }
            graph.push(node)
        })
    };
    // The bodies of loops are programs too.
    let program = program.map_bodies(&mut rewrite);
    rewrite(program)
}

/// `f32` to the nearest number with so many bits after the leading one, ties to even: 7 of bfloat16, 3 and 2 of the forms of
/// FP8. The exponent keeps its range.
struct Round<const BITS: u32>;

impl<const BITS: u32> Rule for Round<BITS> {
    fn name(&self) -> &'static str {
        "round"
    }

    fn attributes(&self) -> String {
        format!("bits={BITS}")
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let dropped = 23 - BITS;
        for (x, y) in io.get::<f32>(0).iter().zip(io.out::<f32>()) {
            let bits = x.to_bits();
            let nearest = bits + (1 << (dropped - 1)) - 1 + (bits >> dropped & 1);
            *y = if x.is_finite() { f32::from_bits(nearest >> dropped << dropped) } else { *x };
        }
        Ok(())
    }

    /// As if it were not there. The pass comes after the gradients, so that nobody asks.
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        [Some(at.upstream())].into_iter().collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let steps = if std::env::args().any(|argument| argument == "--quick") { 20 } else { 300 };
    let task = tasks::parse("text:steps=50")?;
    let lstm = cells::named("lstm").ok_or("there is no LSTM")?;
    let held_out = task.draw_held_out(64, task.length(), &mut tasks::generator(7, 0));
    // After `simplify`, which makes transpositions part of the products that take them, and before `merge_products` and
    // `lift`, which then do for what is rounded what they do for all else.
    let place = PIPELINE.iter().position(|(name, _)| *name == "merge_products").ok_or("no such pass")?;
    let (before, after) = PIPELINE.split_at(place);
    let roundings: [&[Pass]; 4] =
        [&[], &[("7", round_products::<7>)], &[("3", round_products::<3>)], &[("2", round_products::<2>)]];

    println!("an LSTM that reads text\nbits  error of the first gradient  held-out bits a character");
    let mut exact: Option<Vec<f64>> = None;
    for rounding in roundings {
        let mut params = Params::seeded(DType::F32, 1);
        let model = SequenceModel::new(&mut params, &*task, &lstm, 64);
        let mut trainer = Trainer::new(&mut params, Adam::new(5e-3)).with_clip(1.0);
        trainer.engine = Engine::new().with_passes([before, rounding, after].concat());
        let batch = |step| task.draw(16, task.length(), &mut tasks::generator(1, step));

        let tape = params.tape();
        let weights: Vec<_> = params.weights().map(|weight| weight.on(&tape)).collect();
        let run = trainer.engine.run(&grad(model.loss(&tape, &batch(0)), &weights))?;
        let gradient: Vec<f64> = (0..weights.len()).flat_map(|index| run.tensor(index).to_f64()).collect();
        assert_eq!(run.plan().products_in_loops(), [1, 1], "the rounding is to hold no product in a loop");
        let exact = exact.get_or_insert_with(|| gradient.clone());
        let square = |of: &dyn Fn(usize) -> f64| (0..gradient.len()).map(|i| of(i).powi(2)).sum::<f64>();
        let error = (square(&|i| gradient[i] - exact[i]) / square(&|i| exact[i])).sqrt();

        for step in 0..steps {
            trainer.step(&mut params, |tape| model.loss(tape, &batch(step)))?;
        }
        let judged = model.judge(&mut trainer.engine, &params, &held_out, task.measure())?;
        let bits = rounding.first().map_or("all", |(bits, _)| bits);
        println!("{bits:>4}  {error:>27.1e}  {:>25.3}", judged.score);
    }
    Ok(())
}
