//! Trainings that other ranks do: the first hands them out, one to each seat, and waits for the record.
//!
//! Messages go in lanes, one for each seat: to it a [`Slot`] as JSON, or nothing when there is no more to do; back the record, or
//! why there is none.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nn::Exchange;
use tape::RunError;

use super::desk::Slot;
use super::{CompareError, Record};

/// Between two looks for a message: little beside a training.
const PAUSE: Duration = Duration::from_millis(2);

/// A place at another rank where one training is done at a time.
#[derive(Clone)]
pub(super) struct Seat {
    exchange: Arc<Exchange>,
    rank: usize,
    lane: u16,
}

/// The seats at the ranks but the first, of which each says how many it has.
pub(super) fn seats(exchange: &Arc<Exchange>, own: usize) -> Result<Vec<Seat>, String> {
    let own = u16::try_from(own.max(1))
        .map_err(|_| format!("{own} trainings at the same time; give fewer threads"))?;
    let all = exchange.call(move |all| all.gather(own.to_le_bytes().to_vec()))??;
    let mut seats = Vec::new();
    for (rank, count) in all.into_iter().enumerate().skip(1) {
        let count = count.try_into().map(u16::from_le_bytes);
        let count =
            count.map_err(|_| format!("rank {rank} is another program; start all ranks by the same"))?;
        seats.extend((0..count).map(|lane| Seat { exchange: Arc::clone(exchange), rank, lane }));
    }
    Ok(seats)
}

impl Seat {
    /// Has a training done, which takes as long as it takes.
    pub fn train(&self, slot: Slot) -> Result<Record, CompareError> {
        self.ask(slot).map_err(|problem| CompareError::Ranks(format!("rank {}: {problem}", self.rank)))
    }

    fn ask(&self, slot: Slot) -> Result<Record, String> {
        self.send(serde_json::to_vec(&slot).map_err(|error| error.to_string())?)?;
        let answer = next(&self.exchange, self.rank, self.lane)?;
        serde_json::from_slice::<Result<Record, String>>(&answer).map_err(|error| error.to_string())?
    }

    fn send(&self, message: Vec<u8>) -> Result<(), String> {
        let (rank, lane) = (self.rank, self.lane);
        self.exchange.call(move |all| all.send(rank, lane, message))?
    }
}

/// Waits for the next message of a rank in a lane.
fn next(exchange: &Exchange, from: usize, lane: u16) -> Result<Vec<u8>, String> {
    loop {
        match exchange.call(move |all| all.receive(from, lane))?? {
            Some(message) => return Ok(message),
            None => thread::sleep(PAUSE),
        }
    }
}

/// Tells seats that nothing is left to do.
pub(super) fn dismiss(seats: &[Seat]) -> Result<(), String> {
    seats.iter().try_for_each(|seat| seat.send(Vec::new()))
}

/// Does what the first rank asks of the seats of this one.
pub(super) fn serve(
    exchange: &Arc<Exchange>,
    seats: usize,
    train: impl Fn(Slot) -> Result<Option<Record>, RunError> + Sync,
) -> Result<(), String> {
    let serve_one = |lane: u16| -> Result<(), String> {
        loop {
            let message = next(exchange, 0, lane)?;
            if message.is_empty() {
                return Ok(());
            }
            let slot = serde_json::from_slice(&message).map_err(|error| error.to_string())?;
            let record = train(slot).map_err(|error| error.to_string());
            let record = record.and_then(|record| record.ok_or("a training was broken off".into()));
            let answer = serde_json::to_vec(&record).map_err(|error| error.to_string())?;
            exchange.call(move |all| all.send(0, lane, answer))??;
        }
    };
    thread::scope(|scope| {
        let serve_one = &serve_one;
        let serving: Vec<_> =
            (0..seats.max(1)).map(|lane| scope.spawn(move || serve_one(lane as u16))).collect();
        let ended = |served: thread::ScopedJoinHandle<'_, _>| {
            served.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        serving.into_iter().try_for_each(ended)
    })
}
