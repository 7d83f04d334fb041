//! All figures for a model and a task.

use lab::behaviour::{Behaviour, BehaviourError, observe};
use lab::sequence_model::SequenceModel;
use lab::tasks::{Adding, Measure, Task, generator};
use nn::{Adam, Lstm, NamedCell, Params, Stack, StepDropout, Trainer, cells};
use tape::{DType, Tensor};

fn model(cell: &NamedCell, task: &dyn Task, hidden: usize) -> (Params, SequenceModel) {
    let mut params = Params::seeded(DType::F32, 1);
    let model = SequenceModel::new(&mut params, task, cell, hidden);
    (params, model)
}

#[test]
fn every_cell_can_be_observed() {
    let task = Adding { steps: 20 };
    let deep = NamedCell::new("deep", "", |scope, inputs, hidden| {
        StepDropout::new(Stack::new(scope, 2, inputs, hidden, Lstm::new), 0.5, 0.5)
    });
    for cell in cells::all().into_iter().chain([deep]) {
        let (params, model) = model(&cell, &task, 6);
        let found = observe(&params, &model, &task, 3).unwrap();
        assert_eq!(found.gradient_norms.len(), 21, "{}", cell.name);
        assert!(found.gradient_norms[20] > 0.0, "{}", cell.name);
        assert_eq!(found.jacobians.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), [1, 4, 16]);
        let size = match cell.name.as_str() {
            "deep" => 24,
            "lstm" | "ln_lstm" | "lru" => 12,
            _ => 6,
        };
        assert!(found.jacobians.iter().all(|jacobian| jacobian.singular_values.len() == size));
        // The same seed gives the same bits, and a file keeps them.
        assert_eq!(observe(&params, &model, &task, 3).unwrap(), found);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Behaviour>(&text).unwrap(), found);
    }
}

#[test]
fn a_task_may_be_short_and_a_state_large() {
    let check = |steps: usize, hidden: usize, expected: &[usize]| {
        let task = Adding { steps };
        let (params, model) = model(&cells::named("rnn").unwrap(), &task, hidden);
        let found = observe(&params, &model, &task, 3).unwrap();
        assert_eq!(found.jacobians.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), expected);
    };
    check(2, 3, &[1]);
    check(70, 3, &[1, 4, 16, 64]);
    check(17, 256, &[1, 4]);
    check(4, 513, &[]);
}

#[test]
fn weights_that_are_not_finite_are_heard_of() {
    let task = Adding { steps: 5 };
    let (mut params, model) = model(&cells::named("rnn").unwrap(), &task, 3);
    params.set("cell/wh", Tensor::new([3, 3], [f64::NAN; 9])).unwrap();
    let error = observe(&params, &model, &task, 3).unwrap_err();
    assert_eq!(error, BehaviourError::NotFinite { figure: "gradient norms" });
}

/// Prints the table of `docs/notes/behaviour.md`.
#[test]
#[ignore = "trains three cells for minutes and measures nothing that could fail"]
fn table_of_the_notes() {
    let task = Adding { steps: 50 };
    println!(
        "| cell | steps | loss | ‖dL/dh_0‖ | ‖dL/dh_25‖ | ‖dL/dh_50‖ | σ_max, 16 steps | of them > 0.1 | λ | gates |"
    );
    for name in ["rnn", "lstm", "gru"] {
        let (mut params, model) = model(&cells::named(name).unwrap(), &task, 64);
        let mut trainer = Trainer::new(&mut params, Adam::new(2e-3)).with_clip(1.0);
        let held_out = task.draw(256, 50, &mut generator(2, 0));
        let show = |params: &Params, engine: &mut tape::Engine, steps: usize| {
            let loss = model.judge(engine, params, &held_out, Measure::SquaredError).unwrap().loss;
            let start = std::time::Instant::now();
            let Behaviour { gradient_norms: norms, jacobians, lyapunov, gates } =
                observe(params, &model, &task, 3).unwrap();
            let seconds = start.elapsed().as_secs_f64();
            let values = &jacobians[2].singular_values;
            let wide = values.iter().filter(|value| **value > 0.1).count();
            let gates: Vec<String> = gates
                .iter()
                .map(|gate| format!("{} {} {:.2} {:.2}", gate.function, gate.name, gate.low, gate.high))
                .collect();
            println!(
                "| {name} | {steps} | {loss:.4} | {:.1e} | {:.1e} | {:.1e} | {:.2e} | {wide} of {} | {lyapunov:.3} | {} | {seconds:.2} s",
                norms[0],
                norms[25],
                norms[50],
                values[0],
                values.len(),
                gates.join("; ")
            );
        };
        show(&params, &mut trainer.engine, 0);
        for step in 0..3000u64 {
            let batch = task.draw(32, 50, &mut generator(1, step));
            trainer.step(&mut params, |tape| model.loss(tape, &batch)).unwrap();
        }
        show(&params, &mut trainer.engine, 3000);
    }
}
