//! The answers of each task follow from what is shown, by a plain loop of its own.

use std::collections::HashMap;

use lab::tasks::{Values, generator, parse};

use crate::{Row, rows};

/// Every sequence that a task draws, for training and held out, of its own length and tiny ones, is as it should be.
fn check(word: &str, is_right: impl Fn(&Row)) {
    let task = parse(word).unwrap();
    for length in [1, 2, 3, task.length()] {
        let mut generator = generator(3, length as u64);
        rows(&task.draw(20, length, &mut generator)).iter().for_each(&is_right);
        rows(&task.draw_held_out(20, length, &mut generator)).iter().for_each(&is_right);
    }
}

#[test]
fn copy_says_the_symbols_after_the_mark() {
    check("copy:delay=7,symbols=3,kinds=5", |row| {
        let (blank, mark) = (5, 6);
        let asked = row.shown.iter().position(|symbol| *symbol == mark).unwrap();
        assert!(row.shown[..3].iter().all(|symbol| *symbol < 5));
        assert!(row.shown[3..asked].iter().chain(&row.shown[asked + 1..]).all(|symbol| *symbol == blank));
        let expected = [vec![blank; asked + 1], row.shown[..3].to_vec()].concat();
        assert_eq!(row.answers(), expected);
        assert_eq!(row.judged, [vec![false; asked + 1], vec![true; 3]].concat());
    });
}

#[test]
fn the_delay_of_copy_is_from_the_last_symbol_to_the_mark() {
    let task = parse("copy").unwrap();
    for (delay, steps) in [(1, 21), (7, 27), (100, 120)] {
        let batch = task.draw(2, delay, &mut generator(1, 1));
        assert_eq!(batch.layout.lengths(), [steps; 2]);
        assert!(rows(&batch).iter().all(|row| row.shown[10 + delay - 1] == 9));
    }
}

#[test]
fn selective_copy_says_what_was_not_blank() {
    check("selective_copy:steps=12,symbols=3,kinds=5", |row| {
        let (blank, mark) = (5, 6);
        let symbols: Vec<usize> = row.shown.iter().copied().filter(|symbol| *symbol < blank).collect();
        let marks = row.shown.iter().map(|symbol| *symbol == mark).collect::<Vec<bool>>();
        assert_eq!(row.answers(), symbols);
        assert_eq!(symbols.len(), 3);
        assert_eq!(row.judged, marks);
        assert!(marks.is_sorted());
    });
}

#[test]
fn adding_says_the_sum_of_one_marked_number_in_each_half() {
    let task = parse("adding").unwrap();
    for length in [1, 2, 3, 100] {
        let batch = task.draw(20, length, &mut generator(3, 1));
        let (Values::Numbers(shown), Values::Numbers(sums)) = (&batch.inputs, &batch.targets) else {
            panic!("these are numbers")
        };
        let steps = length.max(2);
        for (sequence, shown) in shown.chunks(2 * steps).enumerate() {
            let marked: Vec<usize> = (0..steps).filter(|step| shown[2 * step + 1] == 1.0).collect();
            assert!(marked.len() == 2 && marked[0] < steps / 2 && steps / 2 <= marked[1], "{marked:?}");
            assert!(shown.iter().all(|number| (0.0..=1.0).contains(number)));
            let last = (sequence + 1) * steps - 1;
            assert_eq!(sums[last], shown[2 * marked[0]] + shown[2 * marked[1]]);
            assert_eq!(batch.counted[last + 1 - steps..=last], [vec![false; steps - 1], vec![true]].concat());
        }
        assert_eq!(batch.judged, batch.counted);
    }
}

/// Replaces pairs that stand beside each other until none is left, which needs no stack.
fn open_brackets(shown: &[usize], kinds: usize) -> Vec<usize> {
    let mut rest = shown.to_vec();
    while let Some(place) = rest.windows(2).position(|pair| pair[1] == pair[0] + kinds) {
        rest.drain(place..place + 2);
    }
    rest
}

fn check_brackets(kinds: usize) {
    check(&format!("dyck{kinds}:steps=30"), |row| {
        assert!(open_brackets(&row.shown, kinds).is_empty(), "the word is balanced");
        for step in 0..row.shown.len() {
            let open = open_brackets(&row.shown[..=step], kinds);
            assert!(open.iter().all(|symbol| *symbol < kinds), "the prefix {:?}", &row.shown[..=step]);
            assert_eq!(row.asked[step], Some(open.last().map_or(0, |kind| kind + 1)));
            let judged = row.shown[step] >= kinds && (kinds == 2 || open.len() < 2);
            assert_eq!(row.judged[step], judged);
        }
    });
}

#[test]
fn dyck_says_the_bracket_that_closes_the_last_open_one() {
    check_brackets(1);
    check_brackets(2);
}

#[test]
fn every_balanced_word_is_as_likely_as_another() {
    // There are 14 words of 4 pairs: the chi-squared statistic of 13 degrees of freedom is above 34.5 once in 1000.
    let task = parse("dyck1").unwrap();
    let mut seen: HashMap<Vec<usize>, f64> = HashMap::new();
    for row in rows(&task.draw_held_out(14_000, 8, &mut generator(5, 5))) {
        *seen.entry(row.shown).or_default() += 1.0;
    }
    let statistic: f64 = seen.values().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
    assert_eq!(seen.len(), 14);
    assert!(statistic < 34.5, "{statistic}");
}

#[test]
fn parity_counts_the_ones_so_far() {
    check("parity", |row| {
        let expected: Vec<usize> =
            (1..=row.shown.len()).map(|steps| row.shown[..steps].iter().sum::<usize>() % 2).collect();
        assert_eq!(row.answers(), expected);
        let last = row.judged.iter().position(|judged| *judged);
        assert_eq!(last, Some(row.shown.len() - 1));
    });
}

#[test]
fn recall_says_the_value_of_each_key_once() {
    check("recall:pairs=5,kinds=6", |row| {
        let pairs = row.shown.len() / 4;
        let values: HashMap<usize, usize> =
            row.shown[..2 * pairs].chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let mut asked = 0;
        for (step, symbol) in row.shown.iter().enumerate().skip(2 * pairs) {
            assert_eq!(row.asked[step], values.get(symbol).map(|value| value - 6));
            asked += usize::from(*symbol != 12);
        }
        assert_eq!((values.len(), asked), (pairs, pairs), "no key is given or asked for twice");
        assert!(row.asked[..2 * pairs].iter().all(Option::is_none));
        assert!(row.judged.iter().zip(&row.asked).all(|(judged, asked)| *judged == asked.is_some()));
    });
}

#[test]
fn sorting_says_the_symbols_in_order() {
    check("sorting", |row| {
        let length = row.shown.len() / 2;
        let by_kind: Vec<usize> = (0..8)
            .flat_map(|kind| row.shown[..length].iter().filter(move |symbol| **symbol == kind))
            .copied()
            .collect();
        assert_eq!(row.answers(), by_kind);
        assert!(row.shown[length..].iter().all(|symbol| *symbol == 8));
        assert_eq!(row.judged, [vec![false; length], vec![true; length]].concat());
    });
}
