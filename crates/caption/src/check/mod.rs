//! Autodiff held against everything that can contradict it: the hand-written formulas, central
//! differences, and the numbers that CS231n's notebooks print.
//!
//! Each formula is computed twice from the same random arrays: by the layers of `nn` on the tape, run by
//! the engine, and by plain loops. Errors are the largest distance between two entries divided by the
//! largest expected entry; of central differences as [`tape::check`] defines them; of printed numbers
//! the distance itself.

mod captioner;
mod formula;
mod layers;
mod published;
mod recurrences;

use std::fmt;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape::RunError;

use crate::handwritten::{ByHand, Witness};
use formula::Bench;

/// The largest error in `f64`.
pub const LIMIT_F64: f64 = 1e-10;
/// The largest error in `f32`.
pub const LIMIT_F32: f64 = 1e-4;

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was compared with what.
    pub what: String,
    /// The shapes, or the array, at which the error was largest.
    pub place: String,
    /// The largest error.
    pub error: f64,
    /// The largest error that passes.
    pub limit: f64,
}

impl Row {
    /// Whether the error is within the limit; one that is not a number is not.
    pub fn passed(&self) -> bool {
        self.error <= self.limit
    }
}

/// All comparisons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// In the order in which they were made.
    pub rows: Vec<Row>,
}

impl Report {
    /// Whether every comparison passed.
    pub fn passed(&self) -> bool {
        self.rows.iter().all(Row::passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Row) -> &str, least: usize| {
            self.rows.iter().map(|row| text(row).chars().count()).fold(least, usize::max)
        };
        let (what, place) = (width(|row| &row.what, 4), width(|row| &row.place, 6));
        writeln!(f, "{:<what$}  {:<place$}  {:>8}  {:>8}  verdict", "what", "shapes", "error", "limit")?;
        for row in &self.rows {
            let verdict = if row.passed() { "ok" } else { "FAILED" };
            let Row { error, limit, .. } = row;
            writeln!(
                f,
                "{:<what$}  {:<place$}  {error:>8.1e}  {limit:>8.1e}  {verdict}",
                row.what, row.place
            )?;
        }
        let failed = self.rows.iter().filter(|row| !row.passed()).count();
        write!(f, "{} checks, {failed} failed", self.rows.len())
    }
}

/// Compares autodiff with the formulas of this crate, on shapes and arrays that `seed` decides.
///
/// # Errors
/// If a program could not be evaluated.
pub fn run(seed: u64) -> Result<Report, RunError> {
    run_with(seed, &ByHand, &ByHand)
}

/// Compares autodiff with the formulas of the given witnesses.
///
/// # Errors
/// If a program could not be evaluated.
pub fn run_with(seed: u64, double: &dyn Witness<f64>, single: &dyn Witness<f32>) -> Result<Report, RunError> {
    let mut bench = Bench { random: ChaCha8Rng::seed_from_u64(seed), double, single, rows: Vec::new() };
    layers::compare(&mut bench)?;
    recurrences::compare(&mut bench)?;
    captioner::compare(&mut bench)?;
    published::compare(&mut bench)?;
    Ok(Report { rows: bench.rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::*;

    fn red(witness: &dyn Witness<f64>) -> Vec<String> {
        let report = run_with(7, witness, &ByHand).expect("the programs run");
        report.rows.iter().filter(|row| !row.passed()).map(|row| row.what.clone()).collect()
    }

    #[test]
    fn the_formulas_agree() {
        let report = run(231).expect("the programs run");
        assert!(report.passed(), "{report}");
        assert!(report.rows.len() > 60, "{report}");
        assert!(report.to_string().ends_with(&format!("{} checks, 0 failed", report.rows.len())));
    }

    macro_rules! planted {
        ($name:ident, $expected:literal, fn $method:ident($($argument:ident: $type:ty),*) -> $result:ty, |$gradients:ident| $fault:expr) => {
            #[test]
            fn $name() {
                struct Liar;
                impl Witness<f64> for Liar {
                    fn $method(&self, $($argument: $type),*) -> $result {
                        let mut $gradients = ByHand.$method($($argument),*);
                        $fault;
                        $gradients
                    }
                }
                let red = red(&Liar);
                assert!(!red.is_empty() && red.iter().all(|what| what.starts_with($expected)), "{red:?}");
            }
        };
    }

    fn negate(array: &mut [f64]) {
        array.iter_mut().for_each(|x| *x = -*x);
    }

    planted!(a_flipped_sign_in_the_step_is_found, "rnn_step",
        fn rnn_step_backward(inputs: &RnnStep<f64>, next: &[f64], dnext: &[f64]) -> RnnStepGradients<f64>,
        |gradients| negate(&mut gradients.dwh));
    planted!(a_gradient_of_the_first_state_that_is_lost_is_found, "rnn",
        fn rnn_backward(inputs: &Rnn<f64>, states: &[f64], dstates: &[f64]) -> RnnGradients<f64>,
        |gradients| gradients.dh0.fill(0.0));
    planted!(a_forgotten_step_of_the_bias_is_found, "lstm",
        fn lstm_backward(inputs: &Lstm<f64>, values: &LstmValues<f64>, dstates: &[f64]) -> LstmGradients<f64>,
        |gradients| gradients.db[0] *= 0.999);
    planted!(a_wrong_scale_of_the_loss_is_found, "temporal_softmax_loss",
        fn temporal_softmax_loss(inputs: &TemporalSoftmax<f64>) -> TemporalSoftmaxLoss<f64>,
        |gradients| gradients.dx.iter_mut().for_each(|x| *x *= 1.0 + 1e-8));
    planted!(a_wrong_gradient_of_the_whole_is_found, "captioning_loss",
        fn captioning_loss(inputs: &Captioning<f64>) -> CaptioningLoss<f64>,
        |gradients| negate(&mut gradients.gradients.w_embed));
    planted!(a_gradient_that_is_not_a_number_is_found, "affine",
        fn affine_backward(inputs: &Affine<f64>, dout: &[f64]) -> AffineGradients<f64>,
        |gradients| gradients.dw[0] = f64::NAN);
}
