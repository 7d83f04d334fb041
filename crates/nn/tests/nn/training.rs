//! Whole steps of training.

use nn::{
    Adam, AdamW, Affine, Embedding, Layout, Lstm, Momentum, Optimizer, Params, RmsProp, Role, Sequence, Sgd,
    StepReport, TemporalAffine, TrainError, Trainer, init, temporal_softmax, unroll, zero_state,
};
use tape::{DType, Shape, Tape, Tensor, Var};

use crate::support::close;

/// Predicts the next word of four short sentences of different lengths.
struct Echo {
    embed: Embedding,
    cell: Lstm,
    scores: TemporalAffine,
}

const SENTENCES: [i32; 20] = [1, 2, 3, 4, 5, 2, 4, 0, 0, 0, 3, 1, 5, 2, 0, 4, 4, 4, 0, 0];
const LENGTHS: [usize; 4] = [5, 2, 4, 3];

impl Echo {
    fn new(params: &mut Params) -> Echo {
        Echo {
            embed: Embedding::new(params.scope("embed"), 6, 8),
            cell: Lstm::new(params.scope("lstm"), 8, 8),
            scores: TemporalAffine::new(params.scope("scores"), 8, 6),
        }
    }

    fn loss<'t>(&self, tape: &'t Tape) -> Var<'t> {
        let layout = Layout::new(5, &LENGTHS);
        let shifted: Vec<i32> = (0..20).map(|k| if k % 5 == 0 { 0 } else { SENTENCES[k - 1] }).collect();
        let mask: Vec<bool> = (0..20).map(|k| k % 5 < LENGTHS[k / 5]).collect();
        let inputs = self.embed.apply_sequence(&Sequence::words(tape, &shifted, &layout));
        let (outputs, _) = unroll(&self.cell, &inputs, zero_state(tape, 4, 8));
        temporal_softmax(&self.scores.apply(&outputs), &SENTENCES, &mask).per_word()
    }
}

#[test]
fn every_optimizer_brings_the_loss_down() {
    let rules: [(Box<dyn Optimizer>, f64); 5] = [
        (Box::new(Sgd::new(1.0)), 1.4),
        (Box::new(Momentum::new(0.3)), 1.2),
        (Box::new(RmsProp::new(0.01)), 0.8),
        (Box::new(Adam::new(0.05)), 0.8),
        (Box::new(AdamW::new(0.05)), 0.8),
    ];
    for (rule, limit) in rules {
        let mut params = Params::seeded(DType::F32, 3);
        let model = Echo::new(&mut params);
        let mut trainer = Trainer::new(&mut params, rule).with_clip(5.0);
        let first = trainer.step(&mut params, |tape| model.loss(tape)).unwrap().loss;
        close(&[first], &[6f64.ln()], 0.02);
        for _ in 0..60 {
            trainer.step(&mut params, |tape| model.loss(tape)).unwrap();
        }
        let last = trainer.evaluate(&params, |tape| model.loss(tape)).unwrap();
        assert!(last < limit, "from {first} to {last}, expected less than {limit}");
    }
}

#[test]
fn a_resumed_run_goes_on_as_the_first_would_have() {
    let run = |params: &mut Params, model: &Echo, steps: usize| {
        let mut trainer = Trainer::new(params, Adam::new(0.05));
        for _ in 0..steps {
            trainer.step(params, |tape| model.loss(tape)).unwrap();
        }
    };
    let mut whole = Params::seeded(DType::F32, 3);
    let model = Echo::new(&mut whole);
    let mut first = whole.clone();
    run(&mut whole, &model, 6);
    run(&mut first, &model, 4);
    // All there is to save is the store: by name into one that started elsewhere.
    let mut second = Params::seeded(DType::F32, 9);
    let model = Echo::new(&mut second);
    let mut trainer = Trainer::new(&mut second, Adam::new(0.05));
    for entry in first.iter() {
        second.set(entry.name, entry.value.clone()).unwrap();
    }
    for _ in 0..2 {
        trainer.step(&mut second, |tape| model.loss(tape)).unwrap();
    }
    for entry in whole.iter() {
        assert_eq!(second.get(entry.name), Ok(entry.value), "{}", entry.name);
    }
}

#[test]
fn weights_are_written_in_place_and_frozen_ones_not_at_all() {
    let mut params = Params::seeded(DType::F32, 1);
    let layer = Affine::new(params.scope("layer"), 2, 2);
    params.set_role(layer.b, Role::Frozen);
    let mut trainer = Trainer::new(&mut params, Momentum::new(0.1));
    let values = |params: &Params| [layer.w, layer.b].map(|param| params[param].as_slice::<f32>().to_vec());
    let place = |params: &Params| params[layer.w].as_slice::<f32>().as_ptr();
    let (before, at) = (values(&params), place(&params));
    trainer.step(&mut params, |tape| layer.apply(tape.number(1.0).expand([1, 2])).square().sum()).unwrap();
    let after = values(&params);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
    assert_eq!(place(&params), at);
    assert!(params.find("momentum/v/layer/b").is_err());
}

#[test]
fn gradients_are_clipped_by_their_norm_together() {
    // The gradient is (3, 4) in two parameters: its norm is 5.
    let step = |limit: Option<f64>| {
        let mut params = Params::new(DType::F64);
        let a = params.scope("").weight("a", Shape::scalar(), init::zeros());
        let b = params.scope("").weight("b", [1], init::zeros());
        let mut trainer = Trainer { clip: limit, ..Trainer::new(&mut params, Sgd::new(1.0)) };
        let report = trainer.step(&mut params, |tape| 3.0 * a.on(tape) + 4.0 * b.on(tape).sum()).unwrap();
        assert_eq!(report, StepReport { loss: 0.0, gradient_norm: 5.0, skipped: false });
        [params[a].number(), params[b].number()]
    };
    close(&step(Some(1.0)), &[-0.6, -0.8], 1e-15);
    close(&step(Some(5.0)), &[-3.0, -4.0], 1e-15);
    close(&step(Some(7.0)), &[-3.0, -4.0], 1e-15);
    close(&step(None), &[-3.0, -4.0], 1e-15);
}

#[test]
fn gradients_of_zero_pass_the_clip() {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", [2], init::zeros());
    let mut trainer = Trainer::new(&mut params, Sgd::new(1.0)).with_clip(1.0);
    let report = trainer.step(&mut params, |tape| w.on(tape).square().sum()).unwrap();
    assert_eq!(report.gradient_norm, 0.0);
    assert_eq!(params[w].to_f64(), [0.0, 0.0]);
}

#[test]
fn a_diverging_run_leaves_weights_and_slots_as_they_were() {
    let mut params = Params::seeded(DType::F32, 1);
    let layer = Affine::new(params.scope("layer"), 2, 2);
    let mut trainer = Trainer::new(&mut params, Adam::new(1e18));
    let mut steps = 0;
    let error = loop {
        let before = params.clone();
        match trainer
            .step(&mut params, |tape| layer.apply(tape.number(1.0).expand([1, 2])).square().square().sum())
        {
            Ok(_) => steps += 1,
            Err(error) => {
                for entry in before.iter() {
                    assert_eq!(params.get(entry.name), Ok(entry.value), "{}", entry.name);
                }
                break error;
            }
        }
        assert!(steps < 10, "the loss does not diverge");
    };
    assert!(matches!(error, TrainError::Loss { loss } if !loss.is_finite()), "{error}");
    assert!(steps >= 1);
    // The steps that were taken are counted, the one that was not is not.
    assert_eq!(params.get("adam/t").unwrap().number(), f64::from(steps));
}

#[test]
fn an_infinite_gradient_is_named_and_not_taken() {
    let mut params = Params::new(DType::F64);
    let flat = params.scope("layer").weight("flat", [2], init::constant(1.0));
    let steep = params.scope("layer").weight("steep", [2], init::zeros());
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    let error = trainer.step(&mut params, |tape| (flat.on(tape) + steep.on(tape).sqrt()).sum()).unwrap_err();
    assert_eq!(error, TrainError::Gradient { loss: 2.0, names: vec!["layer/steep".into()] });
    assert_eq!(params[flat].to_f64(), [1.0, 1.0]);
}

#[test]
fn a_word_outside_the_vocabulary_is_an_error_of_the_step() {
    let mut params = Params::new(DType::F32);
    let embed = Embedding::new(params.scope("embed"), 3, 2);
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    let error = trainer.step(&mut params, |tape| embed.apply(tape.input(Tensor::new([1], vec![9]))).sum());
    let message = error.unwrap_err().to_string();
    assert!(message.contains("index 9 at position 0 is not in 0..3"), "{message}");
}

#[test]
#[should_panic(expected = "the loss depends on no weight")]
fn a_loss_without_weights_is_refused() {
    let mut params = Params::new(DType::F32);
    params.scope("").weight("w", [1], init::zeros());
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    let _ = trainer.step(&mut params, |tape| tape.number(1.0));
}
