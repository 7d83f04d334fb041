//! What tells steps apart where nothing else does: a row of a table for each position (Vaswani et al., 2017).
//!
//! ```text
//! y[n, t] = x[n, t] + P[t]                            x, y (N, T, D)   P (S, D)   T ≤ S
//!
//! P[t, 2i] = sin(t / 10000^(2i / D))    P[t, 2i + 1] = cos(t / 10000^(2i / D))
//! ```
//!
//! Sines and cosines alternate, as in CS231n.

use rand::rngs::ChaCha8Rng;
use tape::Var;

use crate::init;
use crate::layout::indices;
use crate::param::Param;
use crate::scope::Scope;
use crate::sequence::Sequence;

/// A table of positions that is added to the steps.
#[derive(Clone, Copy, Debug)]
pub struct PositionalEncoding {
    /// A row for each position, P (S, D).
    pub table: Param,
}

impl PositionalEncoding {
    /// Declares `table` as sines and cosines for so many positions, which are not trained.
    #[track_caller]
    pub fn sinusoidal(mut scope: Scope<'_>, positions: usize, width: usize) -> PositionalEncoding {
        let waves = move |_: &[usize], _: &mut ChaCha8Rng| {
            let one = |k: usize| {
                let (t, j) = ((k / width) as f64, k % width);
                let angle = t / 10000f64.powf((j - j % 2) as f64 / width as f64);
                if j.is_multiple_of(2) { angle.sin() } else { angle.cos() }
            };
            (0..positions * width).map(one).collect()
        };
        PositionalEncoding { table: scope.frozen("table", [positions, width], waves) }
    }

    /// Declares `table` as a weight for so many positions, normal with deviation 0.02 (Gehring et al., "Convolutional
    /// sequence to sequence learning", 2017).
    #[track_caller]
    pub fn learned(mut scope: Scope<'_>, positions: usize, width: usize) -> PositionalEncoding {
        PositionalEncoding { table: scope.weight("table", [positions, width], init::normal(0.02)) }
    }

    /// From steps (R, D) to steps with their positions.
    ///
    /// # Panics
    /// If a sequence has more steps than there are positions.
    #[track_caller]
    pub fn apply<'t>(&self, x: &Sequence<'t>) -> Sequence<'t> {
        let table = self.table.on(x.rows.tape());
        let (positions, longest) = (table.dim(0).at(0), x.layout.packing().steps());
        assert!(longest <= positions, "a sequence of {longest} steps, but there are {positions} positions");
        let steps = x.layout.places().map(|place| place % x.layout.steps());
        let steps = indices(x.rows.tape(), x.layout.rows(), steps);
        Sequence::new(x.rows + table.gather(steps), &x.layout)
    }

    /// Rows (n, D) with the positions (n, S) that they are at, each a one among zeros. Where there is none, the row is not
    /// a number rather than a wrong one.
    #[track_caller]
    pub(crate) fn apply_at<'t>(&self, x: Var<'t>, place: Var<'t>) -> Var<'t> {
        let count = place.sum_along(&[1]).reshape([place.dim(0), 1.into()]);
        x + place.dot(self.table) * count.recip()
    }
}
