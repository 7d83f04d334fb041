//! The ranks of a program that was started several times by `mpirun`: who they are, and what they agree on.
//!
//! What they exchange in a step is the business of [`nn::exchange`]. Built without the cargo feature `mpi`, a program is alone; that
//! it was started as one of several is then an error, since they would do the same work over one another.

#[cfg(feature = "mpi")]
mod mpi;

use std::sync::Arc;

use nn::Exchange;
use nn::exchange::{Alone, Collective};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What launchers say in the environment of how many processes they have started: Open MPI's, and those of MPICH's kind.
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// How many ranks this program was started as, as far as its environment says.
fn started() -> usize {
    SIZES.into_iter().find_map(said).unwrap_or(1)
}

/// A number that a launcher says in the environment.
fn said(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// Joins the other ranks, if there are any.
///
/// # Errors
/// If the program was started as one of several and cannot reach the others.
pub fn join() -> Result<Arc<Exchange>, String> {
    if started() == 1 { Exchange::start(|| Ok(Box::new(Alone))) } else { Exchange::start(reach) }
}

#[cfg(feature = "mpi")]
fn reach() -> Result<Box<dyn Collective>, String> {
    Ok(Box::new(mpi::Mpi::join()?))
}

#[cfg(not(feature = "mpi"))]
fn reach() -> Result<Box<dyn Collective>, String> {
    Err(format!(
        "it was started as one of {} ranks, but built without MPI; build it with `--features mpi`, or start it alone",
        started()
    ))
}

/// How many ranks share the processors of this machine, as far as the environment says.
pub fn on_this_machine() -> usize {
    said("OMPI_COMM_WORLD_LOCAL_SIZE").filter(|local| *local > 0).unwrap_or(1)
}

/// Leaves the other ranks: when all of them do, or at once, which ends them.
pub fn part(exchange: &Exchange, together: bool) {
    // An exchange that has ended has nobody left to be told.
    let _ = match together {
        true => exchange.call(|all| _ = all.gather(Vec::new())),
        false => exchange.call(|all| all.abort(1)),
    };
    exchange.end();
}

/// What the first rank says, at all ranks. The others give nothing.
///
/// # Errors
/// If ranks cannot reach each other, or the first has said nothing.
pub fn from_first<T: Serialize + DeserializeOwned>(
    exchange: &Exchange,
    said: Option<&T>,
) -> Result<T, String> {
    let unreadable = |error: serde_json::Error| format!("what rank 0 says is not understood: {error}");
    let text = said.map_or(Ok(Vec::new()), serde_json::to_vec).map_err(unreadable)?;
    let all = exchange.call(|all| all.gather(text))??;
    serde_json::from_slice(all.first().map_or(&[][..], Vec::as_slice)).map_err(unreadable)
}

/// Whether all ranks have the same number, such as a hash of weights.
///
/// # Errors
/// If ranks cannot reach each other, or have different numbers; the message names the first that differs from rank 0.
pub fn check_same(exchange: &Exchange, what: &str, number: u64) -> Result<(), String> {
    let all = exchange.call(move |all| all.gather(number.to_le_bytes().to_vec()))??;
    match all.iter().position(|other| *other != all[0]) {
        None => Ok(()),
        Some(rank) => Err(format!(
            "rank {rank} has other {what} than rank 0; start all ranks by the same program, on the same data and kind of machine"
        )),
    }
}
