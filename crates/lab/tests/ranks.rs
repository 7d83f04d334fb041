//! `mpirun -n K lab compare`, and MPI itself: what ranks exchange there is what threads exchange.
//!
//! Built without the cargo feature `mpi`, these tests say so and pass; and where there is no `mpirun`, unless
//! `UNSPOOL_MPI=required` forbids it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "ranks/started.rs"]
mod started;
#[path = "compare/timeless.rs"]
mod timeless;

use std::process::Output;

use lab::compare::{Record, read};
use started::{can_run, on_ranks};
use timeless::timeless;

/// Compares two cells on so many ranks; 0 is without `mpirun`.
fn compare(ranks: usize, out: &str) -> Output {
    let mut command = on_ranks(env!("CARGO_BIN_EXE_lab"), ranks);
    let fixed = "compare --cells rnn,gru --tasks adding:steps=6 --seeds 2 --match hidden --hidden 6 --steps 30 --threads 1";
    command.args(fixed.split(' ')).args(["--out", out]).output().unwrap()
}

fn records(folder: &str) -> Vec<Record> {
    timeless(read(folder.as_ref()).unwrap().1)
}

#[test]
fn a_comparison_on_ranks_has_the_records_of_one_process() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name).display().to_string();
    for ranks in [0, 2, 3] {
        let output = compare(ranks, &out(&ranks.to_string()));
        let [printed, told] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(output.status.success(), "{ranks} ranks: {printed}{told}");
        assert_eq!(printed.matches("what was compared").count(), 1, "{printed}");
        assert_eq!(records(&out(&ranks.to_string())), records(&out("0")), "{ranks} ranks");
    }
    // A folder that the first rank cannot take ends all.
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = compare(2, &out("file"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("lab: rank 0: "), "{told}");
}
