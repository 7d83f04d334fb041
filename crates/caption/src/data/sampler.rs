//! Which captions come together in a batch, in an order that a seed decides.
//!
//! Each batch of [`WithReplacement`] and each epoch of [`Epochs`] has a random stream of its own, numbered under the
//! seed. So the state of a sampler is a few whole numbers, and a run that is resumed from them draws what it would
//! have drawn.

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::DataError;

/// Chooses the captions of one batch after another.
pub trait Sampler {
    /// Puts the captions of the next batch in place of what `indices` holds.
    fn next_batch(&mut self, indices: &mut Vec<usize>);
    /// How many batches are one epoch.
    fn batches_per_epoch(&self) -> usize;
    /// How many captions are drawn from.
    fn captions(&self) -> usize;
}

/// Every caption of every batch drawn uniformly from all, as CS231n does; some come twice, some never.
///
/// An epoch is captions / batch, rounded down, but at least one.
///
/// ```
/// use caption::data::sampler::{Sampler, WithReplacement};
///
/// let mut sampler = WithReplacement::new(50, 25, 7)?;
/// let mut indices = Vec::new();
/// sampler.next_batch(&mut indices);
/// assert_eq!(indices.len(), 25);
/// assert_eq!(sampler.batches_per_epoch(), 2);
/// # Ok::<(), caption::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WithReplacementState", into = "WithReplacementState")]
pub struct WithReplacement {
    captions: usize,
    batch: usize,
    seed: u64,
    drawn: u64,
}

impl WithReplacement {
    /// Draws batches of `batch` captions, numbered below `captions`.
    ///
    /// # Errors
    /// If there are no captions, or a batch of none is asked for.
    pub fn new(captions: usize, batch: usize, seed: u64) -> Result<Self, DataError> {
        WithReplacementState { captions, batch, seed, drawn: 0 }.try_into()
    }
}

impl Sampler for WithReplacement {
    fn next_batch(&mut self, indices: &mut Vec<usize>) {
        let mut rng = stream(self.seed, self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        indices.clear();
        indices.extend((0..self.batch).map(|_| rng.random_range(0..self.captions)));
    }

    fn batches_per_epoch(&self) -> usize {
        (self.captions / self.batch).max(1)
    }

    fn captions(&self) -> usize {
        self.captions
    }
}

/// Every caption once an epoch, in an order shuffled anew for each epoch; the last batch of an epoch takes what is left.
///
/// ```
/// use caption::data::sampler::{Epochs, Sampler};
///
/// let mut sampler = Epochs::new(5, 2, 7)?;
/// let mut indices = Vec::new();
/// let sizes = [(); 4].map(|()| {
///     sampler.next_batch(&mut indices);
///     indices.len()
/// });
/// assert_eq!(sizes, [2, 2, 1, 2]);
/// # Ok::<(), caption::data::DataError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "EpochsState", into = "EpochsState")]
pub struct Epochs {
    state: EpochsState,
    /// All captions in the order of this epoch; empty until the first batch is asked for, so that a damaged state
    /// with a huge number of captions can be held against the data before it takes memory.
    order: Vec<usize>,
}

impl Epochs {
    /// Deals batches of `batch` captions, numbered below `captions`.
    ///
    /// # Errors
    /// If there are no captions, or a batch of none is asked for.
    pub fn new(captions: usize, batch: usize, seed: u64) -> Result<Self, DataError> {
        EpochsState { captions, batch, seed, epoch: 0, position: 0 }.try_into()
    }
}

impl Sampler for Epochs {
    fn next_batch(&mut self, indices: &mut Vec<usize>) {
        let state = &mut self.state;
        if state.position == state.captions {
            state.position = 0;
            state.epoch = state.epoch.wrapping_add(1);
            self.order.clear();
        }
        if self.order.is_empty() {
            // From the numbers in sequence, so that the order depends on seed and epoch and on no order before.
            self.order.extend(0..state.captions);
            self.order.shuffle(&mut stream(state.seed, state.epoch));
        }
        let end = state.captions.min(state.position.saturating_add(state.batch));
        indices.clear();
        indices.extend_from_slice(&self.order[state.position..end]);
        state.position = end;
    }

    fn batches_per_epoch(&self) -> usize {
        self.state.captions.div_ceil(self.state.batch)
    }

    fn captions(&self) -> usize {
        self.state.captions
    }
}

#[derive(Serialize, Deserialize)]
struct WithReplacementState {
    captions: usize,
    batch: usize,
    seed: u64,
    /// Batches so far, and so the stream of the next.
    drawn: u64,
}

impl TryFrom<WithReplacementState> for WithReplacement {
    type Error = DataError;

    fn try_from(state: WithReplacementState) -> Result<Self, DataError> {
        let WithReplacementState { captions, batch, seed, drawn } = state;
        check_counts(captions, batch)?;
        Ok(WithReplacement { captions, batch, seed, drawn })
    }
}

impl From<WithReplacement> for WithReplacementState {
    fn from(sampler: WithReplacement) -> Self {
        let WithReplacement { captions, batch, seed, drawn } = sampler;
        WithReplacementState { captions, batch, seed, drawn }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EpochsState {
    captions: usize,
    batch: usize,
    seed: u64,
    /// Epochs finished, and so the stream of this one's order.
    epoch: u64,
    /// Captions of this epoch so far.
    position: usize,
}

impl TryFrom<EpochsState> for Epochs {
    type Error = DataError;

    fn try_from(state: EpochsState) -> Result<Self, DataError> {
        let EpochsState { captions, batch, position, .. } = state;
        check_counts(captions, batch)?;
        if position > captions {
            let problem =
                format!("position {position} in an epoch of {captions} captions; the saved state is damaged");
            return Err(DataError::new("sampler", problem));
        }
        Ok(Epochs { state, order: Vec::new() })
    }
}

impl From<Epochs> for EpochsState {
    fn from(sampler: Epochs) -> Self {
        sampler.state
    }
}

fn check_counts(captions: usize, batch: usize) -> Result<(), DataError> {
    let problem = match (captions, batch) {
        (0, _) => "there are no captions to draw from; expected at least one",
        (_, 0) => "a batch of 0 captions; expected at least one. Set a larger batch",
        _ => return Ok(()),
    };
    Err(DataError::new("sampler", problem))
}

/// A random stream for each number under a seed.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(sampler: &mut impl Sampler, batches: usize) -> Vec<Vec<usize>> {
        let mut indices = Vec::new();
        (0..batches)
            .map(|_| {
                sampler.next_batch(&mut indices);
                indices.clone()
            })
            .collect()
    }

    /// A sampler resumed from its saved state after any number of batches draws what it would have drawn.
    fn check_resume<S>(sampler: &S)
    where
        S: Sampler + Clone + Serialize + for<'de> Deserialize<'de>,
    {
        let whole = draw(&mut sampler.clone(), 20);
        for cut in 0..20 {
            let mut first = sampler.clone();
            draw(&mut first, cut);
            let saved = serde_json::to_string(&first).unwrap();
            let mut resumed: S = serde_json::from_str(&saved).unwrap();
            assert_eq!(serde_json::to_string(&resumed).unwrap(), saved);
            assert_eq!(draw(&mut resumed, 20 - cut), whole[cut..]);
        }
    }

    #[test]
    fn a_resumed_sampler_goes_on_with_the_same_batches() {
        check_resume(&WithReplacement::new(11, 4, 5).unwrap());
        check_resume(&Epochs::new(11, 4, 5).unwrap());
        check_resume(&Epochs::new(12, 4, 5).unwrap());
        check_resume(&Epochs::new(3, 100, 5).unwrap());
    }

    #[test]
    fn each_epoch_has_every_caption_once_in_an_order_of_its_own() {
        let mut sampler = Epochs::new(23, 4, 1).unwrap();
        assert_eq!(sampler.batches_per_epoch(), 6);
        let epochs = [(); 3].map(|()| draw(&mut sampler, 6).concat());
        for epoch in &epochs {
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..23).collect::<Vec<_>>());
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_ne!(epochs[1], epochs[2]);
    }

    #[test]
    fn draws_with_replacement_are_uniform() {
        let mut sampler = WithReplacement::new(10, 100, 2).unwrap();
        assert_eq!(sampler.batches_per_epoch(), 1);
        let mut counts = [0; 10];
        for caption in draw(&mut sampler, 100).concat() {
            counts[caption] += 1;
        }
        // 10000 draws: 1000 each with a standard deviation of 30.
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let batches = draw(&mut sampler, 2);
        assert_ne!(batches[0], batches[1]);
    }

    #[test]
    fn seeds_differ() {
        let [a, b] = [1, 2].map(|seed| draw(&mut WithReplacement::new(100, 10, seed).unwrap(), 3));
        assert_ne!(a, b);
        let [a, b] = [1, 2].map(|seed| draw(&mut Epochs::new(100, 10, seed).unwrap(), 3));
        assert_ne!(a, b);
    }

    #[test]
    fn settings_and_saved_states_that_cannot_be_are_errors() {
        assert_eq!(
            Epochs::new(0, 4, 1).unwrap_err().to_string(),
            "sampler: there are no captions to draw from; expected at least one"
        );
        assert_eq!(
            WithReplacement::new(4, 0, 1).unwrap_err().to_string(),
            "sampler: a batch of 0 captions; expected at least one. Set a larger batch"
        );
        let saved = r#"{"captions":4,"batch":2,"seed":1,"epoch":0,"position":5}"#;
        let error = serde_json::from_str::<Epochs>(saved).unwrap_err().to_string();
        assert!(error.contains("position 5 in an epoch of 4 captions"), "{error}");
        assert!(
            serde_json::from_str::<WithReplacement>(r#"{"captions":4,"batch":0,"seed":1,"drawn":0}"#)
                .is_err()
        );
    }
}
