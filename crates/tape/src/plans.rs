//! The plans that an engine keeps, found again by what was recorded.
//!
//! A recording that never left its trail is known by the stamp of the trail and by the wanted nodes, without a
//! look at the program. Any other is found by its structure: a hash, then a comparison of all nodes.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::graph::{Graph, Node, NodeId};
use crate::ops::Op;
use crate::passes::{PIPELINE, Pass};
use crate::plan::Plan;
use crate::program::Program;

/// Plans that are kept; the one that was used longest ago makes room for a new one.
const PLANS: usize = 64;

/// Plans by the programs that they were made for.
#[derive(Debug)]
pub(crate) struct Plans {
    /// What each is made by.
    passes: Cow<'static, [Pass]>,
    kept: Vec<Kept>,
    /// Counts the plans that were asked for.
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    plan: Arc<Plan>,
    hash: u64,
    /// The trail that the program was last recorded on, if it is known.
    stamp: Option<u64>,
    used: u64,
}

impl Default for Plans {
    fn default() -> Plans {
        Plans::by(PIPELINE)
    }
}

impl Plans {
    /// No plans yet, to be made by these passes.
    pub fn by(passes: impl Into<Cow<'static, [Pass]>>) -> Plans {
        Plans { passes: passes.into(), kept: Vec::new(), clock: 0 }
    }

    /// How many plans are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// The plan for some nodes of a program, made if there is none. Programs with the same stamp are the
    /// same as far as the nodes that both have.
    pub fn find(&mut self, nodes: &[Node], stamp: Option<u64>, outputs: &[NodeId]) -> Arc<Plan> {
        self.clock += 1;
        let is_wanted = |kept: &&mut Kept| kept.plan.source.outputs == outputs;
        let stamped = |kept: &&mut Kept| stamp.is_some() && kept.stamp == stamp;
        if let Some(kept) = self.kept.iter_mut().filter(stamped).find(is_wanted) {
            kept.used = self.clock;
            return Arc::clone(&kept.plan);
        }
        let hash = hash(nodes, outputs);
        let is_same = |kept: &&mut Kept| kept.hash == hash && kept.plan.source.graph.nodes == nodes;
        if let Some(kept) = self.kept.iter_mut().filter(is_wanted).find(is_same) {
            (kept.used, kept.stamp) = (self.clock, stamp.or(kept.stamp));
            return Arc::clone(&kept.plan);
        }
        if self.kept.len() >= PLANS
            && let Some(oldest) = (0..self.kept.len()).min_by_key(|index| self.kept[*index].used)
        {
            self.kept.swap_remove(oldest);
        }
        let program = Program { graph: graph_of(nodes), outputs: outputs.to_vec() };
        let plan = Arc::new(Plan::with_passes(program, &self.passes));
        self.kept.push(Kept { plan: Arc::clone(&plan), hash, stamp, used: self.clock });
        plan
    }
}

fn hash(nodes: &[Node], outputs: &[NodeId]) -> u64 {
    FxBuildHasher.hash_one((nodes, outputs))
}

fn graph_of(nodes: &[Node]) -> Graph {
    let inputs = (0..nodes.len()).filter(|index| matches!(nodes[*index].op, Op::Input(_)));
    Graph { nodes: nodes.to_vec(), inputs: inputs.map(NodeId::at).collect() }
}
