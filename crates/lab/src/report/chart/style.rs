//! How one thing is told from another: a colour, a dash and a marker, which together do not repeat for 140 things.
//!
//! Colours are those of Okabe and Ito ("Color universal design", 2008, <https://jfly.uni-koeln.de/color/>), which people
//! with any kind of colour vision tell apart, made darker for light paper and lighter for dark paper where they would be too
//! faint; the page's style sheet names them. Whoever sees no colour has dashes, markers and names at the ends of lines.

use maud::{Markup, html};

/// The look of one thing, the same in every chart of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look(pub usize);

impl Look {
    /// The class that gives `stroke`, `fill` and `color` in CSS.
    pub(super) fn class(self) -> &'static str {
        ["c0", "c1", "c2", "c3", "c4", "c5", "c6"][self.0 % 7]
    }

    /// The dashes of its lines; none for a solid line.
    pub(super) fn dashes(self) -> Option<&'static str> {
        [None, Some("7 3"), Some("2 2.5"), Some("9 3 2 3")][self.0 % 4]
    }

    /// Its marker around a point.
    pub(super) fn marker(self, x: f64, y: f64, radius: f64) -> Markup {
        let r = radius;
        let path = match self.0 % 5 {
            0 => format!("M{:.1} {y:.1}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", x - r, d = 2.0 * r),
            1 => format!("M{:.1} {:.1}h{d}v{d}h-{d}z", x - 0.9 * r, y - 0.9 * r, d = 1.8 * r),
            2 => format!("M{x:.1} {:.1}l{a} {b}h-{c}z", y - 1.2 * r, a = 1.2 * r, b = 2.1 * r, c = 2.4 * r),
            3 => format!("M{x:.1} {:.1}l{d} {d}l-{d} {d}l-{d} -{d}z", y - 1.3 * r, d = 1.3 * r),
            _ => format!("M{x:.1} {:.1}l-{a} -{b}h{c}z", y + 1.2 * r, a = 1.2 * r, b = 2.1 * r, c = 2.4 * r),
        };
        html! { path.mark d=(path) {} }
    }

    /// A short line with its marker, to stand in text.
    pub fn swatch(self) -> Markup {
        html! {
            svg.swatch.(self.class()) viewBox="0 0 36 14" aria-hidden="true" {
                path.line d="M1 7H35" stroke-dasharray=[self.dashes()] {}
                (self.marker(18.0, 7.0, 3.5))
            }
        }
    }
}

/// How wide a text is about, in letters of this size; rather too wide than too narrow, for fonts differ.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let letter = |letter: char| match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | ' ' | '|' => 0.32,
        't' | 'f' | 'r' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' | '"' | '⁻' => 0.42,
        'm' | 'M' | 'w' | 'W' | '@' | '%' | '<' | '>' | '=' | '+' | '−' | '×' | '…' => 0.98,
        letter if letter > '\u{2e80}' => 1.05,
        letter if letter.is_uppercase() => 0.74,
        _ => 0.64,
    };
    size * text.chars().map(letter).sum::<f64>()
}

/// The beginning of a text that is wider than there is room, with `…` for the rest.
pub(super) fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.into();
    }
    let mut short = String::new();
    for letter in text.chars() {
        if width(&short, size) + width("…", size) + width(letter.encode_utf8(&mut [0; 4]), size) > room {
            break;
        }
        short.push(letter);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_differ_for_a_long_time() {
        let look =
            |number| (Look(number).class(), Look(number).dashes(), Look(number).marker(0.0, 0.0, 3.0).0);
        for number in 0..140 {
            assert!((0..number).all(|other| look(other) != look(number)), "{number}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let check = |text: &str, room: f64, start: &str| {
            let short = shortened(text, 12.0, room);
            assert!(short.starts_with(start) && width(&short, 12.0) <= room, "{short}");
            assert_eq!(short.ends_with('…'), width(text, 12.0) > room);
        };
        check("gru", 60.0, "gru");
        check("a_cell_of_many_gates", 100.0, "a_cell_of");
        check("門控循環單元", 60.0, "門控");
    }
}
