//! Ranks that are processes under MPI. One thread alone speaks with the library, from its start to its end, as
//! [`Exchange`](nn::Exchange) sees to.
//!
//! MPI's blocking calls wait by asking again and again, which takes a processor from the work that ranks wait for. So ranks first
//! gather at a barrier that is asked now and then, and do what they came for when all are there.

use std::thread;
use std::time::Duration;

use mpi::collective::SystemOperation;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::point_to_point::MatchedReceiveVec;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Source};
use mpi::{Count, Tag, Threading};
use nn::exchange::Collective;
use tape::Tensor;
use tape::tensor::SliceMut;

/// How often the barrier is asked before this rank sleeps between two questions.
const ASKED_AT_ONCE: u32 = 200;

/// How long it then sleeps: little beside a step, and long beside a question.
const SLEEP: Duration = Duration::from_micros(50);

/// Stands behind every buffer. One of nothing would lie at address 1, by which Open MPI says "in place".
const SPARE: u8 = 0;

/// All processes that were started together.
pub(super) struct Mpi {
    world: SimpleCommunicator,
    /// Ends MPI when it is dropped.
    _universe: Universe,
}

impl Mpi {
    /// Starts MPI, on the thread that will use it.
    pub fn join() -> Result<Mpi, String> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
            .ok_or("MPI was started before; it can be only once")?;
        if threading < Threading::Funneled {
            return Err(
                "this MPI is for programs of one thread; install one that is built with threads".into()
            );
        }
        Ok(Mpi { world: universe.world(), _universe: universe })
    }

    /// Waits until all ranks are here.
    fn meet(&self) {
        let mut request = self.world.immediate_barrier();
        let mut asked = 0;
        while let Err(pending) = request.test() {
            request = pending;
            asked += 1;
            if asked < ASKED_AT_ONCE { thread::yield_now() } else { thread::sleep(SLEEP) }
        }
    }
}

/// Where each of some pieces begins, and how long all of them are.
fn places(counts: &[i64]) -> Result<(Vec<Count>, Vec<Count>, usize), String> {
    let total = counts.iter().sum::<i64>();
    let too_much =
        |_| format!("{total} bytes at once are more than MPI takes; use fewer ranks or smaller batches");
    Count::try_from(total).map_err(too_much)?;
    let counts: Vec<Count> = counts.iter().map(|count| *count as Count).collect();
    let begins = counts.iter().scan(0, |end, count| {
        *end += count;
        Some(*end - count)
    });
    let begins = begins.collect();
    Ok((counts, begins, total as usize))
}

/// What each rank has sent, cut apart.
fn pieces(bytes: &[u8], counts: &[Count]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let cut = |count: &Count| {
        let (piece, others) = rest.split_at(*count as usize);
        rest = others;
        piece.to_vec()
    };
    counts.iter().map(cut).collect()
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn ranks(&self) -> usize {
        self.world.size() as usize
    }

    fn sum(&mut self, numbers: &mut Tensor) -> Result<(), String> {
        self.meet();
        let own = numbers.clone();
        match numbers.slice_mut() {
            SliceMut::F32(sums) => {
                self.world.all_reduce_into(own.as_slice::<f32>(), sums, SystemOperation::sum());
            }
            SliceMut::F64(sums) => {
                self.world.all_reduce_into(own.as_slice::<f64>(), sums, SystemOperation::sum());
            }
            SliceMut::I32(sums) => {
                self.world.all_reduce_into(own.as_slice::<i32>(), sums, SystemOperation::sum());
            }
        }
        Ok(())
    }

    fn gather(&mut self, mut own: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        self.meet();
        let len = own.len();
        own.push(SPARE);
        let mut counts = vec![0; self.ranks()];
        self.world.all_gather_into(&(len as i64), &mut counts[..]);
        let (counts, begins, total) = places(&counts)?;
        let mut all = vec![SPARE; total + 1];
        let mut received = PartitionMut::new(&mut all[..], &counts[..], &begins[..]);
        self.world.all_gather_varcount_into(&own[..len], &mut received);
        Ok(pieces(&all, &counts))
    }

    fn deal(&mut self, shares: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
        self.meet();
        let given: Vec<i64> = shares.iter().map(|share| share.len() as i64).collect();
        let mut counts = vec![0; self.ranks()];
        self.world.all_to_all_into(&given[..], &mut counts[..]);
        let (given, given_begins, _) = places(&given)?;
        let (counts, begins, total) = places(&counts)?;
        let (mut own, mut all) = (shares.concat(), vec![SPARE; total + 1]);
        own.push(SPARE);
        let sent = Partition::new(&own[..], &given[..], &given_begins[..]);
        let mut received = PartitionMut::new(&mut all[..], &counts[..], &begins[..]);
        self.world.all_to_all_varcount_into(&sent, &mut received);
        Ok(pieces(&all, &counts))
    }

    fn send(&mut self, to: usize, lane: u16, mut message: Vec<u8>) -> Result<(), String> {
        let len = message.len();
        message.push(SPARE);
        self.world.process_at_rank(to as i32).send_with_tag(&message[..len], Tag::from(lane));
        Ok(())
    }

    fn receive(&mut self, from: usize, lane: u16) -> Result<Option<Vec<u8>>, String> {
        let found = self.world.process_at_rank(from as i32).immediate_matched_probe_with_tag(Tag::from(lane));
        Ok(found.map(|found| found.matched_receive_vec::<u8>().0))
    }

    fn abort(&mut self, code: i32) {
        self.world.abort(code);
    }
}
