//! The page of a run in a real browser, looked at as `lab`'s report is: what it asks for, whether it fits, whether it can
//! be read. Without a Chromium in the search path the test says so and passes, unless `UNSPOOL_BROWSER=required`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "../../lab/tests/report/browser.rs"]
mod browser;
#[path = "../../lab/tests/report/look.rs"]
mod look;
#[path = "report/runs.rs"]
mod runs;

use browser::Browser;
use look::check;
use runs::{described, finding, report, run};

#[test]
fn the_page_of_a_run_stands_in_a_browser() {
    let Some(program) = browser::find() else {
        println!("skipped: there is no Chromium in the search path to look at the report with");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&program, &folder.path().join("browser"));

    let one = run("flickr-gru", "gru", Some(described(40, 0)));
    let path = folder.path().join("one.html");
    std::fs::write(&path, report(vec![one.clone()]).page().html()).unwrap();
    check(&mut browser, &path);
    assert_eq!(browser.evaluate("document.images.length"), 24);
    // The maps share one picture each, which has to be there.
    let covered = "[...document.querySelectorAll('.maps')].filter(maps => maps.querySelectorAll('image').length !== 1).length";
    assert_eq!(browser.evaluate(covered), 0);
    let twice = "document.querySelectorAll('[id]').length - new Set([...document.querySelectorAll('[id]')].map(at => at.id)).size";
    assert_eq!(browser.evaluate(twice), 0);
    // A bar is as long as its word is probable.
    let bars = "getComputedStyle(document.querySelector('.word'), '::after').backgroundImage";
    assert!(browser.evaluate(bars).as_str().unwrap().contains("90%"));

    // Beside a run with long names and words, something wrong, and no pictures.
    let mut other =
        run("a_run_with_a_name_that_is_much_longer_than_any_chart_has_room_for", "門控循環", None);
    let mut said = described(40, 3);
    said.findings.push(finding());
    for item in &mut said.items {
        item.captions[0].words[1].0 = "donaudampfschifffahrtsgesellschaftskapitän".repeat(2);
        item.references[0] = "<script>console.error('out')</script><img src=http://localhost:1/x>".into();
    }
    other.described = Some(said);
    let path = folder.path().join("two.html");
    std::fs::write(&path, caption::report::Report::new(vec![one, other]).page().html()).unwrap();
    check(&mut browser, &path);
}
