//! Boxes and arrows from top to bottom.
//!
//! Boxes lie in layers, each below what it needs. Within a layer they are ordered by where their neighbours lie, which keeps
//! crossings few (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981), and
//! then moved below what they need as far as they do not overlap.

use super::canvas::{Canvas, INK, QUIET, at};

/// Boxes, and arrows from one to another by their numbers.
#[derive(Default)]
pub struct Graph {
    pub boxes: Vec<Item>,
    pub arrows: Vec<[usize; 2]>,
}

/// A box.
pub struct Item {
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
/// The height of a line of words over a graph.
const HEADING: f64 = 26.0;

/// Graphs beside one another, each with a line of words over it where there are any.
pub fn picture(graphs: Vec<(&str, Graph)>, words: &str) -> String {
    let mut canvas = Canvas::default();
    let headed = graphs.iter().any(|(heading, _)| !heading.is_empty());
    let top = if headed { MARGIN + HEADING } else { MARGIN };
    let (mut left, mut bottom) = (MARGIN, 0.0_f64);
    for (heading, Graph { mut boxes, arrows }) in graphs {
        place_in_layers(&mut boxes, &arrows);
        let (mut boxes, paths) = with_passages(boxes, &arrows);
        arrange(&mut boxes, &paths);
        let first = boxes.iter().map(|one| one.x - one.width / 2.0).fold(f64::INFINITY, f64::min);
        boxes.iter_mut().for_each(|one| one.x += left - first);
        if !heading.is_empty() {
            canvas.words(left, MARGIN + 10.0, 13.0, QUIET, "start", heading);
        }
        draw(&mut canvas, top, &boxes, &paths);
        left = boxes.iter().map(|one| one.x + one.width / 2.0).fold(left, f64::max) + 3.0 * MARGIN;
        bottom = boxes.iter().map(|one| top + DOWN * one.layer as f64 + HEIGHT).fold(bottom, f64::max);
    }
    canvas.svg(left - 2.0 * MARGIN, bottom + MARGIN, INK, words)
}

/// A box with two lines of words.
pub fn new_box(label: String, shape: String, fill: &'static str, wanted: bool) -> Item {
    let letters = label.chars().count().max(shape.chars().count()) as f64;
    Item { label, shape, fill, wanted, width: (7.4 * letters + 16.0).max(44.0), layer: 0, x: 0.0 }
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

fn draw(canvas: &mut Canvas, first: f64, boxes: &[Item], paths: &[Vec<usize>]) {
    let top = |one: &Item| first + DOWN * one.layer as f64;
    for path in paths {
        let (start, end) = (&boxes[path[0]], path[path.len() - 1]);
        let mut line = format!("M{} {}", at(start.x), at(top(start) + HEIGHT));
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
}

/// How far from the middle of its last box a path ends, so that arrows into a box do not meet.
fn port(boxes: &[Item], paths: &[Vec<usize>], path: &[usize]) -> f64 {
    let from = |path: &[usize]| boxes[path[path.len() - 2]].x;
    let beside = || paths.iter().filter(|other| other.last() == path.last());
    let left = beside().filter(|other| from(other) < from(path)).count() as f64;
    16.0 * (left - (beside().count() as f64 - 1.0) / 2.0)
}
