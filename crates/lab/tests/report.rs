//! Reports of comparisons that were made up, and what must stand in them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "report/synthetic.rs"]
mod synthetic;

use lab::report::Comparison;

#[test]
fn look() {
    let experiment = synthetic::experiment(&["rnn", "lstm", "gru", "mgu"], 5);
    let records = synthetic::records(&experiment);
    let comparison = Comparison::new(experiment, records);
    std::fs::create_dir_all("/tmp/rep").unwrap();
    std::fs::write("/tmp/rep/report.html", comparison.page().html()).unwrap();
    std::fs::write("/tmp/rep/table.tex", comparison.latex()).unwrap();
    std::fs::write("/tmp/rep/table.md", comparison.markdown()).unwrap();
}
