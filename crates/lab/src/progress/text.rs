//! The text of a progress line: what a run's standing is in words, without a clock or a terminal.

use std::time::Duration;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// The pass over the data, from 1, and how many there will be.
    pub epoch: (u64, u64),
    /// Steps done, and how many there will be.
    pub step: (u64, u64),
    /// The loss summed over a caption, averaged over captions.
    pub loss_per_caption: f64,
    /// The loss averaged over words.
    pub loss_per_token: f64,
    /// Speed, once it is known.
    pub captions_per_second: Option<f64>,
    /// How long the rest will take, once it is known.
    pub remaining: Option<Duration>,
}

/// One line for people, without a line end.
///
/// ```
/// use lab::progress::{Snapshot, line};
/// let snapshot = Snapshot {
///     epoch: (3, 10),
///     step: (1200, 4000),
///     loss_per_caption: 31.4159,
///     loss_per_token: 2.71828,
///     captions_per_second: Some(812.3),
///     remaining: Some(std::time::Duration::from_secs(133)),
/// };
/// assert_eq!(
///     line(&snapshot),
///     "epoch 3/10  step 1200/4000 (30%)  loss 31.42/caption 2.718/token  812 captions/s  2m 13s left",
/// );
/// ```
pub fn line(snapshot: &Snapshot) -> String {
    format!("{}{}", standing(snapshot), outlook(snapshot))
}

/// Where the run is and what it has learned; 80 columns hold it.
pub(super) fn standing(snapshot: &Snapshot) -> String {
    let Snapshot { epoch, step, loss_per_caption, loss_per_token, .. } = snapshot;
    let (caption, token) = (digits(*loss_per_caption), digits(*loss_per_token));
    let percent = percent(*step);
    format!(
        "epoch {}/{}  step {}/{} ({percent}%)  loss {caption}/caption {token}/token",
        epoch.0, epoch.1, step.0, step.1
    )
}

/// How fast it goes and how long it will take, as far as that is known.
pub(super) fn outlook(snapshot: &Snapshot) -> String {
    let speed = snapshot.captions_per_second.map(|speed| {
        let speed = if speed < 100.0 { digits(speed) } else { format!("{speed:.0}") };
        format!("  {speed} captions/s")
    });
    let remaining = snapshot.remaining.filter(|_| snapshot.step.0 < snapshot.step.1);
    let remaining = remaining.map(|remaining| format!("  {} left", duration(remaining)));
    speed.unwrap_or_default() + &remaining.unwrap_or_default()
}

/// Whole percents, rounded down, so that 100 means done.
pub(super) fn percent((done, all): (u64, u64)) -> u64 {
    let percent = if all == 0 { 100 } else { u128::from(done) * 100 / u128::from(all) };
    percent.min(100) as u64
}

/// Four significant digits, which is what a loss moves in.
fn digits(number: f64) -> String {
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
fn duration(time: Duration) -> String {
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

    fn snapshot() -> Snapshot {
        Snapshot {
            epoch: (1, 10),
            step: (1, 400),
            loss_per_caption: 79.5,
            loss_per_token: 6.9101,
            captions_per_second: None,
            remaining: None,
        }
    }

    #[test]
    fn a_line_tells_what_is_known() {
        let check = |snapshot: &Snapshot, expected: &str| assert_eq!(line(snapshot), expected);
        let start = snapshot();
        check(&start, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token");
        let slow = Snapshot { captions_per_second: Some(0.75), ..start };
        check(&slow, "epoch 1/10  step 1/400 (0%)  loss 79.50/caption 6.910/token  0.7500 captions/s");
        let end = Snapshot { step: (400, 400), remaining: Some(Duration::ZERO), ..start };
        check(&end, "epoch 1/10  step 400/400 (100%)  loss 79.50/caption 6.910/token");
        let lost = Snapshot { loss_per_caption: f64::NAN, loss_per_token: f64::INFINITY, ..start };
        check(&lost, "epoch 1/10  step 1/400 (0%)  loss NaN/caption inf/token");
    }

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
