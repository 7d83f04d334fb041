//! Exponential, hyperbolic tangent and logistic function of `f32` without a branch, so that a loop over
//! them becomes vector instructions.
//!
//! The polynomials are those of Moshier's Cephes library (`expf.c`, `tanhf.c`). Swept over all exponents
//! against `f64`, the largest errors are 1.0 ulp for `exp`, 1.3 for `tanh` and 1.5 for `logistic`, as the
//! test below pins. Infinities give limits, NaN stays NaN, and results below the smallest normal number
//! are denormal, not zero; so are denormal arguments taken as they are. Scalar code and vectors of any width
//! give the same bits.

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
    let y = exp_of_rest(x, k);
    // In two halves, since 2^k alone may not be a normal number.
    let k = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = k >> 1;
    y * power_of_two(half) * power_of_two(k - half)
}

/// `e^r` for the rest `r = x - k ln 2`.
#[inline(always)]
fn exp_of_rest(x: f32, k: f32) -> f32 {
    let r = k.mul_add(-0.693_359_4, x);
    let r = k.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4_f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    (p * r).mul_add(r, r) + 1.0
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
    let e = exp_of_negative(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    // The sum loses the end of `e`, and the quotient is rounded: one step of Newton's method with what was lost
    // brings 2.3 ulp down to 1.5, for a tenth of a nanosecond.
    let sum = 1.0 + e;
    let lost = e - (sum - 1.0);
    let inverse = 1.0 / sum;
    let quotient = top * inverse;
    let rest = quotient.mul_add(-lost, quotient.mul_add(-sum, top));
    rest.mul_add(inverse, quotient)
}

/// `e^x` of a number that is not positive. Its power of two needs no halves: the exponent of `2^(k + 64)` is
/// never too large, and is read off the rounded sum.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    const DOWN: f32 = 1.0 / 18_446_744_073_709_551_616.0;
    const ROUND: f32 = 12_582_912.0 + 127.0 + 64.0;
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let y = exp_of_rest(x, shifted - ROUND);
    y * f32::from_bits(shifted.to_bits() << 23) * DOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{Job, Level, Width, run_at};

    /// Numbers of every exponent and both signs, zero and denormal ones too: within each, steps through the
    /// mantissas and both ends.
    fn every_exponent() -> impl Iterator<Item = f32> {
        const STEP: usize = 4099;
        let mantissas = || (0..1 << 23).step_by(STEP).chain([(1 << 23) - 1]);
        (0..255_u32)
            .flat_map(move |exponent| mantissas().map(move |mantissa| exponent << 23 | mantissa))
            .flat_map(|bits| [f32::from_bits(bits), -f32::from_bits(bits)])
    }

    /// The largest distance from the correctly rounded value, in units of its last place.
    fn largest_error(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let close =
            |from: f32, to: f32| (0..=400_000).map(move |i| from + (to - from) * (i as f32 / 400_000.0));
        every_exponent()
            .chain(close(-103.0, 88.7))
            .chain(close(-10.0, 10.0))
            .map(|x| {
                let (found, exact) = (f(x), exact(f64::from(x)));
                let rounded = exact as f32;
                if rounded.is_infinite() || found == rounded {
                    assert_eq!(found, rounded, "of {x:e}");
                    return 0.0;
                }
                let next = f32::from_bits(rounded.abs().to_bits() + 1);
                let ulp = f64::from(next) - f64::from(rounded.abs());
                (f64::from(found) - exact).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn errors_in_units_of_the_last_place_are_small() {
        let errors = [
            largest_error(exp, f64::exp),
            largest_error(tanh, f64::tanh),
            largest_error(logistic, |x| 1.0 / (1.0 + (-x).exp())),
        ];
        assert!(errors[0] < 1.0 && errors[1] < 1.3 && errors[2] < 1.5, "{errors:?}");
    }

    /// A function of many numbers, as the engine's loops compute it.
    struct Sweep<'a, F> {
        f: F,
        from: &'a [f32],
        to: &'a mut [f32],
    }

    impl<F: Fn(f32) -> f32> Job for Sweep<'_, F> {
        #[inline(always)]
        fn run(self, _: Width) {
            self.from.iter().zip(self.to).for_each(|(x, y)| *y = (self.f)(*x));
        }
    }

    fn check_levels(f: impl Fn(f32) -> f32 + Copy) {
        let extremes = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN];
        let from: Vec<f32> = every_exponent().step_by(7).chain(extremes).collect();
        let scalar: Vec<u32> = from.iter().map(|x| f(*x).to_bits()).collect();
        for level in Level::ALL.into_iter().filter(|level| *level <= Level::of_processor()) {
            let mut to = vec![0.0; from.len()];
            run_at(level, Sweep { f, from: &from, to: &mut to });
            for ((x, y), scalar) in from.iter().zip(to).zip(&scalar) {
                let same = y.to_bits() == *scalar || y.is_nan() && x.is_nan();
                assert!(same, "{level:?} of {x:e}: {y:e} and {:e}", f32::from_bits(*scalar));
            }
        }
    }

    #[test]
    fn vectors_of_any_width_give_the_bits_of_scalar_code() {
        check_levels(exp);
        check_levels(tanh);
        check_levels(logistic);
    }

    #[test]
    fn denormal_arguments_are_taken_as_they_are() {
        for bits in [1, 2, 1000, 0x7f_ffff] {
            let x = f32::from_bits(bits);
            assert_eq!((tanh(x), tanh(-x)), (x, -x));
            assert_eq!((exp(x), exp(-x), logistic(x), logistic(-x)), (1.0, 1.0, 0.5, 0.5));
        }
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
