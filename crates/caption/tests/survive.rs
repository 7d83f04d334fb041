//! Trainings that are killed at any moment, whose disk is full, read-only or damages what was saved: they go on from the last
//! good checkpoint, and end with the bytes of a training that was left alone.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tiny::tiny_data;

const PROGRAM: &str = env!("CARGO_BIN_EXE_caption");

/// Wide enough that a step of two captions is shared out to threads (more than four million multiplications).
const WIDE: [&str; 8] = ["--hidden", "512", "--embedding", "128", "--batch", "2", "--checkpoint-every", "1"];

/// A training, and the files that it leaves when nothing happens to it.
struct Trial {
    folder: TempDir,
    threads: usize,
    arguments: Vec<String>,
    undisturbed: BTreeMap<PathBuf, Vec<u8>>,
    /// How long it took undisturbed.
    time: Duration,
}

/// What a number of kills has met.
#[derive(Debug, Default)]
struct Kills {
    all: usize,
    /// Before there was a checkpoint.
    before_the_first: usize,
    /// With a temporary file, or tensors that no record names.
    within_a_save: usize,
}

impl Trial {
    fn new(threads: usize, arguments: &[&str]) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let data = tiny_data(folder.path()).display().to_string();
        let fixed = ["train", "--data", &data];
        let arguments = fixed.iter().chain(arguments).map(ToString::to_string).collect();
        let mut trial =
            Trial { folder, threads, arguments, undisturbed: BTreeMap::new(), time: Duration::ZERO };
        trial.time = trial.run("undisturbed");
        trial.undisturbed = trial.left_by("undisturbed");
        trial
    }

    fn path(&self, run: &str) -> PathBuf {
        self.folder.path().join(run)
    }

    fn command(&self, run: &str) -> Command {
        self.with_arguments(Command::new(PROGRAM), run)
    }

    fn with_arguments(&self, mut command: Command, run: &str) -> Command {
        command.env("RAYON_NUM_THREADS", self.threads.to_string());
        command.args(&self.arguments).arg("--out").arg(self.path(run));
        command
    }

    /// Runs a script of the shell in which `"$@"` is the training; with options of `unshare` it has mounts of its own.
    fn script(&self, unshare: Option<&str>, script: &str, run: &str) -> Output {
        let mut command = Command::new(if unshare.is_some() { "unshare" } else { "sh" });
        command.args(unshare.iter().flat_map(|options| [*options, "sh"])).args(["-c", script, "sh", PROGRAM]);
        self.with_arguments(command, run).output().unwrap()
    }

    /// Trains to the end, which must go well.
    fn run(&self, run: &str) -> Duration {
        let begin = Instant::now();
        let output = self.command(run).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        begin.elapsed()
    }

    fn begin(&self, run: &str) -> Child {
        self.command(run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Trains until there is a checkpoint, and kills.
    fn begin_and_kill(&self, run: &str) {
        let mut child = self.begin(run);
        while !self.files(&format!("{run}/checkpoints")).keys().any(|name| name.ends_with("step-000002.json"))
        {
            assert!(child.try_wait().unwrap().is_none(), "the training is over before it could be killed");
            sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// All files below a folder by their paths within it.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = fs::read(&path) {
                    files.insert(path.strip_prefix(&root).unwrap().to_path_buf(), bytes);
                }
            }
        }
        files
    }

    /// What a run has left, but for the events: they say at what time they were written.
    fn left_by(&self, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.files(run);
        files.retain(|name, _| !name.to_string_lossy().starts_with("events.out."));
        files
    }

    /// Holds what a run has left against the undisturbed one: names, then every byte.
    #[track_caller]
    fn check(&self, run: &str) {
        let found = self.left_by(run);
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&self.undisturbed));
        for (name, bytes) in &self.undisturbed {
            assert!(found[name] == *bytes, "{} differs", name.display());
        }
    }

    /// Whether a file of the run is being written.
    fn is_saving(&self, run: &str) -> bool {
        let folders = [self.path(run), self.path(run).join("checkpoints")];
        let names = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(".tmp"))
    }

    /// Kills so many trainings, each several times and each followed to its end: at random moments, and every other time
    /// in the next save after that.
    fn kill(&self, count: usize, dice: &mut ChaCha8Rng) -> Kills {
        let mut kills = Kills::default();
        for number in 0.. {
            let run = format!("run {number}");
            for attempt in 0..10 {
                let mut child = self.begin(&run);
                sleep(self.time.mul_f64(dice.random_range(0.0..0.5)));
                while attempt % 2 == 1 && child.try_wait().unwrap().is_none() && !self.is_saving(&run) {
                    std::hint::spin_loop();
                }
                let ended = child.try_wait().unwrap().is_some();
                child.kill().unwrap();
                child.wait().unwrap();
                if ended {
                    break;
                }
                kills.note(&self.files(&run));
                if kills.all == count {
                    break;
                }
            }
            self.run(&run);
            self.check(&run);
            fs::remove_dir_all(self.path(&run)).unwrap();
            if kills.all == count {
                break;
            }
        }
        kills
    }
}

impl Kills {
    fn note(&mut self, files: &BTreeMap<PathBuf, Vec<u8>>) {
        let names = || files.keys().map(|name| name.to_string_lossy());
        let records: Vec<String> = names().filter(|name| name.ends_with(".json")).map(String::from).collect();
        let said: Vec<&str> =
            records.iter().filter_map(|name| std::str::from_utf8(&files[Path::new(name)]).ok()).collect();
        let is_orphan = |name: &str| {
            let file = name.rsplit('/').next().unwrap();
            name.ends_with(".safetensors") && !said.iter().any(|record| record.contains(file))
        };
        self.all += 1;
        self.before_the_first += usize::from(!records.iter().any(|name| name.contains("step-")));
        self.within_a_save += usize::from(names().any(|name| name.ends_with(".tmp") || is_orphan(&name)));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How scripts can be given mounts of their own, if they can: as the superuser, or as one in a namespace.
fn with_mounts() -> Option<&'static str> {
    let may = |options: &str| {
        let probe = format!("unshare {options} sh -c 'mount -t tmpfs -o size=1m tmpfs /tmp'");
        Command::new("sh").args(["-c", &probe]).output().is_ok_and(|output| output.status.success())
    };
    let found = ["-m", "-rm"].into_iter().find(|options| may(options));
    if found.is_none() {
        eprintln!(
            "skipped: this system lets no test mount a small disk (`unshare -m` and `unshare -rm` are refused)"
        );
    }
    found
}

/// A run with checkpoints, and a try to go on with it that must fail: exit code 1, one message that says what is expected,
/// every checkpoint as it was. Then it goes on as if nothing had been.
#[track_caller]
fn check_refused(trial: &Trial, unshare: Option<&str>, script: &str, expected: &[&str]) {
    let run = "run";
    let checkpoints = || trial.files(&format!("{run}/checkpoints"));
    let before = checkpoints();
    let output = trial.script(unshare, script, run);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}{}", text(&output.stdout));
    assert_eq!(message.lines().count(), 1, "{message}");
    expected.iter().for_each(|part| assert!(message.contains(part), "{part:?} is missing in {message}"));
    let after = checkpoints();
    let newest = before.keys().rfind(|name| name.extension().is_some_and(|end| end == "json")).unwrap();
    assert!(after.get(newest) == before.get(newest), "the last checkpoint is not what it was");
    trial.run(run);
    trial.check(run);
}

#[test]
fn kills_leave_no_trace() {
    let trial = Trial::new(2, &[&WIDE[..], &["--epochs", "2"]].concat());
    trial.kill(6, &mut ChaCha8Rng::seed_from_u64(1));
}

#[test]
fn a_file_that_may_not_grow_leaves_the_last_checkpoint_and_the_run_goes_on() {
    let trial = Trial::new(1, &[&WIDE[..], &["--epochs", "2"]].concat());
    trial.begin_and_kill("run");
    // Of 512 or 1024 bytes, as the shell has it: less than a checkpoint, more than all else.
    let script = "trap '' XFSZ; ulimit -f 2000; exec \"$@\"";
    let expected = ["File too large", "give it more space", "checkpoint of step", "same command"];
    check_refused(&trial, None, script, &expected);
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_and_the_run_goes_on() {
    let Some(options) = with_mounts() else { return };
    let trial = Trial::new(1, &[&WIDE[..], &["--epochs", "2"]].concat());
    trial.begin_and_kill("run");
    // What is there, and not enough for one more checkpoint. What the small disk holds in the end is copied back.
    let size = trial.files("run").values().map(Vec::len).sum::<usize>() + (1 << 20);
    let (run, kept) = (trial.path("run").display().to_string(), trial.path("kept").display().to_string());
    let script = format!(
        "cp -a '{run}' '{kept}' && mount -t tmpfs -o size={size} tmpfs '{run}' && cp -a '{kept}/.' '{run}' || exit 9
        \"$@\"; code=$?
        rm -r '{kept}' && cp -a '{run}' '{kept}' && umount '{run}' && rm -r '{run}' && mv '{kept}' '{run}' || exit 9
        exit $code"
    );
    let expected = ["No space left", "free some space", "checkpoint of step", "same command"];
    check_refused(&trial, Some(options), &script, &expected);
}

#[test]
fn a_folder_that_became_read_only_leaves_the_last_checkpoint_and_the_run_goes_on() {
    let Some(options) = with_mounts() else { return };
    let trial = Trial::new(1, &[&WIDE[..], &["--epochs", "2"]].concat());
    for (folder, file) in [("run", "metrics.jsonl"), ("run/checkpoints", "step-")] {
        trial.begin_and_kill("run");
        let path = trial.path(folder).display().to_string();
        let script = format!("mount --bind '{path}' '{path}' && mount -o remount,bind,ro '{path}' && \"$@\"");
        let expected = [file, "Read-only file system", "choose a folder that can be written"];
        check_refused(&trial, Some(options), &script, &expected);
        fs::remove_dir_all(trial.path("run")).unwrap();
    }
}

#[test]
fn a_place_for_checkpoints_that_is_no_folder_is_named() {
    let trial = Trial::new(1, &["--hidden", "6", "--embedding", "4", "--batch", "2", "--epochs", "1"]);
    fs::create_dir(trial.path("run")).unwrap();
    fs::write(trial.path("run/checkpoints"), "a file").unwrap();
    let output = trial.command("run").output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("checkpoints") && message.lines().count() == 1, "{message}");
}

/// `cargo test -p unspool-caption --test survive -- --ignored --nocapture` runs this and prints what it met.
#[test]
#[ignore = "takes minutes; CONTRIBUTING.md says when to run it"]
fn two_hundred_kills_leave_no_trace() {
    for threads in [1, 2] {
        let trial = Trial::new(threads, &[&WIDE[..], &["--epochs", "6"]].concat());
        let kills = trial.kill(100, &mut ChaCha8Rng::seed_from_u64(threads as u64));
        println!("{threads} threads, {:.1} s undisturbed: {kills:?}", trial.time.as_secs_f64());
        assert_eq!(kills.all, 100);
        // Else the moments were not what they are meant to be.
        assert!(kills.within_a_save > 0, "{kills:?}");
    }
}

/// The same while a model is fine-tuned on rewards: what is drawn from it must be drawn again.
#[test]
#[ignore = "takes minutes; CONTRIBUTING.md says when to run it"]
fn kills_leave_no_trace_in_fine_tuning_on_rewards() {
    let taught = Trial::new(2, &[&WIDE[..], &["--epochs", "6"]].concat());
    let model = taught.path("undisturbed").display().to_string();
    let options = [
        "--scst",
        &model,
        "--batch",
        "2",
        "--checkpoint-every",
        "1",
        "--epochs",
        "4",
        "--learning-rate",
        "1e-4",
    ];
    let trial = Trial::new(2, &options);
    let kills = trial.kill(20, &mut ChaCha8Rng::seed_from_u64(3));
    println!("fine-tuning, {:.1} s undisturbed: {kills:?}", trial.time.as_secs_f64());
}
