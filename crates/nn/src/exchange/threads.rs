//! Ranks that are threads of one process: what several processes do, to be tried and tested without any.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tape::Tensor;

use super::bytes::{from_bytes, to_bytes};
use super::collective::Collective;

/// One of the ranks that [`among_threads`] gives.
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    ranks: usize,
    /// How many meetings this rank was at.
    met: u64,
    room: Arc<Room>,
}

/// Where ranks meet.
#[derive(Debug, Default)]
struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Those that are not over, by their numbers.
    meetings: HashMap<u64, Meeting>,
    /// Messages by sender, receiver and lane.
    messages: HashMap<(usize, usize, u16), Vec<Vec<u8>>>,
    /// Those that have ended, for which nobody should wait.
    ended: Vec<usize>,
}

#[derive(Debug, Default)]
struct Meeting {
    /// What the ranks that have come brought, for each rank something.
    brought: HashMap<usize, Vec<Vec<u8>>>,
    /// How many have left.
    left: usize,
}

/// So many ranks, each to be given to a thread.
pub fn among_threads(ranks: usize) -> Vec<ThreadRank> {
    let room = Arc::new(Room::default());
    (0..ranks).map(|rank| ThreadRank { rank, ranks, met: 0, room: Arc::clone(&room) }).collect()
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, ranks: impl IntoIterator<Item = usize>) {
        self.lock().ended.extend(ranks);
        self.changed.notify_all();
    }
}

impl Collective for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn sum(&mut self, numbers: &mut Tensor) -> Result<(), String> {
        let all = self.gather(to_bytes(numbers.slice()))?;
        numbers.slice_mut().clear();
        for bytes in all {
            let share = from_bytes(numbers.dtype(), &bytes);
            numbers.slice_mut().add_from(share.slice());
        }
        Ok(())
    }

    fn gather(&mut self, own: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        self.deal(vec![own; self.ranks])
    }

    fn deal(&mut self, shares: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
        let meeting = self.met;
        self.met += 1;
        let mut state = self.room.lock();
        state.meetings.entry(meeting).or_default().brought.insert(self.rank, shares);
        self.room.changed.notify_all();
        loop {
            let Meeting { brought, left } =
                state.meetings.get_mut(&meeting).expect("it is kept until all have left");
            if brought.len() == self.ranks {
                let of =
                    |rank| std::mem::take(&mut brought.get_mut(&rank).expect("all have come")[self.rank]);
                let received = (0..self.ranks).map(of).collect();
                *left += 1;
                if *left == self.ranks {
                    state.meetings.remove(&meeting);
                }
                return Ok(received);
            }
            if let Some(rank) = state.ended.first() {
                return Err(format!("rank {rank} has ended"));
            }
            state = self.room.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn send(&mut self, to: usize, lane: u16, message: Vec<u8>) -> Result<(), String> {
        self.room.lock().messages.entry((self.rank, to, lane)).or_default().push(message);
        Ok(())
    }

    fn receive(&mut self, from: usize, lane: u16) -> Result<Option<Vec<u8>>, String> {
        let mut state = self.room.lock();
        let State { messages, ended, .. } = &mut *state;
        match messages.get_mut(&(from, self.rank, lane)).filter(|messages| !messages.is_empty()) {
            Some(messages) => Ok(Some(messages.remove(0))),
            None if ended.contains(&from) => Err(format!("rank {from} has ended")),
            None => Ok(None),
        }
    }

    fn abort(&mut self, _: i32) {
        self.room.end([self.rank].into_iter().chain(0..self.ranks));
    }
}

impl Drop for ThreadRank {
    fn drop(&mut self) {
        self.room.end([self.rank]);
    }
}
