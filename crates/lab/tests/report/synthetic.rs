//! Results that no training has made: curves, behaviours and scores of the right kind, from a seed.
#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use lab::behaviour::{Behaviour, Gate, Jacobian};
use lab::compare::{
    AtLength, BaselineAt, BeforeAndAfter, CellFacts, Experiment, Outcome, Point, Purpose, Record, Settings,
    Size, TaskFacts,
};
use lab::tasks::{Baseline, Measure, generator};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

const RATES: [f64; 3] = [0.001, 0.003, 0.01];

/// Cells on three tasks that are judged in three ways.
pub fn experiment(cells: &[&str], seeds: u64) -> Experiment {
    let about = |name: &str| match name {
        "rnn" => "a vanilla recurrence, h = tanh(x Wx + h Wh + b)".to_string(),
        "lstm" => "long short-term memory (Hochreiter and Schmidhuber, 1997)".to_string(),
        "gru" => "a gated recurrent unit (Cho et al., 2014)".to_string(),
        "mgu" => "a minimal gated unit (Zhou et al., 2016)".to_string(),
        name => format!("the cell {name}"),
    };
    Experiment {
        cells: cells.iter().map(|name| CellFacts { name: name.to_string(), about: about(name) }).collect(),
        tasks: vec![
            task(
                "adding",
                "say the sum of the two marked ones of 100 numbers",
                "Hochreiter and Schmidhuber, Long short-term memory, 1997",
                Measure::SquaredError,
                &[100, 200, 400],
                |_| (1.0 / 6.0, 1.0 / 6.0, "says 1, the mean of the sum"),
            ),
            task(
                "copying",
                "repeat 10 symbols after a delay of 60 steps",
                "Arjovsky, Shah and Bengio, Unitary evolution recurrent neural networks, 2016, https://arxiv.org/abs/1511.06464",
                Measure::Accuracy,
                &[20, 60, 120, 240],
                |_| (8_f64.ln(), 0.125, "guesses one of the 8 symbols"),
            ),
            task(
                "words",
                "say the next letter of a text",
                "a text that is part of the program",
                Measure::Bits,
                &[64],
                |_| (2.9, 2.9 / std::f64::consts::LN_2, "says how often each letter occurs"),
            ),
        ],
        settings: Settings {
            size: Size::Parameters(20_000),
            seeds,
            learning_rates: RATES.into(),
            steps: 4000,
            sweep_steps: 800,
            batch: 32,
            clip: Some(1.0),
            evaluate_every: 100,
            held_out: 512,
        },
    }
}

fn task(
    name: &str,
    about: &str,
    source: &str,
    measure: Measure,
    lengths: &[usize],
    baseline: fn(usize) -> (f64, f64, &'static str),
) -> TaskFacts {
    let at = |length: &usize| {
        let (loss, score, strategy) = baseline(*length);
        BaselineAt { length: *length, baseline: Baseline { loss, score, strategy: strategy.into() } }
    };
    TaskFacts {
        name: name.into(),
        about: about.into(),
        source: source.into(),
        measure,
        length: if lengths.contains(&60) { 60 } else { lengths[0] },
        baselines: lengths.iter().map(at).collect(),
    }
}

/// All trainings of an experiment; the first cell learns least, and diverges now and then on the second task.
pub fn records(experiment: &Experiment) -> Vec<Record> {
    let mut records = Vec::new();
    for (task_place, task) in experiment.tasks.iter().enumerate() {
        for (cell, facts) in experiment.cells.iter().enumerate() {
            let stream = (task_place * 1000 + cell) as u64;
            for (place, rate) in experiment.settings.learning_rates.iter().enumerate() {
                let mut generator = generator(7, stream * 100 + place as u64);
                let mut record = record(experiment, task, cell, &mut generator);
                record.purpose = Purpose::Sweep;
                record.learning_rate = *rate;
                record.curve.retain(|point| point.step <= experiment.settings.sweep_steps);
                (record.lengths, record.behaviour) = (Vec::new(), None);
                record.seed = 0;
                if place == 2 && cell == 0 {
                    diverge(&mut record, 3);
                }
                records.push(record);
            }
            for seed in 1..=experiment.settings.seeds {
                let mut generator = generator(seed, stream * 100 + 99);
                let mut record = record(experiment, task, cell, &mut generator);
                record.seed = seed;
                record.cell = facts.name.clone();
                if cell == 0 && task.measure == Measure::Accuracy && seed != 2 {
                    diverge(&mut record, 9 + 3 * seed as usize);
                }
                records.push(record);
            }
        }
    }
    records
}

fn diverge(record: &mut Record, points: usize) {
    record.curve.truncate(points);
    for (place, point) in record.curve.iter_mut().rev().take(3).rev().enumerate() {
        point.loss *= 1.0 + 4.0 * place as f64;
    }
    let step = record.curve.last().map_or(1, |point| point.step + 37);
    record.outcome = Outcome::Diverged { step, problem: "the gradient of `cell/wh` is not finite".into() };
    record.lengths.clear();
    record.behaviour = None;
}

fn record(experiment: &Experiment, task: &TaskFacts, cell: usize, generator: &mut ChaCha8Rng) -> Record {
    let settings = &experiment.settings;
    let baseline = task.baseline().unwrap();
    let skill = [0.08, 0.9, 0.97, 0.8, 0.6, 0.5][cell % 6] + 0.03 * noise(generator);
    let onset = 0.15 + 0.1 * (cell % 4) as f64 + 0.06 * noise(generator);
    let cost = [3.1, 9.4, 7.2, 5.9][cell % 4];
    let mut curve = Vec::new();
    for place in 0..=settings.steps / settings.evaluate_every {
        let step = place * settings.evaluate_every;
        let share = step as f64 / settings.steps as f64;
        let learned = skill / (1.0 + (-14.0 * (share - onset)).exp());
        let wobble = 1.0 + 0.04 * noise(generator);
        let loss = match task.measure {
            Measure::Bits => baseline.loss * (1.0 - 0.45 * learned) * (1.0 + 0.01 * noise(generator)),
            _ => baseline.loss * (1.0 - learned).max(0.0).powf(2.2).max(0.002) * wobble,
        };
        let score = match task.measure {
            Measure::Accuracy => (baseline.score + (1.0 - baseline.score) * learned * wobble).min(1.0),
            Measure::SquaredError => loss,
            Measure::Bits => loss / std::f64::consts::LN_2,
        };
        let seconds = step as f64 * cost / 1000.0 * (1.0 + 0.01 * noise(generator));
        curve.push(Point { step, seconds, training_loss: loss * 0.97, loss, score });
    }
    let last = *curve.last().unwrap();
    let lengths = task.baselines.iter().map(|at| {
        let ratio = at.length as f64 / task.length as f64;
        let worse = if ratio > 1.0 { (ratio - 1.0) * [0.3, 0.25, 0.03, 0.12][cell % 4] } else { 0.0 };
        let score = match task.measure {
            Measure::Accuracy => (last.score - worse).max(0.125),
            _ => last.score * (1.0 + 4.0 * worse) * (1.0 + 0.05 * noise(generator)),
        };
        AtLength { length: at.length, loss: last.loss * (1.0 + worse), score }
    });
    let lengths: Vec<AtLength> = lengths.collect();
    Record {
        cell: experiment.cells[cell].name.clone(),
        task: task.name.clone(),
        purpose: Purpose::Measured,
        seed: 1,
        learning_rate: RATES[[0, 1, 2, 1][cell % 4]],
        hidden: [137, 66, 77, 96][cell % 4],
        parameters: [19_873, 20_031, 19_958, 20_112][cell % 4],
        outcome: Outcome::Finished,
        curve,
        milliseconds_per_step: cost * (1.0 + 0.02 * noise(generator)),
        bytes: [3_100_000, 9_800_000, 7_700_000, 5_300_000][cell % 4],
        lengths,
        behaviour: Some(BeforeAndAfter {
            before: behaviour(task, cell, 0.0, generator),
            after: behaviour(task, cell, 1.0, generator),
        }),
    }
}

fn behaviour(task: &TaskFacts, cell: usize, trained: f64, generator: &mut ChaCha8Rng) -> Behaviour {
    // How much of a state is left after a step.
    let keep = [0.86, 0.97, 0.96, 0.95][cell % 4]
        + trained * [0.02, 0.035, 0.03, 0.03][cell % 4]
        + 0.006 * noise(generator);
    let steps = task.length;
    let norm =
        |step: usize| (0.02 * (1.0 + 0.05 * step as f64 / steps as f64)) * keep.powi((steps - step) as i32);
    let gradient_norms = (0..=steps).map(norm).collect();
    let jacobian = |steps: usize, generator: &mut ChaCha8Rng| {
        let largest = (keep + 0.02).powi(steps as i32) * 1.3;
        let value = |place: usize| {
            largest * (-(place as f64) * (0.03 + 0.012 * steps as f64) * (1.1 - trained * 0.4)).exp()
        };
        let mut singular_values: Vec<f64> =
            (0..32).map(|place| value(place) * (1.0 + 0.1 * noise(generator))).collect();
        singular_values.sort_by(|a, b| b.total_cmp(a));
        Jacobian { steps, singular_values }
    };
    let jacobians = [1, 2, 4, 8, 16, 32].map(|steps| jacobian(steps, generator)).into();
    let functions: &[&str] = match cell % 4 {
        0 => &["tanh"],
        1 => &["sigmoid", "sigmoid", "sigmoid", "tanh", "tanh"],
        2 => &["sigmoid", "sigmoid", "tanh"],
        _ => &["sigmoid", "tanh"],
    };
    let gate = |(place, function): (usize, &&str)| Gate {
        function: function.to_string(),
        line: format!("cells/{}.rs:{}", ["rnn", "lstm", "gru", "mgu"][cell % 4], 71 + 3 * place),
        name: if place % 4 == 3 { String::new() } else { format!("part {} of 4 of wx, wh, b", place + 1) },
        low: (0.02 + 0.3 * trained * generator.random::<f64>()).min(1.0),
        high: (0.01 + 0.5 * trained * generator.random::<f64>()).min(1.0),
    };
    let gates = functions.iter().enumerate().map(gate).collect();
    Behaviour { gradient_norms, jacobians, lyapunov: keep.ln() + 0.01 * noise(generator), gates }
}

/// A number of mean 0 and deviation 1, as far as twelve draws give one.
fn noise(generator: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| generator.random::<f64>()).sum::<f64>() - 6.0
}
