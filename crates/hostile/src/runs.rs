//! Folders of runs: metrics, event files and comparisons.

use std::path::PathBuf;

use caption::report::{Report, Run};
use lab::compare::{AtLength, CellFacts, Experiment, Outcome, Point, Purpose, Record, Settings, TaskFacts};
use lab::events::EventFiles;
use lab::report::Comparison;
use lab::run_dir::{RunDir, read_metrics};
use lab::tasks;

use crate::halves;
use crate::place::fresh;

/// Opens bytes as an event file, takes steps back, and writes on. After a first byte that is odd, checksums are made to
/// fit: then a record is a byte of length and its data.
pub fn events(bytes: &[u8]) {
    let folder = fresh("events");
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let content = if first % 2 == 1 { framed(rest) } else { rest.to_vec() };
    std::fs::write(folder.join("events.out.tfevents.000001"), content)
        .expect("there is space for a small file");
    let mut files = EventFiles::open(&folder).expect("a file that is damaged is cut");
    files.rewind(u64::from(first / 2)).expect("a file that is damaged is cut");
    files.append_metrics(&serde_json::json!({ "step": 300, "loss": 0.5 })).expect("there is space");
}

fn framed(mut bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let sum = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    while let [length, rest @ ..] = bytes {
        let (data, after) = rest.split_at(rest.len().min(usize::from(*length)));
        let length = (data.len() as u64).to_le_bytes();
        all.extend([&length[..], &sum(&length), data, &sum(data)].concat());
        bytes = after;
    }
    all
}

/// A file as it is written, and its records without their frames.
pub fn events_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let mut files = EventFiles::open(folder.path()).expect("an empty folder");
    for step in [1, 100] {
        let metrics = serde_json::json!({ "step": step, "loss": 0.5, "said": "a dog" });
        files.append_metrics(&metrics).expect("there is space");
    }
    let whole = std::fs::read(folder.path().join("events.out.tfevents.000001")).expect("it was written");
    let mut data = vec![101];
    let mut rest = &whole[..];
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        data.push(length as u8);
        data.extend(&after[4..4 + length]);
        rest = &after[length + 8..];
    }
    vec![[&[100], &whole[..]].concat(), data]
}

/// Reads a run's folder, as one that goes on and as a report: settings before the first empty line, metrics after it.
pub fn run_folder(bytes: &[u8]) {
    let (folder, config) = folder_of(bytes);
    if let Ok(run) = Run::read(&folder) {
        let _ = Report::new(vec![run.clone()]).page().html();
        let _ = Report::new(vec![run.clone(), run]).page().html();
    }
    if let Ok(config) = serde_json::from_slice::<serde_json::Value>(config)
        && let Ok(mut run) = RunDir::open(&folder, &config)
    {
        let _ = run.write_csv();
        let _ = run.rewind(2);
        let _ = read_metrics(&folder);
    }
}

fn folder_of(bytes: &[u8]) -> (PathBuf, &[u8]) {
    let (config, metrics) = halves(bytes);
    let folder = fresh("run");
    std::fs::write(folder.join("config.json"), config).expect("there is space for a small file");
    std::fs::write(folder.join("metrics.jsonl"), metrics).expect("there is space for a small file");
    (folder, config)
}

/// Metrics of several forms.
pub fn run_folder_seeds() -> Vec<Vec<u8>> {
    let config =
        r#"{"settings": {"cell": "gru", "hidden": 8}, "recipe": {"steps": 100, "learning_rate": 0.001}}"#;
    let metrics = concat!(
        "{\"epoch\": 1, \"step\": 1, \"loss\": 2.5, \"val\": {\"loss\": 3.5, \"bleu\": [0.5, 0.25, null]}}\n",
        "{\"step\": 2, \"loss\": 1e300, \"said\": \"a dog\"}\n{\"step\": 3, \"loss\": null}\n{\"step\": 4"
    );
    vec![format!("{config}\n\n{metrics}").into_bytes()]
}

/// Reads a comparison's folder and writes its report, in the same form as [`run_folder`].
pub fn comparison(bytes: &[u8]) {
    let (folder, _) = folder_of(bytes);
    if let Ok(comparison) = Comparison::read(&folder) {
        let _ = comparison.page().html();
        let _ = [comparison.text(), comparison.latex(), comparison.markdown()];
    }
}

/// Two cells on a task, with a training that chose a rate and two that are measured.
pub fn comparison_seeds() -> Vec<Vec<u8>> {
    let task = tasks::named("parity").expect("it is among the tasks");
    let cells = ["gru", "rnn"].map(|name| CellFacts { name: name.into(), about: "a cell".into() });
    let facts = TaskFacts::of(task.as_ref());
    let settings = Settings { seeds: 2, learning_rates: vec![0.01], steps: 20, ..Settings::quick() };
    let point = |step: u64| Point {
        step,
        seconds: 0.5,
        training_loss: 0.7,
        loss: 0.6,
        score: 0.5 + 0.01 * step as f64,
    };
    let record = |cell: &str, purpose, seed, outcome| Record {
        cell: cell.into(),
        task: facts.name.clone(),
        purpose,
        seed,
        learning_rate: 0.01,
        hidden: 8,
        parameters: 100,
        outcome,
        curve: vec![point(10), point(20)],
        milliseconds_per_step: 1.5,
        bytes: 1000,
        lengths: vec![AtLength { length: 20, loss: 0.5, score: 0.75 }],
        behaviour: None,
    };
    let diverged = Outcome::Diverged { step: 7, problem: "the loss".into() };
    let records = [
        record("gru", Purpose::Sweep, 0, Outcome::Finished),
        record("gru", Purpose::Measured, 1, Outcome::Finished),
        record("rnn", Purpose::Measured, 1, diverged),
        record("rnn", Purpose::Measured, 2, Outcome::Finished),
    ];
    let experiment = Experiment { cells: cells.into(), tasks: vec![facts.clone()], settings };
    let line = |record: &Record| serde_json::to_string(record).expect("a record is JSON") + "\n";
    let config = serde_json::to_string(&experiment).expect("an experiment is JSON");
    vec![format!("{config}\n\n{}", records.iter().map(line).collect::<String>()).into_bytes()]
}
