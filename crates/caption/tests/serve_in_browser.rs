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

use std::path::Path;

use browser::Browser;
use caption::serve::Bounds;
use serde_json::{Value, json};
use setting::{Running, picture};

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
    "[...document.querySelectorAll('input, img, summary, a')].filter(at => at.checkVisibility() &&
    !(at.labels?.[0]?.textContent || at.textContent || at.alt || '').trim()).map(at => at.outerHTML)";

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
    let Some(program) = browser::find() else {
        println!("skipped: there is no Chromium in the search path to open the page with");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let [first, second, text] = ["first.png", "second.png", "text.png"].map(|name| folder.path().join(name));
    std::fs::write(&first, picture(0).0).unwrap();
    std::fs::write(&second, picture(1).0).unwrap();
    std::fs::write(&text, "no picture").unwrap();
    let running = Running::start(Bounds::default());
    let server = format!("http://{}", running.address);
    let mut browser = Browser::start(&program, &folder.path().join("browser"));

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
        for kind in ["keyDown", "keyUp"] {
            browser.call(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": "Tab", "windowsVirtualKeyCode": 9 }),
            );
        }
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
