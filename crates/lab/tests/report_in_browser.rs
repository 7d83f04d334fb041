//! The report in a real browser: what it asks for, whether it fits, whether those who see little or nothing can read it.
//!
//! Chromium is looked for in the search path. Where there is none, the test says so and passes, unless
//! `UNSPOOL_BROWSER=required`; `UNSPOOL_BROWSER` can also name the program.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "report/browser.rs"]
mod browser;
#[path = "report/look.rs"]
mod look;
#[path = "report/synthetic.rs"]
mod synthetic;

use std::path::Path;

use browser::Browser;
use lab::compare::Outcome;
use lab::report::Comparison;
use look::check;

fn write(comparison: &Comparison, path: &Path) {
    std::fs::write(path, comparison.page().html()).unwrap();
}

#[test]
fn the_report_stands_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(folder.path()) else { return };

    let experiment = synthetic::experiment(&["rnn", "lstm", "gru", "mgu"], 3);
    let path = folder.path().join("report.html");
    write(&Comparison::new(experiment.clone(), synthetic::records(&experiment)), &path);
    check(&mut browser, &path);
    let figures = browser.evaluate("document.querySelectorAll('svg.chart').length").as_u64().unwrap();
    assert!(figures >= 20, "{figures} figures");

    // Names that want to break out, or are too long; one task with nothing, one with divergences only.
    let script = "<script>console.error('out')</script><img src=http://localhost:1/x>";
    let names = [
        script,
        "\"><svg onload=alert(1)>",
        "a_cell_with_a_name_that_is_much_longer_than_any_chart_has_room_for",
        "門控循環",
        "five",
        "six",
        "seven",
        "eight",
    ];
    let mut experiment = synthetic::experiment(&names, 2);
    experiment.tasks[0].name = "</text></svg><style>* { display: none }</style>".into();
    experiment.tasks[1].about = "javascript:alert(1)' onclick='alert(2)".into();
    let mut records = synthetic::records(&experiment);
    records.retain(|record| record.task != experiment.tasks[2].name);
    for record in records.iter_mut().filter(|record| record.task == experiment.tasks[1].name) {
        record.outcome = Outcome::Diverged { step: 7, problem: "<b>not finite</b>".into() };
        record.behaviour = None;
    }
    let path = folder.path().join("hostile.html");
    write(&Comparison::new(experiment, records), &path);
    check(&mut browser, &path);
}
