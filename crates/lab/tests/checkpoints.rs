//! Checkpoints under all that happens to files: torn, flipped, swapped, foreign, and a process killed while it saves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab::checkpoint::{Checkpoint, load, remove, save};
use lab::checkpoints::Checkpoints;
use lab::files::{FileError, list_folder};
use lab::tensors::NamedTensor;
use serde::{Deserialize, Serialize};
use tape::tensor::Slice;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    epoch: u32,
    step: u64,
    seed: u64,
    best_loss: Option<f64>,
    note: String,
}

fn state(step: u64) -> State {
    let note = "a \"quoted\" note\nof two lines".to_string();
    State { epoch: 3, step, seed: u64::MAX, best_loss: Some(1.0 / 3.0), note }
}

/// Weights that tell at which step they were saved.
fn save_step(path: &Path, step: u64) -> Result<(), FileError> {
    with_weights(step, |tensors| save(path, tensors, &state(step)))
}

fn with_weights<T>(step: u64, then: impl FnOnce(&[NamedTensor<'_>]) -> T) -> T {
    let weights: Vec<f32> = (0..12).map(|entry| (step * 100 + entry) as f32 / 7.0).collect();
    let tensors = [
        NamedTensor { name: "rnn/wx", shape: vec![3, 4], data: Slice::F32(&weights) },
        NamedTensor { name: "count", shape: vec![], data: Slice::I32(&[7]) },
    ];
    then(&tensors)
}

fn load_state(path: &Path) -> Result<Checkpoint<State>, FileError> {
    load(path)
}

/// The checkpoint is that of `step` in both of its files.
fn check_is_step(checkpoint: &Checkpoint<State>, step: u64) {
    assert_eq!(checkpoint.state, state(step));
    let weights = checkpoint.f32s("rnn/wx", &[3, 4]).unwrap();
    assert_eq!(weights[1].to_bits(), ((step * 100 + 1) as f32 / 7.0).to_bits());
}

/// A checkpoint in a folder of its own: the folder, the JSON, the tensors.
fn saved(step: u64) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("best.json");
    save_step(&path, step).unwrap();
    let names = list_folder(folder.path()).unwrap();
    let [tensors, json] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!(json, "best.json");
    let tensors = folder.path().join(tensors);
    (folder, path, tensors)
}

/// Loading fails; the message names the path, and says this.
fn check_refused(path: &Path, named: &Path, expected: &str) {
    let error = load_state(path).unwrap_err();
    assert_eq!(error.path, named, "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_saved_comes_back_bit_for_bit() {
    let (_folder, path, _) = saved(5);
    let checkpoint = load_state(&path).unwrap();
    check_is_step(&checkpoint, 5);
    assert_eq!(checkpoint.path, path);
    assert!(checkpoint.tensors["count"].shape.is_empty());
}

#[test]
fn saving_again_replaces_both_files_and_leaves_no_others() {
    let (folder, path, tensors) = saved(5);
    let stranger = folder.path().join("best.safetensors");
    fs::write(&stranger, "somebody else's").unwrap();
    save_step(&path, 6).unwrap();
    check_is_step(&load_state(&path).unwrap(), 6);
    assert!(!tensors.exists());
    assert_eq!(list_folder(folder.path()).unwrap().len(), 3);
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert_eq!(list_folder(folder.path()).unwrap(), ["best.safetensors"]);
}

#[test]
fn a_tensor_must_have_the_name_shape_and_type_that_the_model_has() {
    let (_folder, path, _) = saved(5);
    let checkpoint = load_state(&path).unwrap();
    let check = |name: &str, shape: &[usize], expected: &str| {
        let error = checkpoint.f32s(name, shape).unwrap_err();
        let advice = "give a checkpoint of this very model";
        assert_eq!(error.to_string(), format!("{}: {expected}; {advice}", path.display()));
    };
    check("rnn/wh", &[3, 4], "has no tensor `rnn/wh`");
    check("rnn/wx", &[4, 3], "tensor `rnn/wx` is [3, 4] here, the model has [4, 3]");
    check("count", &[], "tensor `count` is not made of f32");
}

#[test]
fn either_file_cut_at_any_length_is_refused() {
    let (_folder, path, tensors) = saved(5);
    for file in [&path, &tensors] {
        let whole = fs::read(file).unwrap();
        for length in 0..whole.len() {
            fs::write(file, &whole[..length]).unwrap();
            let error = load_state(&path).unwrap_err();
            assert_eq!(&error.path, file, "cut at {length}: {error}");
        }
        fs::write(file, [&whole[..], b"more"].concat()).unwrap();
        assert_eq!(&load_state(&path).unwrap_err().path, file);
        fs::write(file, whole).unwrap();
    }
    check_is_step(&load_state(&path).unwrap(), 5);
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (_folder, path, tensors) = saved(5);
    for file in [&path, &tensors] {
        let whole = fs::read(file).unwrap();
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            fs::write(file, &flipped).unwrap();
            assert!(load_state(&path).is_err(), "byte {place} of {}", file.display());
        }
        fs::write(file, whole).unwrap();
    }
}

#[test]
fn tensors_of_another_checkpoint_are_refused() {
    let (_folder, path, tensors) = saved(5);
    let (_other_folder, _, other_tensors) = saved(6);
    fs::copy(other_tensors, &tensors).unwrap();
    check_refused(&path, &tensors, "has checksum");
    check_refused(&path, &tensors, "belongs to another checkpoint: use an earlier one");
    fs::write(&tensors, "short").unwrap();
    check_refused(&path, &tensors, "has 5 bytes, and ");
    fs::remove_file(&tensors).unwrap();
    check_refused(&path, &tensors, "cannot be read");
    fs::create_dir(&tensors).unwrap();
    check_refused(&path, &tensors, "is not a plain file");
}

#[test]
fn a_missing_foreign_or_newer_record_is_refused() {
    let (folder, path, _) = saved(5);
    let missing = folder.path().join("last.json");
    check_refused(&missing, &missing, "cannot be read");
    let bare = folder.path().join("best");
    check_refused(&bare, &bare, "give the checkpoint's `.json` file");

    let text = fs::read_to_string(&path).unwrap();
    let check = |text: &str, expected: &str| {
        fs::write(&path, text).unwrap();
        check_refused(&path, &path, expected);
    };
    check("{\"epoch\": 3}", "missing field `format`");
    check(&"[".repeat(1_000_000), "is not a whole checkpoint");
    check("{\"format\": 2, \"weights\": []}", "has checkpoint format 2, and this program reads format 1");
    check(&text.replace("\"format\": 1", "\"format\": 99"), "has checkpoint format 99");
    check(&text.replace("\"epoch\": 3", "\"epoch\": 4"), "its state is not what was written");
    let start = text.find("best.").unwrap();
    let end = text.find(".safetensors").unwrap();
    for elsewhere in ["../best", "/etc/best", "a/best", ".."] {
        let file = if elsewhere == ".." { ".." } else { &format!("{elsewhere}.safetensors") };
        let text = format!("{}{file}{}", &text[..start], &text[end + ".safetensors".len()..]);
        check(&text, "which is not a file beside it");
    }
}

#[test]
fn another_programs_state_is_refused() {
    let (_folder, path, _) = saved(5);
    let error = load::<BTreeMap<String, i32>>(&path).unwrap_err();
    assert!(error.to_string().contains("its state does not fit: invalid"), "{error}");
}

#[test]
fn a_state_that_could_not_be_read_back_is_refused_while_the_run_is_alive() {
    let (_folder, path, _) = saved(5);
    for lost in [f64::NAN, f64::INFINITY] {
        let error = save(&path, &[], &lost).unwrap_err();
        assert!(error.to_string().contains("JSON has no NaN and no infinity"), "{error}");
    }
    let numbers = [0.1, 1e-300, 2.0f64.powi(-1074), 123_456_789.123_456_79, f64::MAX];
    check_is_step(&load_state(&path).unwrap(), 5);
    save(&path, &[], &numbers.to_vec()).unwrap();
    assert_eq!(load::<Vec<f64>>(&path).unwrap().state, numbers);
}

#[test]
fn a_save_that_fails_leaves_the_old_checkpoint() {
    let (folder, path, _) = saved(5);
    let tensor = NamedTensor { name: "w", shape: vec![3], data: Slice::F32(&[1.0]) };
    assert!(save(&path, &[tensor], &state(6)).unwrap_err().to_string().contains("tensor `w` of shape [3]"));
    check_is_step(&load_state(&path).unwrap(), 5);

    // What the second write would replace is a folder: the tensors are written, the record is not.
    let blocked = folder.path().join("last.json");
    fs::create_dir(&blocked).unwrap();
    assert_eq!(save_step(&blocked, 6).unwrap_err().path, blocked);
    assert_eq!(
        save_step(&folder.path().join("none/best.json"), 6).unwrap_err().path.parent(),
        Some(folder.path().join("none").as_path())
    );
    check_is_step(&load_state(&path).unwrap(), 5);
}

#[test]
fn a_state_too_long_to_be_read_is_refused_before_anything_is_written() {
    let (folder, path, _) = saved(5);
    let error = save(&path, &[], &"long".repeat(17 << 20)).unwrap_err();
    assert!(error.to_string().ends_with("save large data as tensors"), "{error}");
    assert_eq!(list_folder(folder.path()).unwrap().len(), 2);
    check_is_step(&load_state(&path).unwrap(), 5);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_keeps_its_checkpoint() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path, _) = saved(5);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write in any folder; then there is nothing to see here.
    if fs::write(folder.path().join("probe"), "").is_err() {
        let error = save_step(&path, 6).unwrap_err();
        assert!(error.to_string().contains("check who owns it"), "{error}");
        check_is_step(&load_state(&path).unwrap(), 5);
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Checkpoints of these steps in a fresh folder.
fn saved_steps(steps: &[u64], keep: usize) -> (tempfile::TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path().join("checkpoints")).keeping(keep);
    for step in steps {
        with_weights(*step, |tensors| checkpoints.save(*step, tensors, &state(*step))).unwrap();
    }
    (folder, checkpoints)
}

#[test]
fn the_newest_are_kept() {
    let check = |saved: &[u64], keep, expected: &[u64]| {
        let (_folder, checkpoints) = saved_steps(saved, keep);
        assert_eq!(checkpoints.steps().unwrap(), expected);
        assert_eq!(list_folder(checkpoints.folder()).unwrap().len(), 2 * expected.len());
        let latest = checkpoints.latest::<State>().unwrap().unwrap();
        assert_eq!(Some(&latest.step), expected.last());
        check_is_step(&latest.checkpoint, latest.step);
    };
    check(&[10], 2, &[10]);
    check(&[10, 20, 30, 40], 2, &[30, 40]);
    check(&[10, 20, 30, 40], 3, &[20, 30, 40]);
    check(&[10, 20, 30], 0, &[20, 30]);
    check(&[30, 30, 30], 2, &[30]);
    // Gone back to an earlier step: the newer ones stay until a person removes them.
    check(&[30, 40, 20], 2, &[20, 30, 40]);
}

#[test]
fn a_damaged_checkpoint_is_skipped_and_told_of() {
    let (_folder, checkpoints) = saved_steps(&[10, 20], 2);
    fs::write(checkpoints.path(20), "{").unwrap();
    let latest = checkpoints.latest::<State>().unwrap().unwrap();
    assert_eq!(latest.step, 10);
    check_is_step(&latest.checkpoint, 10);
    assert_eq!(latest.skipped.len(), 1);
    assert_eq!(latest.skipped[0].path, checkpoints.path(20));
    // With none left to read, the error is that of the newest.
    fs::write(checkpoints.path(10), "").unwrap();
    assert_eq!(checkpoints.latest::<State>().unwrap_err().path, checkpoints.path(20));
}

#[test]
fn no_checkpoint_is_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for missing in ["", "none"] {
        let checkpoints = Checkpoints::in_folder(folder.path().join(missing));
        assert!(checkpoints.latest::<State>().unwrap().is_none());
    }
}

/// The body of the process that the next test kills; alone it does nothing.
#[test]
fn saves_until_it_is_killed() {
    let Some(folder) = std::env::var_os("UNSPOOL_SAVE_UNTIL_KILLED") else { return };
    let checkpoints = Checkpoints::in_folder(folder);
    for step in 1..100_000 {
        with_weights(step, |tensors| checkpoints.save(step, tensors, &state(step))).unwrap();
        save_step(&checkpoints.folder().join("best.json"), step).unwrap();
        println!("saved {step}");
    }
}

#[test]
fn a_process_killed_while_it_saves_loses_nothing_saved() {
    for saves in [1, 2, 3, 5, 8] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["saves_until_it_is_killed", "--exact", "--nocapture"])
            .env("UNSPOOL_SAVE_UNTIL_KILLED", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let reported =
            lines.filter_map(|line| line.strip_prefix("saved ")?.parse::<u64>().ok()).nth(saves).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let latest = Checkpoints::in_folder(folder.path()).latest::<State>().unwrap().unwrap();
        assert!(latest.skipped.is_empty(), "{:?}", latest.skipped);
        assert!(latest.step >= reported, "{} and {reported}", latest.step);
        check_is_step(&latest.checkpoint, latest.step);
        let best = load_state(&folder.path().join("best.json")).unwrap();
        check_is_step(&best, best.state.step);
        assert!(best.state.step >= reported);
    }
}
