//! How numbers are written for a person who watches.

use std::time::Duration;

use console::{Term, measure_text_width};

/// Lines are no longer than this, however wide the terminal is: longer ones are hard to read.
const WIDEST: usize = 100;

/// How far in the rest of a line begins that did not fit.
const INDENT: usize = 2;

/// How many columns a line of text may have: those of the terminal that standard output is, and at most 100.
pub fn columns() -> usize {
    Term::stdout().size_checked().map_or(WIDEST, |(_, columns)| usize::from(columns).min(WIDEST))
}

/// Spaces that belong to a word: no line is broken at them.
const WITHIN_WORDS: [char; 2] = ['\u{a0}', '\u{202f}'];

/// A text whose lines are broken between words so that none has more columns than this. What a line goes on with begins two
/// columns further in than the line. A word that is longer than a line has one of its own.
pub fn wrapped(text: &str, columns: usize) -> String {
    broken(text, columns, INDENT)
}

/// The same where what a line goes on with begins so much further in.
pub(crate) fn broken(text: &str, columns: usize, indent: usize) -> String {
    let is_between = |letter: char| letter.is_whitespace() && !WITHIN_WORDS.contains(&letter);
    let lines = text.lines().map(|line| {
        let begin = &line[..line.len() - line.trim_start().len()];
        let (mut broken, mut width) = (begin.to_string(), begin.len());
        let mut first = true;
        for word in line.split(is_between).filter(|word| !word.is_empty()) {
            let more = measure_text_width(word);
            if !first && width + 1 + more > columns {
                broken += &format!("\n{begin}{:indent$}", "");
                width = begin.len() + indent;
            } else if !first {
                broken.push(' ');
                width += 1;
            }
            broken += word;
            width += more;
            first = false;
        }
        broken
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whole percents, rounded down, so that 100 means done.
pub fn percent((done, all): (u64, u64)) -> u64 {
    let percent = if all == 0 { 100 } else { u128::from(done) * 100 / u128::from(all) };
    percent.min(100) as u64
}

/// Four significant digits, which is what a loss moves in.
pub fn digits(number: f64) -> String {
    match number.abs() {
        size if !size.is_finite() => number.to_string(),
        0.0 => "0".to_string(),
        size if !(0.000_099_995..9_999_999.5).contains(&size) => format!("{number:.3e}"),
        size => {
            let before = size.log10().floor() as i32 + 1;
            format!("{number:.*}", usize::try_from(4 - before).unwrap_or(0))
        }
    }
}

/// The two largest units of a time.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let check = |number: f64, expected: &str| assert_eq!(digits(number), expected);
        check(0.0, "0");
        check(0.001234567, "0.001235");
        check(0.00001234567, "1.235e-5");
        check(9.87654, "9.877");
        check(98.7654, "98.77");
        check(-987.654, "-987.7");
        check(98765.4, "98765");
        check(1.5e12, "1.500e12");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let check = |text: &str, columns, expected: &str| assert_eq!(wrapped(text, columns), expected);
        check("", 9, "");
        check("one two", 7, "one two");
        check("one two", 6, "one\n  two");
        check("one two three four", 9, "one two\n  three\n  four");
        check(
            "name: what was seen\n  cause: this and that",
            15,
            "name: what was\n  seen\n  cause: this\n    and that",
        );
        check("a donaudampfschifffahrt b", 8, "a\n  donaudampfschifffahrt\n  b");
        check("p\u{a0}<\u{a0}0.001 holds", 6, "p\u{a0}<\u{a0}0.001\n  holds");
        // A letter of two columns.
        check("犬 犬 犬", 5, "犬 犬\n  犬");
    }

    #[test]
    fn times_have_two_units() {
        let check = |seconds, expected: &str| assert_eq!(duration(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(61, "1m 01s");
        check(3599, "59m 59s");
        check(3600, "1h 00m");
        check(90_000, "1d 01h");
    }

    #[test]
    fn percents_are_rounded_down_and_bounded() {
        let check = |step, expected| assert_eq!(percent(step), expected);
        check((0, 3), 0);
        check((2, 3), 66);
        check((399, 400), 99);
        check((5, 3), 100);
        check((0, 0), 100);
        check((u64::MAX, u64::MAX), 100);
    }
}
