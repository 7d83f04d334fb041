//! A run's folder: who may open it, and what stands in it after a stop.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use std::fs;
use std::io::Write;
use std::path::Path;

use lab::files::list_folder;
use lab::run_dir::{RunDir, read_config, read_metrics};
use lab::tensors::NamedTensor;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tape::tensor::Slice;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Config {
    cell: String,
    learning_rate: f32,
    sizes: Sizes,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sizes {
    hidden: usize,
    embedding: usize,
}

fn config() -> Config {
    Config { cell: "lstm".to_string(), learning_rate: 0.1, sizes: Sizes { hidden: 512, embedding: 256 } }
}

fn append(run: &mut RunDir, steps: impl IntoIterator<Item = u64>) {
    for step in steps {
        run.append(&json!({ "step": step, "loss": 1.0 / step as f64 })).unwrap();
    }
}

fn steps(path: &Path) -> Vec<u64> {
    read_metrics(path).unwrap().iter().map(|metrics| metrics["step"].as_u64().unwrap()).collect()
}

/// Opening is refused with this message, and the folder stays as it was.
fn check_refused(path: &Path, config: &Config, expected: &str) {
    let before = list_folder(path).unwrap();
    let error = RunDir::open(path, config).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
    assert_eq!(list_folder(path).unwrap(), before);
}

#[test]
fn a_run_is_made_closed_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/first");
    for steps in [1..3, 3..5] {
        let mut run = RunDir::open(&path, &config()).unwrap();
        assert_eq!(run.path(), path);
        append(&mut run, steps);
        run.sync().unwrap();
        run.write_csv().unwrap();
    }
    assert_eq!(steps(&path), [1, 2, 3, 4]);
    assert_eq!(read_metrics(&path).unwrap()[2]["loss"].as_f64(), Some(1.0 / 3.0));
    assert_eq!(read_config::<Config>(&path).unwrap(), config());
    let csv = fs::read_to_string(path.join("metrics.csv")).unwrap();
    assert_eq!(csv, format!("step,loss\n1,1.0\n2,0.5\n3,{}\n4,0.25\n", 1.0 / 3.0));
    // Each opening has events of its own.
    let files = ["config.json", "events.out.tfevents.000001", "events.out.tfevents.000002"];
    assert_eq!(list_folder(&path).unwrap(), [&files[..], &["metrics.csv", "metrics.jsonl"]].concat());
}

#[test]
fn another_experiments_folder_is_refused_with_the_settings_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunDir::open(folder.path(), &config()).unwrap());
    let check = |config: &Config, differences: &str| {
        let advice = "choose another folder, or the settings it was started with";
        check_refused(folder.path(), config, &format!("holds another experiment: {differences}; {advice}"));
    };
    check(&Config { learning_rate: 0.2, ..config() }, "`learning_rate` is 0.1 there and 0.2 here");
    let sizes = Sizes { hidden: 128, embedding: 64 };
    check(
        &Config { sizes: sizes.clone(), ..config() },
        "`sizes.embedding` is 256 there and 64 here, `sizes.hidden` is 512 there and 128 here",
    );
    check(
        &Config { cell: "gru".to_string(), learning_rate: 0.2, sizes },
        "`cell` is \"lstm\" there and \"gru\" here, `learning_rate` is 0.1 there and 0.2 here, \
         `sizes.embedding` is 256 there and 64 here and 1 more",
    );
    RunDir::open(folder.path(), &config()).unwrap();
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let expected = "holds `thesis.tex` and no config.json: it is not the folder of a run; \
                    choose an empty folder or a new name";
    check_refused(folder.path(), &config(), expected);
    let error = RunDir::open(&folder.path().join("thesis.tex"), &config()).unwrap_err();
    assert!(error.to_string().contains("thesis.tex: cannot be made"), "{error}");
}

#[test]
fn a_damaged_config_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), "{\"cell\":").unwrap();
    let error = RunDir::open(folder.path(), &config()).unwrap_err();
    assert!(error.to_string().contains("config.json: holds other settings: EOF"), "{error}");
    assert_eq!(list_folder(folder.path()).unwrap(), ["config.json"]);
}

#[test]
fn a_run_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::open(folder.path(), &config()).unwrap();
    let error = RunDir::open(folder.path(), &config()).unwrap_err();
    assert!(error.to_string().contains("another process is running this experiment"), "{error}");
    drop(run);
    RunDir::open(folder.path(), &config()).unwrap();
}

#[test]
fn a_start_that_was_cut_short_can_be_started_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metrics.jsonl"), "").unwrap();
    fs::write(folder.path().join(".config.json.77-0.tmp"), "{\"cel").unwrap();
    RunDir::open(folder.path(), &config()).unwrap();
    assert_eq!(list_folder(folder.path()).unwrap(), ["config.json", "metrics.jsonl"]);
}

#[test]
fn a_torn_last_line_is_left_out_and_then_cut() {
    let folder = tempfile::tempdir().unwrap();
    append(&mut RunDir::open(folder.path(), &config()).unwrap(), 1..4);
    let file = folder.path().join("metrics.jsonl");
    for torn in [&b"{\"step\":4,\"lo"[..], b"{\"step\":4}", b"\0\0\0\0", b"\xff"] {
        fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(torn).unwrap();
        assert_eq!(steps(folder.path()), [1, 2, 3]);
        append(&mut RunDir::open(folder.path(), &config()).unwrap(), 4..6);
        assert_eq!(steps(folder.path()), [1, 2, 3, 4, 5]);
        RunDir::open(folder.path(), &config()).unwrap().rewind(3).unwrap();
        assert_eq!(steps(folder.path()), [1, 2, 3]);
    }
}

#[test]
fn a_damaged_line_is_named_and_nothing_after_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &config()).unwrap();
    append(&mut run, 1..3);
    let file = folder.path().join("metrics.jsonl");
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"oops\n").unwrap();
    drop(run);
    append(&mut RunDir::open(folder.path(), &config()).unwrap(), 3..5);
    let error = read_metrics(folder.path()).unwrap_err();
    assert!(error.to_string().contains("metrics.jsonl: line 3 is not a JSON object"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5);
}

#[test]
fn going_back_to_a_checkpoint_drops_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &config()).unwrap();
    run.append(&json!({ "remark": "a line without a step is kept" })).unwrap();
    append(&mut run, 1..=10);
    run.rewind(20).unwrap();
    run.rewind(7).unwrap();
    append(&mut run, 8..=9);
    assert_eq!(read_metrics(folder.path()).unwrap().len(), 10);
    run.rewind(0).unwrap();
    assert_eq!(read_metrics(folder.path()).unwrap().len(), 1);
}

#[test]
fn metrics_are_objects_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &config()).unwrap();
    run.append(&json!({ "sample": "two\nlines", "loss": f64::NAN })).unwrap();
    assert_eq!(read_metrics(folder.path()).unwrap(), [json!({ "sample": "two\nlines", "loss": null })]);
    let error = run.append(&3).unwrap_err();
    assert!(error.to_string().contains("metrics are one JSON object, not 3"), "{error}");
}

#[test]
fn what_a_stopped_save_left_is_removed_and_checkpoints_stay() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::open(folder.path(), &config()).unwrap();
    let checkpoints = run.checkpoints();
    let weights = [NamedTensor { name: "w", shape: vec![1], data: Slice::F32(&[1.0]) }];
    checkpoints.save(1, &weights, &1).unwrap();
    checkpoints.save(2, &[], &2).unwrap();
    let before = list_folder(checkpoints.folder()).unwrap();
    // The tensors of a checkpoint whose record was never written, of one that was replaced, and half a record.
    for left in
        ["step-000003.00c0ffee.safetensors", "step-000002.00c0ffee.safetensors", ".step-000003.json.7-1.tmp"]
    {
        fs::write(checkpoints.folder().join(left), "left").unwrap();
    }
    drop(run);
    RunDir::open(folder.path(), &config()).unwrap();
    assert_eq!(list_folder(checkpoints.folder()).unwrap(), before);
    assert_eq!(checkpoints.latest::<i32>().unwrap().unwrap().checkpoint.state, 2);
}
