//! The linear recurrent unit (Orvieto et al., "Resurrecting recurrent neural networks for long sequences", 2023,
//! <https://arxiv.org/abs/2303.06349>): a diagonal recurrence of complex numbers.
//!
//! ```text
//! λ  = exp(-exp(ν) + i exp(θ))            |λ| = exp(-exp(ν)) < 1, whatever ν is
//! s' = λ s + exp(γ) (x B)                 x (n, D)   s (n, H) complex   B (D, H) complex
//! y  = Re(s' C) + x D                     C (H, H) complex   D (D, H)   y (n, H)
//! ```
//!
//! ν, θ and γ are logarithms, one number (H) each. λ starts evenly distributed over a ring of the complex plane, and
//! exp(γ) as sqrt(1 - |λ|²), so that the state has the size of its input however slowly it forgets. A complex number is
//! carried as two real ones. All products leave the loop: what a step carries is elementwise.

use std::f64::consts::PI;

use rand::RngExt;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use tape::{Var, bundle};

use crate::cell::Cell;
use crate::init::{self, Init};
use crate::param::Param;
use crate::scope::Scope;

/// The cell of the equations above; the output y is not the state.
#[derive(Clone, Copy, Debug)]
pub struct Lru {
    /// How fast each number of the state decays, ν (H).
    pub nu: Param,
    /// How fast it turns, θ (H).
    pub theta: Param,
    /// The size of its input, γ (H).
    pub gamma: Param,
    /// The real part of B, (D, H).
    pub b_re: Param,
    /// The imaginary part of B, (D, H).
    pub b_im: Param,
    /// The real part of C, (H, H).
    pub c_re: Param,
    /// The imaginary part of C, (H, H).
    pub c_im: Param,
    /// From the input past the recurrence, D (D, H).
    pub d: Param,
}

/// The complex state of an [`Lru`].
#[derive(Clone, Copy, Debug)]
pub struct LruState<'t> {
    /// The real part (n, H).
    pub re: Var<'t>,
    /// The imaginary part (n, H).
    pub im: Var<'t>,
}

bundle!(LruState { re, im });

impl Lru {
    /// A cell with λ anywhere in the unit disk, the paper's default.
    #[track_caller]
    pub fn new(scope: Scope<'_>, inputs: usize, hidden: usize) -> Lru {
        Lru::with_ring(scope, inputs, hidden, [0.0, 1.0])
    }

    /// A cell with |λ| between two numbers: a ring close to 1, such as `[0.9, 0.999]`, is for long sequences.
    ///
    /// B is normal with deviation `1 / sqrt(2 D)`, C with `1 / sqrt(H)` and D with `1 / sqrt(D)`.
    ///
    /// # Panics
    /// Unless `0 <= ring[0] < ring[1] <= 1`.
    #[track_caller]
    pub fn with_ring(mut scope: Scope<'_>, inputs: usize, hidden: usize, ring: [f64; 2]) -> Lru {
        assert!(
            0.0 <= ring[0] && ring[0] < ring[1] && ring[1] <= 1.0,
            "a ring from {} to {}: radii lie between 0 and 1, the inner one first",
            ring[0],
            ring[1]
        );
        let nu = scope.weight("nu", [hidden], decay_in(ring));
        let theta = scope.weight("theta", [hidden], log_of_phase);
        let sizes: Vec<f64> = scope.value(nu).to_f64().into_iter().map(log_of_size).collect();
        let [from_input, from_state] = [2 * inputs, hidden].map(|count| 1.0 / (count.max(1) as f64).sqrt());
        Lru {
            nu,
            theta,
            gamma: scope.weight("gamma", [hidden], move |_: &[usize], _: &mut ChaCha8Rng| sizes.clone()),
            b_re: scope.weight("b_re", [inputs, hidden], init::normal(from_input)),
            b_im: scope.weight("b_im", [inputs, hidden], init::normal(from_input)),
            c_re: scope.weight("c_re", [hidden, hidden], init::normal(from_state)),
            c_im: scope.weight("c_im", [hidden, hidden], init::normal(from_state)),
            d: scope.weight("d", [inputs, hidden], init::fan_in()),
        }
    }
}

impl Cell for Lru {
    type State<'t> = LruState<'t>;

    fn step<'t>(&self, state: LruState<'t>, x: Var<'t>) -> (LruState<'t>, Var<'t>) {
        let LruState { re, im } = state;
        let [nu, theta, gamma] = [self.nu, self.theta, self.gamma].map(|param| param.on(x.tape()).exp());
        let radius = (-nu).exp();
        let (a, b) = (radius * theta.cos(), radius * theta.sin());
        let (u, v) = (gamma * x.dot(self.b_re), gamma * x.dot(self.b_im));
        let (re, im) = (a * re - b * im + u, b * re + a * im + v);
        let y = re.dot(self.c_re) - im.dot(self.c_im) + x.dot(self.d);
        (LruState { re, im }, y)
    }
}

/// ν such that |λ|² is evenly distributed between the squares of the radii, and so λ over the area of the ring
/// (lemma 3.2 of the paper).
fn decay_in([inner, outer]: [f64; 2]) -> impl Init {
    move |shape: &[usize], generator: &mut ChaCha8Rng| {
        let one = |_| {
            let share: f64 = generator.sample(Open01);
            (-0.5 * (inner * inner + share * (outer * outer - inner * inner)).ln()).ln()
        };
        (0..shape.iter().product()).map(one).collect()
    }
}

/// θ such that the angle is evenly distributed over the circle.
fn log_of_phase(shape: &[usize], generator: &mut ChaCha8Rng) -> Vec<f64> {
    let one = |_| (2.0 * PI * generator.sample::<f64, _>(Open01)).ln();
    (0..shape.iter().product()).map(one).collect()
}

/// γ = ln sqrt(1 - |λ|²), where |λ|² is exp(-2 exp(ν)).
fn log_of_size(nu: f64) -> f64 {
    0.5 * (-(-2.0 * nu.exp()).exp_m1()).ln()
}
