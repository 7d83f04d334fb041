//! What passes make of programs: files in `tests/golden/passes`, one for each rule.
//!
//! A file is a sentence that says the rule, a program, a line `after` with the names of the passes that are
//! run on it, and the program that comes out. `cargo xtask bless` rewrites what comes out.

mod common;

use std::fs;
use std::path::Path;

use common::{golden, spread};
use tape::error::ShapeError;
use tape::grad::Adjoint;
use tape::graph::Node;
use tape::ops::{Gradients, Io, Kind, Meta, Op, Rule, Unary};
use tape::passes::{self, PIPELINE, Pass};
use tape::program::Program;
use tape::text::parse_with;
use tape::{Custom, DType, Engine, Packing, Shape, Tape, Var, interpret, scan};

/// What begins something, as `send` in the files.
struct Send;

impl Rule for Send {
    fn name(&self) -> &'static str {
        "send"
    }
    fn kind(&self) -> Kind {
        Kind::Other
    }
    fn begins(&self) -> bool {
        true
    }
    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((Shape::scalar(), inputs[0].dtype))
    }
    fn eval(&self, _: Io<'_>) -> Result<(), String> {
        Ok(())
    }
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        (0..at.inputs()).map(|_| None).collect()
    }
}

/// What every plan ends with.
const BEHIND: [Pass; 1] = [("hasten", passes::hasten)];

/// The passes of a line such as `after simplify, remove_dead`.
fn named(line: &str) -> Vec<Pass> {
    let all = || PIPELINE.iter().chain(&BEHIND);
    let pass = |name: &str| *all().find(|(known, _)| *known == name.trim()).expect(name);
    line.split(',').map(pass).collect()
}

#[test]
fn programs_are_rewritten_as_the_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/passes");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of golden files")
        .map(|file| file.expect("a file of the folder").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort_unstable();
    for name in &names {
        let text = fs::read_to_string(folder.join(name)).expect("a golden file").replace("\r\n", "\n");
        let (title, rest) = text.split_once("\n\n").expect("a sentence and an empty line");
        assert!(title.ends_with('.'), "{name}: a sentence ends with a full stop: {title}");
        let (before, rest) = rest.split_once("\nafter ").expect("a line `after` with passes");
        let passes = rest.lines().next().expect("the passes");
        let program =
            parse_with(before, &[Custom::new(Send)]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = passes::run(program.clone(), &named(passes));
        // The program before is written again too, so that all files are laid out alike.
        golden(&format!("passes/{name}"), &format!("{title}\n\n{program}\nafter {passes}\n\n{after}"));
    }
    for (pass, _) in PIPELINE.iter().chain(&BEHIND) {
        assert!(names.iter().any(|name| name.starts_with(pass)), "{pass} has no golden file");
    }
}

/// A pass of a user's: the hyperbolic tangent of every product.
fn bound_products(program: Program) -> Program {
    let mut rewrite = |program: Program| {
        program.rebuild(|graph, _, node| {
            let bounded = (node.op.kind() == Kind::Product).then(|| node.clone());
            let product = graph.push(node);
            bounded.map_or(product, |node| {
                graph.push(Node { op: Unary::Tanh.into(), inputs: [product].into_iter().collect(), ..node })
            })
        })
    };
    let program = program.map_bodies(&mut rewrite);
    rewrite(program)
}

/// Products outside a loop, in it, and such as leave it.
fn recurrence<'t>(tape: &'t Tape, product: impl Fn(Var<'t>, Var<'t>) -> Var<'t>) -> Vec<Var<'t>> {
    let operand = |shape: &[usize], salt| tape.input(spread(shape, salt, DType::F64));
    let (h0, x) = (operand(&[3, 4], 1), operand(&[6, 2], 2));
    let (wx, wh, out) = (operand(&[2, 4], 3), operand(&[4, 4], 4), operand(&[4, 2], 5));
    let (last, outputs) = scan(&Packing::ragged(&[3, 2, 1]), h0, x, |h, x| {
        let h = (product(x, wx) + product(h, wh)).sin();
        (h, product(h, out))
    });
    vec![last, outputs, product(last, out)]
}

#[test]
fn a_pass_of_ones_own_runs_wherever_it_is_put() {
    let by_hand = Tape::new(DType::F64);
    let expected = interpret(&recurrence(&by_hand, |a, b| a.dot(b).tanh())).expect("it runs");
    for place in 0..=PIPELINE.len() {
        let (before, after) = PIPELINE.split_at(place);
        let own: Pass = ("bound_products", bound_products);
        let mut engine = Engine::new().with_passes([before, &[own], after].concat());
        let tape = Tape::new(DType::F64);
        let run = engine.run(&recurrence(&tape, |a, b| a.dot(b))).expect("it runs");
        for (output, expected) in expected.iter().enumerate() {
            let found = run.tensor(output).to_f64();
            let furthest =
                found.iter().zip(expected.to_f64()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(furthest < 1e-14, "at place {place}, output {output}: {furthest:e}");
        }
    }
}

#[test]
#[should_panic(expected = "after lose_a_row: %3 = tanh: its rule infers")]
fn a_pass_that_breaks_a_program_is_named() {
    fn lose_a_row(mut program: Program) -> Program {
        let is_tanh = |node: &&mut Node| matches!(node.op, Op::Unary(Unary::Tanh));
        program.graph.nodes.iter_mut().find(is_tanh).expect("a tanh").shape = Shape::from([2]);
        program
    }
    let tape = Tape::new(DType::F64);
    let x = tape.input(spread(&[3], 1, DType::F64));
    let _ = Engine::new().with_passes(vec![("lose_a_row", lose_a_row)]).run(&[(x * 2.0).tanh()]);
}
