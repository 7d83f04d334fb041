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

mod buckets;
mod bytes;
mod collective;
mod ops;
mod reduce;
mod threads;
mod tree;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tape::{Custom, Shape, Tape, Var};

pub(crate) use buckets::Form;
pub use collective::{Alone, Collective};
pub use threads::{ThreadRank, among_threads};

use buckets::{Board, Step};

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
    step: Mutex<Option<Step>>,
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

    /// Records that a bucket begins: with its numbers, or with rows and their indices.
    pub(crate) fn begin<'t>(self: &Arc<Self>, bucket: usize, form: Form, operands: &[Var<'t>]) -> Var<'t> {
        let rows = matches!(form, Form::Rows(..));
        let begin = Custom::new(ops::Begin { exchange: Arc::clone(self), bucket, rows });
        operands[0].apply_custom(&begin, &operands[1..])
    }

    /// Records the sum of a bucket.
    pub(crate) fn sum<'t>(self: &Arc<Self>, tape: &'t Tape, bucket: usize, shape: Shape) -> Var<'t> {
        let exchange = Arc::clone(self);
        tape.push(Custom::new(ops::Finish { exchange, bucket, shape, dtype: tape.dtype() }), &[])
    }
}

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
        self.0.end();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange(rank {} of {})", self.rank, self.ranks)
    }
}
