//! What ranks can do together. A rank is one of several processes, or threads, that work on the same training.

use tape::Tensor;

/// One rank among several, and the few things that all of them do together.
///
/// [`sum`](Collective::sum), [`gather`](Collective::gather) and [`deal`](Collective::deal) are called by all ranks in the same
/// order, and return when all have come. An error says that they cannot go on together.
pub trait Collective {
    /// Which rank this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// Puts the sum over all ranks in place of numbers that are as many at each; in whichever order, but with the same bits at
    /// all.
    fn sum(&mut self, numbers: &mut Tensor) -> Result<(), String>;

    /// What each rank has given, in their order.
    fn gather(&mut self, own: Vec<u8>) -> Result<Vec<Vec<u8>>, String>;

    /// Gives each rank what is for it; what each has given to this one, in their order.
    fn deal(&mut self, shares: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String>;

    /// Sends a message to one rank, in a lane of so many that messages do not leave. The other rank need not wait for it.
    fn send(&mut self, to: usize, lane: u16, message: Vec<u8>) -> Result<(), String>;

    /// The next message of a rank in a lane, if it has come.
    fn receive(&mut self, from: usize, lane: u16) -> Result<Option<Vec<u8>>, String>;

    /// Ends all ranks, where they are processes, this one included, with an exit code.
    fn abort(&mut self, code: i32);
}

/// The only rank there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Collective for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn sum(&mut self, _: &mut Tensor) -> Result<(), String> {
        Ok(())
    }

    fn gather(&mut self, own: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        Ok(vec![own])
    }

    fn deal(&mut self, shares: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, String> {
        Ok(shares)
    }

    fn send(&mut self, _: usize, _: u16, _: Vec<u8>) -> Result<(), String> {
        Err("there is no other rank to send to".into())
    }

    fn receive(&mut self, _: usize, _: u16) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn abort(&mut self, _: i32) {}
}
