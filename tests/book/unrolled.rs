//! A recurrence over three sequences of different lengths, step beside step, with the rows that each step has.

use unspool::tape::Packing;

use super::canvas::{Canvas, FORWARD, INK, LEAF, QUIET};
use super::programs::LENGTHS;

const CELL: f64 = 24.0;
const ACROSS: f64 = 150.0;
const LEFT: f64 = 70.0;
const LOSS: f64 = 24.0;
const STATES: f64 = 120.0;
const INPUTS: f64 = 260.0;
const PACKED: f64 = 396.0;
const GRADIENT: &str = "#b4530a";

/// The drawing.
pub fn figure() -> String {
    let packing = Packing::ragged(&LENGTHS);
    let (steps, all) = (packing.steps(), LENGTHS.len());
    let mut canvas = Canvas::default();
    let column = |t: usize| LEFT + ACROSS * t as f64;
    let width = column(steps) + CELL + 46.0;

    canvas.frame([column(1) - 30.0, LOSS, column(steps) - column(1) + 84.0, 34.0], FORWARD, "none", 0.0);
    let middle = (column(1) + column(steps) + CELL) / 2.0;
    canvas.words(middle, LOSS + 22.0, 13.0, INK, "middle", "loss = L₁ + L₂ + L₃");

    let letter = |row: usize| char::from(b'a' + row as u8).to_string();
    rows(&mut canvas, column(0), STATES, all, FORWARD, letter);
    canvas.words(column(0) - 5.0, STATES - 7.0, 13.0, INK, "start", "h₀");
    for t in 0..steps {
        let running = packing.running(t, all);
        let (x, name) = (column(t + 1), ["₁", "₂", "₃"][t]);
        rows(&mut canvas, x, STATES, running, FORWARD, letter);
        rows(&mut canvas, x, INPUTS, running, LEAF, letter);
        canvas.words(x - 4.0, STATES - 7.0, 13.0, INK, "end", &format!("h{name}"));
        canvas.words(x - 8.0, INPUTS + 16.0, 13.0, INK, "end", &format!("x{name}"));
        // To the right and up are the values, to the left and down their gradients.
        let (from, to) = (column(t) + CELL + 4.0, x - 4.0);
        let middle = (from + to) / 2.0;
        canvas.arrow(&format!("M{from} {}H{to}", STATES + 7.0), QUIET, false);
        canvas.arrow(&format!("M{to} {}H{from}", STATES + 18.0), GRADIENT, true);
        canvas.words(middle, STATES + 1.0, 12.0, QUIET, "middle", "· Wh");
        canvas.words(middle, STATES + 35.0, 12.0, GRADIENT, "middle", "· Whᵀ");
        let below = STATES + CELL * running as f64;
        canvas.arrow(&format!("M{} {}V{}", x + 6.0, INPUTS - 4.0, below + 4.0), QUIET, false);
        canvas.arrow(&format!("M{} {}V{}", x + 18.0, below + 4.0, INPUTS - 4.0), GRADIENT, true);
        canvas.words(x + 1.0, INPUTS - 22.0, 12.0, QUIET, "end", "· Wx");
        canvas.words(x + 24.0, INPUTS - 22.0, 12.0, GRADIENT, "start", "· Wxᵀ");
        canvas.arrow(&format!("M{} {}V{}", x + 6.0, STATES - 4.0, LOSS + 38.0), QUIET, false);
        canvas.arrow(&format!("M{} {}V{}", x + 18.0, LOSS + 38.0, STATES - 4.0), GRADIENT, true);
        canvas.words(x + 24.0, STATES - 26.0, 12.0, GRADIENT, "start", &format!("u{name}"));
    }

    canvas.words(
        LEFT,
        PACKED - 12.0,
        12.0,
        QUIET,
        "start",
        "in memory, with no padding: the rows of step 1, then of step 2, then of step 3",
    );
    let mut left = LEFT;
    for t in 0..steps {
        for row in 0..packing.running(t, all) {
            cell(&mut canvas, left, PACKED, LEAF, &format!("{}{}", letter(row), ["₁", "₂", "₃"][t]));
            left += CELL + 6.0;
        }
        left += 16.0;
    }
    canvas.words(
        width - 10.0,
        INPUTS + 100.0,
        12.0,
        GRADIENT,
        "end",
        "dashed: gradients, from the last step to the first",
    );
    let words = "A recurrence over three sequences a, b and c of 3, 2 and 1 steps: values go to the right and up, gradients to the left \
                 and down, and step 2 has the rows of a and b only.";
    canvas.svg(width, PACKED + CELL + 16.0, GRADIENT, words)
}

/// Rows of a batch, one below the other.
fn rows(canvas: &mut Canvas, x: f64, y: f64, count: usize, fill: &str, letter: impl Fn(usize) -> String) {
    (0..count).for_each(|row| cell(canvas, x, y + CELL * row as f64, fill, &letter(row)));
}

fn cell(canvas: &mut Canvas, x: f64, y: f64, fill: &str, letter: &str) {
    canvas.frame([x, y, CELL, CELL], fill, QUIET, 0.8);
    canvas.words(x + CELL / 2.0, y + 16.0, 12.0, INK, "middle", letter);
}
