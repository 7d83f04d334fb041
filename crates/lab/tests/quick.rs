//! `lab compare --quick`, as CI and a newcomer run it: it must tell the vanilla RNN, the LSTM and the GRU apart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use std::process::Command;

use lab::compare::{Purpose, Record, read};
use lab::report::Comparison;

/// The scores of all measured seeds of a cell on a task.
fn scores(records: &[Record], cell: &str, task: &str) -> Vec<f64> {
    let of =
        |record: &&Record| record.cell == cell && record.task == task && record.purpose == Purpose::Measured;
    let scores: Vec<f64> =
        records.iter().filter(of).map(|record| record.last().expect("no seed diverges").score).collect();
    assert_eq!(scores.len(), 3, "three seeds of {cell} on {task}");
    scores
}

#[test]
#[ignore = "minutes"]
fn three_cells_are_told_apart_over_three_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["compare", "--quick", "--cells", "rnn,lstm,gru", "--tasks", "copy,adding", "--out"])
        .arg(folder.path())
        .status();
    assert!(program.unwrap().success());
    let (experiment, records) = read(folder.path()).unwrap();
    println!("{}", Comparison::new(experiment, records.clone()).text());
    let [copy, adding] = ["copy:delay=20,symbols=5", "adding:steps=30"];
    let of = |cell, task| {
        let scores = scores(&records, cell, task);
        (scores.iter().copied().fold(f64::INFINITY, f64::min), scores.iter().copied().fold(0.0, f64::max))
    };
    // The share of symbols that come back after the delay; one of 8 is right by chance. Over ten seeds an RNN reached 0.11 to
    // 0.15, an LSTM 0.26 to 0.36 but for one that learned nothing, a GRU 0.36 to 0.74.
    let [rnn, lstm, gru] = ["rnn", "lstm", "gru"].map(|cell| of(cell, copy));
    assert!(gru.0 > lstm.1 + 0.1, "every GRU copies better than every LSTM: {gru:?}, {lstm:?}");
    assert!(lstm.0 > rnn.1 + 0.05, "every LSTM copies better than every RNN: {lstm:?}, {rnn:?}");
    // The squared error of a sum; whoever says 1 has 1/6. Over ten seeds an RNN reached 0.0007 to 0.0036, an LSTM 0.00004 to
    // 0.00014, a GRU 0.00002 to 0.00004.
    let [rnn, lstm, gru] = ["rnn", "lstm", "gru"].map(|cell| of(cell, adding));
    assert!(lstm.1 < rnn.0 / 5.0, "every LSTM adds better than every RNN: {lstm:?}, {rnn:?}");
    assert!(gru.1 < lstm.0 / 1.2, "every GRU adds better than every LSTM: {gru:?}, {lstm:?}");
}
