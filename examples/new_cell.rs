//! A recurrent cell of one's own: is it right, how fast is it, what does it learn, and can it caption?
//!
//! The cell is in no library. Its gate is a bell instead of a sigmoid: it opens where what it makes of the input and what it
//! makes of the state agree, and both are learned.
//!
//! ```text
//! f  = exp(-(x Wf - h Uf + bf)²)          x (n, D)   h (n, H)
//! g  = tanh(x Wg + h Ug + bg)
//! h' = h + f (g - h)
//! ```
//!
//! `cargo run --release --example new_cell`, about a minute on 2 cores, or with `-- --quick` a few seconds' worth of it. With a
//! command, such as `-- compare --cells bell,lstm --out runs/bell`, it is the program `lab` with this cell in it.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use unspool::caption::data::scenes::Scenes;
use unspool::caption::trial;
use unspool::lab::compare::{Comparison, Settings, Size};
use unspool::lab::{program, report, tasks, timing};
use unspool::nn::{Cell, NamedCell, Param, Scope, cells, check_cell, init};
use unspool::tape::Var;

struct Bell([Param; 6]);

fn bell(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Bell {
    let rows = [("wf", inputs), ("uf", hidden), ("bf", 1), ("wg", inputs), ("ug", hidden), ("bg", 1)];
    Bell(rows.map(|(name, rows)| scope.weight(name, [rows, hidden], init::fan_in())))
}

impl Cell for Bell {
    type State<'t> = Var<'t>;
    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [wf, uf, bf, wg, ug, bg] = self.0;
        let f = (-(x.dot(wf) - h.dot(uf) + bf).square()).exp();
        let g = (x.dot(wg) + h.dot(ug) + bg).tanh();
        let h = h + f * (g - h);
        (h, h)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mine = NamedCell::new("bell", "a gate that opens where input and state agree", bell);
    let command = std::env::args().nth(1);
    let quick = command.as_deref() == Some("--quick");
    if command.is_some() && !quick {
        return Ok(program::run(vec![mine]));
    }
    let gru = cells::named("gru").ok_or("there is no GRU")?;

    let checks = check_cell(bell);
    println!("{checks}");
    checks.ok()?;

    let rounds = if quick { 3 } else { 30 };
    println!(
        "{}",
        timing::table(&timing::time(&[gru.clone(), mine.clone()], timing::Sizes::default(), rounds)?)
    );

    // Adding, and a language model of characters.
    let comparison = Comparison {
        cells: vec![gru, mine.clone()],
        tasks: vec![tasks::parse("adding:steps=50")?, tasks::parse("text:steps=50")?],
        settings: Settings {
            size: Size::Parameters(10_000),
            steps: if quick { 20 } else { 1000 },
            sweep_steps: if quick { 10 } else { 300 },
            evaluate_every: if quick { 10 } else { 50 },
            ..Settings::default()
        },
    };
    let folder = Path::new(if quick { "runs/new_cell_quick" } else { "runs/new_cell" });
    let records = comparison.run(folder, 2, &mut ())?;
    println!("{}", report::Comparison::new(comparison.experiment(), records).text());
    println!("the report of it: {}\n", report::write(folder)?.html.display());

    let scenes = if quick { Scenes::small() } else { Scenes { train: 4000, ..Scenes::default() } };
    println!("{}", trial::on_scenes(&mine, &scenes, if quick { 5 } else { 600 })?);
    Ok(ExitCode::SUCCESS)
}
