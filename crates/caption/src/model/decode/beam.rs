//! Beam search: the captions that are most probable as a whole, among those whose beginnings are.
//!
//! A group follows up to B unfinished captions. In each step all their continuations are ranked by log p. Of the best
//! B those that end are set aside as finished, and the best B that do not end are followed. The finished are ranked by
//!
//! ```text
//! score = log p / tokensᵃ        tokens with <END>, a the length penalty
//! ```
//!
//! and the search is over when B have finished of which none is worse than what the best unfinished one would score at
//! its present length, or at the longest length. Captions that did not end are cut off and come after those that did.
//!
//! Diverse beam search shares the width out to G groups that step one after another. A continuation of group g by the
//! word w is ranked by `log p - λ · (times that groups before g have just chosen w)`; scores are without the second
//! term. Vijayakumar and others, "Diverse Beam Search: Decoding Diverse Solutions from Neural Sequence Models", 2016,
//! <https://arxiv.org/abs/1610.02424>, with Hamming diversity.

use nn::Cell;
use tape::RunError;

use super::settings::Beam;
use super::walk::{Row, Walk};
use super::{Caption, Decoding};
use crate::data::{END, START};

/// The captions that a group of a picture's beam has.
struct Group {
    picture: usize,
    /// Those that go on: the row of each in the step before, and what it says.
    live: Vec<(usize, Caption)>,
    /// Those that do not, the best first, at most as many as the group is wide.
    finished: Vec<Caption>,
}

/// A way for a group to go on.
#[derive(Clone, Copy)]
struct Candidate {
    /// Which of the live captions goes on.
    live: usize,
    word: i32,
    /// The logarithm of the word's probability.
    log_probability: f64,
    /// What it is ranked by.
    rank: f64,
}

/// The captions of every picture, the best first.
pub(super) fn search<C: Cell>(
    mut walk: Walk<'_, C>,
    decoding: &Decoding,
    beam: &Beam,
) -> Result<Vec<Vec<Caption>>, RunError> {
    let start = |picture| Group { picture, live: vec![(picture, Caption::default())], finished: Vec::new() };
    let pictures = walk.pictures;
    // As many may end as are followed, so this many decide.
    let most = 2 * beam.group_width();
    let mut groups: Vec<Group> =
        (0..pictures).flat_map(|picture| (0..beam.groups).map(move |_| start(picture))).collect();
    for _ in 0..decoding.longest {
        let of_each: Vec<(usize, usize)> = (0..groups.len())
            .flat_map(|group| (0..groups[group].live.len()).map(move |live| (group, live)))
            .collect();
        if of_each.is_empty() {
            break;
        }
        let row = |(group, live): &(usize, usize)| {
            let (from, caption) = &groups[*group].live[*live];
            let word = caption.words.last().copied().unwrap_or(START);
            Row { from: *from, picture: groups[*group].picture, word }
        };
        let rows: Vec<Row> = of_each.iter().map(row).collect();
        // What groups of the same picture have chosen in this step, and the continuations of the group at hand.
        let mut chosen: Vec<i32> = Vec::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        walk.step(&rows, |number, row| {
            let (group, live) = of_each[number];
            let first_of_picture = number == 0 || rows[number - 1].picture != rows[number].picture;
            if first_of_picture {
                chosen.clear();
            }
            let followed = &mut groups[group].live;
            let caption = &mut followed[live].1;
            caption.restrict(row, decoding);
            let so_far = caption.log_probability;
            for (word, log_probability) in (0..).zip(row.iter().copied()) {
                let times = chosen.iter().filter(|chosen| **chosen == word).count();
                let rank = so_far + log_probability - beam.diversity * times as f64;
                keep_best(&mut candidates, Candidate { live, word, log_probability, rank }, most);
            }
            if live + 1 == followed.len() {
                groups[group].advance(&candidates, number - live, beam, &mut chosen);
                candidates.clear();
            }
        })?;
    }
    let mut captions = vec![Vec::new(); pictures];
    groups.into_iter().for_each(|group| captions[group.picture].extend(group.captions(beam)));
    captions.iter_mut().for_each(|captions| rank(captions, beam));
    Ok(captions)
}

/// Puts a candidate into a list of at most `most`, the best first; of equal ones that which came first.
fn keep_best(best: &mut Vec<Candidate>, candidate: Candidate, most: usize) {
    let too_bad = best.len() == most && best.last().is_some_and(|last| last.rank >= candidate.rank);
    if too_bad || candidate.rank == f64::NEG_INFINITY {
        return;
    }
    let place = best.partition_point(|other| other.rank >= candidate.rank);
    best.truncate(most - 1);
    best.insert(place, candidate);
}

/// Orders captions: those that ended before those that did not, and each by score.
fn rank(captions: &mut [Caption], beam: &Beam) {
    let score = |caption: &Caption| caption.score(beam.length_penalty);
    captions.sort_by(|a, b| b.ended.cmp(&a.ended).then(score(b).total_cmp(&score(a))));
}

impl Group {
    /// Goes on with the best candidates. The rows of its captions in this step begin at `first_row`.
    fn advance(&mut self, candidates: &[Candidate], first_row: usize, beam: &Beam, chosen: &mut Vec<i32>) {
        let width = beam.group_width();
        let mut next = Vec::with_capacity(width);
        for (place, candidate) in candidates.iter().enumerate() {
            let Candidate { live, word, log_probability, .. } = *candidate;
            let wanted = if word == END { place < width } else { next.len() < width };
            if !wanted {
                continue;
            }
            let mut caption = self.live[live].1.clone();
            caption.say(word, log_probability);
            if caption.ended {
                chosen.push(END);
                self.finished.push(caption);
            } else {
                next.push((first_row + live, caption));
            }
        }
        if candidates.is_empty() {
            // Nothing has any probability: what is there stays as it is.
            self.finished.extend(self.live.drain(..).map(|(_, caption)| caption));
        }
        rank(&mut self.finished, beam);
        self.finished.truncate(width);
        self.live = next;
        let score = |caption: &Caption| caption.score(beam.length_penalty);
        let hope = self.live.iter().map(|(_, caption)| score(caption)).fold(f64::NEG_INFINITY, f64::max);
        if self.finished.len() == width && self.finished.iter().all(|caption| score(caption) >= hope) {
            self.live.clear();
        }
        chosen.extend(self.live.iter().filter_map(|(_, caption)| caption.words.last()));
    }

    /// What it has found when the search is over.
    fn captions(self, beam: &Beam) -> Vec<Caption> {
        let mut found = self.finished;
        found.extend(self.live.into_iter().map(|(_, caption)| caption));
        rank(&mut found, beam);
        found.truncate(beam.group_width());
        found
    }
}
