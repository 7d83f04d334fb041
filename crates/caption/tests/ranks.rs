//! `mpirun -n K caption train`: the numbers of one process, one voice, and what is left when a rank is killed.
//!
//! Built without the cargo feature `mpi`, these tests say so and pass; and where there is no `mpirun`, unless
//! `UNSPOOL_MPI=required` forbids it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../lab/tests/ranks/started.rs"]
mod started;
mod tiny;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use started::{can_run, on_ranks};
use tempfile::TempDir;
use tiny::tiny_data;

/// The program on so many ranks of one thread each; 0 is without `mpirun`.
fn caption(ranks: usize) -> Command {
    let mut command = on_ranks(env!("CARGO_BIN_EXE_caption"), ranks);
    if ranks > 0 {
        command.env("RAYON_NUM_THREADS", "1");
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Five captions to learn from, in a folder for runs too.
struct Setting {
    folder: TempDir,
    data: String,
}

impl Setting {
    fn new() -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let data = tiny_data(folder.path()).display().to_string();
        Setting { folder, data }
    }

    fn out(&self, run: &str) -> String {
        self.folder.path().join(run).display().to_string()
    }

    /// What is asked of a training.
    fn arguments(&self, run: &str, more: &str) -> Vec<String> {
        let fixed = format!("--hidden 6 --embedding 4 --batch 4 {more}");
        let named = ["train", "--data", &self.data, "--out", &self.out(run)].map(String::from);
        named.into_iter().chain(fixed.split_whitespace().map(String::from)).collect()
    }

    /// Trains with so many ranks; 0 is without `mpirun`. It must go well.
    fn train(&self, ranks: usize, run: &str, more: &str) -> Output {
        let mut command = caption(ranks);
        let output = command.args(self.arguments(run, more)).output().unwrap();
        assert!(output.status.success(), "{ranks} ranks: {}{}", text(&output.stdout), text(&output.stderr));
        output
    }

    fn metrics(&self, run: &str) -> Vec<Value> {
        let lines = fs::read_to_string(Path::new(&self.out(run)).join("metrics.jsonl")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The bytes of the newest checkpoint's tensors.
    fn weights(&self, run: &str) -> Vec<u8> {
        let folder = Path::new(&self.out(run)).join("checkpoints");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let newest = files.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).max();
        fs::read(newest.expect("a checkpoint")).unwrap()
    }
}

/// Whether two runs have shown the same numbers, as nearly as sums in another order can.
#[track_caller]
fn check_close(found: &[Value], expected: &[Value]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for name in ["step", "loss_per_caption", "gradient_norm", "val_loss_per_token"] {
            let (found, expected) = (found[name].as_f64(), expected[name].as_f64());
            let (a, b) = (found.unwrap_or(0.0), expected.unwrap_or(0.0));
            assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{name} is {found:?}, not {expected:?}");
        }
    }
}

#[test]
fn two_ranks_learn_what_one_process_learns() {
    if !can_run() {
        return;
    }
    let setting = Setting::new();
    setting.train(0, "alone", "--epochs 3");
    let output = setting.train(2, "together", "--epochs 3");
    check_close(&setting.metrics("together"), &setting.metrics("alone"));
    let printed = text(&output.stdout);
    assert!(printed.contains("2 ranks share each step"), "{printed}");
    for once in ["to learn from", "trained 6 steps", "model: "] {
        assert_eq!(printed.matches(once).count(), 1, "{once:?} in {printed}");
    }
    // One that was begun alone goes on together, and the other way round.
    setting.train(0, "begun", "--epochs 3 --patience 1 --metric val-loss");
    setting.train(3, "begun-together", "--epochs 3 --patience 1 --metric val-loss");
    check_close(&setting.metrics("begun-together"), &setting.metrics("begun"));
}

#[test]
fn with_shards_any_number_of_ranks_has_the_same_bits() {
    if !can_run() {
        return;
    }
    let setting = Setting::new();
    let options = "--epochs 3 --shards 3 --dropout 0.3 --scheduled-sampling 0.5";
    setting.train(0, "alone", options);
    for ranks in [2, 4] {
        let run = format!("of-{ranks}");
        setting.train(ranks, &run, options);
        assert_eq!(setting.metrics(&run), setting.metrics("alone"), "{ranks} ranks");
        assert!(setting.weights(&run) == setting.weights("alone"), "{ranks} ranks");
    }
}

/// The process of a rank among the descendants of `mpirun`, by its environment.
fn process_of(rank: usize, run: &str) -> Option<u32> {
    let wanted = format!("OMPI_COMM_WORLD_RANK={rank}");
    let numbers =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_it = |process: &u32| {
        let read = |what: &str| fs::read(format!("/proc/{process}/{what}")).unwrap_or_default();
        let has =
            |bytes: Vec<u8>, word: &str| bytes.split(|byte| *byte == 0).any(|one| one == word.as_bytes());
        has(read("environ"), &wanted) && has(read("cmdline"), run)
    };
    numbers.into_iter().find(is_it)
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_rank_ends_the_run_which_goes_on_with_other_ranks() {
    if !can_run() {
        return;
    }
    let setting = Setting::new();
    // Long enough to be killed on the way: what takes its time is the checkpoint after every step.
    let options = "--epochs 100 --shards 2 --checkpoint-every 1";
    let run = setting.out("killed");
    let mut command = caption(2);
    command.args(setting.arguments("killed", options)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut started = command.spawn().unwrap();
    let checkpoints = Path::new(&run).join("checkpoints");
    let some = || fs::read_dir(&checkpoints).is_ok_and(|entries| entries.count() > 2);
    while !some() {
        assert!(started.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    let process = process_of(1, &run).expect("rank 1 is running");
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
    let output = started.wait_with_output().unwrap();
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{printed}{told}");
    // mpirun says which rank it was, and the first rank what is left.
    assert!(told.contains("rank 1") && told.contains("signal 9"), "{told}");
    assert!(
        told.contains("is kept: the same command goes on from there, with any number of ranks"),
        "{told}"
    );

    let output = setting.train(3, "killed", options);
    assert!(text(&output.stdout).contains("going on from step "), "{}", text(&output.stdout));
    setting.train(0, "alone", "--epochs 100 --shards 2");
    assert_eq!(setting.metrics("killed"), setting.metrics("alone"));
    assert!(setting.weights("killed") == setting.weights("alone"));
}

#[test]
fn a_rank_that_fails_says_so_and_ends_all() {
    if !can_run() {
        return;
    }
    let setting = Setting::new();
    let mut command = caption(1);
    command.args(setting.arguments("different", "--epochs 2 --seed 1"));
    command.args([":", "-n", "1", env!("CARGO_BIN_EXE_caption")]);
    let output = command.args(setting.arguments("different", "--epochs 2 --seed 2")).output().unwrap();
    let told = text(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains("caption: rank ") && told.contains("rank 1 has other weights than rank 0"),
        "{told}"
    );
}

#[cfg(not(feature = "mpi"))]
#[test]
fn without_mpi_one_of_several_ranks_is_refused() {
    let setting = Setting::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_caption"));
    command.args(setting.arguments("run", "")).env("OMPI_COMM_WORLD_SIZE", "2");
    let output = command.output().unwrap();
    let told = text(&output.stderr);
    assert!(
        !output.status.success() && told.contains("built without MPI; build it with `--features mpi`"),
        "{told}"
    );
    assert!(!Path::new(&setting.out("run")).exists());
}
