//! The `caption` program as a user meets it: exit codes, messages, what is left on the disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod tiny;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use program::{Setting, borrowed, caption, fail, succeed, text};

#[test]
fn a_captioner_is_trained_evaluated_and_asked() {
    let setting = Setting::new();
    let printed = succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "3"])));
    assert!(printed.contains("5 captions of 3 pictures to learn from"), "{printed}");
    assert!(
        printed.contains("loss") && printed.contains("/caption") && printed.contains("/token"),
        "{printed}"
    );
    assert!(
        !printed.contains('\r') && !printed.contains('\u{1b}'),
        "piped output holds control codes: {printed:?}"
    );

    let metrics = fs::read_to_string(Path::new(&setting.run).join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().filter(|line| line.contains("gradient_norm")).count(), 9);
    assert_eq!(metrics.lines().filter(|line| line.contains("val_perplexity")).count(), 3);
    let csv = fs::read_to_string(Path::new(&setting.run).join("metrics.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 9 + 3);
    assert!(csv.starts_with("step,") && csv.contains("bleu/4") && csv.contains("samples/1"), "{csv}");
    assert!(Path::new(&setting.run).join("events.out.tfevents.000001").is_file());

    let printed = succeed(&["evaluate", &setting.run, "--data", &setting.data]);
    for expected in [
        "loss per caption",
        "loss per token",
        "perplexity",
        "BLEU-1",
        "BLEU-4",
        "ROUGE-L",
        "CIDEr-D",
        "novelty",
    ] {
        assert!(printed.contains(expected), "{expected} is missing in {printed}");
    }
    let printed = succeed(&["describe", &setting.run, "--data", &setting.data, "--row", "0,1"]);
    assert_eq!(printed.matches("a person said").count(), 2, "{printed}");
}

#[test]
fn a_run_stopped_before_its_first_checkpoint_records_no_step_twice() {
    let setting = Setting::new();
    let run = setting.train(&setting.run, &["--epochs", "1"]);
    succeed(&borrowed(&run));
    for name in ["checkpoints", "best.json"] {
        let path = Path::new(&setting.run).join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    succeed(&borrowed(&run));
    let metrics = fs::read_to_string(Path::new(&setting.run).join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().filter(|line| line.contains("gradient_norm")).count(), 3);
}

#[test]
fn captions_are_decoded_as_the_options_say() {
    let setting = Setting::new();
    succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "2"])));
    let describe = |more: &[&str]| {
        let fixed = ["describe", &setting.run, "--data", &setting.data, "--row", "0,1"];
        succeed(&[&fixed, more].concat())
    };
    let greedy = describe(&[]);
    assert_eq!(describe(&["--beam", "1"]), greedy);
    assert_eq!(describe(&["--top-k", "1", "--seed", "8"]), greedy);
    let drawn = ["--temperature", "0.8", "--top-k", "40", "--top-p", "0.9", "--seed", "1", "--detail"];
    assert_eq!(describe(&drawn), describe(&drawn));
    let beams =
        describe(&["--beam", "4", "--groups", "2", "--diversity", "1", "--no-repeat", "2", "--detail"]);
    assert_eq!(beams.matches("log p").count(), 8, "{beams}");
    let printed =
        succeed(&["evaluate", &setting.run, "--data", &setting.data, "--beam", "3", "--longest", "9"]);
    assert!(printed.contains("at most 9 words: beam of 3, log p / tokens^0.7, no <UNK>"), "{printed}");
    // A model that has learned for a second does not look at pictures, and is told so.
    assert!(
        printed.contains("DIAGNOSIS pictures are ignored") && printed.contains("likely cause"),
        "{printed}"
    );

    for (options, expected) in [
        (&["--beam", "3", "--temperature", "1"][..], "cannot be used with"),
        (&["--beam", "3", "--top-k", "4"], "cannot be used with"),
        (&["--length-penalty", "1"], "--beam"),
        (&["--beam", "4", "--diversity", "1"], "--groups"),
        (&["--beam", "many"], "many"),
    ] {
        let message = fail(2, &[&["evaluate", &setting.run], options].concat());
        assert!(message.contains(expected), "{options:?}: {message}");
    }
    for (options, expected) in [
        (&["--temperature", "0"][..], "temperature of 0"),
        (&["--top-p", "1.5"], "nucleus of 1.5"),
        (&["--beam", "5", "--groups", "2"], "multiple of 2"),
        (&["--longest", "0"], "longest caption is 0"),
    ] {
        let message = fail(1, &[&["evaluate", &setting.run], options].concat());
        assert!(message.contains(expected) && message.lines().count() == 1, "{options:?}: {message}");
    }
}

#[test]
fn a_run_that_is_finished_stays_as_it_is_and_another_is_not_mixed_into_it() {
    let setting = Setting::new();
    let run = setting.train(&setting.run, &["--epochs", "2"]);
    succeed(&borrowed(&run));
    let metrics = || fs::read(Path::new(&setting.run).join("metrics.jsonl")).unwrap();
    let before = metrics();
    assert!(succeed(&borrowed(&run)).contains("going on from step 6"));
    assert_eq!(before, metrics());

    let message = fail(1, &borrowed(&setting.train(&setting.run, &["--epochs", "2", "--seed", "9"])));
    assert!(message.contains("seed"), "{message}");
    assert_eq!(before, metrics());
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_ends_the_program_without_a_word() {
    let (_, writer) = std::io::pipe().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_caption")).arg("check").stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (None, ""), "ended by a signal");
}

#[test]
fn mistakes_in_the_command_line_are_usage_errors() {
    for arguments in
        [&["train"][..], &["fly"], &["describe", "run"], &["train", "--out", "x", "--cell", "gnu"], &[]]
    {
        let message = fail(2, arguments);
        assert!(message.contains("--help"), "{arguments:?}: {message}");
    }
}

#[test]
fn failures_name_what_and_where_and_leave_nothing_behind() {
    let setting = Setting::new();
    let missing = setting.folder.path().join("nowhere").display().to_string();
    let check = |arguments: &[&str], expected: &[&str]| {
        let message = fail(1, arguments);
        assert_eq!(message.lines().count(), 1, "one message: {message}");
        expected.iter().for_each(|part| assert!(message.contains(part), "{part} is missing in {message}"));
    };
    check(&["evaluate", &missing, "--data", &setting.data], &["nowhere", "checkpoint"]);
    check(&["train", "--data", &missing, "--out", &setting.run], &["nowhere"]);
    assert!(!Path::new(&setting.run).exists(), "a run that never began has a folder");

    let captions = Path::new(&setting.data).join("coco2014_captions.h5");
    let whole = fs::read(&captions).unwrap();
    fs::write(&captions, &whole[..whole.len() / 2]).unwrap();
    check(&["train", "--data", &setting.data, "--out", &setting.run], &["coco2014_captions.h5"]);
    fs::write(&captions, &whole).unwrap();

    succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "1"])));
    check(&["describe", &setting.run, "--data", &setting.data, "--row", "7"], &["--row 7", "2 pictures"]);
    check(&["describe", &setting.run, "picture.png"], &["features of length 4", "--row"]);
    check(&["serve", &setting.run], &["features of length 4", "caption encode"]);
    check(&["serve", &missing], &["nowhere", "checkpoint"]);
    check(&["evaluate", &setting.run, "--data", &setting.data, "--split", "test"], &["no test split"]);

    // Captions in other words would be numbers that mean something else to the model.
    let vocabulary = Path::new(&setting.data).join("coco2014_vocab.json");
    fs::write(&vocabulary, fs::read_to_string(&vocabulary).unwrap().replace("dog", "cat")).unwrap();
    for command in ["evaluate", "report"] {
        let expected = ["is `dog` to the model and `cat` in the data", "that the model was trained on"];
        check(&[command, &setting.run, "--data", &setting.data], &expected);
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let setting = Setting::new();
    succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "2"])));
    let checkpoints = Path::new(&setting.run).join("checkpoints");
    let is_newest = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("step-000006") && name.ends_with("safetensors")
    };
    let newest =
        fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path()).find(is_newest).unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let output = caption(&borrowed(&setting.train(&setting.run, &["--epochs", "2"])));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("passed over"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("going on from step 3"), "{}", text(&output.stdout));
}

#[test]
fn every_model_is_trained_evaluated_and_asked_for_its_last_state() {
    let setting = Setting::new();
    let (transformer, lstm) = (["--model", "transformer", "--heads", "2"], ["--cell", "lstm"]);
    for (name, options) in [("transformer", &transformer[..]), ("lstm", &lstm)] {
        let run = format!("{}-{name}", setting.run);
        let more =
            ["--epochs", "2", "--label-smoothing", "0.1", "--dropout", "0.1", "--checkpoint-every", "1"];
        succeed(&borrowed(&setting.train(&run, &[options, &more].concat())));
        for asked in [run.clone(), format!("{run}/last")] {
            let printed = succeed(&["evaluate", &asked, "--data", &setting.data, "--beam", "2"]);
            assert!(printed.contains("CIDEr-D"), "{printed}");
        }
    }
}

/// A table of captions that name one of three colours, and a file of grids of 2 by 2 places: one place, elsewhere in each picture, says
/// which colour it is.
fn grids(folder: &Path) -> [String; 2] {
    let mut table = "image,caption\n".to_string();
    let mut numbers = Vec::new();
    for picture in 0..30usize {
        let colour = picture % 3;
        table += &format!("p{picture:02},a {} thing\n", ["red", "green", "blue"][colour]);
        for place in 0..4 {
            let told = place == picture / 3 % 4;
            let channel = |at: usize| if told && at == colour { 3.0f32 } else { 0.1 * (at + place) as f32 };
            numbers.extend((0..3).map(channel));
        }
    }
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (30, 2, 2, 3), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    let paths = [folder.join("captions.csv"), folder.join("grids.npy")];
    fs::write(&paths[0], table).unwrap();
    fs::write(&paths[1], file).unwrap();
    paths.map(|path| path.display().to_string())
}

#[test]
fn attention_learns_from_grids_of_features_and_others_see_their_mean() {
    let folder = tempfile::tempdir().unwrap();
    let [table, grids] = grids(folder.path());
    let train = |name: &str, more: &[&str]| {
        let run = folder.path().join(name).display().to_string();
        let data = format!("train --data {table} --features {grids} --threshold 1 --out {run}");
        let model = "--hidden 16 --embedding 8 --batch 8 --learning-rate 0.02";
        let fixed: Vec<&str> = data.split(' ').chain(model.split(' ')).collect();
        (succeed(&[&fixed[..], more].concat()), run)
    };
    let (printed, run) =
        train("attention", &["--model", "attention", "--epochs", "30", "--metric", "val-loss"]);
    assert!(printed.contains("features of length 3 at each of 2 by 2 places"), "{printed}");
    let data = ["--data", &table, "--features", &grids, "--threshold", "1"];
    succeed(&[&["evaluate", &format!("{run}/last"), "--beam", "2"][..], &data].concat());
    let printed = succeed(&[&["evaluate", &run][..], &data].concat());
    let perplexity = printed.lines().find_map(|line| line.strip_prefix("perplexity")).unwrap();
    // Without the picture one of three colours is to be guessed, which makes 3 to the power of a fourth at best.
    let perplexity: f64 = perplexity.split_whitespace().next().unwrap().parse().unwrap();
    assert!(perplexity < 1.15, "{printed}");

    let (printed, _) = train("rnn", &["--epochs", "1"]);
    assert!(printed.contains("it sees the mean of a picture's places"), "{printed}");
    let (printed, _) = train("transformer", &["--model", "transformer", "--epochs", "1"]);
    assert!(!printed.contains("the mean of a picture's places"), "{printed}");
}

#[test]
fn attention_over_a_vector_is_refused_with_what_to_do() {
    let setting = Setting::new();
    let error = fail(1, &borrowed(&setting.train(&setting.run, &["--model", "attention"])));
    for expected in
        ["features of length", "one place for each picture", "--picture-at-every-step", "--features"]
    {
        assert!(error.contains(expected), "`{expected}` is missing in: {error}");
    }
    assert!(!Path::new(&setting.run).exists());
}

#[test]
fn without_its_feature_the_program_says_how_to_be_built_for_encoders() {
    if cfg!(feature = "onnx") {
        return;
    }
    let error = fail(1, &["encode", "--model", "e.onnx", "--data", "d", "--out", "f"]);
    assert!(error.contains("built without ONNX") && error.contains("--features onnx"), "{error}");
}

#[test]
fn a_training_stops_when_it_has_not_become_better() {
    let setting = Setting::new();
    // A rate at which nothing changes.
    let still = ["--epochs", "9", "--learning-rate", "1e-30", "--metric", "val-loss", "--patience", "2"];
    let run = setting.train(&setting.run, &still);
    let printed = succeed(&borrowed(&run));
    let expected = ["stopped: validation loss has not become better for 2 epochs", "trained 9 steps"];
    assert!(expected.iter().all(|part| printed.contains(part)), "{printed}");
    // And is over when it is asked again.
    assert!(succeed(&borrowed(&run)).contains("going on from step 9"));
}

#[test]
fn options_that_contradict_one_another_get_one_message_and_leave_nothing() {
    let setting = Setting::new();
    for (options, expected) in [
        (&["--layers", "3"][..], "--layers belongs to --model transformer"),
        (&["--model", "transformer", "--cell", "lstm"], "--cell belongs to --model rnn or attention"),
        (&["--attention-width", "3"], "--attention-width belongs to --model attention"),
        (&["--model", "transformer", "--heads", "3"], "3 heads do not share"),
        (&["--tie"], "tied to the words' vectors need outputs as wide"),
        (&["--decay", "0.5"], "--decay belongs to --schedule step or plateau"),
        (&["--weight-decay", "0.1"], "--weight-decay belongs to --optimizer adamw"),
        (&["--warmup", "1000"], "the warm-up is 1000"),
        (&["--label-smoothing", "1"], "the label smoothing is 1"),
        (&["--cell", "gru", "--dropout-state", "0.5"], "hands its state on"),
        (&["--patience", "0"], "the patience of the training is 0"),
        (&["--epochs", "18446744073709551615", "--learning-rate", "0"], "the learning rate is 0"),
    ] {
        let message = fail(1, &borrowed(&setting.train(&setting.run, options)));
        assert!(message.contains(expected) && message.lines().count() == 1, "{options:?}: {message}");
        assert!(!Path::new(&setting.run).exists(), "{options:?}");
    }
}

#[test]
fn a_trained_model_is_fine_tuned_on_what_it_is_judged_by() {
    let setting = Setting::new();
    succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "2"])));
    let fine = format!("{}-fine", setting.run);
    let scst = [
        "train",
        "--data",
        &setting.data,
        "--out",
        &fine,
        "--scst",
        &setting.run,
        "--epochs",
        "2",
        "--batch",
        "2",
    ];
    let run = [&scst[..], &["--learning-rate", "1e-4", "--metric", "cider-d"]].concat();
    succeed(&run);
    let metrics = fs::read_to_string(Path::new(&fine).join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().filter(|line| line.contains("\"reward\":")).count(), 6);
    assert!(succeed(&run).contains("going on from step 6"));
    let message = fail(2, &[&scst[..], &["--cell", "gru"]].concat());
    assert!(message.contains("cannot be used with"), "{message}");
}

#[test]
fn a_training_that_diverges_keeps_its_last_checkpoint_and_says_how_to_look_closer() {
    let setting = Setting::new();
    // Each step of Adam is as long as its rate, so that the products of the second are no numbers.
    let diverging =
        ["--epochs", "3", "--learning-rate", "1e38", "--schedule", "constant", "--checkpoint-every", "1"];
    let run = setting.train(&setting.run, &diverging);
    let checkpoints = || {
        let names = fs::read_dir(Path::new(&setting.run).join("checkpoints")).unwrap();
        let mut files: Vec<_> = names
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let check = |arguments: &[&str], expected: &[&str]| {
        let message = fail(1, arguments);
        assert_eq!(message.lines().count(), 1, "one message: {message}");
        expected.iter().for_each(|part| assert!(message.contains(part), "{part:?} is missing in {message}"));
    };
    check(
        &borrowed(&run),
        &[
            "stopped at step 2",
            "the weights are left as they were",
            "captions",
            "The checkpoint of step 1 is kept",
            "--check-numbers",
        ],
    );
    let kept = checkpoints();
    assert_eq!(kept.len(), 2);
    let looking = setting.train(&setting.run, &[&diverging[..], &["--check-numbers"]].concat());
    check(
        &borrowed(&looking),
        &[
            "stopped at step 2",
            "the first value that is not finite is",
            "recorded at",
            " in `",
            "computed from",
            "checkpoint of step 1",
        ],
    );
    assert!(checkpoints() == kept, "a checkpoint was changed");
    // The weights that are kept are finite, if large.
    let printed = succeed(&["describe", &setting.run, "--data", &setting.data, "--row", "0"]);
    assert!(printed.contains("a person said"), "{printed}");
}

#[test]
fn steps_with_gradients_far_from_those_before_are_left_out_and_counted() {
    let setting = Setting::new();
    let run = setting.train(&setting.run, &["--epochs", "20", "--skip-outliers", "0.5"]);
    let printed = succeed(&borrowed(&run));
    let metrics = fs::read_to_string(Path::new(&setting.run).join("metrics.jsonl")).unwrap();
    let skipped = metrics.lines().filter(|line| line.contains("\"skipped\":true")).count();
    assert!(
        skipped > 0 && printed.contains(&format!("{skipped} steps were left out")),
        "{skipped}: {printed}"
    );
    let message = fail(1, &borrowed(&setting.train(&format!("{}2", setting.run), &["--skip-outliers", "0"])));
    assert!(message.contains("the limit for steps to be left out is 0"), "{message}");
}
