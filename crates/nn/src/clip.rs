//! Clipping gradients by their norm taken together, which keeps their direction.
//!
//! ```text
//! norm = sqrt(Σ_p Σ g_p²)        g' = g min(1, limit / norm) = g limit / max(norm, limit)
//! ```
//!
//! The second form has no infinity where all gradients are zero.

use tape::{Var, Vars};

/// The norm of all gradients as one vector.
///
/// # Panics
/// If there are no gradients.
#[track_caller]
pub fn global_norm<'t>(gradients: &[Var<'t>]) -> Var<'t> {
    let squares = gradients.iter().map(|gradient| gradient.square().sum());
    squares.reduce(|sum, square| sum + square).expect("a norm is of one or more gradients").sqrt()
}

/// The gradients scaled so that their norm is at most `limit`, and what it was before.
///
/// # Panics
/// If there are no gradients.
#[track_caller]
pub fn clip_by_global_norm<'t>(gradients: &[Var<'t>], limit: f64) -> (Vars<'t>, Var<'t>) {
    let norm = global_norm(gradients);
    let scale = limit / norm.maximum(limit);
    (gradients.iter().map(|gradient| *gradient * scale).collect(), norm)
}
