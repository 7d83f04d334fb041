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
#[allow(dead_code, reason = "the server is tested with others of these models")]
mod trained;

use browser::Browser;
use caption::model::Decoding;
use look::check;
use runs::{described, finding, page_of, report, run};
use serde_json::json;

/// Maps whose cells do not cover the map's own box, in which the picture fills all, within a pixel.
const BESIDE: &str = "[...document.querySelectorAll('.map')].filter(map => {
    const cells = [...map.querySelectorAll('rect')].map(cell => cell.getBoundingClientRect());
    const box = map.getBoundingClientRect();
    const off = [
        Math.min(...cells.map(cell => cell.left)) - box.left, Math.min(...cells.map(cell => cell.top)) - box.top,
        Math.max(...cells.map(cell => cell.right)) - box.right, Math.max(...cells.map(cell => cell.bottom)) - box.bottom,
    ];
    return off.some(off => Math.abs(off) > 1) || cells.length !== 16;
}).map(map => map.getAttribute('aria-label'))";

#[test]
fn the_page_of_a_run_stands_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(folder.path()) else { return };

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

    // What a model really looked at: the cells of each map lie on the picture from edge to edge.
    let split = trained::data().val;
    let mut model = trained::model(&trained::trained(trained::ATTENTION, 60));
    let page = page_of(trained::described_with_attention(&mut model, &split, &Decoding::default()), &split);
    let path = folder.path().join("attention.html");
    std::fs::write(&path, page).unwrap();
    check(&mut browser, &path);
    assert_eq!(browser.evaluate(BESIDE), json!([]));
    let maps = browser.evaluate("document.querySelectorAll('.map').length").as_u64().unwrap();
    assert!(maps > 24, "{maps} maps for 24 captions");
    let square = trained::light(32, [1, 2]);
    let split = trained::of_one_word(&[square]);
    let path = folder.path().join("light.html");
    let page = page_of(
        trained::described_with_attention(&mut trained::attending_to_light(), &split, &Decoding::default()),
        &split,
    );
    std::fs::write(&path, page).unwrap();
    browser.open(&format!("file://{}", path.display()), 390, 844, "light");
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)");
    // The bare cell is that of the second row and the third column.
    let bare = "[...document.querySelector('.map').querySelectorAll('rect')].findIndex(cell => cell.getAttribute('opacity') === '0.00')";
    assert_eq!(browser.evaluate(bare), 6);
    assert_eq!(browser.evaluate(BESIDE), json!([]));

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
