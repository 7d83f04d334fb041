//! The passes that rewrite a program before it is placed, each a function `Program -> Program` in a
//! file of its own, applied to the bodies of scans as to the program around them.
//!
//! `TAPE_DUMP=simplify` (the name of a pass, or `all`) prints the program after that pass. In debug
//! builds every pass is followed by [`verify`](verify::verify); one that is not in the [`PIPELINE`] always is.
//!
//! Behind all of them every plan has [`hasten`], which computes nothing anew.
//!
//! A pass of one's own goes anywhere between these by [`Engine::with_passes`](crate::Engine::with_passes):
//!
//! ```
//! use tape::passes::{PIPELINE, Pass};
//! use tape::{DType, Engine, Tape, Tensor, program::Program};
//!
//! fn count(program: Program) -> Program {
//!     println!("{} nodes", program.graph.nodes.len());
//!     program
//! }
//!
//! // In front of `fuse`, the last one.
//! let (fuse, others) = PIPELINE.split_last().expect("there are passes");
//! let passes: Vec<Pass> = [others, &[("count", count), *fuse]].concat();
//! let mut engine = Engine::new().with_passes(passes);
//!
//! let tape = Tape::new(DType::F64);
//! let x = tape.input(Tensor::scalar(0.5));
//! assert_eq!(engine.run(&[x.sin() * 1.0])?.number(0), 0.5f64.sin());
//! # Ok::<(), tape::RunError>(())
//! ```

mod fuse;
mod hasten;
pub(crate) mod lift;
mod merge_duplicates;
pub(crate) mod merge_products;
mod remove_dead;
mod simplify;
pub mod verify;

pub use fuse::fuse;
pub use hasten::hasten;
pub use lift::lift;
pub use merge_duplicates::merge_duplicates;
pub use merge_products::merge_products;
pub use remove_dead::remove_dead;
pub use simplify::simplify;

use crate::graph::{Graph, Node, NodeId};
use crate::ops::Op;
use crate::program::Program;

/// A pass by its name.
pub type Pass = (&'static str, fn(Program) -> Program);

/// All passes in the order in which they run.
pub const PIPELINE: &[Pass] = &[
    ("remove_dead", remove_dead),
    ("simplify", simplify),
    ("merge_duplicates", merge_duplicates),
    // Joins weights in the step, so that `lift` takes that out of it.
    ("merge_products", merge_products),
    ("lift", lift),
    // What has left different loops may be the same, and rewrites leave nodes behind that nothing uses.
    ("simplify", simplify),
    ("merge_duplicates", merge_duplicates),
    ("remove_dead", remove_dead),
    ("fuse", fuse),
];

/// Runs passes one after another.
///
/// # Panics
/// If a pass that is not in the [`PIPELINE`] leaves something that is no program; in debug builds, if any does.
pub fn run(mut program: Program, passes: &[Pass]) -> Program {
    let dump = std::env::var("TAPE_DUMP").unwrap_or_default();
    for (name, pass) in passes {
        program = pass(program);
        if dump == *name || dump == "all" {
            eprintln!("# after {name}\n{program}");
        }
        let foreign = PIPELINE.iter().all(|(known, _)| known != name);
        if cfg!(debug_assertions) || foreign {
            verify::verify(&program).unwrap_or_else(|broken| panic!("after {name}: {broken}"));
        }
    }
    program
}

/// Appends an operation that stands for (a part of) what `node` did, with its scope and source line.
///
/// # Panics
/// If the operands do not fit: passes know the shapes of what they record.
fn append(graph: &mut Graph, node: &Node, op: impl Into<Op>, inputs: &[NodeId]) -> NodeId {
    let op = op.into();
    let inferred = op.rule().map(|rule| rule.infer(&graph.metas(inputs)));
    let Some(Ok((shape, dtype))) = inferred else { panic!("a pass recorded {}: {inferred:?}", op.name()) };
    let (scope, location) = (node.scope, node.location);
    graph.push(Node { op, inputs: inputs.into(), shape, dtype, scope, location })
}
