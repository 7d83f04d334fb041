//! Optimisers against plain loops over several steps, and against the numbers of CS231n's notebook.

use nn::{Adam, AdamW, Momentum, Optimizer, Param, Params, RmsProp, Sgd, Trainer, init};
use tape::{DType, Tensor};

use crate::support::{Draw, close, linspace, of};

/// Steps with gradients that are given, since the gradient of `Σ w g` is `g`.
fn steps<O: Optimizer>(trainer: &mut Trainer<O>, params: &mut Params, w: Param, gradients: &[Tensor]) {
    for gradient in gradients {
        let loss = trainer.step(params, |tape| (w * tape.input(gradient.clone())).sum());
        loss.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The weights after each of five steps, with the learning rate halved before the fourth, beside those
/// of `rule`: (weight, two numbers of state, gradient, learning rate, number of the step).
fn compare<O: Optimizer>(optimizer: O, mut rule: impl FnMut(&mut f64, &mut [f64; 2], f64, f64, i32)) {
    let mut draw = Draw::new(1);
    let mut params = Params::seeded(DType::F64, 2);
    let w = params.scope("layer").weight("w", [2, 3], init::normal(1.0));
    let mut expected = params[w].to_f64();
    let mut state = vec![[0.0; 2]; expected.len()];
    let mut rate = optimizer.learning_rate();
    let mut trainer = Trainer::new(&mut params, optimizer);
    for t in 1..=5 {
        if t == 4 {
            trainer.optimizer.decay_learning_rate(0.5);
            rate *= 0.5;
        }
        let gradient = draw.tensor(&[2, 3]);
        for (k, g) in gradient.to_f64().into_iter().enumerate() {
            rule(&mut expected[k], &mut state[k], g, rate, t);
        }
        steps(&mut trainer, &mut params, w, &[gradient]);
        close(&params[w].to_f64(), &expected, 1e-13);
    }
}

#[test]
fn every_rule_is_its_loop() {
    compare(Sgd::new(0.3), |w, _, g, rate, _| *w -= rate * g);
    compare(Momentum::new(0.3), |w, [v, _], g, rate, _| {
        *v = 0.9 * *v - rate * g;
        *w += *v;
    });
    compare(RmsProp::new(0.3), |w, [s, _], g, rate, _| {
        *s = 0.99 * *s + 0.01 * g * g;
        *w -= rate * g / (s.sqrt() + 1e-8);
    });
    compare(Adam::new(0.3), |w, [m, v], g, rate, t| {
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        let size = rate * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
        *w -= size * *m / (v.sqrt() + 1e-8);
    });
    compare(AdamW::new(0.3), |w, [m, v], g, rate, t| {
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        let (mean, square) = (*m / (1.0 - 0.9f64.powi(t)), *v / (1.0 - 0.999f64.powi(t)));
        *w -= rate * 0.01 * *w;
        *w -= rate * mean / (square.sqrt() + 1e-8);
    });
}

#[test]
fn settings_take_part_in_the_rules() {
    let momentum = Momentum { momentum: 0.5, ..Momentum::new(0.1) };
    compare(momentum, |w, [v, _], g, rate, _| {
        *v = 0.5 * *v - rate * g;
        *w += *v;
    });
    let rmsprop = RmsProp { decay: 0.9, epsilon: 0.5, ..RmsProp::new(0.1) };
    compare(rmsprop, |w, [s, _], g, rate, _| {
        *s = 0.9 * *s + 0.1 * g * g;
        *w -= rate * g / (s.sqrt() + 0.5);
    });
    let adam = Adam { beta1: 0.8, beta2: 0.9, epsilon: 0.5, ..Adam::new(0.1) };
    compare(Box::new(adam) as Box<dyn Optimizer>, |w, [m, v], g, rate, t| {
        *m = 0.8 * *m + 0.2 * g;
        *v = 0.9 * *v + 0.1 * g * g;
        *w -= rate * (1.0 - 0.9f64.powi(t)).sqrt() / (1.0 - 0.8f64.powi(t)) * *m / (v.sqrt() + 0.5);
    });
    let adamw = AdamW { weight_decay: 0.5, beta1: 0.8, beta2: 0.9, epsilon: 0.5, ..AdamW::new(0.1) };
    compare(adamw, |w, [m, v], g, rate, t| {
        *m = 0.8 * *m + 0.2 * g;
        *v = 0.9 * *v + 0.1 * g * g;
        let (mean, square) = (*m / (1.0 - 0.8f64.powi(t)), *v / (1.0 - 0.9f64.powi(t)));
        *w = *w - rate * 0.5 * *w - rate * mean / (square.sqrt() + 0.5);
    });
}

#[test]
fn offsets_do_not_decay() {
    let mut params = Params::new(DType::F64);
    let b = params.scope("").weight("b", [1], init::constant(1.0));
    let rule = AdamW { weight_decay: 0.5, ..AdamW::new(0.1) };
    let mut trainer = Trainer::new(&mut params, rule);
    steps(&mut trainer, &mut params, b, &[Tensor::new([1], vec![0.25])]);
    // The first step of Adam is the learning rate, less ε beside the gradient.
    close(&[params[b].number()], &[1.0 - 0.1 * 0.25 / (0.25 + 1e-8)], 1e-14);
}

#[test]
fn first_steps_by_hand() {
    let one_step = |optimizer: Box<dyn Optimizer>| {
        let mut params = Params::new(DType::F64);
        let w = params.scope("").weight("w", [1], init::constant(1.0));
        let mut trainer = Trainer::new(&mut params, optimizer);
        steps(&mut trainer, &mut params, w, &[Tensor::new([1], vec![0.5])]);
        params[w].number()
    };
    // 1 - 0.1 · 0.5, with momentum the same.
    close(&[one_step(Box::new(Sgd::new(0.1)))], &[0.95], 1e-15);
    close(&[one_step(Box::new(Momentum::new(0.1)))], &[0.95], 1e-15);
    // s = 0.01 · 0.25 = 0.05², so the step is 0.1 · 0.5 / (0.05 + 1e-8) = 1 - 2e-7.
    close(&[one_step(Box::new(RmsProp::new(0.1)))], &[2e-7], 1e-12);
    // m = 0.05, v = 0.00025: sqrt(0.001) / 0.1 · 0.05 / sqrt(0.00025) is 1, less 6.3e-7 for ε.
    close(&[one_step(Box::new(Adam::new(0.1)))], &[0.9 + 0.1 * 6.324555e-7], 1e-12);
}

/// One step of the notebook's check: w from -0.4 to 0.6 and g from -0.6 to 0.4, with slots set as from
/// a file. Returns the first five weights, which the notebook prints with eight decimals.
fn notebook(optimizer: impl Optimizer, slots: &[(&str, Tensor)]) -> Vec<f64> {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", [4, 5], init::zeros());
    params.set(w, linspace(-0.4, 0.6, &[4, 5])).expect("the same shape");
    let mut trainer = Trainer::new(&mut params, optimizer);
    for (name, value) in slots {
        params.set(*name, value.clone()).expect("a slot");
    }
    steps(&mut trainer, &mut params, w, &[linspace(-0.6, 0.4, &[4, 5])]);
    of(&params, "w")[..5].to_vec()
}

#[test]
fn numbers_of_the_notebook() {
    let state = || linspace(0.6, 0.9, &[4, 5]);
    let momentum = notebook(Momentum::new(1e-3), &[("momentum/v/w", state())]);
    close(&momentum, &[0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789], 5.01e-9);
    let rmsprop = notebook(RmsProp::new(1e-2), &[("rmsprop/s/w", state())]);
    close(&rmsprop, &[-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247], 5.01e-9);
    let slots =
        [("adam/m/w", state()), ("adam/v/w", linspace(0.7, 0.5, &[4, 5])), ("adam/t", Tensor::scalar(5.0))];
    let adam = notebook(Adam::new(1e-2), &slots);
    close(&adam, &[-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977], 5.01e-9);
}

#[test]
fn every_step_records_the_same_program() {
    let rules: [Box<dyn Optimizer>; 5] = [
        Box::new(Sgd::new(0.1)),
        Box::new(Momentum::new(0.1)),
        Box::new(RmsProp::new(0.1)),
        Box::new(Adam::new(0.1)),
        Box::new(AdamW::new(0.1)),
    ];
    for rule in rules {
        let mut params = Params::new(DType::F32);
        let w = params.scope("").weight("w", [2], init::constant(1.0));
        let mut trainer = Trainer::new(&mut params, rule);
        let program = |params: &Params, rule: &dyn Optimizer| {
            let tape = params.tape();
            rule.update(params, &tape, &[(w, w.on(&tape) * 2.0)]);
            tape.graph().clone()
        };
        let first = program(&params, &trainer.optimizer);
        steps(&mut trainer, &mut params, w, &[Tensor::new([2], vec![1.0f32, 2.0])]);
        trainer.optimizer.decay_learning_rate(0.5);
        assert_eq!(program(&params, &trainer.optimizer), first);
    }
}

#[test]
#[should_panic(expected = "there is no slot `momentum/v` for `late`: declare slots after all parameters")]
fn a_weight_declared_after_the_slots_is_named() {
    let mut params = Params::new(DType::F64);
    params.scope("").weight("early", [1], init::zeros());
    let mut trainer = Trainer::new(&mut params, Momentum::new(0.1));
    let late = params.scope("").weight("late", [1], init::zeros());
    let _ = trainer.step(&mut params, |tape| late.on(tape).sum());
}
