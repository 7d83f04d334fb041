//! A tape as a drawing of boxes and arrows, from top to bottom.
//!
//! Boxes lie in layers, each below what it needs. Within a layer they are ordered by where their neighbours lie, which keeps
//! crossings few (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981), and
//! then moved below what they need as far as they do not overlap. A leaf that is needed far apart is drawn again.

use std::collections::BTreeMap;

use unspool::tape::Tape;
use unspool::tape::graph::NodeId;
use unspool::tape::ops::Op;
use unspool::tape::passes::{remove_dead, simplify};
use unspool::tape::program::Program;

use super::canvas::{BACKWARD, Canvas, FORWARD, INK, LEAF, QUIET, at};
use super::programs::{LETTERS, Recorded, affine, embedding, lstm_step, softmax, step};

/// Drawings of the formulas of one step with their gradients.
pub fn figures() -> Vec<(&'static str, String)> {
    let drawing = |file, recorded: Recorded, names: &Names<'_>, words| (file, svg(&recorded, names, words));
    vec![
        drawing(
            "affine",
            affine(),
            &Names { wanted: &["out", "dx", "dW", "db"], inner: &[] },
            "out = x W + b with the gradients of x, W and b",
        ),
        drawing(
            "embedding",
            embedding(),
            &Names { wanted: &["out", "dW"], inner: &[] },
            "rows of a table with the gradient of the table",
        ),
        drawing(
            "rnn_step",
            step(),
            &Names { wanted: &["h'", "dx", "dh", "dWx", "dWh", "db"], inner: &[("tanh_grad", &["da"])] },
            "one step of the vanilla recurrence with the gradients of its inputs and weights",
        ),
        drawing(
            "lstm_step",
            lstm_step(),
            &Names {
                wanted: &["h'", "c'", "dx", "dh", "dc", "dWx", "dWh", "db"],
                inner: &[("sigmoid", &["f", "i", "o"]), ("tanh", &["g"]), ("concat", &["da"])],
            },
            "one step of an LSTM with the gradients of its inputs and weights",
        ),
        drawing(
            "softmax",
            softmax(),
            &Names { wanted: &["loss", "ds"], inner: &[] },
            "cross entropy with the gradient of the scores",
        ),
    ]
}

/// What values are called in a drawing.
struct Names<'a> {
    /// Those that are asked for.
    wanted: &'a [&'a str],
    /// Of others the first of an operation, the second, and so on.
    inner: &'a [(&'a str, &'a [&'a str])],
}

impl Names<'_> {
    /// The names of a program's values, as far as they have one.
    fn of(&self, tape: &Tape, program: &Program) -> BTreeMap<NodeId, String> {
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
                    Some(tape.input_name(slot as usize).unwrap_or_else(|| "words".to_string()))
                }
                _ => wanted.map(|place| self.wanted[place].to_string()).or(inner),
            };
            names.extend(name.map(|name| (id, name)));
        }
        names
    }
}

/// A box.
struct Item {
    label: String,
    shape: String,
    fill: &'static str,
    /// Whether it is asked for.
    wanted: bool,
    width: f64,
    layer: usize,
    /// Its middle.
    x: f64,
}

const HEIGHT: f64 = 38.0;
const DOWN: f64 = 66.0;
const APART: f64 = 14.0;
const MARGIN: f64 = 16.0;
/// The room for an arrow that passes a layer.
const PASSAGE: f64 = 8.0;

fn svg(recorded: &Recorded, names: &Names<'_>, words: &str) -> String {
    let (mut boxes, arrows) = boxes(recorded, names);
    place_in_layers(&mut boxes, &arrows);
    let (mut boxes, paths) = with_passages(boxes, &arrows);
    arrange(&mut boxes, &paths);
    draw(&boxes, &paths, words)
}

/// What is needed of a tape, as boxes and as arrows between their numbers.
fn boxes(recorded: &Recorded, names: &Names<'_>) -> (Vec<Item>, Vec<[usize; 2]>) {
    let wanted = recorded.wanted();
    let tape = &recorded.tape;
    // What the sweep recorded on its way and nobody asks for, such as a product with 1, says nothing.
    let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
    let program = remove_dead(simplify(Program { graph: tape.graph().clone(), outputs }));
    let names = names.of(tape, &program);
    let mut boxes = Vec::new();
    let mut arrows = Vec::new();
    let mut place: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (id, node) in program.graph.iter() {
        // Leaves are drawn where they are needed.
        if matches!(node.op, Op::Input(_)) {
            continue;
        }
        let is_gradient = tape.scopes().name(node.scope).split('/').any(|scope| scope == "grad");
        let operands: Vec<Option<String>> =
            node.inputs.iter().map(|input| names.get(input).cloned()).collect();
        let said = said(node.op.name(), &node.op.attributes(), &operands);
        let label = names.get(&id).map_or(said.clone(), |name| format!("{name} = {said}"));
        let number = boxes.len();
        let fill = if is_gradient { BACKWARD } else { FORWARD };
        boxes.push(new_box(label, lettered(&node.shape.to_string()), fill, program.outputs.contains(&id)));
        for input in &node.inputs {
            let source = program.graph.node(*input);
            let from = place.get(input).copied().unwrap_or_else(|| {
                let name = names.get(input).cloned().unwrap_or_default();
                boxes.push(new_box(name, lettered(&source.shape.to_string()), LEAF, false));
                boxes.len() - 1
            });
            if !arrows.contains(&[from, number]) {
                arrows.push([from, number]);
            }
        }
        place.insert(id, number);
    }
    (boxes, arrows)
}

fn new_box(label: String, shape: String, fill: &'static str, wanted: bool) -> Item {
    let letters = label.chars().count().max(shape.chars().count()) as f64;
    Item { label, shape, fill, wanted, width: (7.4 * letters + 16.0).max(44.0), layer: 0, x: 0.0 }
}

/// An operation in few words; a product with its operands, as far as they have names.
fn said(name: &str, attributes: &str, operands: &[Option<String>]) -> String {
    let side = |place: usize, side: &str| {
        let transposed = if attributes.contains(&format!("{side}=t")) { "ᵀ" } else { "" };
        format!("{}{transposed}", operands[place].as_deref().unwrap_or("…"))
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

/// Every box below all that it needs, and a leaf directly above what needs it.
fn place_in_layers(boxes: &mut [Item], arrows: &[[usize; 2]]) {
    for _ in 0..boxes.len() {
        for [from, to] in arrows {
            boxes[*to].layer = boxes[*to].layer.max(boxes[*from].layer + 1);
        }
    }
    for number in
        (0..boxes.len()).filter(|number| !arrows.iter().any(|[_, to]| to == number)).collect::<Vec<_>>()
    {
        let users = arrows.iter().filter(|[from, _]| *from == number);
        boxes[number].layer = users.map(|[_, to]| boxes[*to].layer).min().unwrap_or(1) - 1;
    }
}

/// The boxes with empty ones wherever an arrow passes a layer, and the arrows as the boxes that they go through.
fn with_passages(mut boxes: Vec<Item>, arrows: &[[usize; 2]]) -> (Vec<Item>, Vec<Vec<usize>>) {
    let mut paths = Vec::new();
    for [from, to] in arrows {
        let mut path = vec![*from];
        for layer in boxes[*from].layer + 1..boxes[*to].layer {
            path.push(boxes.len());
            let passage = new_box(String::new(), String::new(), "none", false);
            boxes.push(Item { width: PASSAGE, layer, ..passage });
        }
        path.push(*to);
        paths.push(path);
    }
    (boxes, paths)
}

/// Gives every box its middle.
fn arrange(boxes: &mut [Item], paths: &[Vec<usize>]) {
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for (number, one) in boxes.iter().enumerate() {
        layers.resize(layers.len().max(one.layer + 1), Vec::new());
        layers[one.layer].push(number);
    }
    let mut neighbours: Vec<[Vec<usize>; 2]> = vec![Default::default(); boxes.len()];
    for pair in paths.iter().flat_map(|path| path.windows(2)) {
        neighbours[pair[1]][0].push(pair[0]);
        neighbours[pair[0]][1].push(pair[1]);
    }
    layers.iter().for_each(|layer| spread(boxes, layer));
    // To and fro: by what lies above, then by what lies below, and by both in the end.
    for round in 0..40 {
        let sides: &[usize] = if round >= 24 {
            &[0, 1]
        } else if round % 2 == 0 {
            &[0]
        } else {
            &[1]
        };
        let order: Vec<usize> =
            if round % 2 == 0 { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for layer in order {
            for number in &layers[layer] {
                let near: Vec<f64> = sides
                    .iter()
                    .flat_map(|side| &neighbours[*number][*side])
                    .map(|other| boxes[*other].x)
                    .collect();
                if !near.is_empty() {
                    boxes[*number].x = near.iter().sum::<f64>() / near.len() as f64;
                }
            }
            if round < 24 {
                layers[layer].sort_by(|one, other| boxes[*one].x.total_cmp(&boxes[*other].x));
            }
            spread(boxes, &layers[layer]);
        }
    }
    let left = boxes.iter().map(|one| one.x - one.width / 2.0).fold(f64::INFINITY, f64::min);
    boxes.iter_mut().for_each(|one| one.x += MARGIN - left);
}

/// Moves the boxes of a layer apart where they overlap, so that groups of them stay where they wish to be on the whole.
fn spread(boxes: &mut [Item], layer: &[usize]) {
    let mut groups: Vec<(f64, f64, Vec<usize>)> = Vec::new();
    for number in layer {
        let room = boxes[*number].width + APART;
        let mut group = (boxes[*number].x, room, vec![*number]);
        while let Some(last) = groups.last() {
            if last.0 + last.1 / 2.0 <= group.0 - group.1 / 2.0 {
                break;
            }
            let (middle, room, mut members) = groups.pop().expect("it was looked at");
            let (count, more) = (members.len() as f64, group.2.len() as f64);
            let together = (middle * count + group.0 * more) / (count + more);
            members.extend(group.2);
            group = (together, room + group.1, members);
        }
        groups.push(group);
    }
    for (middle, room, members) in groups {
        let mut left = middle - room / 2.0;
        for number in members {
            let room = boxes[number].width + APART;
            boxes[number].x = left + room / 2.0;
            left += room;
        }
    }
}

fn draw(boxes: &[Item], paths: &[Vec<usize>], words: &str) -> String {
    let mut canvas = Canvas::default();
    let top = |one: &Item| MARGIN + DOWN * one.layer as f64;
    for path in paths {
        let (first, end) = (&boxes[path[0]], path[path.len() - 1]);
        let mut line = format!("M{} {}", at(first.x), at(top(first) + HEIGHT));
        for pair in path.windows(2) {
            let (from, to) = (&boxes[pair[0]], &boxes[pair[1]]);
            let x = if pair[1] == end { to.x + port(boxes, paths, path) } else { to.x };
            let (start, stop) = (top(from) + HEIGHT, top(to));
            let half = (start + stop) / 2.0;
            let curve = [from.x, half, x, half, x, stop].map(at).join(" ");
            line += &format!("C{curve}");
            if pair[1] != end {
                line += &format!("V{}", at(stop + HEIGHT));
            }
        }
        canvas.arrow(&line, QUIET, false);
    }
    for one in boxes.iter().filter(|one| one.fill != "none") {
        let stroke = if one.wanted { INK } else { "none" };
        canvas.frame([one.x - one.width / 2.0, top(one), one.width, HEIGHT], one.fill, stroke, 1.4);
        canvas.words(one.x, top(one) + 16.0, 12.0, INK, "middle", &one.label);
        canvas.words(one.x, top(one) + 31.0, 11.0, QUIET, "middle", &one.shape);
    }
    let width = boxes.iter().map(|one| one.x + one.width / 2.0).fold(0.0, f64::max) + MARGIN;
    let height = boxes.iter().map(|one| top(one) + HEIGHT).fold(0.0, f64::max) + MARGIN;
    canvas.svg(width, height, INK, &format!("The tape of {words}: operations as boxes, values as arrows."))
}

/// How far from the middle of its last box a path ends, so that arrows into a box do not meet.
fn port(boxes: &[Item], paths: &[Vec<usize>], path: &[usize]) -> f64 {
    let from = |path: &[usize]| boxes[path[path.len() - 2]].x;
    let beside = || paths.iter().filter(|other| other.last() == path.last());
    let left = beside().filter(|other| from(other) < from(path)).count() as f64;
    16.0 * (left - (beside().count() as f64 - 1.0) / 2.0)
}
