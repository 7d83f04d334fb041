//! Text that the chapters show of programs, made by the program.

use unspool::tape::Engine;
use unspool::tape::graph::Graph;
use unspool::tape::ops::Op;
use unspool::tape::passes::{PIPELINE, Pass, run};
use unspool::tape::plan::Plan;
use unspool::tape::program::Program;
use unspool::tape::text::Listing;

use super::programs::{Recorded, step, training, two_products};

/// All dumps by their names.
pub fn all() -> Vec<(&'static str, String)> {
    let after = |passes| shown(&training(), &PIPELINE[..passes]);
    let loop_of_two = |passes| loops(&shown(&two_products(), &PIPELINE[..passes]))[0].clone();
    let backward = loops(&after(0))[1].clone();
    vec![
        ("step", shown(&step(), &[])),
        ("backward_loop", backward),
        ("recorded", after(0)),
        ("remove_dead", without_inputs(&folded(&after(1)))),
        (
            "simplify",
            picked(&folded(&after(2)), &["scalar", "div", "reshape", "expand", "cross_entropy_gradient"]),
        ),
        ("merge_duplicates", picked(&after(3), &["scalar 0.0", "expand %6", "= scan", "state of"])),
        ("merge_products_before", loop_of_two(3)),
        ("merge_products", loop_of_two(4)),
        ("lift", without_inputs(&after(5))),
        ("second_remove_dead", picked(&folded(&after(8)), &["scalar", "div", "reshape", "expand"])),
        ("fuse", without_inputs(&after(9))),
        ("costs", costs()),
        ("plan", Plan::new(program(&training())).dump()),
        ("explain", explained()),
    ]
}

fn program(recorded: &Recorded) -> Program {
    let outputs = recorded.wanted().iter().map(|var| var.id()).collect();
    Program { graph: recorded.tape.graph().clone(), outputs }
}

/// A program after some passes, with the names of what was recorded.
fn shown(recorded: &Recorded, passes: &[Pass]) -> String {
    let program = run(program(recorded), passes);
    let tape = &recorded.tape;
    let names = (0..program.graph.inputs.len()).map(|slot| tape.input_name(slot)).collect();
    Listing::new(program).with_scopes(tape.scopes().clone()).with_names(names).to_string()
}

/// The loops of a program, each with the line that opens it and the line that closes it.
fn loops(text: &str) -> Vec<String> {
    let mut loops: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.contains(" = scan ") {
            (inside, loops) = (true, [loops, vec![String::new()]].concat());
        }
        if let Some(last) = loops.last_mut().filter(|_| inside) {
            *last += &format!("{line}\n");
        }
        inside &= line != "}";
    }
    loops
}

/// The lines of a program that pass, and a line of dots wherever others have stood.
fn chosen(text: &str, passes: impl Fn(&str) -> bool) -> String {
    let mut short = String::new();
    let mut left_out = false;
    for line in text.lines() {
        if passes(line) {
            short += if left_out { "…\n" } else { "" };
            short += &format!("{line}\n");
        }
        left_out = !passes(line);
    }
    short + if left_out { "…\n" } else { "" }
}

/// A program without what stands inside its loops.
fn folded(text: &str) -> String {
    chosen(text, |line| !line.starts_with(' '))
}

/// A program without its inputs, which no pass changes.
fn without_inputs(text: &str) -> String {
    let lines = text.lines().filter(|line| line.starts_with(' ') || !line.contains(" = input "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The lines with one of these words in them.
fn picked(text: &str, words: &[&str]) -> String {
    chosen(text, |line| words.iter().any(|word| line.contains(word)))
}

/// What the program costs when it is placed after the first passes alone.
fn costs() -> String {
    let mut text = format!(
        "{:<20}{:>8}{:>16}{:>14}{:>24}\n",
        "after", "nodes", "nodes in loops", "arena bytes", "products in each loop"
    );
    for passes in 0..=PIPELINE.len() {
        let name = if passes == 0 { "recording" } else { PIPELINE[passes - 1].0 };
        let program = program(&training());
        let plan = Plan::with_passes(program.clone(), &PIPELINE[..passes]);
        let [around, inside] = count(&run(program, &PIPELINE[..passes]).graph);
        let products: Vec<String> = plan.products_in_loops().iter().map(usize::to_string).collect();
        text +=
            &format!("{name:<20}{around:>8}{inside:>16}{:>14}{:>24}\n", plan.bytes(), products.join(" and "));
    }
    text
}

/// Nodes outside of loops and inside, inputs and parts apart: they compute nothing.
fn count(graph: &Graph) -> [usize; 2] {
    let mut counts = [0; 2];
    for (_, node) in graph.iter() {
        match &node.op {
            Op::Scan(scan) => counts[1] += count(&scan.body)[0],
            Op::Input(_) | Op::Part(_) => {}
            _ => counts[0] += 1,
        }
    }
    counts
}

fn explained() -> String {
    let recorded = training();
    let wanted = recorded.wanted();
    let mut engine = Engine::new();
    let run = engine.run(&wanted).expect("zeros are what it takes");
    run.plan().explain().with_scopes(recorded.tape.scopes().clone()).to_string()
}
