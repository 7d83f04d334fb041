//! Trails: what tapes have recorded, kept so that the next one follows it instead of recording again.
//!
//! A training step records the same program as the step before it. A [`Recorder`] therefore keeps what its
//! tapes have recorded. The next tape compares each operation with the node at the same place of such a
//! trail and takes that node where it is equal: its shape need not be inferred, and nothing is written. A
//! gradient that was taken at that place of the same values is taken over whole, since a sweep depends on
//! nothing but the graph before it. At the first difference the tape turns to another trail that goes on
//! as it does, or leaves all of them and records from there on.
//!
//! Following is never visible in what is recorded: graph, scopes and source lines are those of a new tape.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::dtype::DType;
use crate::graph::{Graph, NodeId};
use crate::ops::{Op, Part};
use crate::record::{Leaf, Tape};
use crate::recording::Recording;

/// Makes tapes that follow the trail of former ones: to record a program a second time costs next to
/// nothing.
///
/// ```
/// use tape::{DType, Engine, Recorder, Tensor, grad};
///
/// let recorder = Recorder::new(DType::F64);
/// let mut engine = Engine::new();
/// for step in 0..3 {
///     let tape = recorder.tape();
///     let x = tape.input(Tensor::new([2], vec![f64::from(step), 1.0]));
///     let slope = grad(x.square().sum(), &[x])[0];
///     let run = engine.run(&[slope])?;
///     assert_eq!(run.tensor(0).as_slice::<f64>(), [2.0 * f64::from(step), 2.0]);
/// }
/// assert_eq!(engine.plans(), 1);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// A clone has trails of its own, and none yet.
pub struct Recorder {
    dtype: DType,
    shelf: Arc<Shelf>,
}

/// What tapes have given back when they were dropped.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Recording>>);

/// How many tapes that are used at the same time have a trail each.
const SHELVED: usize = 4;

impl Recorder {
    /// A recorder of tapes whose floating-point values are of type `dtype`.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn new(dtype: DType) -> Recorder {
        assert!(dtype.is_real(), "a tape computes with f32 or f64, not {}", dtype.name());
        Recorder { dtype, shelf: Arc::default() }
    }

    /// A tape that follows the former ones.
    pub fn tape(&self) -> Tape {
        Tape::following(self.dtype, None, &self.shelf)
    }

    /// A tape that follows the former ones, on which the given values can be used by their numbers.
    pub fn tape_with_leaves(&self, leaves: Arc<Vec<Leaf>>) -> Tape {
        Tape::following(self.dtype, Some(leaves), &self.shelf)
    }

    /// The type of the floating-point values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}

impl Clone for Recorder {
    fn clone(&self) -> Recorder {
        Recorder { dtype: self.dtype, shelf: Arc::default() }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({})", self.dtype.name())
    }
}

impl Shelf {
    /// What the tape that was dropped last has left, or nothing recorded yet.
    pub(crate) fn take(&self) -> Recording {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps what a tape has recorded.
    pub(crate) fn give_back(&self, recording: Recording) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.len() < SHELVED {
            shelf.push(recording);
        }
    }
}

/// A program as far as a tape has recorded it, with what shortens recording it again.
///
/// Nodes are only ever added to a trail, so that its stamp and the places of some nodes say which program
/// computes these nodes.
#[derive(Debug)]
pub(crate) struct Trail {
    pub graph: Graph,
    /// The nodes that are parts of scans.
    pub parts: FxHashMap<(NodeId, Part), NodeId>,
    /// The gradients that were taken, in the order of their first nodes.
    pub gradients: Vec<Taken>,
    /// No other trail has it.
    pub stamp: u64,
    /// When a tape last followed it.
    pub used: u64,
    /// Whether it is known to part from what is being recorded.
    pub parted: bool,
}

/// A gradient on a trail.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub of: NodeId,
    pub wrt: SmallVec<[NodeId; 16]>,
    /// The line that asked for it.
    pub location: &'static Location<'static>,
    /// Its nodes are those from the first of these places to before the second.
    pub nodes: (usize, usize),
    pub results: SmallVec<[Option<NodeId>; 16]>,
}

impl Default for Trail {
    fn default() -> Trail {
        Trail {
            graph: Graph::default(),
            parts: FxHashMap::default(),
            gradients: Vec::new(),
            stamp: next_stamp(),
            used: 0,
            parted: false,
        }
    }
}

fn next_stamp() -> u64 {
    static STAMPS: AtomicU64 = AtomicU64::new(1);
    STAMPS.fetch_add(1, Ordering::Relaxed)
}

impl Trail {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.graph.nodes.clear();
        self.graph.inputs.clear();
        self.parts.clear();
        self.gradients.clear();
        self.stamp = next_stamp();
    }

    /// Becomes the first `len` nodes of another trail.
    pub fn become_start_of(&mut self, other: &Trail, len: usize) {
        self.clear();
        self.graph.copy_start_of(&other.graph, len);
        for (id, node) in self.graph.iter() {
            if let Op::Part(part) = node.op {
                self.parts.insert((node.inputs[0], part), id);
            }
        }
        let whole = other.gradients.iter().filter(|taken| taken.nodes.1 <= len);
        self.gradients.extend(whole.cloned());
    }

    /// Where the gradient is kept whose nodes begin at a place, or where it is to be put.
    pub fn find_gradient(&self, start: usize) -> Result<usize, usize> {
        self.gradients.binary_search_by_key(&start, |taken| taken.nodes.0)
    }
}
