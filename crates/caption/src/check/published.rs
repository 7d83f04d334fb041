//! The numbers that the notebooks print, and the gradients that were derived for their losses.

use tape::{DType, Engine, RunError, try_grad};

use super::Row;
use super::captioner::CaptioningFormula;
use super::formula::{Bench, Formula, Stage, forward};
use super::layers::EmbeddingFormula;
use super::recurrences::{LstmFormula, LstmStepFormula, RnnFormula, RnnStepFormula};
use crate::reference::{CAPTIONERS, Captioner, LOSS_PRINTED_TO, PRINTED_TO, Summary, TABLES, Table};

pub(super) fn compare(bench: &mut Bench<'_>) -> Result<(), RunError> {
    for table in &TABLES {
        let found = outputs(table)?;
        for (output, found) in table.outputs.iter().zip(&found) {
            bench.rows.push(Row {
                what: format!("notebook: {}", table.formula),
                place: format!("{} {:?}", output.name, output.shape),
                error: output.largest_error(found),
                limit: PRINTED_TO,
            });
        }
    }
    for captioner in &CAPTIONERS {
        captioning(captioner, bench)?;
    }
    Ok(())
}

/// What the layers make of the inputs of a notebook's check.
fn outputs(table: &Table) -> Result<Vec<Vec<f64>>, RunError> {
    let of = |names: &[&str]| -> Vec<Vec<f64>> { names.iter().map(|name| table.numbers(name)).collect() };
    let size = |name: &str, axis: usize| table.shape(name)[axis];
    match table.formula {
        "rnn_step_forward" => {
            let formula = RnnStepFormula { n: size("x", 0), d: size("x", 1), h: size("prev_h", 1) };
            forward(&formula, &of(&["x", "prev_h", "Wx", "Wh", "b"]))
        }
        "rnn_forward" => {
            let formula = RnnFormula { n: size("x", 0), t: size("x", 1), d: size("x", 2), h: size("h0", 1) };
            forward(&formula, &of(&["x", "h0", "Wx", "Wh", "b"]))
        }
        "word_embedding_forward" => {
            let (n, t, v, d) = (size("x", 0), size("x", 1), size("W", 0), size("W", 1));
            forward(&EmbeddingFormula { n, t, v, d, x: table.indices("x").to_vec() }, &of(&["W"]))
        }
        "lstm_step_forward" => {
            let formula = LstmStepFormula { n: size("x", 0), d: size("x", 1), h: size("prev_h", 1) };
            forward(&formula, &of(&["x", "prev_h", "prev_c", "Wx", "Wh", "b"]))
        }
        "lstm_forward" => {
            let formula = LstmFormula { n: size("x", 0), t: size("x", 1), d: size("x", 2), h: size("h0", 1) };
            forward(&formula, &of(&["x", "h0", "Wx", "Wh", "b"]))
        }
        // A table that nothing computes fails, as it should: no error is below its limit.
        _ => Ok(vec![Vec::new(); table.outputs.len()]),
    }
}

/// The loss and the gradients of a whole captioner.
fn captioning(captioner: &Captioner, bench: &mut Bench<'_>) -> Result<(), RunError> {
    let formula = CaptioningFormula {
        cell: captioner.cell,
        sizes: Captioner::SIZES,
        features: captioner.features(),
        captions: captioner.captions(),
    };
    let values: Vec<Vec<f64>> = captioner.parameters().named().map(|(_, values)| values.clone()).into();
    let stage = Stage::new(&formula, DType::F64, &values);
    let tape = stage.params.tape();
    let loss = stage.record(&formula, &tape)[0];
    let arrays: Vec<_> = formula.arrays().iter().map(|(name, _)| stage.var(&tape, name)).collect();
    let gradients = try_grad(loss, &arrays).expect("a loss is a single number");
    let wanted: Vec<_> = std::iter::once(loss).chain(gradients.into_iter().flatten()).collect();
    let mut engine = Engine::new();
    let run = engine.run(&wanted)?;
    let what = format!("notebook: {}", formula.name());
    let error = (run.number(0) - captioner.loss).abs();
    bench.rows.push(Row {
        what: what.clone(),
        place: format!("loss {:.11}", run.number(0)),
        error,
        limit: LOSS_PRINTED_TO,
    });
    let names = captioner.parameters().named().map(|(name, _)| name);
    for facts in captioner.gradients {
        let index =
            names.iter().position(|name| *name == facts.parameter).expect("a parameter of the captioner");
        let found = Summary::of(&run.tensor(index + 1).to_f64());
        bench.rows.push(Row {
            what: what.clone(),
            place: format!("d{}", facts.parameter),
            error: facts.summary.largest_error(&found),
            limit: facts.summary.tolerance(),
        });
    }
    Ok(())
}
