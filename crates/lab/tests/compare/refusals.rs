//! What is refused, and in which words.

use lab::compare::{CompareError, Comparison, Settings, Size};
use lab::tasks::Adding;
use nn::cells::named;
use tempfile::tempdir;

use crate::{settings, tiny};

/// The message of a comparison that must be refused before it makes a folder.
fn check(change: impl FnOnce(&mut Comparison), expected: &str) {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out");
    let mut comparison = tiny();
    change(&mut comparison);
    let error = comparison.run(&out, 1, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(!out.exists());
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_is_written() {
    check(|all| all.cells.clear(), "there is no cell to compare; give one or more");
    check(|all| all.tasks.clear(), "there is no task to compare; give one or more");
    check(|all| all.cells.push(named("rnn").unwrap()), "the cell `rnn` is given twice; give each once");
    check(
        |all| all.tasks.push(Box::new(Adding { steps: 6 })),
        "the task `adding:steps=6` is given twice; give each once",
    );
    let settings = |settings: Settings, expected: &str| check(|all| all.settings = settings, expected);
    let usual = crate::settings;
    settings(Settings { seeds: 0, ..usual() }, "`seeds` is 0; give 1 or more");
    settings(Settings { steps: 0, ..usual() }, "`steps` is 0; give 1 or more");
    settings(Settings { batch: 0, ..usual() }, "`batch` is 0; give 1 or more");
    settings(Settings { size: Size::Hidden(0), ..usual() }, "`hidden` is 0; give 1 or more");
    // What would never end, or takes more memory than there is.
    settings(Settings { seeds: u64::MAX, ..usual() }, "`seeds` is 18446744073709551615; give 1000 or less");
    settings(
        Settings { steps: u64::MAX, ..usual() },
        "`steps` is 18446744073709551615; give 1000000000 or less",
    );
    settings(
        Settings { size: Size::Parameters(1 << 40), ..usual() },
        "`parameters` is 1099511627776; give 100000000 or less",
    );
    settings(
        Settings { size: Size::Hidden(1 << 31), ..usual() },
        "`hidden` is 2147483648; give 10000 or less",
    );
    settings(Settings { learning_rates: vec![], ..usual() }, "there is no learning rate; give one or more");
    for (rate, word) in [(0.0, "0"), (-0.1, "-0.1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        settings(
            Settings { learning_rates: vec![0.1, rate], ..usual() },
            &format!("{word} is no learning rate; give numbers above 0"),
        );
    }
    settings(
        Settings { learning_rates: vec![0.1, 0.2, 0.1], ..usual() },
        "the learning rate 0.1 is given twice; give each once",
    );
    settings(
        Settings { clip: Some(0.0), ..usual() },
        "gradients cannot be clipped to a norm of 0; give a number above 0, or none",
    );
    settings(
        Settings { size: Size::Parameters(9), ..usual() },
        "no width of the cell `rnn` on the task `adding:steps=6` comes within 5% of 9 parameters: the nearest is \
         6 (with 1 hidden units), or 13 (with 2 hidden units); ask for more parameters or for one of these counts, \
         or give all cells the same hidden width",
    );
}

#[test]
fn the_folder_of_another_experiment_is_refused_by_what_differs() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    tiny().run(path, 2, &mut ()).unwrap();
    let before = std::fs::read(path.join("metrics.jsonl")).unwrap();
    let check = |change: &dyn Fn(&mut Comparison), difference: &str| {
        let mut comparison = tiny();
        change(&mut comparison);
        let error = comparison.run(path, 2, &mut ()).unwrap_err();
        assert!(matches!(error, CompareError::File(_)));
        let expected = format!(
            "{}: holds another experiment: {difference}; choose another folder, or the settings it was started with",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
    };
    check(
        &|all| all.cells.push(named("lstm").unwrap()),
        "`cells` is [rnn, gru] there and [rnn, gru, lstm] here",
    );
    check(
        &|all| all.settings = Settings { seeds: 5, ..settings() },
        "`settings.seeds` is 2 there and 5 here",
    );
    check(
        &|all| all.cells[1].about = "another".into(),
        "`cells.gru.about` is \"gated recurrent unit, reset after the product (cuDNN)\" there and \"another\" here",
    );
    assert_eq!(std::fs::read(path.join("metrics.jsonl")).unwrap(), before);
}
