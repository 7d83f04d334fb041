//! What is written down.

use std::fs;

use lab::compare::{Purpose, read};
use tempfile::tempdir;

use crate::{timeless, tiny};

#[test]
fn every_training_is_a_line_and_every_measured_one_a_row() {
    let folder = tempdir().unwrap();
    let comparison = tiny();
    let records = comparison.run(folder.path(), 2, &mut ()).unwrap();
    assert_eq!(read(folder.path()).unwrap(), (comparison.experiment(), records.clone()));

    let csv = fs::read_to_string(folder.path().join("results.csv")).unwrap();
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let columns = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let measured = records.iter().filter(|record| record.purpose == Purpose::Measured);
    assert_eq!(rows.len(), measured.clone().count());
    for (row, record) in rows.iter().zip(measured) {
        let entry = |name: &str| &row[columns.iter().position(|column| column == name).unwrap()];
        assert_eq!((entry("task"), entry("cell")), (record.task.as_str(), record.cell.as_str()));
        assert_eq!(entry("seed").parse(), Ok(record.seed));
        assert_eq!(entry("score").parse(), Ok(record.last().unwrap().score));
        assert_eq!(entry("outcome"), "finished");
        let lengths: Vec<String> =
            record.lengths.iter().map(|at| format!("{}: {}", at.length, at.score)).collect();
        assert_eq!(entry("scores_at_lengths"), lengths.join("; "));
    }

    // A table that was lost is there again after the next run, and a torn line is one more training to do.
    fs::remove_file(folder.path().join("results.csv")).unwrap();
    let metrics = folder.path().join("metrics.jsonl");
    let lines = fs::read(&metrics).unwrap();
    fs::write(&metrics, &lines[..lines.len() - 20]).unwrap();
    assert_eq!(timeless(comparison.run(folder.path(), 2, &mut ()).unwrap()), timeless(records));
    assert_eq!(
        fs::read_to_string(folder.path().join("results.csv")).unwrap().lines().count(),
        csv.lines().count()
    );

    fs::write(&metrics, "{\"cell\": \"rnn\"}\n").unwrap();
    let error = comparison.run(folder.path(), 2, &mut ()).unwrap_err().to_string();
    assert!(
        error.contains("line 1 of its metrics is no training of a comparison: missing field `task`"),
        "{error}"
    );
}
