//! Words that may not come next.

use super::Decoding;
use crate::data::{NULL, START, UNKNOWN};

/// The logarithm of the least probability: numbers end a little below it.
const LEAST: f64 = -700.0;

/// Whether `<UNK>` is more probable than any word that could stand in its place.
pub(super) fn unknown_is_likeliest(row: &[f64]) -> bool {
    let Some(unknown) = row.get(UNKNOWN as usize) else { return false };
    let others = (0..).zip(row).filter(|(word, _)| ![NULL, START, UNKNOWN].contains(word));
    others.map(|(_, other)| other).all(|other| other < unknown)
}

/// Gives what may not come after `words` no probability: `row` has the logarithms for all words.
///
/// Never said are `<NULL>` and `<START>`, `<UNK>` unless it is allowed, and a word that would end a run of
/// `no_repeat` words which the caption has already; what is not a number, or has no probability that a number can
/// hold, is not said either.
pub(super) fn forbid(row: &mut [f64], words: &[i32], decoding: &Decoding) {
    let mut silence = |word: i32| {
        if let Some(entry) = usize::try_from(word).ok().and_then(|word| row.get_mut(word)) {
            *entry = f64::NEG_INFINITY;
        }
    };
    [NULL, START].into_iter().for_each(&mut silence);
    if !decoding.say_unknown {
        silence(UNKNOWN);
    }
    if let Some(run) = decoding.no_repeat
        && words.len() >= run
    {
        let last = &words[words.len() + 1 - run..];
        words.windows(run).filter(|seen| seen.starts_with(last)).for_each(|seen| silence(seen[run - 1]));
    }
    let impossible = |entry: &f64| entry.is_nan() || *entry < LEAST;
    row.iter_mut().filter(|entry| impossible(entry)).for_each(|entry| *entry = f64::NEG_INFINITY);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a vocabulary of nine that may come.
    #[track_caller]
    fn check(words: &[i32], decoding: Decoding, expected: &[usize]) {
        let mut row = [-1.0; 9];
        row[8] = if words.is_empty() { f64::NAN } else { -1e9 };
        forbid(&mut row, words, &decoding);
        let left: Vec<usize> = (0..row.len()).filter(|word| row[*word] == -1.0).collect();
        assert_eq!(left, expected, "after {words:?}");
    }

    #[test]
    fn what_may_come_depends_on_what_was_said() {
        let plain = Decoding::default();
        check(&[4, 4], plain, &[2, 4, 5, 6, 7]);
        check(&[], Decoding { say_unknown: true, ..plain }, &[2, 3, 4, 5, 6, 7]);
        let no_repeat = |run| Decoding { no_repeat: Some(run), ..plain };
        check(&[], no_repeat(1), &[2, 4, 5, 6, 7]);
        check(&[4, 6], no_repeat(1), &[2, 5, 7]);
        check(&[4], no_repeat(2), &[2, 4, 5, 6, 7]);
        check(&[4, 5, 4], no_repeat(2), &[2, 4, 6, 7]);
        check(&[4, 4], no_repeat(2), &[2, 5, 6, 7]);
        check(&[4, 5, 6, 4, 5], no_repeat(3), &[2, 4, 5, 7]);
        check(&[4, 5, 6, 5], no_repeat(3), &[2, 4, 5, 6, 7]);
    }
}
