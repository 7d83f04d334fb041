//! Each baseline is played on drawn sequences, and what is then measured is what the task says.

use std::collections::HashMap;

use lab::tasks::{Batch, Task, Values, generator, parse};

use crate::{Row, rows};

/// A loss and a score, measured.
#[derive(Debug)]
struct Played {
    loss: f64,
    score: f64,
}

fn check(task: &dyn Task, length: usize, played: &Played, tolerance: f64) {
    let said = task.baseline(length);
    let off = (said.loss - played.loss).abs().max((said.score - played.score).abs());
    assert!(off < tolerance, "{} of {length}: {said:?}, but {played:?}", task.name());
}

/// Plays shares of the answers to a batch: those that count for the loss, the one with the largest share for the score.
fn play(
    rows: &[Row],
    counted: impl Fn(&Row, usize, usize) -> f64,
    judged: impl Fn(&Row, usize, usize) -> f64,
) -> Played {
    let (mut loss, mut count, mut hits, mut asked) = (0.0, 0.0, 0.0, 0.0);
    for row in rows {
        for step in 0..row.shown.len() {
            let Some(answer) = row.asked[step] else { continue };
            loss -= counted(row, step, answer).ln();
            count += 1.0;
            if row.judged[step] {
                hits += judged(row, step, answer);
                asked += 1.0;
            }
        }
    }
    Played { loss: loss / count, score: hits / asked }
}

/// How often each answer was right, for each thing that the player knows.
#[derive(Default)]
struct Frequencies(HashMap<usize, HashMap<usize, f64>>);

impl Frequencies {
    fn of(
        rows: &[Row],
        knows: impl Fn(&Row, usize) -> usize,
        wanted: impl Fn(&Row, usize) -> bool,
    ) -> Frequencies {
        let mut frequencies = Frequencies::default();
        for row in rows {
            for step in (0..row.shown.len()).filter(|step| wanted(row, *step)) {
                let answer = row.asked[step].unwrap();
                *frequencies.0.entry(knows(row, step)).or_default().entry(answer).or_default() += 1.0;
            }
        }
        frequencies
    }

    /// What was rare enough not to be seen has a small share.
    fn share(&self, known: usize, answer: usize) -> f64 {
        self.0[&known].get(&answer).copied().unwrap_or(0.1) / self.0[&known].values().sum::<f64>()
    }

    fn is_most_frequent(&self, known: usize, answer: usize) -> f64 {
        let most = self.0[&known].iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(answer, _)| *answer);
        f64::from(u8::from(most == Some(answer)))
    }
}

/// Learns the frequencies of answers in one batch, and plays them on another.
fn check_frequencies(word: &str, knows: impl Fn(&Row, usize) -> usize) {
    let task = parse(word).unwrap();
    for length in task.test_lengths().into_iter().chain([1, 4]) {
        let mut generator = generator(11, length as u64);
        let seen = rows(&task.draw_held_out(2000, length, &mut generator));
        let counted = Frequencies::of(&seen, &knows, |row, step| row.asked[step].is_some());
        let judged = Frequencies::of(&seen, &knows, |row, step| row.judged[step]);
        let played = play(
            &rows(&task.draw_held_out(2000, length, &mut generator)),
            |row, step, answer| counted.share(knows(row, step), answer),
            |row, step, answer| judged.is_most_frequent(knows(row, step), answer),
        );
        // 2000 answers are judged at least: half of them right have a deviation of 0.011.
        check(&*task, length, &played, 0.04);
    }
}

#[test]
fn whoever_knows_when_to_copy() {
    check_frequencies("copy:delay=5", |row, step| usize::from(row.judged[step]));
}

#[test]
fn whoever_says_any_symbol() {
    check_frequencies("selective_copy:steps=20,symbols=2,kinds=3", |_, _| 0);
    check_frequencies("parity:steps=10", |_, _| 0);
}

#[test]
fn whoever_knows_how_often_brackets_are_open() {
    check_frequencies("dyck1", |_, _| 0);
    check_frequencies("dyck2", |_, _| 0);
}

#[test]
fn whoever_knows_what_stands_where_when_sorted() {
    check_frequencies("sorting:kinds=5,symbols=6", |_, step| step);
}

#[test]
fn whoever_remembers_values_without_keys() {
    let task = parse("recall").unwrap();
    for length in [1, 4, 16] {
        let drawn = rows(&task.draw_held_out(2000, length, &mut generator(11, length as u64)));
        let values = |row: &Row| -> Vec<usize> {
            row.shown.iter().filter(|symbol| (16..32).contains(*symbol)).map(|symbol| symbol - 16).collect()
        };
        let played = play(
            &drawn,
            |row, _, answer| {
                let values = values(row);
                values.iter().filter(|value| **value == answer).count() as f64 / values.len() as f64
            },
            |row, _, answer| f64::from(u8::from(values(row)[0] == answer)),
        );
        check(&*task, length, &played, 0.02);
    }
}

#[test]
fn whoever_always_says_one() {
    let task = parse("adding").unwrap();
    for length in [2, 5, 100] {
        let Batch { targets, counted, .. } = task.draw_held_out(5000, length, &mut generator(11, 1));
        let Values::Numbers(sums) = targets else { panic!("sums are numbers") };
        let sums = sums.iter().zip(&counted).filter(|(_, counted)| **counted);
        let loss = sums.map(|(sum, _)| (f64::from(*sum) - 1.0).powi(2)).sum::<f64>() / 5000.0;
        // The square has a deviation of about 0.2, its mean over 5000 one of 0.003.
        check(&*task, length, &Played { loss, score: loss }, 0.01);
    }
}

#[test]
fn whoever_knows_how_often_characters_are_used() {
    let task = parse("text").unwrap();
    for length in [1, 100] {
        let mut generator = generator(11, length as u64);
        let seen = rows(&task.draw(4000, length, &mut generator));
        let counted = Frequencies::of(&seen, |_, _| 0, |row, step| row.asked[step].is_some());
        let held_out = rows(&task.draw_held_out(4000, length, &mut generator));
        let played = play(&held_out, |_, _, answer| counted.share(0, answer), |_, _, _| 0.0);
        let bits = played.loss / 2f64.ln();
        check(&*task, length, &Played { loss: played.loss, score: bits }, 0.06);
    }
}
