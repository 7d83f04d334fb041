//! What is drawn of tapes: the formulas of one step with their gradients, and loops before and after they were rewritten.
//!
//! A leaf is drawn again wherever it is needed, so that arrows are short.

use std::collections::BTreeMap;

use unspool::tape::graph::{Node, NodeId};
use unspool::tape::ops::{Op, Part};
use unspool::tape::passes::{PIPELINE, remove_dead, run, simplify};
use unspool::tape::program::Program;

use super::canvas::{BACKWARD, FORWARD, LEAF};
use super::graph::{Graph, new_box, picture};
use super::programs::{LETTERS, Recorded, affine, embedding, lstm_step, softmax, step, training};

/// All drawings of tapes by their names.
pub fn figures() -> Vec<(&'static str, String)> {
    let formula = |file, recorded: Recorded, names: Names<'_>, words| {
        let words = format!("The tape of {words}: operations as boxes, values as arrows.");
        (file, picture(vec![("", formula(&recorded, &names))], &words))
    };
    let loops = |file, number, [recorded, lifted]: [Names<'_>; 2], words| {
        let graphs = vec![
            ("in every step, as recorded", loop_after(0, number, &recorded)),
            ("in every step, after lift", loop_after(5, number, &lifted)),
        ];
        (file, picture(graphs, words))
    };
    let none: &[(&str, &[&str])] = &[];
    let da: &[(&str, &[&str])] = &[("tanh_grad", &["da"])];
    let gates: &[(&str, &[&str])] = &[("sigmoid", &["f", "i", "o"]), ("tanh", &["g"]), ("concat", &["da"])];
    vec![
        formula(
            "affine",
            affine(),
            Names { given: &[], wanted: &["out", "dx", "dW", "db"], inner: none },
            "out = x W + b with the gradients of x, W and b",
        ),
        formula(
            "embedding",
            embedding(),
            Names { given: &[], wanted: &["out", "dW"], inner: none },
            "rows of a table with the gradient of the table",
        ),
        formula(
            "rnn_step",
            step(),
            Names { given: &[], wanted: &["h'", "dx", "dh", "dWx", "dWh", "db"], inner: da },
            "one step of the vanilla recurrence with the gradients of its inputs and weights",
        ),
        formula(
            "lstm_step",
            lstm_step(),
            Names { given: &[], wanted: &["h'", "c'", "dx", "dh", "dc", "dWx", "dWh", "db"], inner: gates },
            "one step of an LSTM with the gradients of its inputs and weights",
        ),
        formula(
            "softmax",
            softmax(),
            Names { given: &[], wanted: &["loss", "ds"], inner: none },
            "cross entropy with the gradient of the scores",
        ),
        loops(
            "loop_forward",
            0,
            [
                Names { given: &["h", "x", "Wx", "Wh", "b", "V"], wanted: &["h'", "s"], inner: none },
                Names { given: &["h", "x Wx", "Wh", "b"], wanted: &["h'"], inner: none },
            ],
            "The body of the forward loop: three products as recorded, one after lift.",
        ),
        loops(
            "loop_backward",
            1,
            [
                Names {
                    given: &["dh'", "ds", "V", "h'", "Wh", "h", "x"],
                    wanted: &["dh", "dWx", "dWh", "db", "dV"],
                    inner: da,
                },
                Names { given: &["dh'", "ds Vᵀ", "h'", "Wh"], wanted: &["dh", "da"], inner: none },
            ],
            "The body of the backward loop: five products as recorded, one after lift.",
        ),
    ]
}

/// What values are called in a drawing.
struct Names<'a> {
    /// The inputs, in their order, where the tape has no names for them.
    given: &'a [&'a str],
    /// Those that are asked for.
    wanted: &'a [&'a str],
    /// Of others the first of an operation, the second, and so on.
    inner: &'a [(&'a str, &'a [&'a str])],
}

/// What is needed of a tape.
fn formula(recorded: &Recorded, names: &Names<'_>) -> Graph {
    let outputs = recorded.wanted().iter().map(|var| var.id()).collect();
    // What the sweep recorded on its way and nobody asks for, such as a product with 1, says nothing.
    let program = remove_dead(simplify(Program { graph: recorded.tape.graph().clone(), outputs }));
    graph(recorded, &program, names)
}

/// The body of a loop of the program that the chapter on the engine follows, after some passes.
fn loop_after(passes: usize, number: usize, names: &Names<'_>) -> Graph {
    let recorded = training();
    let outputs = recorded.wanted().iter().map(|var| var.id()).collect();
    let whole = run(Program { graph: recorded.tape.graph().clone(), outputs }, &PIPELINE[..passes]);
    let mut scans = whole.graph.iter().filter_map(|(id, node)| match &node.op {
        Op::Scan(scan) => Some((id, scan)),
        _ => None,
    });
    let (id, scan) = scans.nth(number).expect("the program has two loops");
    let mut outputs = scan.next.clone();
    let taken = whole.graph.iter().filter(|(_, node)| node.inputs.first() == Some(&id));
    for part in taken.filter_map(|(_, node)| part(node)) {
        if !outputs.contains(&part) && !matches!(scan.body.node(part).op, Op::Input(_)) {
            outputs.push(part);
        }
    }
    graph(&recorded, &Program { graph: scan.body.clone(), outputs }, names)
}

/// The node of a body that a part takes out of its loop, of all steps or as a sum.
fn part(node: &Node) -> Option<NodeId> {
    match node.op {
        Op::Part(Part::Stacked(inside) | Part::Summed(inside)) => Some(inside),
        _ => None,
    }
}

impl Names<'_> {
    /// The names of a program's values, as far as they have one.
    fn of(&self, recorded: &Recorded, program: &Program) -> BTreeMap<NodeId, String> {
        let mut names = BTreeMap::new();
        let mut met: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, node) in program.graph.iter() {
            let count = met.entry(node.op.name()).or_default();
            let inner = self.inner.iter().find(|(op, _)| *op == node.op.name());
            let inner = inner.and_then(|(_, names)| names.get(*count)).map(|name| name.to_string());
            *count += 1;
            let wanted = program.outputs.iter().position(|output| *output == id);
            let name = match node.op {
                Op::Input(slot) => {
                    let slot = slot as usize;
                    let given = self.given.get(slot).map(|name| name.to_string());
                    given.or_else(|| recorded.tape.input_name(slot)).or(Some("words".to_string()))
                }
                _ => wanted.map(|place| self.wanted[place].to_string()).or(inner),
            };
            names.extend(name.map(|name| (id, name)));
        }
        names
    }
}

/// A program as boxes and arrows.
fn graph(recorded: &Recorded, program: &Program, names: &Names<'_>) -> Graph {
    let names = names.of(recorded, program);
    let mut graph = Graph::default();
    let mut place: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (id, node) in program.graph.iter() {
        // Leaves are drawn where they are needed.
        if matches!(node.op, Op::Input(_)) {
            continue;
        }
        let scopes = recorded.tape.scopes();
        let is_gradient = scopes.name(node.scope).split('/').any(|scope| scope == "grad");
        let operands: Vec<Option<&str>> =
            node.inputs.iter().map(|input| names.get(input).map(String::as_str)).collect();
        let said = said(node.op.name(), &node.op.attributes(), &operands);
        let label = names.get(&id).map_or(said.clone(), |name| format!("{name} = {said}"));
        let number = graph.boxes.len();
        let fill = if is_gradient { BACKWARD } else { FORWARD };
        let wanted = program.outputs.contains(&id);
        graph.boxes.push(new_box(label, lettered(&node.shape.to_string()), fill, wanted));
        for input in &node.inputs {
            let from = place.get(input).copied().unwrap_or_else(|| {
                let shape = lettered(&program.graph.node(*input).shape.to_string());
                graph.boxes.push(new_box(names[input].clone(), shape, LEAF, false));
                graph.boxes.len() - 1
            });
            if !graph.arrows.contains(&[from, number]) {
                graph.arrows.push([from, number]);
            }
        }
        place.insert(id, number);
    }
    graph
}

/// An operation in few words; a product with its operands, as far as they have names.
fn said(name: &str, attributes: &str, operands: &[Option<&str>]) -> String {
    let side = |place: usize, side: &str| {
        let transposed = if attributes.contains(&format!("{side}=t")) { "ᵀ" } else { "" };
        format!("{}{transposed}", operands[place].unwrap_or("…"))
    };
    match name {
        "dot" => format!("{} · {}", side(0, "left"), side(1, "right")),
        "scalar" => short(attributes),
        name => name.to_string(),
    }
}

/// A number with as many digits as an eye needs.
fn short(number: &str) -> String {
    let rounded = number.parse().map_or(number.to_string(), |number: f64| format!("{number:.3}"));
    rounded.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A shape with the letters of the chapters.
fn lettered(shape: &str) -> String {
    let letter = |size: &str| {
        let known = LETTERS.iter().find(|(known, _)| known.to_string() == size);
        known.map_or(size.to_string(), |(_, letter)| letter.to_string())
    };
    let sizes: Vec<String> = shape.trim_matches(['[', ']']).split(", ").map(letter).collect();
    if sizes == [""] { "a number".to_string() } else { format!("({})", sizes.join(", ")) }
}
