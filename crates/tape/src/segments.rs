//! How a scan is run and recorded, in particular in segments of time.
//!
//! A scan in segments is several scans, one after another, with the same body: each begins with the
//! state that the one before it has left. Cut so,
//!
//! - a gradient can be **recomputed**: a segment's loop keeps nothing but its last state, and the gradient
//!   runs it again from the state before it. For `T` steps in segments of `√T`, memory grows as `√T`
//!   instead of `T`, for one more run forward;
//! - it can be **truncated**: no gradient goes from a segment to the one before it.
//!
//! The numbers are those of the plain scan, but for the rounding of sums that are cut in pieces. What a
//! gradient of a recomputed gradient needs is kept.

use std::ops::Range;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::error::ShapeError;
use crate::graph::NodeId;
use crate::ops::{Part, concat};
use crate::packing::Packing;
use crate::record::Tape;
use crate::scan::{Bundle, Role, Scan};
use crate::shape::{Dim, Shape};
use crate::var::{Var, Vars};

/// Segments of time of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Segments {
    /// The steps of a segment; the last to run may have fewer.
    pub length: usize,
    /// Whether a gradient runs each segment again instead of keeping what it needs from the first run.
    pub recompute: bool,
    /// Whether gradients end where a segment begins.
    pub truncate: bool,
}

impl Segments {
    /// Segments that are run again for the gradient, of such a length that the memory for `steps` steps
    /// is the smallest: as many segments as steps in one.
    ///
    /// ```
    /// assert_eq!(tape::Segments::recomputed(100).length, 10);
    /// ```
    pub fn recomputed(steps: usize) -> Segments {
        let length = steps.isqrt().max(1);
        Segments { length, recompute: true, truncate: false }
    }

    /// Segments of so many steps, each of which no gradient leaves: truncated backpropagation through time.
    pub fn truncated(length: usize) -> Segments {
        Segments { length, recompute: false, truncate: true }
    }
}

/// How a scan is run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ScanOptions {
    /// Whether the last step comes first.
    pub reverse: bool,
    /// Whether time is cut, and how.
    pub segments: Option<Segments>,
}

impl ScanOptions {
    /// The steps of each segment, in the order in which they run. There is at least one.
    fn cuts(&self, steps: usize) -> SmallVec<[Range<usize>; 1]> {
        let length = self.segments.map_or(steps, |segments| segments.length).max(1);
        let mut cuts: SmallVec<[Range<usize>; 1]> = match steps {
            0 => smallvec![0..0],
            _ => (0..steps).step_by(length).map(|start| start..steps.min(start + length)).collect(),
        };
        if self.reverse {
            // From the end, so that the segment that runs last is the short one.
            cuts.iter_mut().for_each(|cut| *cut = steps - cut.end..steps - cut.start);
        }
        cuts
    }
}

/// Like [`scan`](fn@crate::scan), backward or in segments as the options say.
///
/// ```
/// use tape::{DType, Packing, ScanOptions, Segments, Tape, Tensor, grad, scan_with};
///
/// let tape = Tape::new(DType::F64);
/// let x = tape.input(Tensor::new([6, 1], vec![1.0; 6]));
/// let zero = tape.input(Tensor::new([1, 1], vec![0.0]));
/// let sums = |segments| {
///     let options = ScanOptions { segments: Some(segments), ..ScanOptions::default() };
///     scan_with(&Packing::uniform(6, 1), options, zero, x, |sum, x| (sum + x, ())).0
/// };
/// // The sum of all steps, of which only the last two are within reach of a truncated gradient.
/// let sum = sums(Segments::truncated(2));
/// assert_eq!(sum.value().as_slice::<f64>(), [6.0]);
/// assert_eq!(grad(sum.sum(), &[x])[0].value().as_slice::<f64>(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
///
/// let sum = sums(Segments::recomputed(6));
/// assert_eq!(grad(sum.sum(), &[x])[0].value().as_slice::<f64>(), [1.0; 6]);
/// ```
///
/// # Panics
/// As [`scan`](fn@crate::scan) does, and if a segment is to have no steps.
#[track_caller]
pub fn scan_with<'t, S: Bundle<'t>, X: Bundle<'t>, Y: Bundle<'t>>(
    packing: &Packing,
    options: ScanOptions,
    state: S,
    inputs: X,
    step: impl FnOnce(S, X) -> (S, Y),
) -> (S, Y) {
    assert!(options.segments.is_none_or(|segments| segments.length > 0), "a segment needs a step at least");
    let (initial, sequences) = (state.parts(), inputs.parts());
    let Some(first) = initial.first().or(sequences.first()) else {
        panic!("scan needs a state or a sequence");
    };
    let tape = first.tape();
    let recompute = options.segments.is_some_and(|segments| segments.recompute);
    tape.open_body(packing, options.reverse, recompute);
    let states = feed(tape, &initial, Role::State);
    let (next, outputs) = step(
        state.rebuild(&mut states.iter().copied()),
        inputs.rebuild(&mut feed(tape, &sequences, Role::Sequence).into_iter()),
    );
    let next_vars = next.parts();
    for (before, after) in states.iter().zip(&next_vars) {
        let shapes = [before.shape(), after.shape()];
        if shapes[0] != shapes[1] {
            let reason = "the next state must have the shape of the state";
            panic!("{}", ShapeError::new("scan", &shapes, reason));
        }
    }
    // What a step hands on as it got it, such as a memory to attend to, is not carried at all.
    let held: SmallVec<[bool; 16]> =
        states.iter().zip(&next_vars).map(|(before, after)| before.id() == tape.place(*after)).collect();
    (0..held.len()).filter(|state| held[*state]).for_each(|state| tape.hold_state(state));
    let carried = |vars: &[Var<'t>]| -> Vars<'t> {
        vars.iter().zip(&held).filter(|(_, held)| !**held).map(|(var, _)| *var).collect()
    };
    let next_carried = carried(&next_vars);
    let places: SmallVec<[NodeId; 4]> = outputs.parts().into_iter().map(|var| tape.place(var)).collect();

    let cuts = options.cuts(packing.steps());
    let (finals, stacked) = if let [_] = &cuts[..] {
        let taken = Taken::from(tape.close_body(&next_carried), next_carried.len(), &places);
        (taken.finals, taken.stacked)
    } else {
        let body = Body::new(tape, &next_carried, packing);
        let truncate = options.segments.is_some_and(|segments| segments.truncate);
        // Each segment runs the body from where the one before it has ended.
        let mut finals = carried(&initial);
        let mut stacked: SmallVec<[Vars<'t>; 8]> = SmallVec::new();
        for (number, cut) in cuts.iter().enumerate() {
            if truncate && number > 0 {
                finals = finals.into_iter().map(Var::detach).collect();
            }
            let taken = Taken::from(body.record(&finals, cut), finals.len(), &places);
            finals = taken.finals;
            stacked.push(taken.stacked);
        }
        let joined = |output: usize| {
            let parts = stacked.iter().zip(&cuts).map(|(segment, cut)| (segment[output], cut.len()));
            let mut parts: SmallVec<[(Var<'t>, usize); 8]> = parts.collect();
            if options.reverse {
                parts.reverse();
            }
            join_steps(&parts, packing)
        };
        (finals, (0..places.len()).map(joined).collect())
    };
    let mut finals = finals.into_iter();
    let finals: Vars<'t> = initial
        .iter()
        .zip(&held)
        .map(|(initial, held)| if *held { *initial } else { finals.next().expect("a state that is carried") })
        .collect();
    (next.rebuild(&mut finals.into_iter()), outputs.rebuild(&mut stacked.into_iter()))
}

/// Values from around a scan as inputs of its body.
#[track_caller]
fn feed<'t>(tape: &'t Tape, vars: &[Var<'t>], role: Role) -> Vars<'t> {
    let mut fed = Vars::new();
    for var in vars {
        fed.push(tape.feed(*var, role));
    }
    fed
}

/// What is taken out of the scan of a segment.
struct Taken<'t> {
    finals: Vars<'t>,
    stacked: Vars<'t>,
}

impl<'t> Taken<'t> {
    #[track_caller]
    fn from(scan: Var<'t>, states: usize, outputs: &[NodeId]) -> Taken<'t> {
        let tape = scan.tape();
        let mut taken = Taken { finals: Vars::new(), stacked: Vars::new() };
        // Loops, since a closure would hide the user's line.
        for state in 0..states as u32 {
            taken.finals.push(tape.part(scan, Part::Final(state)));
        }
        for place in outputs {
            taken.stacked.push(tape.part(scan, Part::Stacked(*place)));
        }
        taken
    }
}

/// A recorded step whose loop is cut into segments.
struct Body<'a, 't> {
    tape: &'t Tape,
    whole: Arc<Scan>,
    feeds: Vars<'t>,
    packing: &'a Packing,
}

impl<'a, 't> Body<'a, 't> {
    fn new(tape: &'t Tape, next: &[Var<'t>], packing: &'a Packing) -> Body<'a, 't> {
        let (whole, feeds) = tape.take_body(next);
        let feeds = feeds.into_iter().map(|feed| tape.at(feed)).collect();
        Body { tape, whole, feeds, packing }
    }

    /// Records the scan over some steps, from these states.
    #[track_caller]
    fn record(&self, states: &[Var<'t>], steps: &Range<usize>) -> Var<'t> {
        let mut states = states.iter();
        let feed = |(role, feed): (&Role, &Var<'t>)| match role {
            Role::State => *states.next().expect("as many states as the body has"),
            Role::Sequence => steps_of(*feed, self.packing, steps),
            Role::Rows | Role::Constant => *feed,
        };
        let feeds: Vars<'t> = self.whole.roles.iter().zip(&self.feeds).map(feed).collect();
        let segment = Scan { packing: self.packing.segment(steps.clone()), ..Scan::clone(&self.whole) };
        self.tape.push_scan(segment.into(), &feeds)
    }
}

/// The rows of some steps of a packed sequence.
#[track_caller]
fn steps_of<'t>(rows: Var<'t>, packing: &Packing, steps: &Range<usize>) -> Var<'t> {
    if let Some(total) = packing.total().known() {
        let row = |step| if step == packing.steps() { total } else { packing.offset(step, 0) };
        return rows.slice(0, row(steps.start)..row(steps.end));
    }
    // In the step of another scan the rows of one step here are not a number.
    let some = by_step(rows, packing.steps(), packing).slice(0, steps.clone());
    some.reshape(rows.shape().with_leading(packing.segment(steps.clone()).total()))
}

/// The rows of segments, of so many steps each, one after another.
#[track_caller]
fn join_steps<'t>(parts: &[(Var<'t>, usize)], packing: &Packing) -> Var<'t> {
    let total = packing.total();
    if total.known().is_some() {
        return concat(&parts.iter().map(|(part, _)| *part).collect::<Vars<'t>>(), 0);
    }
    let parts: Vars<'t> = parts.iter().map(|(part, steps)| by_step(*part, *steps, packing)).collect();
    let joined = concat(&parts, 0);
    joined.reshape(joined.shape().without_leading().with_leading(total))
}

/// Packed rows of sequences that are all as long as (steps, sequences, …).
#[track_caller]
fn by_step<'t>(rows: Var<'t>, steps: usize, packing: &Packing) -> Var<'t> {
    let rest = rows.shape().without_leading();
    let leading = [Dim::new(steps), packing.sequences()];
    rows.reshape(leading.into_iter().chain(rest.dims().iter().copied()).collect::<Shape>())
}
