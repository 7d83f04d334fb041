//! Axes: from numbers to a share of the length, with few round ticks.

use crate::report::number::{fixed, power_of_ten, short};
use crate::statistics;

/// How numbers lie along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Equal differences are equally long.
    Linear,
    /// Equal ratios are equally long; for numbers above zero.
    Log,
}

/// A range of numbers along an axis, with its ticks.
#[derive(Clone, PartialEq, Debug)]
pub struct Scale {
    kind: Kind,
    from: f64,
    to: f64,
    ticks: Vec<Tick>,
}

/// A number that is written at an axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Tick {
    /// The number.
    pub value: f64,
    /// How it is written.
    pub label: String,
}

/// Powers of ten that a logarithmic axis has at most: below, nothing is left of a number beside the largest in `f64`.
const DECADES: f64 = 16.0;

/// What an axis cannot tell from zero: a step from tick to tick would be nothing, and their number endless.
const LEAST: f64 = 1e-290;

/// The largest number that an axis reaches; those beyond lie at its end.
const MOST: f64 = 1e290;

/// Ticks that an axis has at most.
const TICKS: usize = 6;

impl Scale {
    /// A scale over all these numbers; those that are not finite are passed over.
    pub fn linear(values: impl IntoIterator<Item = f64>) -> Scale {
        let (mut from, mut to) = range(values).unwrap_or((0.0, 1.0));
        if from > 0.0 && from < 0.4 * to {
            from = 0.0;
        }
        if to - from <= (1e-12 * to.abs().max(from.abs())).max(LEAST) {
            // A single number stands in the middle.
            let room = if to.abs() <= LEAST { 1.0 } else { to.abs() / 10.0 };
            (from, to) = (from - room, to + room);
        }
        let room = 0.04 * (to - from);
        (from, to) = (if from == 0.0 { 0.0 } else { from - room }, to + room);
        Scale { kind: Kind::Linear, from, to, ticks: linear_ticks(from, to) }
    }

    /// A scale of exactly this range.
    pub fn between(from: f64, to: f64) -> Scale {
        Scale { kind: Kind::Linear, from, to, ticks: linear_ticks(from, to) }
    }

    /// A logarithmic scale over those of these numbers that are above zero.
    pub fn log(values: impl IntoIterator<Item = f64>) -> Scale {
        let (from, to) = range(values.into_iter().filter(|value| *value > 0.0)).unwrap_or((0.1, 1.0));
        let from = from.max(to * 10_f64.powf(-DECADES));
        // A twentieth of the length to each side, and no less than a fifth of a number alone.
        let room = (to / from).powf(0.05).max(1.2);
        let (from, to) = (from / room, to * room);
        Scale { kind: Kind::Log, from, to, ticks: log_ticks(from, to) }
    }

    /// Logarithmic where all numbers are above zero and the largest is many times the smallest, linear elsewhere.
    pub fn fitting(values: impl IntoIterator<Item = f64>) -> Scale {
        let values: Vec<f64> = values.into_iter().collect();
        match range(values.iter().copied()) {
            Some((from, to)) if from > 0.0 && to / from > 15.0 => Scale::log(values),
            _ => Scale::linear(values),
        }
    }

    /// The same scale with ticks at these numbers, as far as they stand apart: `gap` is a share of the length.
    pub fn with_ticks(mut self, ticks: impl IntoIterator<Item = Tick>, gap: f64) -> Scale {
        self.ticks = Vec::new();
        for tick in ticks {
            let apart = |last: &Tick| (self.share(tick.value) - self.share(last.value)).abs() >= gap;
            if self.ticks.last().is_none_or(apart) {
                self.ticks.push(tick);
            }
        }
        self
    }

    /// Whether equal ratios are equally long.
    pub fn is_log(&self) -> bool {
        self.kind == Kind::Log
    }

    /// The ticks, ascending.
    pub fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// Where a number lies, from 0 to 1; one beyond an end lies at that end. None where it is no number, or no logarithm.
    pub fn place(&self, value: f64) -> Option<f64> {
        if value.is_nan() || (self.is_log() && value <= 0.0) {
            None
        } else {
            Some(self.share(value).clamp(0.0, 1.0))
        }
    }

    fn share(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Log => (value / self.from).ln() / (self.to / self.from).ln(),
        }
    }
}

/// The least and the largest finite number, as far as differences of them are finite too.
fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let [from, to] = <[f64; 2]>::from(statistics::range(values)?).map(|end| end.clamp(-MOST, MOST));
    Some((from, to))
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(from: f64, to: f64) -> Vec<Tick> {
    let rough = (to - from) / (TICKS - 1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let decimals = usize::try_from(-(step * 1.000_001).log10().floor() as i32).unwrap_or(0);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last)
        .map(|count| count as f64 * step)
        .map(|value| Tick { value, label: label(value, decimals) })
        .collect()
}

/// Few characters: thousands as `k`, millions as `M`.
fn label(value: f64, decimals: usize) -> String {
    let shortened = |value: f64, unit| {
        let text = fixed(value, 1);
        format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match value.abs() {
        size if size != 0.0 && (!(1e-4..1e12).contains(&size) || decimals > 5) => short(value),
        size if size >= 1e6 => shortened(value / 1e6, "M"),
        size if size >= 1e4 => shortened(value / 1e3, "k"),
        _ => fixed(value, decimals),
    }
}

/// Powers of ten, each or every so many; between two of them also their double and fivefold.
fn log_ticks(from: f64, to: f64) -> Vec<Tick> {
    let (first, last) = ((from.log10() - 1e-9).ceil() as i32, (to.log10() + 1e-9).floor() as i32);
    let every = usize::try_from((last - first) / TICKS as i32 + 1).unwrap_or(1);
    // All in one notation, but for 1, which is the same in both.
    let plain = first >= -3 && last <= 3;
    let power = |power: i32| Tick {
        value: 10_f64.powi(power),
        label: if plain || power == 0 { short(10_f64.powi(power)) } else { power_of_ten(power) },
    };
    if last - first >= 2 {
        // From the highest down, which is often 1 or the start.
        let mut ticks: Vec<Tick> = (first..=last).rev().step_by(every).map(power).collect();
        ticks.reverse();
        return ticks;
    }
    let steps =
        (first - 1..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)));
    let within = steps.filter(|value| (from..=to).contains(value));
    within.map(|value| Tick { value, label: short(value) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scale: Scale, expected: &[&str]) {
        let labels: Vec<&str> = scale.ticks().iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, expected);
        let places: Vec<f64> = scale.ticks().iter().map(|tick| scale.place(tick.value).unwrap()).collect();
        assert!(places.is_sorted() && places.iter().all(|place| (0.0..=1.0).contains(place)), "{places:?}");
    }

    #[test]
    fn ticks_are_round_and_few() {
        check(Scale::linear([0.0, 1.0]), &["0.0", "0.5", "1.0"]);
        check(Scale::linear([0.31, 0.52]), &["0.35", "0.40", "0.45", "0.50"]);
        check(Scale::linear([0.0, 20_000.0]), &["0", "5000", "10k", "15k", "20k"]);
        check(Scale::linear([-3.0, 1.0]), &["−3", "−2", "−1", "0", "1"]);
        check(Scale::log([1e-9, 2.0]), &["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
        check(Scale::log([0.02, 0.3]), &["0.02", "0.05", "0.1", "0.2"]);
        check(Scale::between(0.0, 100.0), &["0", "20", "40", "60", "80", "100"]);
    }

    #[test]
    fn numbers_that_are_none_spoil_no_axis() {
        check(Scale::linear([f64::NAN, 2.0, f64::INFINITY]), &["1.8", "1.9", "2.0", "2.1", "2.2"]);
        check(Scale::linear([]), &["0.0", "0.5", "1.0"]);
        check(Scale::log([0.0, -1.0]), &["0.1", "0.2", "0.5", "1"]);
        let scale = Scale::log([0.0, 1e-300, 1.0]);
        assert_eq!(scale.place(1e-300), Some(0.0), "below sixteen decades");
        assert_eq!((scale.place(0.0), scale.place(f64::NAN)), (None, None));
        assert_eq!(scale.place(f64::INFINITY), Some(1.0));
    }

    #[test]
    fn numbers_at_the_ends_of_what_there_is_have_few_ticks() {
        check(Scale::linear([0.0, 5e-324]), &["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        for values in [[f64::MIN, f64::MAX], [0.0, f64::MAX], [1e-300, 2e-300], [-5e-324, 1e-308]] {
            for scale in [Scale::linear(values), Scale::log(values), Scale::fitting(values)] {
                let ticks = scale.ticks();
                assert!(
                    ticks.len() <= 8 && ticks.iter().all(|tick| tick.label.chars().count() < 12),
                    "{ticks:?}"
                );
            }
        }
    }

    #[test]
    fn losses_that_fall_far_are_shown_on_a_logarithmic_axis() {
        assert!(Scale::fitting([0.001, 0.2]).is_log());
        assert!(!Scale::fitting([0.1, 0.2]).is_log());
        assert!(!Scale::fitting([0.0, 0.2]).is_log());
    }
}
