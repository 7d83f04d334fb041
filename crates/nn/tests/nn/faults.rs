//! Faults that are planted into a training: each is named, and no weight or slot is harmed.

use nn::{
    Adam, Affine, Cell, Layout, Outliers, Param, Params, Role, Scope, Sequence, Sgd, TrainError, Trainer,
    VanillaRnn, init, unroll, zero_state,
};
use tape::{DType, Shape, Tape, Tensor, Var};

/// A user's cell: `h' = h + ln(x w)`.
struct Logarithm {
    w: Param,
}

impl Logarithm {
    fn new(mut scope: Scope<'_>) -> Logarithm {
        Logarithm { w: scope.weight("w", [1], init::constant(1.0)) }
    }
}

impl Cell for Logarithm {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = h + (x * self.w).ln();
        (h, h)
    }
}

/// All numbers of a store.
fn numbers(params: &Params) -> Vec<Vec<f64>> {
    params.iter().map(|entry| entry.value.to_f64()).collect()
}

/// Two sequences of four steps and one, the features of which are one but for a zero in step 2.
fn loss<'t>(cell: &Logarithm, tape: &'t Tape, fault: f32) -> Var<'t> {
    let layout = Layout::new(4, &[1, 4]);
    let x = tape.input(Tensor::new([2, 4, 1], vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, fault, 1.0f32]));
    let (outputs, _) = unroll(cell, &Sequence::pack(x, &layout), zero_state(tape, 2, 1));
    outputs.rows.sum()
}

#[test]
fn a_logarithm_of_zero_in_a_users_cell_stops_the_step_and_is_named_when_asked() {
    let mut params = Params::seeded(DType::F32, 1);
    let cell = Logarithm::new(params.scope("cell"));
    let mut trainer = Trainer::new(&mut params, Adam::new(0.1));
    trainer.step(&mut params, |tape| loss(&cell, tape, 1.0)).unwrap();
    let before = numbers(&params);

    let error = trainer.step(&mut params, |tape| loss(&cell, tape, 0.0)).unwrap_err();
    assert_eq!(error, TrainError::Loss { loss: f64::NEG_INFINITY });
    assert_eq!((numbers(&params), trainer.steps), (before.clone(), 1));

    trainer.check_numbers = true;
    let error = trainer.step(&mut params, |tape| loss(&cell, tape, 0.0)).unwrap_err();
    let TrainError::NotFinite(found) = &error else { panic!("{error}") };
    assert_eq!(
        (found.op.as_str(), found.steps.as_slice(), found.index.as_slice()),
        ("ln", &[2][..], &[0, 0][..])
    );
    assert!(found.location.file().ends_with("faults.rs"), "{error}");
    assert!(error.to_string().ends_with("the weights are left as they were"), "{error}");
    assert_eq!((numbers(&params), trainer.steps), (before, 1));

    // What is sound is trained to the same bits while it is looked at.
    let mut other = params.clone();
    trainer.step(&mut params, |tape| loss(&cell, tape, 1.0)).unwrap();
    trainer.check_numbers = false;
    trainer.steps = 1;
    trainer.step(&mut other, |tape| loss(&cell, tape, 1.0)).unwrap();
    assert_eq!(numbers(&params), numbers(&other));
}

#[test]
fn a_planted_weight_is_named() {
    let mut params = Params::seeded(DType::F32, 1);
    let layer = Affine::new(params.scope("layer"), 2, 2);
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    params.set(layer.b, Tensor::new([2], vec![0.0f32, f32::NAN])).unwrap();
    let step = |trainer: &mut Trainer<Sgd>, params: &mut Params| {
        trainer.step(params, |tape| layer.apply(tape.number(1.0).expand([1, 2])).square().sum()).unwrap_err()
    };
    assert!(matches!(step(&mut trainer, &mut params), TrainError::Loss { .. }));
    trainer.check_numbers = true;
    let error = step(&mut trainer, &mut params).to_string();
    assert!(error.contains("NaN, element [1] of the parameter `layer/b`"), "{error}");
}

#[test]
fn a_learning_rate_that_is_too_large_is_stopped_before_a_weight_is_written() {
    let mut params = Params::seeded(DType::F32, 1);
    let w = params.scope("").weight("w", [2], init::constant(1.0));
    let mut trainer = Trainer::new(&mut params, Sgd::new(1e38));
    for check_numbers in [false, true] {
        trainer.check_numbers = check_numbers;
        let error = trainer.step(&mut params, |tape| (w.on(tape) * 10.0).sum()).unwrap_err();
        match &error {
            TrainError::Update { names } => assert_eq!(names, &["w"]),
            TrainError::NotFinite(found) => {
                assert_eq!((found.op.as_str(), found.scope.as_str()), ("mul", "update"))
            }
            _ => panic!("{error}"),
        }
        assert_eq!(matches!(error, TrainError::Update { .. }), !check_numbers);
        assert_eq!((params[w].to_f64(), trainer.steps), (vec![1.0, 1.0], 0));
    }
}

/// A loss that depends on a cell and on `used`, and on the signs alone of `signs`.
fn loss_of_some<'t>(tape: &'t Tape, cell: &VanillaRnn, used: Param, signs: Param) -> Var<'t> {
    let x = Sequence::pack(tape.number(1.0).expand([1, 3, 2]), &Layout::full(1, 3));
    let (outputs, _) = unroll(cell, &x, zero_state(tape, 1, 2));
    (outputs.rows * used.on(tape) * signs.on(tape).sign()).sum()
}

#[test]
fn a_weight_that_the_loss_does_not_depend_on_is_named_unless_it_is_frozen_or_meant_so() {
    let mut params = Params::seeded(DType::F64, 1);
    let cell = VanillaRnn::new(params.scope("rnn"), 2, 2);
    let [used, signs, unused] =
        ["used", "signs", "unused"].map(|name| params.scope("").weight(name, [2], init::constant(0.5)));
    let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    let before = numbers(&params);
    let error = trainer.step(&mut params, |tape| loss_of_some(tape, &cell, used, signs)).unwrap_err();
    let TrainError::Severed(severed) = &error else { panic!("{error}") };
    let names: Vec<&str> = severed.iter().map(|severed| severed.name.as_str()).collect();
    assert_eq!(names, ["signs", "unused"]);
    let text = error.to_string();
    for expected in
        ["`signs` (every way from it ends: in sign recorded at", "`unused` (nothing that", "freeze"]
    {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }
    assert_eq!((numbers(&params), trainer.steps), (before, 0));

    params.set_role(unused, Role::Frozen);
    assert!(
        matches!(trainer.step(&mut params, |tape| loss_of_some(tape, &cell, used, signs)), Err(TrainError::Severed(left)) if left.len() == 1)
    );
    trainer.partial = true;
    trainer.step(&mut params, |tape| loss_of_some(tape, &cell, used, signs)).unwrap();
    assert_eq!(params[signs].to_f64(), [0.5, 0.5]);
    assert_ne!(params[used].to_f64(), [0.5, 0.5]);
}

#[test]
fn gradients_far_from_those_before_are_left_out_and_counted() {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", Shape::scalar(), init::zeros());
    let mut trainer = Trainer::new(&mut params, Sgd::new(1.0));
    trainer.outliers = Some(Outliers::beyond(4.0));
    // The gradient is the factor: 1 and 1.5 in turn, of which mean and deviation are 1.25 and 0.25, but for two spikes.
    let mut sum = 0.0;
    for step in 0..60 {
        let usual = 1.0 + 0.5 * f64::from(step % 2);
        let factor = if step == 40 || step == 41 { 1e6 } else { usual };
        let report = trainer.step(&mut params, |tape| w.on(tape) * tape.input_number(factor)).unwrap();
        assert_eq!(report.skipped, factor > 2.0, "step {step}");
        sum -= if report.skipped { 0.0 } else { factor };
        assert_eq!(params[w].number(), sum);
        if step == 39 {
            let outliers = trainer.outliers.unwrap();
            assert!((outliers.mean - 1.25).abs() < 0.01 && (outliers.variance.sqrt() - 0.25).abs() < 0.01);
        }
    }
    assert_eq!((trainer.outliers.unwrap().skipped, trainer.steps), (2, 60));
}

#[test]
fn a_plain_mean_and_variance_are_those_of_the_first_norms() {
    let norms = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
    let mut outliers = Outliers::beyond(1.0);
    norms.iter().for_each(|norm| assert!(!outliers.note(*norm)));
    let mean = norms.iter().sum::<f64>() / 8.0;
    let variance = norms.iter().map(|norm| (norm - mean).powi(2)).sum::<f64>() / 8.0;
    assert!((outliers.mean - mean).abs() < 1e-12 && (outliers.variance - variance).abs() < 1e-12);
    // A norm that has risen for good is usual after a while.
    let mut outliers = Outliers::beyond(3.0);
    let mut left_out = 0;
    for step in 0..400 {
        let level = if step < 100 { 1.0 } else { 20.0 };
        left_out += u32::from(outliers.note(level + 0.2 * f64::from(step % 3)));
    }
    assert!((1..200).contains(&left_out), "{left_out}");
    assert!(!outliers.note(20.2));
}

#[test]
fn a_norm_that_is_not_finite_is_far_and_hides_none_after_it() {
    let mut outliers = Outliers::beyond(4.0);
    let usual = |step: u32| 1.0 + 0.1 * f64::from(step % 2);
    assert!((0..30).all(|step| !outliers.note(usual(step))));
    let before = outliers;
    assert!([f64::NAN, f64::INFINITY].into_iter().all(|norm| outliers.note(norm)));
    assert_eq!(outliers, before);
    assert!(!outliers.note(usual(0)) && outliers.note(3.0));
}
