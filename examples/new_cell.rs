//! A recurrent cell of one's own: its equations, the check of its gradients, and a few steps of training.
//!
//! The cell is the minimal gated unit (Zhou et al., 2016). It learns to remember the first of five numbers.
//! The same program stands in README.md.
//!
//! `cargo run --release --example new_cell`, a second or less.

use unspool::nn::{Adam, Cell, Layout, Param, Params, Sequence, Trainer, check, init, unroll, zero_state};
use unspool::tape::{DType, Tape, Tensor, Var};

struct Mgu([Param; 6]);

impl Cell for Mgu {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [wf, uf, bf, wg, ug, bg] = self.0;
        let f = (x.dot(wf) + h.dot(uf) + bf).sigmoid();
        let g = (x.dot(wg) + (f * h).dot(ug) + bg).tanh();
        let h = h + f * (g - h);
        (h, h)
    }
}

/// How far the last state of 16 sequences is from the first of their five inputs.
fn loss<'t>(mgu: &Mgu, tape: &'t Tape) -> Var<'t> {
    let numbers: Vec<f64> = (0..80).map(|i| f64::from(i * i * 618 % 1000) / 1000.0 - 0.5).collect();
    let x = tape.input(Tensor::from_f64(tape.dtype(), [80, 1], &numbers));
    let (_, last) = unroll(mgu, &Sequence::new(x, &Layout::full(16, 5)), zero_state(tape, 16, 4));
    (last - x.slice(0, 0..16)).square().mean()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut params = Params::new(DType::F32);
    let weights = [("wf", 1), ("uf", 4), ("bf", 1), ("wg", 1), ("ug", 4), ("bg", 1)];
    let mgu = Mgu(weights.map(|(name, rows)| params.scope("mgu").weight(name, [rows, 4], init::fan_in())));
    let error = check::gradients(&params, |tape| loss(&mgu, tape))?;
    println!("gradients agree with differences to {error:.0e}");
    let mut trainer = Trainer::new(&mut params, Adam::new(0.05));
    for step in 0..=300 {
        let report = trainer.step(&mut params, |tape| loss(&mgu, tape))?;
        if step % 100 == 0 {
            println!("step {step}: loss {:.5}", report.loss);
        }
    }
    Ok(())
}
