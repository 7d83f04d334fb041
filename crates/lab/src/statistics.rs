//! Means, deviations, ranges, and whether two means differ by more than chance.
//!
//! [`welch`] is Welch's t-test for samples of different variance (B. L. Welch, "The generalization of Student's problem
//! when several different population variances are involved", 1947, <https://doi.org/10.2307/2332510>): with
//! `v = s² / n` for each side,
//!
//! ```text
//! t  = (mean a − mean b) / sqrt(v_a + v_b)
//! df = (v_a + v_b)² / (v_a² / (n_a − 1) + v_b² / (n_b − 1))
//! p  = the share of Student's distribution with df degrees of freedom that is farther out than |t|, on both sides
//! ```
//!
//! [`holm`] corrects several such p for being several (S. Holm, "A simple sequentially rejective multiple test procedure",
//! 1979, <https://www.jstor.org/stable/4615733>).

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The arithmetic mean; none of nothing.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// The standard deviation with n − 1 below the line; none of fewer than two numbers.
pub fn deviation(sample: &[f64]) -> Option<f64> {
    let mean = mean(sample).filter(|_| sample.len() > 1)?;
    let squares: f64 = sample.iter().map(|number| (number - mean).powi(2)).sum();
    Some((squares / (sample.len() - 1) as f64).sqrt())
}

/// The middle of the numbers, between two of them when they are even in number; none of nothing.
pub fn median(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The least and the largest of the finite numbers; none where none is finite.
pub fn range(numbers: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = numbers.into_iter().filter(|number| number.is_finite());
    finite.fold(None, |range, number| {
        Some(
            range.map_or((number, number), |(least, most): (f64, f64)| (least.min(number), most.max(number))),
        )
    })
}

/// What a t-test has found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TTest {
    /// The difference of the means in standard errors.
    pub t: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// How often samples of equal means would differ by as much, in either direction.
    pub p: f64,
}

/// Welch's t-test; none when a side has fewer than two numbers or one that is not finite.
///
/// Where no side has any spread, equal means give `p = 1` and different ones `p = 0`, the limits of the formula.
pub fn welch(a: &[f64], b: &[f64]) -> Option<TTest> {
    if a.iter().chain(b).any(|number| !number.is_finite()) {
        return None;
    }
    let share = |sample: &[f64]| Some(deviation(sample)?.powi(2) / sample.len() as f64);
    let (share_a, share_b) = (share(a)?, share(b)?);
    let difference = mean(a)? - mean(b)?;
    if share_a + share_b == 0.0 {
        let (t, p) = if difference == 0.0 { (0.0, 1.0) } else { (difference.signum() * f64::INFINITY, 0.0) };
        return Some(TTest { t, freedom: (a.len() + b.len() - 2) as f64, p });
    }
    let t = difference / (share_a + share_b).sqrt();
    let within = share_a.powi(2) / (a.len() - 1) as f64 + share_b.powi(2) / (b.len() - 1) as f64;
    let freedom = (share_a + share_b).powi(2) / within;
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(TTest { t, freedom, p: (2.0 * student.sf(t.abs())).min(1.0) })
}

/// Holm's correction: the p of each of several tests such that one of them is under a limit by chance as rarely as the
/// limit says. The smallest is multiplied by their number, the next by one less, and none is smaller than one before it.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        largest = largest.max(p[place] * (p.len() - rank) as f64).min(1.0);
        corrected[place] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of `scipy.stats.ttest_ind(a, b, equal_var=False)`, SciPy 1.17.1: `statistic`, `df`, `pvalue`.
    #[test]
    fn welch_agrees_with_scipy() {
        let check = |a: &[f64], b: &[f64], t: f64, freedom: f64, p: f64| {
            let found = welch(a, b).unwrap();
            for (found, expected) in [(found.t, t), (found.freedom, freedom), (found.p, p)] {
                assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
            }
        };
        // The second and third example of https://en.wikipedia.org/wiki/Welch%27s_t-test.
        check(
            &[17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8],
            &[
                21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8, 20.7, 21.7, 21.5, 22.5, 23.6,
                21.5, 22.5, 23.5, 21.5, 21.8,
            ],
            -1.5654335235985037,
            9.904741248650831,
            0.14884169660532817,
        );
        check(
            &[19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0],
            &[
                28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6, 18.0, 23.9,
                21.6, 24.3, 20.4, 24.0, 13.2,
            ],
            -2.2192409158236233,
            24.496223124201244,
            0.03597227102979692,
        );
        check(
            &[0.0012, 0.0015, 0.0011],
            &[0.0101, 0.0142, 0.0093],
            -6.524678426668134,
            2.0250834322668685,
            0.02198992463795208,
        );
        check(&[0.98, 0.97], &[0.5, 0.61], 7.605002667571559, 1.016527796749078, 0.08073661230504309);
    }

    #[test]
    fn welch_says_nothing_of_single_numbers_and_the_limit_of_those_without_spread() {
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(welch(&[1.0, f64::NAN], &[2.0, 3.0]), None);
        assert_eq!(welch(&[1.0, 1.0], &[1.0, 1.0]).unwrap().p, 1.0);
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]).unwrap().p, 0.0);
        // One side with spread is enough for a test.
        let one = welch(&[1.0, 1.0, 1.0], &[0.9, 0.8, 0.7]).unwrap();
        assert_eq!(one.freedom, 2.0);
    }

    /// The example of R's `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")`: 0.03 0.06 0.06 0.02.
    #[test]
    fn holm_agrees_with_r() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn means_and_deviations_of_few_numbers() {
        assert_eq!((mean(&[]), deviation(&[1.0]), median(&[])), (None, None, None));
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(deviation(&[1.0, 3.0]), Some(2_f64.sqrt()));
        assert_eq!(
            (range([2.0, f64::NAN, -1.0, f64::INFINITY]), range([f64::NAN])),
            (Some((-1.0, 2.0)), None)
        );
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (Some(2.0), Some(2.5)));
    }
}
