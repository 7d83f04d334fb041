//! How a caption's words are chosen.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The longest caption that is made unless another length is asked for, in words; CS231n's `max_length`.
pub const LONGEST: usize = 30;

/// The most words, candidates or groups that can be asked for: what is a slip of the hand would else run for hours.
const MOST: usize = 1000;

/// How captions are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// How the next word is chosen.
    pub method: Method,
    /// The most words of a caption; one that has not ended then is cut off.
    pub longest: usize,
    /// The length of runs of words that no caption has twice.
    pub no_repeat: Option<usize>,
    /// Whether `<UNK>` may be said.
    pub say_unknown: bool,
}

/// How the next word is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The most probable word.
    Greedy,
    /// A word drawn at random.
    Sample(Sample),
    /// The captions that are most probable as a whole, among those that begin well.
    Beam(Beam),
}

/// How words are drawn.
///
/// Of the words that may be said, with probabilities p to the power of `1 / temperature`, the `top_k` most probable
/// are kept; of these, shares of one again, the fewest that together have at least `top_p` (the nucleus of Holtzman
/// and others, "The Curious Case of Neural Text Degeneration", 2020, <https://arxiv.org/abs/1904.09751>); and one
/// of what is left is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Below 1 probable words become more probable, above 1 less.
    pub temperature: f64,
    /// How many words are drawn from at most.
    pub top_k: Option<usize>,
    /// How much of the probability is drawn from.
    pub top_p: Option<f64>,
    /// Decides what is drawn, with the number of a picture's stream.
    pub seed: u64,
}

/// How captions are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beam {
    /// How many captions are followed for each picture.
    pub width: usize,
    /// The power of a caption's length, `<END>` counted, that its log probability is divided by: 0 prefers short
    /// captions, 1 compares by the mean of a token.
    pub length_penalty: f64,
    /// How many groups share the width. Each searches by itself, but is held off words that groups before it have
    /// chosen at the same place.
    pub groups: usize,
    /// What a word loses of its log probability for each time that a group before has chosen it there.
    pub diversity: f64,
}

impl Default for Decoding {
    /// Greedy, of at most [`LONGEST`] words, without `<UNK>`.
    fn default() -> Self {
        Decoding { method: Method::Greedy, longest: LONGEST, no_repeat: None, say_unknown: false }
    }
}

impl Default for Sample {
    /// From the model's own probabilities.
    fn default() -> Self {
        Sample { temperature: 1.0, top_k: None, top_p: None, seed: 1 }
    }
}

impl Default for Beam {
    /// Five captions in one group.
    fn default() -> Self {
        Beam { width: 5, length_penalty: 0.7, groups: 1, diversity: 0.5 }
    }
}

impl Sample {
    /// The random numbers of a picture.
    pub(super) fn stream(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

impl Beam {
    /// How many captions each group follows.
    pub(super) fn group_width(&self) -> usize {
        self.width / self.groups
    }
}

impl Decoding {
    /// Whether the settings can be followed.
    ///
    /// # Errors
    /// What is wrong with them, and what would do.
    pub fn check(&self) -> Result<(), String> {
        within("the longest caption", self.longest)?;
        self.no_repeat.map_or(Ok(()), |run| within("the run of words that is not repeated", run))?;
        match &self.method {
            Method::Greedy => Ok(()),
            Method::Sample(sample) => sample.check(),
            Method::Beam(beam) => beam.check(),
        }
    }

    /// How many sentences are followed for each picture.
    pub fn rows(&self) -> usize {
        match self.method {
            Method::Beam(beam) => beam.width,
            _ => 1,
        }
    }

    /// The settings in words, as a heading of results.
    pub fn describe(&self) -> String {
        let mut said = match self.method {
            Method::Greedy => "greedy".to_string(),
            Method::Sample(Sample { temperature, top_k, top_p, seed }) => {
                let cut = top_k.map(|k| format!(", of the {k} most probable words"));
                let nucleus = top_p.map(|p| format!(", of the nucleus of {p}"));
                let cuts = [cut, nucleus].into_iter().flatten().collect::<String>();
                format!("drawn at temperature {temperature}{cuts}, seed {seed}")
            }
            Method::Beam(Beam { width, length_penalty, groups, diversity }) => {
                let shared = format!(" in {groups} groups with diversity {diversity}");
                let shared = if groups > 1 { shared } else { String::new() };
                format!("beam of {width}{shared}, log p / tokens^{length_penalty}")
            }
        };
        if let Some(run) = self.no_repeat {
            said.push_str(&format!(", no run of {run} twice"));
        }
        said.push_str(if self.say_unknown { ", <UNK> allowed" } else { ", no <UNK>" });
        said
    }
}

impl Sample {
    fn check(&self) -> Result<(), String> {
        let Sample { temperature, top_k, top_p, .. } = self;
        // The bounds keep log p / temperature far from where numbers end.
        if !(1e-3..=1e3).contains(temperature) {
            let advice = "give 0.001 to 1000, or leave it out for the most probable words";
            return Err(format!("a temperature of {temperature} cannot be drawn at; {advice}"));
        }
        if *top_k == Some(0) {
            return Err("the 0 most probable words leave none to draw from; give 1 or more".into());
        }
        match top_p {
            Some(top_p) if !(*top_p > 0.0 && *top_p <= 1.0) => Err(format!(
                "a nucleus of {top_p} is no share of probability; give more than 0 and at most 1"
            )),
            _ => Ok(()),
        }
    }
}

impl Beam {
    fn check(&self) -> Result<(), String> {
        let Beam { width, length_penalty, groups, diversity } = self;
        within("the beam's width", *width)?;
        within("the number of groups", *groups)?;
        if !width.is_multiple_of(*groups) {
            return Err(format!(
                "a beam of {width} cannot be shared by {groups} groups; give a multiple of {groups}"
            ));
        }
        if !(0.0..=10.0).contains(length_penalty) {
            return Err(format!("a length penalty of {length_penalty} is out of bounds; give 0 to 10"));
        }
        if !(0.0..=1e3).contains(diversity) {
            return Err(format!("a diversity of {diversity} is out of bounds; give 0 to 1000"));
        }
        Ok(())
    }
}

fn within(what: &str, number: usize) -> Result<(), String> {
    if (1..=MOST).contains(&number) { Ok(()) } else { Err(format!("{what} is {number}; give 1 to {MOST}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(decoding: Decoding, expected: &str) {
        let found = decoding.check().map_or_else(|problem| problem, |()| decoding.describe());
        assert!(found.contains(expected), "{expected:?} is missing in {found:?}");
    }

    #[test]
    fn settings_say_what_they_are_or_what_is_wrong() {
        let sample = |sample| Decoding { method: Method::Sample(sample), ..Decoding::default() };
        let beam = |beam| Decoding { method: Method::Beam(beam), ..Decoding::default() };
        check(Decoding::default(), "greedy, no <UNK>");
        check(
            Decoding { no_repeat: Some(3), say_unknown: true, ..Decoding::default() },
            "no run of 3 twice, <UNK>",
        );
        check(Decoding { longest: 0, ..Decoding::default() }, "the longest caption is 0; give 1 to 1000");
        check(Decoding { no_repeat: Some(0), ..Decoding::default() }, "not repeated is 0");
        check(
            sample(Sample { temperature: 0.8, top_k: Some(40), top_p: Some(0.9), seed: 7 }),
            "drawn at temperature 0.8, of the 40 most probable words, of the nucleus of 0.9, seed 7",
        );
        check(sample(Sample { temperature: 0.0, ..Sample::default() }), "temperature of 0 cannot");
        check(sample(Sample { temperature: f64::NAN, ..Sample::default() }), "temperature of NaN cannot");
        check(sample(Sample { top_k: Some(0), ..Sample::default() }), "leave none to draw from");
        for top_p in [0.0, 1.5, f64::NAN] {
            check(sample(Sample { top_p: Some(top_p), ..Sample::default() }), "no share of probability");
        }
        check(beam(Beam::default()), "beam of 5, log p / tokens^0.7");
        check(
            beam(Beam { width: 6, groups: 3, ..Beam::default() }),
            "beam of 6 in 3 groups with diversity 0.5",
        );
        check(beam(Beam { groups: 2, ..Beam::default() }), "a beam of 5 cannot be shared by 2 groups");
        check(beam(Beam { width: 0, ..Beam::default() }), "the beam's width is 0");
        check(beam(Beam { groups: 0, ..Beam::default() }), "the number of groups is 0");
        check(beam(Beam { length_penalty: -1.0, ..Beam::default() }), "length penalty of -1");
        check(beam(Beam { diversity: f64::INFINITY, ..Beam::default() }), "diversity of inf");
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let methods = [
            Method::Greedy,
            Method::Sample(Sample { top_p: Some(0.9), ..Sample::default() }),
            Method::Beam(Beam::default()),
        ];
        for method in methods {
            let decoding = Decoding { method, ..Decoding::default() };
            let text = serde_json::to_string(&decoding).unwrap();
            assert_eq!(serde_json::from_str::<Decoding>(&text).unwrap(), decoding, "{text}");
        }
    }
}
