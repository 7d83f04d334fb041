//! What is trained, and that neither threads nor interruptions change it.

use std::ops::ControlFlow;
use std::thread;

use lab::compare::{CompareError, Outcome, Purpose, Record, Settings, Trial, train};
use lab::sequence_model::SequenceModel;
use lab::tasks::{Adding, Baseline, Batch, Kind, Measure, Task, Values, generator};
use nn::cells::named;
use nn::exchange::{Exchange, ThreadRank, among_threads};
use nn::{Adam, Cell, NamedCell, Param, Params, Scope, Trainer, init};
use rand::rngs::ChaCha8Rng;
use tape::{DType, Engine, Var};
use tempfile::tempdir;

use crate::{Counting, settings, timeless, tiny};

/// All records of the small comparison, done at once.
fn at_once(threads: usize) -> Vec<Record> {
    let folder = tempdir().unwrap();
    timeless(tiny().run(folder.path(), threads, &mut ()).unwrap())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let records = at_once(1);
    assert_eq!(records.len(), 2 * 2 * (2 + 2));
    assert_eq!(records, at_once(3));
}

#[test]
fn results_do_not_depend_on_the_number_of_ranks() {
    let expected = at_once(1);
    for ranks in [2, 3] {
        let folder = tempdir().unwrap();
        let rank = |rank: ThreadRank| {
            let out = folder.path().to_path_buf();
            thread::spawn(move || {
                let exchange = Exchange::start(move || Ok(Box::new(rank))).unwrap();
                let mut view = Counting::default();
                let records = tiny().run_on_ranks(&exchange, &out, 1, &mut view).unwrap();
                // Nobody leaves before the others have heard that all is done.
                exchange.call(|all| all.gather(Vec::new())).unwrap().unwrap();
                (records, view.ended)
            })
        };
        let ranks: Vec<_> = among_threads(ranks).into_iter().map(rank).collect();
        let mut all = ranks.into_iter().map(|rank| rank.join().unwrap());
        let (records, ended) = all.next().unwrap();
        assert_eq!((timeless(records.unwrap()), ended), (expected.clone(), 16));
        assert!(all.all(|other| other == (None, 0)), "only the first has records");
    }
}

#[test]
fn an_interrupted_comparison_goes_on_to_the_same_records() {
    let expected = at_once(2);
    for threads in [1, 3] {
        let folder = tempdir().unwrap();
        let mut counted = 0;
        for stop_after in [1, 4, 3] {
            let mut view = Counting { stop_after: Some(stop_after), ..Counting::default() };
            let stopped = tiny().run(folder.path(), threads, &mut view);
            assert_eq!(view.outline.trainings, (counted, 16));
            counted += view.ended;
            assert_eq!(
                stopped,
                Err(CompareError::Stopped { trainings: (counted - view.ended + stop_after, 16) })
            );
        }
        let mut view = Counting::default();
        let records = tiny().run(folder.path(), threads, &mut view).unwrap();
        assert_eq!(view.ended, 16 - counted, "no training is done twice");
        let (done, all) = view.outline.steps;
        assert_eq!((view.steps, all), (all - done, 4 * (2 * 6 + 2 * 12)));
        assert_eq!(timeless(records), expected);

        let mut view = Counting::default();
        assert_eq!(timeless(tiny().run(folder.path(), threads, &mut view).unwrap()), expected);
        assert_eq!((view.steps, view.ended), (0, 0), "nothing is left to do");
    }
}

#[test]
fn each_cell_is_measured_with_its_best_rate_on_each_task() {
    let records = at_once(2);
    for pair in records.chunks(4) {
        let (sweep, measured) = pair.split_at(2);
        assert!(sweep.iter().all(|record| (record.purpose, record.seed) == (Purpose::Sweep, 0)));
        let losses: Vec<f64> = sweep.iter().map(|record| record.last().unwrap().loss).collect();
        let best = if losses[0] < losses[1] { 0.01 } else { 0.1 };
        let found: Vec<(Purpose, u64, f64)> =
            measured.iter().map(|record| (record.purpose, record.seed, record.learning_rate)).collect();
        assert_eq!(found, [(Purpose::Measured, 1, best), (Purpose::Measured, 2, best)]);
        for record in measured {
            let steps: Vec<u64> = record.curve.iter().map(|point| point.step).collect();
            assert_eq!(steps, [5, 10, 12]);
            assert_eq!(record.lengths.len(), 3);
            let both = record.behaviour.as_ref().map(|both| both.before != both.after);
            assert_eq!(both, (record.seed == 1).then_some(true));
        }
    }
    // One rate alone leaves nothing to choose.
    let folder = tempdir().unwrap();
    let mut comparison = tiny();
    comparison.settings.learning_rates = vec![0.02];
    let records = comparison.run(folder.path(), 2, &mut ()).unwrap();
    assert!(records.iter().all(|record| (record.purpose, record.learning_rate) == (Purpose::Measured, 0.02)));
    assert_eq!(records.len(), 4 * 2);
}

#[test]
fn a_training_is_a_plain_loop() {
    let (cell, task) = (named("lstm").unwrap(), Adding { steps: 6 });
    let settings = Settings { steps: 40, evaluate_every: 30, clip: Some(0.5), ..settings() };
    let trial = Trial { purpose: Purpose::Measured, seed: 7, learning_rate: 0.05, hidden: 6 };
    let mut watched = Vec::new();
    let record = train(&cell, &task, &settings, &trial, |step, loss| {
        watched.push((step, loss));
        ControlFlow::Continue(())
    });
    let record = record.unwrap().unwrap();

    let mut params = Params::seeded(DType::F32, 7);
    let model = SequenceModel::new(&mut params, &task, &cell, 6);
    let mut trainer = Trainer::new(&mut params, Adam::new(0.0)).with_clip(0.5);
    let mut losses = Vec::new();
    for step in 1..=40 {
        // Up over two steps of 40, and down along half a cosine to a tenth.
        let up = if step == 1 { 0.5 } else { 1.0 };
        let down = 0.55 + 0.45 * (std::f64::consts::PI * (step - 1) as f64 / 40.0).cos();
        trainer.optimizer.learning_rate = 0.05 * up * down;
        let batch = task.draw(4, 6, &mut generator(7, step));
        losses.push((step, trainer.step(&mut params, |tape| model.loss(tape, &batch)).unwrap().loss));
    }
    // The rates may differ in their last bits.
    let close = |one: f64, other: f64| (one - other).abs() < 1e-4 * other.abs();
    assert!(watched.iter().zip(&losses).all(|(one, other)| one.0 == other.0 && close(one.1, other.1)));
    assert_eq!(watched.len(), 40);
    let mean = losses[30..].iter().map(|(_, loss)| loss).sum::<f64>() / 10.0;
    assert!(close(record.last().unwrap().training_loss, mean));

    // Weights, two moments of each, and a count of steps, beside what a step works in.
    assert_eq!(record.parameters, params.weight_count());
    assert!(record.bytes > 4 * (3 * record.parameters + 1), "{} bytes", record.bytes);
    let mut engine = Engine::new();
    let batch = task.draw(8, 6, &mut generator(u64::MAX, 0));
    let judged = model.judge(&mut engine, &params, &batch, task.measure()).unwrap();
    assert!(
        close(record.last().unwrap().loss, judged.loss),
        "{} and {}",
        record.last().unwrap().loss,
        judged.loss
    );
}

#[test]
fn a_training_that_is_broken_off_has_no_record() {
    let trial = Trial { purpose: Purpose::Measured, seed: 1, learning_rate: 0.01, hidden: 4 };
    let stop = |step: u64, _: f64| if step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let record = train(&named("rnn").unwrap(), &Adding { steps: 6 }, &settings(), &trial, stop);
    assert_eq!(record, Ok(None));
}

/// A cell whose state has no bound: `h' = 10¹⁰ w h + x`.
struct Unbounded(Param, Param);

impl Unbounded {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Unbounded {
        let one = init::constant(1.0);
        Unbounded(scope.weight("w", [hidden], one), scope.weight("wx", [inputs, hidden], one))
    }
}

impl Cell for Unbounded {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = h * self.0 * 1e10 + x.dot(self.1);
        (h, h)
    }
}

#[test]
fn what_diverges_is_recorded_and_the_others_go_on() {
    let folder = tempdir().unwrap();
    let mut comparison = tiny();
    comparison.cells.insert(0, NamedCell::new("unbounded", "a state without a bound", Unbounded::new));
    comparison.settings.learning_rates = vec![0.1, 0.01];
    let records = comparison.run(folder.path(), 2, &mut ()).unwrap();
    let (unbounded, others): (Vec<&Record>, Vec<&Record>) =
        records.iter().partition(|record| record.cell == "unbounded");
    assert_eq!((unbounded.len(), others.len()), (8, 16));
    for record in unbounded {
        let Outcome::Diverged { step: 1, problem } = &record.outcome else { panic!("{:?}", record.outcome) };
        assert!(problem.starts_with("the loss is "), "{problem}");
        assert!(record.last().is_none() && record.curve.is_empty() && record.milliseconds_per_step.is_nan());
        // With all rates alike, the smallest is the one to go on with.
        assert!(record.purpose == Purpose::Sweep || record.learning_rate == 0.01);
    }
    assert!(others.iter().all(|record| record.outcome == Outcome::Finished));
    let csv = std::fs::read_to_string(folder.path().join("results.csv")).unwrap();
    assert_eq!(csv.matches("diverged at step 1: the loss is ").count(), 4, "{csv}");
    // What cannot be written as a number is read again.
    let again = comparison.run(folder.path(), 2, &mut ()).unwrap();
    assert_eq!(timeless(again), timeless(records));
}

/// Numbers to add whose sums are a thousand more where a model is judged.
struct Apart(Adding);

impl Task for Apart {
    fn name(&self) -> String {
        "apart".into()
    }

    fn about(&self) -> String {
        self.0.about()
    }

    fn source(&self) -> &'static str {
        self.0.source()
    }

    fn inputs(&self) -> Kind {
        self.0.inputs()
    }

    fn outputs(&self) -> Kind {
        self.0.outputs()
    }

    fn measure(&self) -> Measure {
        self.0.measure()
    }

    fn length(&self) -> usize {
        self.0.length()
    }

    fn test_lengths(&self) -> Vec<usize> {
        self.0.test_lengths()
    }

    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        self.0.draw(sequences, length, generator)
    }

    fn draw_held_out(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        let mut batch = self.draw(sequences, length, generator);
        let Values::Numbers(sums) = &mut batch.targets else { panic!("sums are numbers") };
        sums.iter_mut().for_each(|sum| *sum += 1000.0);
        batch
    }

    fn baseline(&self, length: usize) -> Baseline {
        self.0.baseline(length)
    }
}

#[test]
fn models_are_judged_on_what_is_kept_out_of_training() {
    let trial = Trial { purpose: Purpose::Measured, seed: 1, learning_rate: 0.01, hidden: 6 };
    let cell = named("gru").unwrap();
    let never = |_, _| ControlFlow::Continue(());
    let record = train(&cell, &Apart(Adding { steps: 6 }), &settings(), &trial, never).unwrap().unwrap();
    for point in &record.curve {
        assert!(point.training_loss < 10.0 && point.loss > 9e5 && point.score > 9e5, "{point:?}");
    }
    assert!(
        record.lengths.len() > 1 && record.lengths.iter().all(|at| at.loss > 9e5),
        "{:?}",
        record.lengths
    );
    // The loss that is traced back is a thousand times further away than one of training.
    let norms = record.behaviour.unwrap().before.gradient_norms;
    assert!(norms[0] > 1e-3 && norms.last().unwrap() > &100.0, "{norms:?}");
}
