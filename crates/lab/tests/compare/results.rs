//! What is written down, and the table of it.

use std::fs;

use lab::compare::{Experiment, Outcome, Point, Purpose, Record, read, table};
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
    assert!(error.contains("line 1 of metrics.jsonl is not a training: missing field `task`"), "{error}");
}

/// A measured training with a score, or one that diverged.
fn record(cell: &str, task: &str, seed: u64, score: Option<f64>) -> Record {
    let point = |score| Point { step: 12, seconds: 1.0, training_loss: 0.5, loss: 0.5, score };
    Record {
        cell: cell.into(),
        task: task.into(),
        purpose: Purpose::Measured,
        seed,
        learning_rate: 0.01,
        hidden: 6,
        parameters: 61,
        outcome: match score {
            Some(_) => Outcome::Finished,
            None => Outcome::Diverged { step: 3, problem: "the loss is NaN".into() },
        },
        curve: score.map(point).into_iter().collect(),
        milliseconds_per_step: 1.0,
        bytes: 1000,
        lengths: Vec::new(),
        behaviour: None,
    }
}

#[test]
fn the_table_has_means_with_deviations_and_marks_the_best() {
    let experiment: Experiment = tiny().experiment();
    let (adding, copy) = ("adding:steps=6", "copy:delay=2,symbols=2,kinds=3");
    let records = [
        record("rnn", adding, 1, Some(0.02)),
        record("rnn", adding, 2, Some(0.04)),
        record("gru", adding, 1, Some(0.025)),
        record("gru", adding, 2, None),
        record("rnn", copy, 1, Some(0.5)),
        record("rnn", copy, 2, Some(0.7)),
        record("gru", copy, 1, None),
    ];
    // Half the difference times the root of 2 is the deviation of two; a third of 3 kinds is right by chance.
    let expected = "           adding:steps=6                copy:delay=2,symbols=2,kinds=3
           squared error                 accuracy
           lower is better               higher is better
rnn        0.03000 ± 0.01414             0.6000 ± 0.1414 *
gru        0.02500 (1 of 2 diverged) *   diverged
baseline   0.1667                        0.3333
";
    assert_eq!(table(&experiment, &records), expected);
    assert!(table(&experiment, &[]).contains("rnn        -"));
}
