//! Is a gradient right? Holds gradients against central differences, and shows what a wrong one looks like when it is found.
//!
//! A wrong rule seldom stops a training; it makes it a little worse, for weeks. So a gradient is held against differences
//! before anything is trained with it, in `f64`, in the middle of a larger program, with an upstream gradient that is not 1.
//!
//! `cargo run --release --example gradcheck`; it takes no time.

use std::fmt::Display;

use unspool::nn::check::gradients;
use unspool::nn::{Affine, Layout, Lstm, Params, Sequence, init, unroll, zero_state};
use unspool::tape::grad::Adjoint;
use unspool::tape::ops::{Gradients, Io, Kind, Meta, Rule};
use unspool::tape::{Custom, DType, Real, Shape, ShapeError, Tensor, check};

/// `y = x / (1 + |x|)`, whose slope is `1 / (1 + |x|)²`, with a rule that may be mistaken.
struct Softsign(Slip);

/// What its author got wrong.
#[derive(Clone, Copy, Debug)]
enum Slip {
    Nothing,
    /// The slope alone, without the gradient that comes from above.
    ForgotUpstream,
    /// `1 / (1 + |x|)`
    ForgotSquare,
    /// Right, but from the result: `1 - |y|` is the root of the slope.
    TookOutput,
}

impl Rule for Softsign {
    fn name(&self) -> &'static str {
        "softsign"
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn softsign<T: Real>(from: &[T], to: &mut [T]) {
            from.iter().zip(to).for_each(|(x, y)| *y = *x / (T::one() + x.abs()));
        }
        match io.dtype() {
            DType::F32 => softsign::<f32>(io.get(0), io.out()),
            _ => softsign::<f64>(io.get(0), io.out()),
        }
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let (up, x, y) = (at.upstream(), at.input(0), at.output());
        let gradient = match self.0 {
            Slip::Nothing => up / (1.0 + x.abs()).square(),
            Slip::ForgotUpstream => 1.0 / (1.0 + x.abs()).square(),
            Slip::ForgotSquare => up / (1.0 + x.abs()),
            Slip::TookOutput => up * (1.0 - y.abs()),
        };
        [Some(gradient)].into_iter().collect()
    }
}

fn main() {
    // A function of one's own is made of operations, and its gradient of their rules. What can be wrong is that something was
    // detached, or that the function is not smooth.
    let x = Tensor::new([3, 4], (0..12).map(|i| (1.7 * f64::from(i) + 1.0).sin()).collect::<Vec<_>>());
    let w = Tensor::new([4, 2], (0..8).map(|i| (2.3 * f64::from(i)).cos()).collect::<Vec<_>>());
    let both = [x, w];
    tell("tanh(x w)", check::grad(&both, |v| v[0].dot(v[1]).tanh()));
    tell("the gradient of its gradient", check::second_order(&both, |v| v[0].dot(v[1]).tanh()));
    tell("tanh(x w), w detached", check::grad(&both, |v| v[0].dot(v[1].detach()).tanh()));
    // At a corner there is no derivative to be right about; beside it there is.
    tell("relu at 0", check::grad(&[Tensor::scalar(0.0)], |v| v[0].relu()));
    tell("relu at 0.0001", check::grad(&[Tensor::scalar(1e-4)], |v| v[0].relu()));

    // In an operation of one's own the formula of the gradient is written by hand.
    for slip in [Slip::Nothing, Slip::ForgotUpstream, Slip::ForgotSquare, Slip::TookOutput] {
        let op = Custom::new(Softsign(slip));
        tell(&format!("softsign, {slip:?}"), check::grad(&both[..1], |v| v[0].apply_custom(&op, &[])));
    }

    // All weights of a model, by name. The input is declared as one, so that its gradient is held too. In the second model
    // the readout was cut off, as by a `detach` that was left over from an experiment: the error names what suffers from it.
    let mut params = Params::new(DType::F64);
    let x = params.scope("").weight("x", [2 * 5, 3], init::normal(1.0));
    let lstm = Lstm::new(params.scope("lstm"), 3, 4);
    let readout = Affine::new(params.scope("readout"), 4, 2);
    let (x, lstm, readout) = (&x, &lstm, &readout);
    for cut in [false, true] {
        let verdict = gradients(&params, |tape| {
            let inputs = Sequence::new(x.on(tape), &Layout::full(2, 5));
            let h = unroll(lstm, &inputs, zero_state(tape, 2, 4)).0.rows;
            readout.apply(if cut { h.detach() } else { h }) + h.slice(1, 0..2)
        });
        tell(if cut { "LSTM, readout cut off" } else { "LSTM with a readout" }, verdict);
    }
}

fn tell(what: &str, verdict: Result<f64, impl Display>) {
    match verdict {
        Ok(error) => println!("{what:<29} right to {error:.1e}"),
        Err(error) => println!("{what:<29} WRONG: {error}"),
    }
}
