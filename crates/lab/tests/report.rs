//! Reports of comparisons that were made up, and what must stand in them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "report/synthetic.rs"]
mod synthetic;

use std::fs;
use std::path::Path;

use lab::compare::{Experiment, Outcome, Point, Purpose, Record};
use lab::report::Comparison;
use lab::report::comparison::verdict::Verdict;
use lab::run_dir::RunDir;
use lab::tasks::Measure;

/// An experiment with these scores: for each task, for each cell, for each seed; a NaN is a training that diverged.
fn with_scores(cells: &[&str], seeds: u64, scores: &[&[&[f64]]]) -> Comparison {
    let mut experiment = synthetic::experiment(cells, seeds);
    experiment.tasks.truncate(scores.len());
    let mut records = Vec::new();
    for (task, scores) in experiment.tasks.iter().zip(scores) {
        for (cell, scores) in experiment.cells.iter().zip(*scores) {
            let seeds = scores.iter().zip(1..);
            records.extend(seeds.map(|(score, seed)| record(&task.name, &cell.name, seed, *score)));
        }
    }
    Comparison::new(experiment, records)
}

fn record(task: &str, cell: &str, seed: u64, score: f64) -> Record {
    let outcome = match score.is_nan() {
        true => Outcome::Diverged { step: 12, problem: "the loss is not finite".into() },
        false => Outcome::Finished,
    };
    Record {
        cell: cell.into(),
        task: task.into(),
        purpose: Purpose::Measured,
        seed,
        learning_rate: 0.003,
        hidden: 64,
        parameters: 12_345,
        outcome,
        curve: vec![Point { step: 10, seconds: 0.5, training_loss: score, loss: score, score }],
        milliseconds_per_step: 2.5,
        bytes: 3 << 20,
        lengths: Vec::new(),
        behaviour: None,
    }
}

/// The scores of three cells on two tasks. On the first, `gru` is better than the others (p by SciPy 1.17.1's
/// `ttest_ind(..., equal_var=False)`: 1.1e-5 and 8.2e-6, between the others 7.0e-6); on the second it may be chance.
fn small() -> Comparison {
    with_scores(
        &["rnn", "my_lstm", "gru"],
        3,
        &[
            &[&[0.160, 0.161, 0.162], &[0.0100, 0.0102, 0.0098], &[0.0010, 0.0011, 0.0012]],
            &[&[f64::NAN, 0.125, f64::NAN], &[0.90, 0.95, 0.99], &[0.91, 0.97, 0.98]],
        ],
    )
}

/// Compares with a golden file, which `cargo xtask bless -p unspool-lab` rewrites.
fn check_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report").join(name);
    if std::env::var_os("UNSPOOL_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{name} differs; `cargo xtask bless` rewrites it");
}

#[test]
fn tables_for_papers_and_terminals_are_as_they_were() {
    check_golden("table.md", &small().markdown());
    check_golden("table.tex", &small().latex());
    check_golden("table.txt", &small().text());
}

#[test]
fn bold_is_what_is_significantly_better_than_every_other_cell() {
    let check = |comparison: &Comparison, expected: Option<usize>| {
        let verdict = Verdict::on(comparison, 0);
        let bold = verdict.filter(Verdict::is_significant).map(|verdict| verdict.best);
        assert_eq!(bold, expected);
        assert_eq!(comparison.markdown().contains("**"), expected.is_some(), "{}", comparison.markdown());
    };
    let (low, middle, high): (&[f64], &[f64], &[f64]) =
        (&[0.10, 0.11, 0.12], &[0.20, 0.21, 0.22], &[0.30, 0.31, 0.32]);
    check(&with_scores(&["a", "b", "c"], 3, &[&[high, low, middle]]), Some(1));
    // Against one of them the difference may be chance.
    check(&with_scores(&["a", "b", "c"], 3, &[&[high, low, &[0.11, 0.12, 0.13]]]), None);
    // A seed is missing, or has diverged, of the best.
    check(&with_scores(&["a", "b", "c"], 3, &[&[high, &low[..2], middle]]), None);
    check(&with_scores(&["a", "b", "c"], 3, &[&[high, &[0.10, f64::NAN, 0.12], middle]]), None);
    // Another cell that always diverges has nothing to compare with, and one that has a single score too little.
    check(&with_scores(&["a", "b", "c"], 3, &[&[&[f64::NAN; 3], low, middle]]), Some(1));
    check(&with_scores(&["a", "b", "c"], 3, &[&[&[f64::NAN, 0.3, f64::NAN], low, middle]]), None);
    // One seed, one cell.
    check(&with_scores(&["a", "b"], 1, &[&[&[0.3], &[0.1]]]), None);
    check(&with_scores(&["a"], 3, &[&[low]]), None);
    // A pair at p = 0.027 by SciPy is a difference of two cells, and with Holm's correction none of three.
    let (one, other): (&[f64], &[f64]) = (&[0.10, 0.12, 0.14], &[0.16, 0.17, 0.20]);
    check(&with_scores(&["a", "b"], 3, &[&[one, other]]), Some(0));
    check(&with_scores(&["a", "b", "c"], 3, &[&[one, other, &[0.13, 0.17, 0.19]]]), None);
}

#[test]
fn the_summary_says_what_the_numbers_say() {
    let page = small().page().html();
    let check = |sentence: &str| assert!(page.contains(sentence), "{sentence}");
    check("gru is significantly better than every other cell on adding.");
    check("On copying no cell is significantly better than all others.");
    check("2 trainings diverged: rnn on copying (2 of 3).");
    check("gru is best, squared error 0.00110 ± 0.00010, significantly better than every other cell");
    check("gru has the best mean, accuracy 95.3 ± 3.8\u{a0}%, but the difference from my_lstm");
    check("too few scores to test it against rnn.");
    check("rnn diverged in 2 of 3 trainings. rnn is no better than the baseline.");
    check("2 of 3 diverged");
}

#[test]
fn what_is_missing_is_said() {
    let check = |comparison: &Comparison, sentences: &[&str]| {
        let page = comparison.page().html();
        sentences.iter().for_each(|sentence| assert!(page.contains(sentence), "{sentence}"));
        assert!(!page.contains("NaN") && !page.contains("inf "), "a number that is none is shown");
    };
    let experiment = synthetic::experiment(&["rnn", "lstm"], 2);
    check(
        &Comparison::new(experiment.clone(), Vec::new()),
        &[
            "<strong>0 of 12 trainings done.</strong>",
            "No training is done yet.",
            "Not tested at other lengths: adding, copying and words.",
            "nothing to show of gradients through time",
        ],
    );
    let mut records = synthetic::records(&experiment);
    records.retain(|record| record.task == "adding" && record.purpose == Purpose::Measured);
    records.truncate(3);
    check(
        &Comparison::new(experiment.clone(), records.clone()),
        &[
            "<strong>3 of 12 trainings done.</strong>",
            "with fewer than two scores each nothing can be said of significance",
            "1 of 2 done",
            "Nothing is known of copying and words.",
        ],
    );
    let missing = with_scores(&["a", "b"], 3, &[&[&[0.1, 0.2, 0.3], &[0.7, 0.8]]]);
    check(&missing, &["no significance is claimed while trainings are missing", "2 of 3 done"]);
    // One seed: scores, and no word on significance.
    let single = Experiment {
        settings: lab::compare::Settings { seeds: 1, ..experiment.settings.clone() },
        ..experiment
    };
    let records = synthetic::records(&single);
    check(
        &Comparison::new(single, records),
        &[
            "With one seed nothing can be said",
            "One training each: nothing can be said of whether a difference is more than chance.",
        ],
    );
}

#[test]
fn names_are_text_in_every_language() {
    let script = "<script>alert(1)</script>";
    let names = [script, "$\\input{x}$ & _#|*~", "\"><img src=x onerror=alert(2)>", "\u{202e}nnr\u{0}"];
    let mut experiment = synthetic::experiment(&names, 2);
    for task in &mut experiment.tasks {
        task.name = format!("</svg>{}</style>\n", task.name);
        task.about = script.into();
        task.source = "'><b>".into();
    }
    let comparison = Comparison::new(experiment.clone(), synthetic::records(&experiment));
    let page = comparison.page().html();
    for broken in ["<script", "<img", "</svg></svg>", "<b>", "\u{202e}", "\0"] {
        assert!(!page.contains(broken), "{broken:?} stands in the page");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("�nnr�"));

    let latex = comparison.latex();
    assert!(
        latex.contains("\\$\\textbackslash{}input\\{x\\}\\$ \\& \\_\\#\\textbar{}*\\textasciitilde{}"),
        "{latex}"
    );
    let ends = latex.lines().filter(|line| line.ends_with("\\\\")).count();
    assert_eq!(ends, 2 + 3 + 3 * 4, "a name has begun a row");

    let markdown = comparison.markdown();
    assert!(!markdown.contains('<') && !markdown.contains("\\input{"), "{markdown}");
    let widths: Vec<usize> = markdown
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.matches('|').count())
        .collect();
    assert!(
        widths[..4].iter().all(|width| *width == 7) && widths[4..].iter().all(|width| *width == 8),
        "{widths:?}"
    );
}

#[test]
fn a_report_is_written_beside_what_it_is_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = synthetic::experiment(&["rnn", "lstm"], 2);
    let mut run = RunDir::open(folder.path(), &experiment).unwrap();
    let mut records = synthetic::records(&experiment);
    // Written as null, and read again as no number.
    let last = records.last_mut().unwrap();
    last.curve.last_mut().unwrap().score = f64::NAN;
    let behaviour = last.behaviour.as_mut().unwrap();
    behaviour.after.lyapunov = f64::NEG_INFINITY;
    behaviour.after.gradient_norms[0] = f64::INFINITY;
    records.iter().for_each(|record| run.append(record).unwrap());

    let files = lab::report::write(folder.path()).unwrap();
    let page = fs::read_to_string(&files.html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("1 of 2 diverged"), "the score that is none is not counted as one");
    assert_eq!(fs::read_to_string(&files.latex).unwrap().matches("\\begin{tabular}").count(), 2);
    assert_eq!(
        fs::read_to_string(&files.markdown).unwrap(),
        Comparison::read(folder.path()).unwrap().markdown()
    );
    // The same again, and the run can go on in its folder.
    lab::report::write(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(&files.html).unwrap(), page);
    drop(run);
    RunDir::open(folder.path(), &experiment).unwrap();
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let check = |config: &str, metrics: &str, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        fs::write(folder.path().join("metrics.jsonl"), metrics).unwrap();
        let error = lab::report::write(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!folder.path().join("report.html").exists());
    };
    check("{}", "", "holds other settings");
    let experiment = serde_json::to_string(&synthetic::experiment(&["rnn"], 1)).unwrap();
    check(&experiment, "{\"step\":1}\n", "line 1 of its metrics is no training of a comparison");
}

#[test]
fn the_last_record_of_a_training_counts_and_those_of_others_do_not() {
    let experiment = synthetic::experiment(&["a", "b"], 1);
    assert_eq!(experiment.tasks[0].measure, Measure::SquaredError);
    let records =
        vec![record("adding", "a", 1, 0.5), record("adding", "a", 1, 0.25), record("adding", "z", 1, 0.1)];
    let comparison = Comparison::new(experiment, records);
    assert_eq!(comparison.done(), (1, 6));
    assert_eq!(comparison.standing(0, 0).scores, [0.25]);
}
