//! What a page must be on a phone and on a large screen, in light and in dark: whole, wide enough, readable, and asking for
//! nothing. Tests of other crates include this file and `browser.rs` beside it.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::browser::Browser;

const SCREENS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// Opens everything that can be opened, so that it is looked at too.
const OPEN: &str = "document.querySelectorAll('details').forEach(part => part.open = true)";

/// Drawn text that reaches beyond its figure.
const CLIPPED: &str = "[...document.querySelectorAll('svg.chart')].flatMap(chart => {
    const [x, y, width, height] = chart.getAttribute('viewBox').split(' ').map(Number);
    return [...chart.querySelectorAll('text')].filter(text => {
        const box = text.getBBox();
        return box.x < x - 1 || box.y < y - 1 || box.x + box.width > x + width + 1 || box.y + box.height > y + height + 1;
    }).map(text => text.textContent);
})";

/// Short names in tables that are broken into lines.
const SQUEEZED: &str = "[...document.querySelectorAll('th bdi')].filter(name =>
    name.textContent.length < 10 && name.offsetHeight > 1.6 * parseFloat(getComputedStyle(name).lineHeight))
    .map(name => name.textContent)";

/// Figures that say nothing to those who do not see them.
const SILENT: &str = "[...document.querySelectorAll('svg, img')].filter(figure =>
    figure.getAttribute('aria-hidden') !== 'true' &&
    !(figure.getAttribute('role') === 'img' && (figure.getAttribute('aria-label') || '').length > 30) &&
    !figure.getAttribute('alt')).length";

/// Pictures that are not shown.
const BROKEN: &str =
    "[...document.images].filter(picture => !(picture.complete && picture.naturalWidth > 0)).length";

/// Headings that skip a level.
const SKIPPED: &str = "[...document.querySelectorAll('h1, h2, h3, h4')].filter((heading, place, all) =>
    place > 0 && Number(heading.tagName[1]) > Number(all[place - 1].tagName[1]) + 1).map(heading => heading.textContent)";

/// The least contrast of colours on the page's ground (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
const CONTRAST: &str = "const least_contrast = colors => {
    const channels = color => color.match(/[0-9.]+/g).slice(0, 3).map(Number);
    const linear = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = color => { const [r, g, b] = channels(color).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
    const ground = light(getComputedStyle(document.body).backgroundColor);
    const ratio = color => { const l = light(color); return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05) };
    return Math.min(...colors.map(ratio));
}";

/// The colours of any text.
const COLORS_OF_TEXT: &str = "[
    ...[...document.querySelectorAll('p, a, dt, dd, th, td, small, figcaption, h1, h2, h3, summary')]
        .map(at => getComputedStyle(at).color),
    ...[...document.querySelectorAll('svg text')].map(at => getComputedStyle(at).fill),
]";

/// The colours of anything that is drawn and means something.
const COLORS_OF_LINES: &str =
    "[...document.querySelectorAll('.line, .mark')].map(at => getComputedStyle(at).color)";

/// Looks at a page on both screens, in light and in dark.
pub fn check(browser: &mut Browser, path: &Path) {
    for (width, height) in SCREENS {
        let grounds = ["light", "dark"].map(|scheme| {
            let file = format!("file://{}", path.display());
            let events = browser.open(&file, width, height, scheme);
            assert_eq!(troubles(&events, &file), Vec::<Value>::new());
            let ground = check_picture(&browser.screenshot(), width, height);
            assert_eq!(browser.evaluate("document.scripts.length"), 0);
            check_fit(browser, width);
            browser.evaluate(OPEN);
            check_fit(browser, width);
            assert_eq!(browser.evaluate(CLIPPED), json!([]), "{width} {scheme}");
            assert_eq!(browser.evaluate(SQUEEZED), json!([]), "{width} {scheme}");
            assert_eq!(browser.evaluate(SILENT), 0);
            assert_eq!(browser.evaluate(BROKEN), 0);
            assert_eq!(browser.evaluate(SKIPPED), json!([]));
            for (what, colors, least) in [("text", COLORS_OF_TEXT, 4.5), ("lines", COLORS_OF_LINES, 3.0)] {
                let expression = format!("(() => {{ {CONTRAST}; return least_contrast({colors}) }})()");
                let contrast = browser.evaluate(&expression).as_f64().unwrap();
                assert!(contrast >= least, "{scheme}: {what} of a contrast of {contrast}");
            }
            ground
        });
        assert!(grounds[0] > 200 && grounds[1] < 60, "light and dark have grounds of {grounds:?}");
    }
}

/// The page is no wider than the screen.
fn check_fit(browser: &mut Browser, width: u32) {
    let wide = browser.evaluate("document.scrollingElement.scrollWidth").as_u64().unwrap();
    assert!(wide <= u64::from(width), "the page is {wide} wide on a screen of {width}");
    assert_eq!(browser.evaluate("innerWidth"), width, "the page was zoomed out to fit");
}

/// Errors, and requests for anything but the file.
fn troubles(events: &[Value], file: &str) -> Vec<Value> {
    let mut asked = 0;
    let mut troubles = Vec::new();
    for event in events {
        let params = &event["params"];
        let trouble = match event["method"].as_str().unwrap_or_default() {
            // What is within the page is no request to anybody.
            "Network.requestWillBeSent"
                if params["request"]["url"].as_str().is_some_and(|url| url.starts_with("data:image/")) =>
            {
                false
            }
            "Network.requestWillBeSent" => {
                asked += 1;
                params["request"]["url"] != file
            }
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => true,
            "Log.entryAdded" => true,
            _ => false,
        };
        if trouble {
            troubles.push(event.clone());
        }
    }
    assert_eq!(asked, 1, "the page itself is asked for");
    troubles
}

/// A picture of the screen's size on which there is something; how light its corner is.
fn check_picture(png: &[u8], width: u32, height: u32) -> u8 {
    let picture = image::load_from_memory(png).unwrap().to_luma8();
    assert_eq!(picture.dimensions(), (width, height));
    let mut shades: HashMap<u8, usize> = HashMap::new();
    picture.pixels().for_each(|pixel| *shades.entry(pixel.0[0]).or_default() += 1);
    let ground = picture.get_pixel(1, 1).0[0];
    let share = shades[&ground] as f64 / (width * height) as f64;
    assert!((0.5..0.99).contains(&share), "{share} of the picture is ground");
    ground
}
