//! The page of `caption serve` in a real browser: pictures that are chosen and dropped, words that come, problems in words,
//! and nothing asked of anybody but the server.
//!
//! Chromium is looked for as for the report of `lab`: where there is none, the test says so and passes, unless
//! `UNSPOOL_BROWSER=required`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../lab/tests/report/browser.rs"]
mod browser;
#[path = "serve/setting.rs"]
#[allow(dead_code, reason = "a browser is client enough here")]
mod setting;
#[allow(dead_code, reason = "others of these models are asked without a browser")]
mod trained;

use std::path::Path;

use browser::Browser;
use caption::data::picture::Fit;
use caption::model::Input;
use caption::serve::Bounds;
use serde_json::{Value, json};
use setting::{Running, picture, png};

const SCREENS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// The words that stand on the page, with their probabilities.
const WORDS: &str =
    "[...document.querySelectorAll('#words li')].map(item => item.innerText.replace(/\\s+/g, ' ').trim())";

/// The least contrast of any text on the ground behind it (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
const CONTRAST: &str = "(() => {
    const channels = color => color.match(/[0-9.]+/g).map(Number);
    const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = at => {
        const own = channels(getComputedStyle(at).backgroundColor);
        return own.length === 3 || own[3] === 1 ? own : ground(at.parentElement);
    };
    const texts = [...document.querySelectorAll('body *')].filter(at => at.checkVisibility() &&
        [...at.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
    return Math.min(...texts.map(at => {
        const [text, behind] = [light(channels(getComputedStyle(at).color)), light(ground(at))];
        return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    }));
})()";

/// What can be used and has no name for those who do not see it.
const NAMELESS: &str =
    "[...document.querySelectorAll('input, img, summary, a, button')].filter(at => at.checkVisibility() &&
    !(at.labels?.[0]?.textContent || at.textContent || at.alt || '').trim()).map(at => at.outerHTML)";

/// How the map lies on the picture: the box of the picture on the screen, those of its cells, and which cell is bare.
const MAP: &str = "(() => {
    const box = at => { const { x, y, width, height } = at.getBoundingClientRect(); return [x, y, width, height]; };
    const cells = [...document.querySelectorAll('#map .cell')];
    return {
        image: box(document.getElementById('picture')),
        cells: cells.map(box),
        bare: cells.flatMap((cell, at) => cell.getAttribute('fill-opacity') === '0.000' ? [at] : []),
    };
})()";

/// The place of the word whose look is shown, and of those that are pressed.
const LOOK: &str = "[document.getElementById('map').dataset.place,
    buttons().flatMap((each, at) => each.getAttribute('aria-pressed') === 'true' ? [at] : [])]";

/// Waits until an expression of the page is true.
fn until(browser: &mut Browser, condition: &str) {
    browser.evaluate(&format!(
        "new Promise(done => {{ const look = () => ({condition}) ? done(0) : setTimeout(look, 20); look() }})"
    ));
}

/// Waits until a caption or a problem is there.
fn until_answered(browser: &mut Browser) {
    until(
        browser,
        "document.getElementById('status').textContent.startsWith('“') || !document.getElementById('trouble').hidden",
    );
    // Words move a little when they come, and are looked at where they stand then.
    browser
        .evaluate("Promise.all(document.getAnimations().map(animation => animation.finished)).then(() => 0)");
}

fn choose(browser: &mut Browser, file: &Path) {
    let root = browser.call("DOM.getDocument", json!({}))["root"]["nodeId"].take();
    let node =
        browser.call("DOM.querySelector", json!({ "nodeId": root, "selector": "#file" }))["nodeId"].take();
    browser.evaluate("document.getElementById('status').textContent = ''");
    browser.call("DOM.setFileInputFiles", json!({ "nodeId": node, "files": [file] }));
    until_answered(browser);
}

/// Errors, and requests for anything but the server and pictures that the page holds.
fn troubles(events: &[Value], server: &str) -> Vec<Value> {
    let own =
        |url: &str| url.starts_with(&format!("{server}/")) || url.starts_with(&format!("blob:{server}/"));
    let trouble = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
        "Network.requestWillBeSent" => !own(event["params"]["request"]["url"].as_str().unwrap()),
        "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => true,
        _ => false,
    };
    events.iter().filter(trouble).cloned().collect()
}

#[test]
fn a_picture_is_described_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(folder.path()) else { return };
    let [first, second, text] = ["first.png", "second.png", "text.png"].map(|name| folder.path().join(name));
    std::fs::write(&first, picture(0).0).unwrap();
    std::fs::write(&second, picture(1).0).unwrap();
    std::fs::write(&text, "no picture").unwrap();
    let running = Running::start(Bounds::default());
    let server = format!("http://{}", running.address);

    for (width, height) in SCREENS {
        for scheme in ["light", "dark"] {
            let mut events = browser.open(&server, width, height, scheme);
            until(&mut browser, "document.getElementById('about').textContent.includes('gru')");
            choose(&mut browser, &first);
            let expected = running.describe("", &picture(0).0).json()["captions"][0].take();
            check_words(&mut browser, &expected);
            assert_eq!(browser.evaluate("document.getElementById('picture').alt"), expected["text"]);
            let wide = browser.evaluate("document.scrollingElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "the page is {wide} wide on a screen of {width}");
            let contrast = browser.evaluate(CONTRAST).as_f64().unwrap();
            assert!(contrast >= 4.5, "{scheme}: text has a contrast of {contrast}");
            assert_eq!(browser.evaluate(NAMELESS), json!([]));
            assert!(browser.screenshot().len() > 10_000);
            events.extend(browser.events());
            assert_eq!(troubles(&events, &server), Vec::<Value>::new(), "{width} {scheme}");
        }
    }

    // Other settings describe the picture anew; a beam shows what else it found.
    browser.evaluate("document.getElementById('status').textContent = ''");
    browser.evaluate("document.querySelector('[value=beam]').click()");
    until_answered(&mut browser);
    let beam = running.describe("?beam=5", &picture(0).0).json();
    check_words(&mut browser, &beam["captions"][0]);
    assert_eq!(browser.evaluate("document.querySelectorAll('#found li').length"), 4);
    assert!(
        browser.evaluate("document.getElementById('shell').textContent").as_str().unwrap().contains("beam=5")
    );

    // A picture that is dropped, which only the page itself can do.
    let bytes = picture(1).0;
    browser.evaluate("document.getElementById('status').textContent = ''");
    browser.evaluate(&format!(
        "(() => {{ const dropped = new DataTransfer();
        dropped.items.add(new File([new Uint8Array({bytes:?})], 'b.png', {{ type: 'image/png' }}));
        document.getElementById('drop').dispatchEvent(new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: dropped }})); }})()"
    ));
    until_answered(&mut browser);
    check_words(&mut browser, &running.describe("?beam=5", &bytes).json()["captions"][0]);
    assert_eq!(troubles(&browser.events(), &server), Vec::<Value>::new());

    // The keyboard comes to the file first, then to how words are chosen, of which one is one stop.
    browser.open(&server, 1280, 900, "light");
    let mut press_tab = || {
        press(&mut browser, "Tab", 9);
        browser.evaluate("document.activeElement.name || document.activeElement.id")
    };
    let reached: Vec<Value> = (0..4).map(|_| press_tab()).collect();
    assert_eq!(json!(reached), json!(["file", "method", "longest", "no_repeat"]));

    // What cannot be described is told in words; the browser notes the refusal, and nothing else.
    choose(&mut browser, &text);
    let words = browser.evaluate("document.getElementById('trouble').textContent");
    assert!(words.as_str().unwrap().contains("expected a PNG or JPEG"), "{words}");
    assert_eq!(browser.evaluate(WORDS), json!([]));
    browser.evaluate(
        "document.querySelector('[value=beam]').click(); document.querySelector('[name=beam]').value = 400",
    );
    choose(&mut browser, &second);
    let words = browser.evaluate("document.getElementById('trouble').textContent");
    assert!(words.as_str().unwrap().contains("give at most 20"), "{words}");
    let own_words = |event: &Value| event["params"]["entry"]["source"] == "network";
    assert!(troubles(&browser.events(), &server).iter().all(own_words));
}

fn press(browser: &mut Browser, key: &str, code: u32) {
    for kind in ["keyDown", "keyUp"] {
        let event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
        browser.call("Input.dispatchKeyEvent", event);
    }
}

#[test]
fn where_the_model_looked_is_shown_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(folder.path()) else { return };
    let [square, wide, high] = ["square.png", "wide.png", "high.png"].map(|name| folder.path().join(name));
    let place @ [row, column] = [1, 2];
    std::fs::write(&square, png(32, 32, trained::light(32, place))).unwrap();
    std::fs::write(&wide, png(960, 320, larger(&trained::light(96, place), 96))).unwrap();
    std::fs::write(
        &high,
        png(32, 800, [vec![0; 3 * 32 * 384], trained::light(32, place), vec![0; 3 * 32 * 384]].concat()),
    )
    .unwrap();
    // It goes on until it is cut off, after three words.
    let running = Running::with(trained::never_ending(trained::attending_to_light()), Bounds::default());
    let server = format!("http://{}", running.address);

    for (width, height) in SCREENS {
        for (scheme, file, [columns, rows]) in [
            ("light", &square, [32.0, 32.0]),
            ("dark", &wide, [960.0, 320.0]),
            ("light", &high, [32.0, 800.0]),
        ] {
            let mut events = browser.open(&server, width, height, scheme);
            until(&mut browser, "document.getElementById('about').textContent.includes('with attention')");
            browser.evaluate("document.querySelector('[name=longest]').value = 3");
            choose(&mut browser, file);
            // A word is chosen as a finger or a mouse does it.
            browser.evaluate("buttons()[1].scrollIntoView({ block: 'center' })");
            let at = browser.evaluate("(() => { const { x, y, width, height } = buttons()[1].getBoundingClientRect(); return [x + width / 2, y + height / 2]; })()");
            if width < 500 {
                browser.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": true }));
                let touch = json!({ "type": "touchStart", "touchPoints": [{ "x": at[0], "y": at[1] }] });
                browser.call("Input.dispatchTouchEvent", touch);
                browser.call("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] }));
            } else {
                for kind in ["mousePressed", "mouseReleased"] {
                    let click =
                        json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
                    browser.call("Input.dispatchMouseEvent", click);
                }
            }
            until(&mut browser, "buttons()[1].getAttribute('aria-pressed') === 'true'");
            assert_eq!(browser.evaluate(LOOK), json!(["1", [1]]));
            let words = browser.evaluate("document.getElementById('looked').textContent");
            let expected = "Looked most at row 2 and column 3 of 4 by 4, with 100\u{a0}% of all.";
            assert!(words.as_str().unwrap().ends_with(expected), "{words}");
            let label = browser.evaluate("buttons()[1].getAttribute('aria-label')");
            assert!(label.as_str().unwrap().ends_with(expected), "{label}");

            // The map lies on the middle square of the picture, wherever that is on the screen.
            let map = browser.evaluate(MAP);
            assert_eq!(map["bare"], json!([4 * row + column]));
            let [x, y, wide, high]: [f64; 4] = serde_json::from_value(map["image"].clone()).unwrap();
            let scale = f64::min(wide / columns, high / rows);
            let side = scale * f64::min(columns, rows) / 4.0;
            let [left, top] = [x + wide / 2.0 - 2.0 * side, y + high / 2.0 - 2.0 * side];
            let cells: Vec<[f64; 4]> = serde_json::from_value(map["cells"].clone()).unwrap();
            assert_eq!(cells.len(), 16);
            for (at, cell) in cells.iter().enumerate() {
                let expected = [left + side * (at % 4) as f64, top + side * (at / 4) as f64, side, side];
                let off = cell
                    .iter()
                    .zip(expected)
                    .map(|(found, expected)| (found - expected).abs())
                    .fold(0.0, f64::max);
                assert!(off < 1.0, "{at} of {columns} by {rows} on {width}: {cell:?} and {expected:?}");
            }
            let wide = browser.evaluate("document.scrollingElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "the page is {wide} wide on a screen of {width}");
            let contrast = browser.evaluate(CONTRAST).as_f64().unwrap();
            assert!(contrast >= 4.5, "{scheme}: text has a contrast of {contrast}");
            assert_eq!(browser.evaluate(NAMELESS), json!([]));
            events.extend(browser.events());
            assert_eq!(troubles(&events, &server), Vec::<Value>::new(), "{width} {scheme}");
        }
    }
    browser.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": false }));

    // Not over a word.
    let away = json!({ "type": "mouseMoved", "x": 2, "y": 2 });
    browser.call("Input.dispatchMouseEvent", away);

    // By the keyboard all words are one stop, arrows go from word to word, and Esc takes the map away.
    browser.open(&server, 1280, 900, "light");
    until(&mut browser, "card !== null");
    browser.evaluate("document.querySelector('[name=longest]').value = 3");
    choose(&mut browser, &square);
    browser.evaluate("document.getElementById('file').focus()");
    let mut at = |key: &str, code: u32| {
        press(&mut browser, key, code);
        let place = browser.evaluate("buttons().indexOf(document.activeElement)");
        (
            place,
            browser.evaluate(LOOK),
            browser.evaluate("document.getElementById('map').hasAttribute('hidden')"),
        )
    };
    assert_eq!(at("Tab", 9), (json!(0), json!(["0", []]), json!(false)));
    assert_eq!(at("ArrowRight", 39), (json!(1), json!(["1", []]), json!(false)));
    assert_eq!(at("End", 35), (json!(2), json!(["2", []]), json!(false)));
    assert_eq!(at("ArrowRight", 39), (json!(2), json!(["2", []]), json!(false)));
    assert_eq!(at("Escape", 27), (json!(2), json!(["", []]), json!(true)));
    assert_eq!(at("ArrowLeft", 37), (json!(1), json!(["1", []]), json!(false)));
    assert_eq!(at("Tab", 9), (json!(-1), json!(["", []]), json!(true)));
    assert_eq!(browser.evaluate("document.activeElement.name"), "method");

    // Untouched, the words are gone through once, and then the picture is bare.
    browser.evaluate(
        "places = []; new MutationObserver(() => places.push(document.getElementById('map').dataset.place))
            .observe(document.getElementById('map'), { attributeFilter: ['data-place'] }); 0",
    );
    choose(&mut browser, &square);
    until(&mut browser, "playing === null && places.length > 0");
    assert_eq!(browser.evaluate("places.slice(-4)"), json!(["0", "1", "2", ""]));
    // Who has asked for little motion sees the picture until a word is chosen.
    browser.call(
        "Emulation.setEmulatedMedia",
        json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] }),
    );
    choose(&mut browser, &square);
    assert_eq!(
        browser.evaluate("[playing, document.getElementById('map').dataset.place]"),
        json!([null, ""])
    );
}

#[test]
fn a_look_lies_over_what_the_encoder_of_the_features_sees() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut browser) = Browser::start(folder.path()) else { return };
    let file = folder.path().join("wide.png");
    std::fs::write(&file, png(96, 32, vec![90; 3 * 96 * 32])).unwrap();
    // Of 96 by 32 pixels the middle square has 32 a side, and half of that 16; what is stretched is seen whole.
    let square = json!([40, 8, 16, 16]);
    for (fit, expected) in [(Fit::Crop(0.5), square), (Fit::Stretch, json!([0, 0, 96, 32]))] {
        let input = Input::Grid { rows: 4, columns: 4, width: 3 };
        let model = trained::never_ending(trained::untrained(input, trained::ATTENTION, fit));
        let running = Running::seeing(model, 4 * 4 * 3, Bounds::default());
        let server = format!("http://{}", running.address);
        let mut events = browser.open(&server, 1280, 900, "light");
        until(&mut browser, "card !== null");
        browser.evaluate("document.querySelector('[name=longest]').value = 2");
        choose(&mut browser, &file);
        browser.evaluate("buttons()[0].click()");
        let seen = "['x', 'y', 'width', 'height'].map(of => Number(document.querySelector('#map .seen').getAttribute(of)))";
        assert_eq!(browser.evaluate(seen), expected, "{fit:?}");
        assert_eq!(browser.evaluate(LOOK), json!(["0", [0]]));
        events.extend(browser.events());
        assert_eq!(troubles(&events, &server), Vec::<Value>::new(), "{fit:?}");
    }
}

/// A picture of 32 rows ten times as large.
fn larger(pixels: &[u8], columns: usize) -> Vec<u8> {
    let place = |at: usize| (at / (10 * columns) / 10) * columns + at % (10 * columns) / 10;
    (0..320 * 10 * columns).flat_map(|at| pixels[3 * place(at)..][..3].to_vec()).collect()
}

/// The page shows the words of a caption, each with its probability, and the end.
fn check_words(browser: &mut Browser, caption: &Value) {
    let shown = browser.evaluate(WORDS);
    let shown: Vec<&str> = shown.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let words = caption["words"].as_array().unwrap();
    assert_eq!(shown.len(), words.len() + 1, "{shown:?}");
    let all = words.iter().map(|word| word.as_str().unwrap()).chain(["end"]);
    let probabilities =
        caption["probabilities"].as_array().unwrap().iter().chain([&caption["end_probability"]]);
    for ((shown, word), probability) in shown.iter().zip(all).zip(probabilities) {
        let (said, number) = shown.split_once(' ').unwrap();
        assert_eq!(said, word);
        let percent: f64 = number.trim_end_matches(" %").trim_start_matches("< ").parse().unwrap();
        assert!((percent - 100.0 * probability.as_f64().unwrap()).abs() <= 0.51, "{shown}: {probability}");
    }
}
