//! Five steps of each optimiser.

use nn::{Adam, AdamW, Momentum, Optimizer, Param, Params, RmsProp, Sgd, Trainer, init};
use tape::{DType, Tensor};

use super::{File, TOLERANCE};
use crate::support::close;

/// Five steps with the gradients of a file, since the gradient of `Σ w g` is `g`.
#[track_caller]
fn optimizer(name: &str, rule: impl Optimizer) {
    let file = File::read(name);
    let mut params = Params::new(DType::F64);
    let weights = file.part("start/").into_iter().map(|(name, start)| {
        let param = params.scope("").weight(&name, start.shape(), init::zeros());
        params.set(param, start).expect("the same shape");
        (param, name)
    });
    let weights: Vec<(Param, String)> = weights.collect();
    let mut trainer = Trainer::new(&mut params, rule);
    for step in 0..5 {
        let row = |kind: &str, name: &str| {
            let all = &file.0[&format!("{kind}/{name}")];
            let (shape, len) = (all.shape().without_leading(), all.shape().len() / 5);
            Tensor::new(shape, &all.as_slice::<f64>()[step * len..][..len])
        };
        trainer
            .step(&mut params, |tape| {
                let one =
                    |(param, name): &(Param, String)| (*param * tape.input(row("gradient", name))).sum();
                weights.iter().map(one).reduce(|sum, term| sum + term).expect("a weight")
            })
            .unwrap_or_else(|error| panic!("{error}"));
        for (param, name) in &weights {
            close(&params[*param].to_f64(), &row("weight", name).to_f64(), TOLERANCE);
        }
    }
}

#[test]
fn optimizers_are_those_of_pytorch() {
    optimizer("sgd", Sgd::new(0.1));
    // Ours has the learning rate in the velocity and PyTorch's has it outside: the same while the rate stays.
    optimizer("momentum", Momentum::new(0.1));
    optimizer("rmsprop", RmsProp::new(0.1));
    // Ours adds ε before the correction and PyTorch's after it: the same where there is none.
    optimizer("adam", Adam { epsilon: 0.0, ..Adam::new(0.1) });
    optimizer("adamw", AdamW { weight_decay: 0.1, ..AdamW::new(0.1) });
}
