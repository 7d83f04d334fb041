//! Steps that several ranks take together: each has the gradients of its own part of a batch, and all need their sum.
//!
//! ```text
//! gradients   …  dW3  begin  …  dW2  dW1  begin  …  dE  begin          a program for each part
//!                       |               |              |
//! beside it             Σ over parts    Σ over parts   rows, gathered   in the order of the buckets
//!                       |               |              |
//! update      finish  finish  finish   norm, clipping, new weights      a program of its own
//! ```
//!
//! Gradients go in buckets, in the order in which the backward sweep comes by them, the last layer first. An operation that
//! *begins* an exchange stands behind the last gradient of its bucket (see [`tape::passes::hasten`]), copies the bucket and goes
//! on; a thread of the [`Exchange`] has it summed meanwhile. Those that *finish* wait. The gradient of a table from which rows were
//! taken is exchanged as rows with their indices, where all of them are less than the table.
//!
//! How ranks reach each other is the business of a [`Collective`]: processes under MPI in `lab`, [`among_threads`] of one process,
//! or [`Alone`].
//!
//! **Bits.** Sums over ranks are the same to rounding, however many there are. In a *fixed order* a batch is cut into a number of
//! parts that is given, whoever computes them, and sums are taken along a tree over these parts (see `tree`). Then the bits do
//! not depend on the number of ranks, nor does the noise of dropout, which each part has of its own.

mod bytes;
mod collective;
mod ops;
mod reduce;
mod threads;
mod tree;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tape::tensor::{Slice, SliceMut};
use tape::{Custom, DType, Shape, Tape, Tensor, Var};

pub use collective::{Alone, Collective};
pub use threads::{ThreadRank, among_threads};

use reduce::{Rows, Sharing, add, copied, sum_numbers, sum_rows};
use tree::Blocks;

/// Work for the thread that speaks with the other ranks.
type Order = Box<dyn FnOnce(&mut dyn Collective) + Send>;

/// Why nothing comes any more.
const ENDED: &str = "the exchange with the other ranks has ended";

/// What a rank exchanges with the others: buckets of gradients while programs run, and anything else by
/// [`call`](Exchange::call).
///
/// ```
/// use nn::exchange::{Exchange, among_threads};
///
/// let ranks: Vec<_> = among_threads(2).into_iter().map(|rank| {
///     std::thread::spawn(move || {
///         let exchange = Exchange::start(move || Ok(Box::new(rank)))?;
///         exchange.call(|all| all.gather(vec![all.rank() as u8]))?
///     })
/// }).collect();
/// for rank in ranks {
///     assert_eq!(rank.join().unwrap()?, [[0], [1]]);
/// }
/// # Ok::<(), String>(())
/// ```
pub struct Exchange {
    /// No other exchange of this process has it.
    id: u64,
    rank: usize,
    ranks: usize,
    orders: Mutex<Option<Sender<Order>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    step: Mutex<Step>,
    board: Arc<Board>,
}

/// What an exchange has moved and how long it took.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Traffic {
    /// Bytes of gradients that this rank was sent by others.
    pub bytes: u64,
    /// Buckets that were summed.
    pub buckets: u64,
    /// How long they took, from the moment when the exchange came to them.
    pub busy: Duration,
    /// How long programs waited for them.
    pub waited: Duration,
}

/// What a bucket holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// So many numbers.
    Numbers(usize),
    /// Rows of a table of so many rows, each so wide.
    Rows(usize, usize),
}

/// The buckets of a step that are being filled.
#[derive(Default)]
struct Step {
    sharing: Option<Sharing>,
    dtype: Option<DType>,
    /// The part that is being computed.
    part: usize,
    buckets: Vec<Bucket>,
    /// Those before were handed over. All ranks hand over in the same order.
    next: usize,
}

struct Bucket {
    form: Form,
    numbers: Blocks<Tensor>,
    rows: Vec<Rows>,
    /// How many of the rank's parts are missing.
    missing: usize,
}

/// Where sums are put up.
#[derive(Default)]
struct Board {
    state: Mutex<Sums>,
    changed: Condvar,
}

#[derive(Default)]
struct Sums {
    sums: Vec<Option<Result<Tensor, String>>>,
    traffic: Traffic,
    ended: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Sums> {
        lock(&self.state)
    }
}

/// Nobody panics while holding one of these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exchange {
    /// An exchange over the ranks that `join` reaches, on a thread of its own which alone speaks with them.
    ///
    /// # Errors
    /// What `join` says, or that there is no thread to be had.
    pub fn start(
        join: impl FnOnce() -> Result<Box<dyn Collective>, String> + Send + 'static,
    ) -> Result<Arc<Exchange>, String> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let (orders, receiver) = channel();
        let (joined, answer) = channel();
        let board = Arc::new(Board::default());
        let at_end = AtEnd(Arc::clone(&board));
        let work = move || {
            let _at_end = at_end;
            match join() {
                Ok(collective) => {
                    // Whoever asked has gone where this cannot be said.
                    let _ = joined.send(Ok((collective.rank(), collective.ranks())));
                    work(collective, receiver);
                }
                Err(problem) => _ = joined.send(Err(problem)),
            }
        };
        let worker = thread::Builder::new().name("exchange".into()).spawn(work);
        let worker = worker.map_err(|error| format!("there is no thread for the exchange: {error}"))?;
        let (rank, ranks) = answer.recv().map_err(|_| ENDED.to_string())??;
        Ok(Arc::new(Exchange {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            rank,
            ranks,
            orders: Mutex::new(Some(orders)),
            worker: Mutex::new(Some(worker)),
            step: Mutex::default(),
            board,
        }))
    }

    /// Which rank this is, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many there are.
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Has something done with the other ranks, after all that was begun before, and waits for it.
    ///
    /// # Errors
    /// If the exchange has ended.
    pub fn call<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut dyn Collective) -> R + Send + 'static,
    ) -> Result<R, String> {
        let (done, result) = channel();
        self.order(Box::new(move |collective| _ = done.send(order(collective))))?;
        result.recv().map_err(|_| ENDED.to_string())
    }

    /// What was moved since the start.
    pub fn traffic(&self) -> Traffic {
        self.board.lock().traffic
    }

    /// Leaves the other ranks, as they do. Nothing can be exchanged afterwards.
    pub fn end(&self) {
        drop(lock(&self.orders).take());
        if let Some(worker) = lock(&self.worker).take() {
            // A panic of the thread was told when it happened.
            let _ = worker.join();
        }
    }

    fn order(&self, order: Order) -> Result<(), String> {
        let orders = lock(&self.orders);
        let sent = orders.as_ref().and_then(|orders| orders.send(order).ok());
        sent.ok_or_else(|| ENDED.to_string())
    }

    /// The parts of a batch that this rank computes.
    pub(crate) fn parts_of(&self, parts: usize) -> Range<usize> {
        Sharing { parts, ranks: self.ranks, fixed: false }.of(self.rank)
    }

    /// Opens the buckets of a step; those of a rank without parts are begun at once.
    pub(crate) fn open(&self, parts: usize, fixed: bool, forms: &[Form], dtype: DType) -> Result<(), String> {
        let sharing = Sharing { parts, ranks: self.ranks, fixed };
        let missing = sharing.of(self.rank).len();
        let bucket =
            |form: &Form| Bucket { form: *form, numbers: Blocks::new(parts), rows: Vec::new(), missing };
        self.board.lock().sums = forms.iter().map(|_| None).collect();
        let mut step = lock(&self.step);
        let buckets = forms.iter().map(bucket).collect();
        *step = Step { sharing: Some(sharing), dtype: Some(dtype), part: 0, buckets, next: 0 };
        self.hand_over(&mut step)
    }

    /// Says which part is computed next.
    pub(crate) fn turn_to(&self, part: usize) {
        lock(&self.step).part = part;
    }

    fn begin_numbers(&self, bucket: usize, numbers: &[Slice<'_>]) -> Result<(), String> {
        let len = numbers.iter().map(|numbers| numbers.len()).sum::<usize>();
        let mut flat = Tensor::zeros(numbers[0].dtype(), [len]);
        let (mut to, mut start) = (flat.slice_mut(), 0);
        for numbers in numbers {
            to.part(start, numbers.len()).copy_from(*numbers);
            start += numbers.len();
        }
        self.fill(bucket, |at, part| at.numbers.put((0, part), flat, add))
    }

    fn begin_rows(&self, bucket: usize, indices: &[i32], rows: Slice<'_>) -> Result<(), String> {
        let own = Rows { indices: indices.to_vec(), rows: copied(rows) };
        self.fill(bucket, |at, _| at.rows.push(own))
    }

    /// Puts what the present part has into a bucket, and has summed what is whole by it.
    fn fill(&self, bucket: usize, put: impl FnOnce(&mut Bucket, usize)) -> Result<(), String> {
        let mut step = lock(&self.step);
        let part = step.part;
        let at = step.buckets.get_mut(bucket).filter(|at| at.missing > 0).ok_or(NOT_OPEN)?;
        put(at, part);
        at.missing -= 1;
        self.hand_over(&mut step)
    }

    /// Has the buckets summed that are whole, in their order.
    fn hand_over(&self, step: &mut Step) -> Result<(), String> {
        let (Some(sharing), Some(dtype)) = (step.sharing, step.dtype) else { return Ok(()) };
        while let Some(bucket) = step.buckets.get_mut(step.next).filter(|bucket| bucket.missing == 0) {
            let (form, rows) = (bucket.form, std::mem::take(&mut bucket.rows));
            let numbers = std::mem::replace(&mut bucket.numbers, Blocks::new(sharing.parts));
            let (place, board) = (step.next, Arc::clone(&self.board));
            self.order(Box::new(move |collective| {
                let begin = Instant::now();
                let sum = match form {
                    Form::Numbers(len) => sum_numbers(collective, sharing, numbers, (len, dtype)),
                    Form::Rows(table, width) => sum_rows(collective, sharing, rows, (table, width), dtype),
                };
                let mut state = board.lock();
                state.traffic.buckets += 1;
                state.traffic.busy += begin.elapsed();
                state.traffic.bytes += sum.as_ref().map_or(0, |(_, bytes)| *bytes);
                state.sums[place] = Some(sum.map(|(sum, _)| sum));
                board.changed.notify_all();
            }))?;
            step.next += 1;
        }
        Ok(())
    }

    /// Waits for a sum. It can be asked for again until the next step is opened.
    fn finish(&self, bucket: usize, mut out: SliceMut<'_>) -> Result<(), String> {
        let begin = Instant::now();
        let mut state = self.board.lock();
        loop {
            match state.sums.get(bucket) {
                None => return Err(NOT_OPEN.into()),
                Some(Some(Err(problem))) => return Err(problem.clone()),
                Some(Some(Ok(sum))) => {
                    out.copy_from(sum.slice());
                    state.traffic.waited += begin.elapsed();
                    return Ok(());
                }
                Some(None) if state.ended => return Err(ENDED.into()),
                Some(None) => state = self.board.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Records that a bucket begins.
    pub(crate) fn begin<'t>(self: &Arc<Self>, bucket: usize, operands: &[Var<'t>], rows: bool) -> Var<'t> {
        let begin = Custom::new(ops::Begin { exchange: Arc::clone(self), bucket, rows });
        operands[0].apply_custom(&begin, &operands[1..])
    }

    /// Records the sum of a bucket.
    pub(crate) fn sum<'t>(self: &Arc<Self>, tape: &'t Tape, bucket: usize, shape: Shape) -> Var<'t> {
        let exchange = Arc::clone(self);
        tape.push(Custom::new(ops::Finish { exchange, bucket, shape, dtype: tape.dtype() }), &[])
    }
}

/// A program of an exchange is run by a `Trainer` alone, which opens the buckets.
const NOT_OPEN: &str = "this bucket of gradients is not open";

/// What the thread of an exchange does until it ends.
fn work(mut collective: Box<dyn Collective>, orders: Receiver<Order>) {
    for order in orders {
        order(collective.as_mut());
    }
}

/// Lets nobody wait for what will never come.
struct AtEnd(Arc<Board>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange(rank {} of {})", self.rank, self.ranks)
    }
}
