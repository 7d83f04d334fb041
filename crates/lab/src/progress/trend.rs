//! A series of numbers so far, as a few blocks: `▇▅▄▃▂▂▁▁`.

use std::fmt;

use super::text::digits;
use crate::statistics::range;

/// Blocks that a series has at most; half as many at least, once it is long.
const WIDEST: usize = 48;
/// From the least number to the largest.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A series in a bounded number of means over equally many numbers each.
///
/// ```
/// let mut trend = lab::progress::Trend::default();
/// [8.0, 5.0, 4.0, 1.0].into_iter().for_each(|loss| trend.push(loss));
/// assert_eq!(trend.to_string(), "█▅▄▁  8.000 → 1.000");
/// ```
#[derive(Clone, Debug)]
pub struct Trend {
    means: Vec<f64>,
    /// How many numbers each mean is over.
    each: u32,
    /// The sum and the number of those that make no mean yet.
    rest: (f64, u32),
}

impl Default for Trend {
    /// Nothing so far.
    fn default() -> Trend {
        Trend { means: Vec::new(), each: 1, rest: (0.0, 0) }
    }
}

impl Trend {
    /// Goes on with a number.
    pub fn push(&mut self, number: f64) {
        self.rest = (self.rest.0 + number, self.rest.1 + 1);
        if self.rest.1 < self.each {
            return;
        }
        self.means.push(self.rest.0 / f64::from(self.each));
        self.rest = (0.0, 0);
        if self.means.len() == WIDEST {
            self.means = self.means.chunks(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
            self.each = self.each.saturating_mul(2);
        }
    }
}

/// The blocks, the first mean and the last; a mean that is no number is a cross.
impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = range(self.means.iter().copied()).unwrap_or_default();
        for mean in &self.means {
            let share = if high > low { (mean - low) / (high - low) } else { 0.5 };
            let block = BLOCKS[(share * 7.0).round().clamp(0.0, 7.0) as usize];
            write!(f, "{}", if mean.is_finite() { block } else { '×' })?;
        }
        match (self.means.first(), self.means.last()) {
            (Some(first), Some(last)) => write!(f, "  {} → {}", digits(*first), digits(*last)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numbers: impl IntoIterator<Item = f64>, expected: &str) {
        let mut trend = Trend::default();
        numbers.into_iter().for_each(|number| trend.push(number));
        assert_eq!(trend.to_string(), expected);
    }

    #[test]
    fn a_series_is_drawn_from_its_least_to_its_largest() {
        check([], "");
        check([3.0], "▅  3.000 → 3.000");
        check((0..8).map(f64::from), "▁▂▃▄▅▆▇█  0 → 7.000");
        check([2.0, f64::NAN, 1.0, f64::INFINITY], "█×▁×  2.000 → inf");
    }

    #[test]
    fn a_long_series_is_drawn_in_means() {
        // 96 numbers: of two each when the 48th comes, of four when the 96th does.
        let falling = (0..96).map(|number| f64::from(95 - number));
        let eighths: String = BLOCKS.iter().rev().map(|block| block.to_string().repeat(3)).collect();
        check(falling, &format!("{}  93.50 → 1.500", rounded(&eighths)));
        let mut trend = Trend::default();
        for _ in 0..100_000 {
            trend.push(1.0);
            assert!(trend.means.len() < WIDEST);
        }
    }

    /// Ends are rounded to half as many as the blocks between them.
    fn rounded(eighths: &str) -> String {
        let count = |block: char| eighths.chars().filter(|other| *other == block).count();
        assert_eq!(count('█'), 3);
        let share = |place: usize| 7.0 * (23 - place) as f64 / 23.0;
        (0..24).map(|place| BLOCKS[share(place).round() as usize]).collect()
    }
}
