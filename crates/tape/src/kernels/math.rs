//! Exponential, hyperbolic tangent and logistic function of `f32` without a branch, so that a loop over
//! them becomes vector instructions.
//!
//! The polynomials are those of Moshier's Cephes library (`expf.c`, `tanhf.c`). Swept over all exponents
//! against `f64`, the largest errors are 1.0 ulp for `exp`, 1.3 for `tanh` and 2.2 for `logistic`, as the
//! test below pins. Infinities give limits, NaN stays NaN, and results below the smallest normal number
//! are denormal, not zero.

/// `e^x`: `2^k · e^r` with `|r| <= ln 2 / 2`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is infinity, or zero.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = k.mul_add(-0.693_359_4, x);
    let r = k.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4_f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let y = (p * r).mul_add(r, r) + 1.0;
    // In two halves, since 2^k alone may not be a normal number.
    let k = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = k >> 1;
    y * power_of_two(half) * power_of_two(k - half)
}

#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits(((k + 127) as u32) << 23)
}

/// The hyperbolic tangent: an odd polynomial near zero, `1 - 2 / (e^{2x} + 1)` elsewhere.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let p = -5.704_988_7e-3_f32;
    let p = p.mul_add(z, 2.063_909e-2);
    let p = p.mul_add(z, -5.373_971_6e-2);
    let p = p.mul_add(z, 1.333_144_2e-1);
    let p = p.mul_add(z, -3.333_328e-1);
    let near = (p * z).mul_add(x, x);
    let far = 1.0 - 2.0 / (exp(a + a) + 1.0);
    (if a < 0.625 { near } else { far }).copysign(x)
}

/// The logistic function `1 / (1 + e^-x)`. The exponential is only taken of numbers that are not
/// positive, so that it never overflows.
#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    let e = exp(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    top / (1.0 + e)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance from the correctly rounded value, in units of its last place.
    fn largest_error(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let steps = 400_000;
        (0..=steps)
            .map(|i| from + (to - from) * (i as f32 / steps as f32))
            .chain((1..30).flat_map(|e| [0.5_f32.powi(e), -(0.5_f32.powi(e))]))
            .filter(|x| (from..=to).contains(x))
            .map(|x| {
                let (found, exact) = (f64::from(f(x)), exact(f64::from(x)));
                let rounded = exact as f32;
                let ulp = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
                (found - exact).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn errors_in_units_of_the_last_place_are_small() {
        let logistic_exact = |x: f64| 1.0 / (1.0 + (-x).exp());
        let errors = [
            largest_error(exp, f64::exp, -103.0, 88.7),
            largest_error(tanh, f64::tanh, -10.0, 10.0),
            largest_error(logistic, logistic_exact, -80.0, 20.0),
        ];
        assert!(errors[0] < 1.0 && errors[1] < 1.3 && errors[2] < 2.2, "{errors:?}");
    }

    #[test]
    fn extremes_give_limits_and_nan_stays_nan() {
        assert_eq!((exp(f32::INFINITY), exp(f32::NEG_INFINITY), exp(0.0)), (f32::INFINITY, 0.0, 1.0));
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY), tanh(0.0)), (1.0, -1.0, 0.0));
        assert_eq!((logistic(f32::INFINITY), logistic(f32::NEG_INFINITY), logistic(0.0)), (1.0, 0.0, 0.5));
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && logistic(f32::NAN).is_nan());
        assert!(exp(-100.0) > 0.0 && !exp(-100.0).is_normal());
        assert!(tanh(-0.0).is_sign_negative());
    }
}
