//! Runs programs: keeps plans, the arena that they lie in, and the threads that share their work.
//!
//! A program that is recorded again with the same shapes and lengths is recognised by its structure and
//! runs from the plan it already has; other lengths are another program, and planned anew. What it lacks on
//! purpose: it never looks at what an operation means (the passes do) nor decides where a value lies (the plan
//! does).

use std::sync::Arc;

use crate::error::RunError;
use crate::graph::{Graph, NodeId};
use crate::kernels::{Threads, machine::Machine};
use crate::passes::Pass;
use crate::plan::{Home, Operand, Plan};
use crate::plans::Plans;
use crate::profile::{Profile, Roof};
use crate::program::Program;
use crate::record::Tape;
use crate::tensor::{Slice, Tensor};
use crate::var::Var;

/// Plans of fewer multiplications than this run on the calling thread.
const WORTH_THREADS: u64 = 4_000_000;

/// Runs programs from plans that it keeps.
#[derive(Debug, Default)]
pub struct Engine {
    plans: Plans,
    machine: Machine,
    /// The inputs and the wanted values of the program that is being run.
    inputs: Vec<Tensor>,
    wanted: Vec<NodeId>,
    pool: Pool,
}

/// The threads that share work.
#[derive(Debug, Default)]
enum Pool {
    /// Those of the pool that the caller is in.
    #[default]
    Shared,
    /// The calling thread alone.
    Single,
    Own(rayon::ThreadPool),
}

/// The results of a run, which lie in the engine until the next one.
#[derive(Debug)]
pub struct Run<'e> {
    engine: &'e Engine,
    plan: Arc<Plan>,
}

impl Engine {
    /// An engine without plans that uses all processors.
    pub fn new() -> Engine {
        Engine::default()
    }

    /// An engine that uses the given number of threads. Results do not depend on it.
    ///
    /// # Errors
    /// If the system does not give the threads.
    pub fn with_threads(threads: usize) -> Result<Engine, rayon::ThreadPoolBuildError> {
        let pool = match threads {
            0 | 1 => Pool::Single,
            _ => Pool::Own(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?),
        };
        Ok(Engine { pool, ..Engine::default() })
    }

    /// The same engine, which makes its plans by other passes than the [`PIPELINE`](crate::passes::PIPELINE): by some of those
    /// only, or with passes of one's own among them.
    pub fn with_passes(self, passes: Vec<Pass>) -> Engine {
        Engine { plans: Plans::by(passes), ..self }
    }

    /// Computes values of one tape.
    ///
    /// # Errors
    /// If an operation meets a value that it cannot take, such as an index outside a table.
    ///
    /// # Panics
    /// If there are values of different tapes, or a scan is being recorded.
    #[track_caller]
    pub fn run(&mut self, outputs: &[Var<'_>]) -> Result<Run<'_>, RunError> {
        let Some(first) = outputs.first() else {
            return Ok(Run { engine: self, plan: Arc::new(Plan::new(Program::default())) });
        };
        let tape = first.tape();
        assert!(
            outputs.iter().all(|var| std::ptr::eq(var.tape(), tape)),
            "the values are of different tapes"
        );
        self.wanted.clear();
        self.wanted.extend(outputs.iter().map(|var| var.id()));
        let Engine { plans, wanted, .. } = self;
        let plan = tape.with_program(|nodes, stamp| plans.find(nodes, Some(stamp), wanted));
        self.execute(tape, plan)
    }

    /// Computes what a plan says, from the inputs of a tape: what the tests of passes use.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    ///
    /// # Panics
    /// If the plan was made for another program than the tape holds.
    #[track_caller]
    pub fn run_plan(&mut self, tape: &Tape, plan: Plan) -> Result<Run<'_>, RunError> {
        assert!(plan.source.graph == *tape.graph(), "the plan is of another program");
        self.execute(tape, Arc::new(plan))
    }

    fn execute(&mut self, tape: &Tape, plan: Arc<Plan>) -> Result<Run<'_>, RunError> {
        let count = tape.inputs();
        self.inputs.extend((0..count).map(|slot| tape.with_input(slot, Tensor::clone)));
        let mut run = |threads| self.machine.run(&plan, &self.inputs, threads);
        let result = match &self.pool {
            Pool::Single => run(Threads::One),
            // Another thread takes longer to wake up than such a plan takes to run.
            _ if plan.work() < WORTH_THREADS => run(Threads::One),
            Pool::Own(pool) => pool.install(|| run(Threads::All)),
            Pool::Shared => rayon::join(|| run(Threads::All), || ()).0,
        };
        // Nobody else may hold a tensor when its owner writes it again.
        self.inputs.clear();
        result?;
        Ok(Run { engine: self, plan })
    }

    /// Computes values of one tape and measures each instruction: two runs, of which the second is noted.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    ///
    /// # Panics
    /// As for [`Engine::run`].
    #[track_caller]
    pub fn profile(&mut self, outputs: &[Var<'_>]) -> Result<Profile, RunError> {
        self.run(outputs)?;
        let roof = Roof::measure();
        self.machine.start_clock();
        let plan = self.run(outputs).map(|run| Arc::clone(&run.plan));
        let runs = self.machine.stop_clock();
        Ok(Profile::new(&*plan?, roof, runs))
    }

    /// The plan of a program, made if there is none.
    pub fn plan(&mut self, graph: &Graph, outputs: &[NodeId]) -> Arc<Plan> {
        self.plans.find(&graph.nodes, None, outputs)
    }

    /// How many plans are kept.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// The bytes that the arena holds: the most that any plan has needed.
    pub fn bytes(&self) -> usize {
        self.machine.bytes()
    }
}

impl Run<'_> {
    fn result(&self, output: usize) -> &Operand {
        &self.plan.block.results[output]
    }

    /// A result, borrowed.
    pub fn slice(&self, output: usize) -> Slice<'_> {
        let result = self.result(output);
        let Home::Arena(offset) = result.home else { unreachable!("results are moved into the arena") };
        self.engine.machine.arena.read(offset, result.shape.len(), result.dtype)
    }

    /// A result as a tensor of its own.
    pub fn tensor(&self, output: usize) -> Tensor {
        Tensor::of_data(&self.result(output).shape, self.slice(output))
    }

    /// A result that is a single number.
    ///
    /// # Panics
    /// If it does not have exactly one element.
    #[track_caller]
    pub fn number(&self, output: usize) -> f64 {
        match self.slice(output) {
            Slice::F32([number]) => f64::from(*number),
            Slice::F64([number]) => *number,
            Slice::I32([number]) => f64::from(*number),
            _ => panic!("a result of shape {} is not a single number", self.result(output).shape),
        }
    }

    /// The plan that was run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
