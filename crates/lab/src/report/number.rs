//! Numbers as people read them: few digits, a true minus sign, powers of ten where zeros would have to be counted.

/// A narrow space at which no line is broken.
const THIN: char = '\u{202f}';

/// A whole number with its thousands set apart: `12 345`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && digits.len() > 4 {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// A number with this many decimals and a true minus sign; no minus before what is rounded to zero.
pub fn fixed(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return "not finite".into();
    }
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if size.contains(|digit| ('1'..='9').contains(&digit)) => format!("−{size}"),
        Some(size) => size.into(),
        None => text,
    }
}

/// Three significant digits, without zeros at the end: `0.00123`, `1.2×10⁻⁷`.
pub fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".into();
    }
    let exponent = exponent(number);
    if !number.is_finite() || (-4..6).contains(&exponent) {
        return trim(&fixed(number, decimals(3, exponent)));
    }
    format!("{}×{}", trim(&fixed(number / 10_f64.powi(exponent), 2)), power_of_ten(exponent))
}

/// Three significant digits, with zeros at the end: for columns of numbers.
pub fn digits(number: f64) -> String {
    let exponent = exponent(number);
    if number.is_finite() && number != 0.0 && (-4..6).contains(&exponent) {
        fixed(number, decimals(3, exponent))
    } else {
        short(number)
    }
}

/// A mean with its standard deviation, which decides the digits; a mean alone has three.
pub fn spread(mean: f64, deviation: Option<f64>) -> String {
    let Some(deviation) = deviation.filter(|deviation| deviation.is_finite() && mean.is_finite()) else {
        return short(mean);
    };
    let largest = exponent(mean.abs().max(deviation));
    let factored = !(-4..6).contains(&largest);
    let scale = if factored { 10_f64.powi(largest) } else { 1.0 };
    // Two digits of the deviation; but no more than five of the mean, which a tiny deviation would ask for.
    let finest = if deviation == 0.0 { largest - 3 } else { exponent(deviation).max(largest - 3) };
    let places = decimals(2, finest - if factored { largest } else { 0 });
    let text = format!("{} ± {}", fixed(mean / scale, places), fixed(deviation / scale, places));
    if factored { format!("({text})×{}", power_of_ten(largest)) } else { text }
}

/// `10⁻³`.
pub fn power_of_ten(exponent: i32) -> String {
    let raised = |sign| match sign {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(u32::from('⁰') + digit.to_digit(10).unwrap_or(0)).unwrap_or('⁰'),
    };
    format!("10{}", exponent.to_string().chars().map(raised).collect::<String>())
}

/// Memory in the unit that leaves one to four digits before the point.
pub fn bytes(bytes: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let places = if unit == 0 || size >= 100.0 { 0 } else { 1 };
    format!("{}\u{a0}{}", fixed(size, places), UNITS[unit])
}

/// `p = 0.032`, or `p < 0.001`, in one line.
pub fn p_value(p: f64) -> String {
    if p < 0.001 {
        "p\u{a0}<\u{a0}0.001".into()
    } else {
        format!("p\u{a0}=\u{a0}{}", fixed(p, if p < 0.1 { 3 } else { 2 }))
    }
}

/// A noun with its number: `1 seed`, `3 seeds`.
pub fn some(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Names in a row: `a, b and c`.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => String::new(),
        [name] => name.as_ref().into(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// The power of ten of the first digit.
pub(super) fn exponent(number: f64) -> i32 {
    if number == 0.0 || !number.is_finite() { 0 } else { number.abs().log10().floor() as i32 }
}

/// Decimals that show so many digits of a number with this exponent.
fn decimals(digits: i32, exponent: i32) -> usize {
    usize::try_from(digits - 1 - exponent).unwrap_or(0)
}

/// Without zeros after the last digit that counts.
fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |number, expected: &str| assert_eq!(short(number), expected);
        check(0.0, "0");
        check(1.0, "1");
        check(-0.25, "−0.25");
        check(0.001_234_5, "0.00123");
        check(0.000_012_3, "1.23×10⁻⁵");
        check(123_456.0, "123456");
        check(1.5e10, "1.5×10¹⁰");
        check(f64::NAN, "not finite");
    }

    #[test]
    fn a_deviation_decides_the_digits_of_its_mean() {
        let check = |mean, deviation, expected: &str| assert_eq!(spread(mean, deviation), expected);
        check(0.123_456, Some(0.012_3), "0.123 ± 0.012");
        check(0.123_456, Some(0.001_23), "0.1235 ± 0.0012");
        check(1.234_56, Some(0.0), "1.2346 ± 0.0000");
        check(1.234_56e-5, Some(2.3e-6), "(1.23 ± 0.23)×10⁻⁵");
        check(0.5, Some(0.000_001), "0.50000 ± 0.00000");
        check(-17.25, Some(3.5), "−17.2 ± 3.5");
        check(0.5, None, "0.5");
        check(f64::NAN, Some(0.1), "not finite");
    }

    #[test]
    fn counts_bytes_and_lists_are_words() {
        let check = |text: String, expected: &str| assert_eq!(text, expected);
        check(count(999), "999");
        check(count(1234), "1234");
        check(count(1_234_567), "1\u{202f}234\u{202f}567");
        check(bytes(900), "900\u{a0}B");
        check(bytes(1_600_000), "1.5\u{a0}MiB");
        check(some(1, "seed"), "1 seed");
        check(listed(&["a", "b", "c"]), "a, b and c");
        check(p_value(0.0004), "p\u{a0}<\u{a0}0.001");
        check(p_value(0.0421), "p\u{a0}=\u{a0}0.042");
        check(p_value(0.5), "p\u{a0}=\u{a0}0.50");
    }
}
