//! Beam search: the captions that are most probable as a whole, among those whose beginnings are.
//!
//! A group follows up to B unfinished captions. In each step all their continuations are compared by log p. Of the best
//! B those that end are set aside as finished, and the best B that do not end are followed. The finished are compared by
//!
//! ```text
//! score = log p / tokensᵃ        tokens with <END>, a the length penalty
//! ```
//!
//! and the search is over when B have finished of which none scores less than the best unfinished one does at its
//! present length, or at the longest length. Captions that did not end are cut off and come after those that did.
//!
//! Diverse beam search shares the width out to G groups that step one after another. For a group, in place of log p of
//! a caption stands its worth: the sum over its words of `log p - λ · (times that groups before have chosen the word in
//! this step)`. All groups' captions together are then compared by log p. Vijayakumar and others, "Diverse Beam
//! Search: Decoding Diverse Solutions from Neural Sequence Models", 2016, <https://arxiv.org/abs/1610.02424>, with
//! Hamming diversity.

use nn::Cell;
use tape::RunError;

use super::settings::Beam;
use super::walk::{Row, Walk};
use super::{Caption, Decoding, PlaceWeights, Watch};
use crate::data::{END, START};

/// The captions that a group of a picture's beam has.
struct Group {
    picture: usize,
    /// Those that go on.
    live: Vec<Followed>,
    /// Those that do not, the best first, at most as many as the group is wide.
    finished: Vec<Followed>,
}

/// A caption that a group follows.
#[derive(Clone)]
struct Followed {
    caption: Caption,
    /// Its row in the last step.
    row: usize,
    /// The logarithm of its probability, less what its words lose by other groups.
    worth: f64,
    /// Where the model looks for its next word.
    weights: Option<PlaceWeights>,
}

/// A way for a group to go on.
#[derive(Clone, Copy)]
struct Candidate {
    /// Which of the live captions goes on.
    live: usize,
    word: i32,
    /// The logarithm of the word's probability.
    log_probability: f64,
    /// What the caption would be worth.
    worth: f64,
}

/// The captions of every picture, the best first.
pub(super) fn search<C: Cell>(
    mut walk: Walk<'_, C>,
    decoding: &Decoding,
    beam: &Beam,
    mut watch: Watch<'_>,
) -> Result<Vec<Vec<Caption>>, RunError> {
    let start = |picture| {
        let nothing = Followed { caption: Caption::default(), row: picture, worth: 0.0, weights: None };
        Group { picture, live: vec![nothing], finished: Vec::new() }
    };
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
            let Followed { caption, row, .. } = &groups[*group].live[*live];
            let word = caption.words.last().copied().unwrap_or(START);
            Row { from: *row, picture: groups[*group].picture, word }
        };
        let rows: Vec<Row> = of_each.iter().map(row).collect();
        // What groups of the same picture have chosen in this step, and the continuations of the group at hand.
        let mut chosen: Vec<i32> = Vec::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        walk.step(&rows, |number, row, weights| {
            let (group, live) = of_each[number];
            let first_of_picture = number == 0 || rows[number - 1].picture != rows[number].picture;
            if first_of_picture {
                chosen.clear();
            }
            let all = &mut groups[group].live;
            all[live].caption.restrict(row, decoding);
            all[live].weights = weights;
            let so_far = all[live].worth;
            for (word, log_probability) in (0..).zip(row.iter().copied()) {
                let times = chosen.iter().filter(|chosen| **chosen == word).count();
                let worth = so_far + log_probability - beam.diversity * times as f64;
                keep_best(&mut candidates, Candidate { live, word, log_probability, worth }, most);
            }
            if live + 1 == all.len() {
                groups[group].advance(&candidates, number - live, beam, &mut chosen);
                candidates.clear();
            }
        })?;
        if watch.as_mut().is_some_and(|watch| watch(&so_far(&groups, beam)).is_break()) {
            break;
        }
    }
    let mut captions = vec![Vec::new(); pictures];
    groups.into_iter().for_each(|group| captions[group.picture].extend(group.captions(beam)));
    captions.iter_mut().for_each(|captions: &mut Vec<Caption>| {
        order(captions, |caption| (caption.ended, score(caption, caption.log_probability, beam)));
    });
    Ok(captions)
}

/// What a search has found so far; one that has ended is no better than one that may still end.
fn so_far(groups: &[Group], beam: &Beam) -> Vec<Caption> {
    let followed = groups.iter().flat_map(|group| group.finished.iter().chain(&group.live));
    let mut captions: Vec<Caption> = followed.map(|followed| followed.caption.clone()).collect();
    order(&mut captions, |caption| (true, score(caption, caption.log_probability, beam)));
    captions.truncate(beam.width);
    captions
}

/// Puts a candidate into a list of at most `most`, the best first; of equal ones that which came first.
fn keep_best(best: &mut Vec<Candidate>, candidate: Candidate, most: usize) {
    let too_bad = best.len() == most && best.last().is_some_and(|last| last.worth >= candidate.worth);
    if too_bad || candidate.worth == f64::NEG_INFINITY {
        return;
    }
    let place = best.partition_point(|other| other.worth >= candidate.worth);
    best.truncate(most - 1);
    best.insert(place, candidate);
}

/// What a caption scores by its log probability or worth.
fn score(caption: &Caption, worth: f64, beam: &Beam) -> f64 {
    worth / (caption.probabilities.len().max(1) as f64).powf(beam.length_penalty)
}

/// Orders captions: those that ended before those that did not, and the higher scores first.
fn order<T>(captions: &mut [T], key: impl Fn(&T) -> (bool, f64)) {
    captions.sort_by(|a, b| {
        let ((a_ended, a_score), (b_ended, b_score)) = (key(a), key(b));
        b_ended.cmp(&a_ended).then(b_score.total_cmp(&a_score))
    });
}

impl Group {
    /// Goes on with the best candidates. The rows of its captions in this step begin at `first_row`.
    fn advance(&mut self, candidates: &[Candidate], first_row: usize, beam: &Beam, chosen: &mut Vec<i32>) {
        let width = beam.group_width();
        let mut next = Vec::with_capacity(width);
        for (place, candidate) in candidates.iter().enumerate() {
            let Candidate { live, word, log_probability, worth } = *candidate;
            let wanted = if word == END { place < width } else { next.len() < width };
            if !wanted {
                continue;
            }
            let mut followed = Followed { row: first_row + live, worth, ..self.live[live].clone() };
            let weights = followed.weights.take();
            followed.caption.say(word, log_probability, weights);
            if followed.caption.ended {
                chosen.push(END);
                self.finished.push(followed);
            } else {
                next.push(followed);
            }
        }
        if candidates.is_empty() {
            // Nothing has any probability: what is there stays as it is.
            self.finished.append(&mut self.live);
        }
        self.keep_best_finished(beam);
        self.live = next;
        let hope = self.live.iter().map(|followed| followed.score(beam)).fold(f64::NEG_INFINITY, f64::max);
        if self.finished.len() == width && self.finished.iter().all(|finished| finished.score(beam) >= hope) {
            self.live.clear();
        }
        chosen.extend(self.live.iter().filter_map(|followed| followed.caption.words.last()));
    }

    fn keep_best_finished(&mut self, beam: &Beam) {
        order(&mut self.finished, |finished| (finished.caption.ended, finished.score(beam)));
        self.finished.truncate(beam.group_width());
    }

    /// What it has found when the search is over.
    fn captions(mut self, beam: &Beam) -> impl Iterator<Item = Caption> {
        self.finished.append(&mut self.live);
        self.keep_best_finished(beam);
        self.finished.into_iter().map(|finished| finished.caption)
    }
}

impl Followed {
    fn score(&self, beam: &Beam) -> f64 {
        score(&self.caption, self.worth, beam)
    }
}
