//! What is wrong with a captioner whose scores are low: symptoms by name, with the likely cause and what to do.
//!
//! Each symptom is a number beyond a bound. The bounds are wide, so that a model that learns as it should shows none;
//! a model at the start of its training shows several.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::metrics::{distinct, mean_length, unknown_share};
use crate::model::Caption;

/// From this share of pictures on a caption is that of most.
const MOST: f64 = 0.5;
/// From this share of places on `<UNK>` is too frequent.
const UNKNOWN: f64 = 0.2;
/// Below this share of the references' mean length captions are too short.
const SHORT: f64 = 0.5;
/// Above this many times the references' mean length captions are too long.
const LONG: f64 = 2.0;
/// From this share of captions on it is a fault that they do not end, or that they stutter.
const MANY: f64 = 0.2;
/// What the loss per word rises at least, in nats, when pictures are exchanged and the model looks at them: its
/// perplexity by 2 %.
const RISE: f64 = 0.02;
/// Below this share of the references' distinct-2 the words of captions are poor.
const POOR: f64 = 0.05;
/// Fewer pictures than this say nothing of what is frequent.
const FEWEST: usize = 5;

/// What is known of a model's captions of a split.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The caption of each picture, as words.
    pub captions: &'a [Vec<String>],
    /// The references of each picture.
    pub references: &'a [Vec<Vec<String>>],
    /// The share of captions that were cut off before `<END>`.
    pub cut_off: f64,
    /// The share of places where `<UNK>` was the likeliest word, said or not.
    pub unknown_likeliest: f64,
    /// The loss per word.
    pub loss: Option<f64>,
    /// The loss per word with the features of other pictures.
    pub loss_of_exchanged: Option<f64>,
}

/// A way in which captions go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    /// The loss is not a number.
    NotFinite,
    /// Most pictures have the same caption.
    SameCaption,
    /// The loss hardly depends on the pictures.
    PicturesIgnored,
    /// `<UNK>` is the likeliest word too often.
    Unknown,
    /// Captions are much shorter than references.
    TooShort,
    /// Captions are much longer than references, or do not end.
    TooLong,
    /// Captions say the same again at once.
    Stuttering,
    /// Captions share too few words and pairs of words.
    PoorWords,
}

/// A symptom that was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which one.
    pub symptom: Symptom,
    /// What was seen, with numbers.
    pub observed: String,
}

impl<'a> Observed<'a> {
    /// What decoded captions, the best of each picture, show; losses are not known.
    pub fn of<'c>(
        captions: &'a [Vec<String>],
        references: &'a [Vec<Vec<String>>],
        decoded: impl Iterator<Item = &'c Caption>,
    ) -> Observed<'a> {
        let (mut count, mut cut_off, mut places, mut unknown) = (0, 0, 0, 0);
        for caption in decoded {
            count += 1;
            cut_off += usize::from(!caption.ended);
            places += caption.probabilities.len();
            unknown += caption.unknown_likeliest;
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let (cut_off, unknown_likeliest) = (share(cut_off, count), share(unknown, places));
        Observed { captions, references, cut_off, unknown_likeliest, loss: None, loss_of_exchanged: None }
    }

    /// The symptoms that are seen, the gravest first.
    pub fn diagnose(&self) -> Vec<Finding> {
        let checks = [
            (Symptom::NotFinite, self.not_finite()),
            (Symptom::SameCaption, self.same_caption()),
            (Symptom::PicturesIgnored, self.pictures_ignored()),
            (Symptom::Unknown, self.unknown()),
            (Symptom::TooShort, self.too_short()),
            (Symptom::TooLong, self.too_long()),
            (Symptom::Stuttering, self.stuttering()),
            (Symptom::PoorWords, self.poor_words()),
        ];
        let seen = |(symptom, observed): (_, Option<String>)| Some(Finding { symptom, observed: observed? });
        checks.into_iter().filter_map(seen).collect()
    }

    fn not_finite(&self) -> Option<String> {
        let loss = self.loss.filter(|loss| !loss.is_finite())?;
        Some(format!("the loss is {loss}"))
    }

    fn same_caption(&self) -> Option<String> {
        let mut counts: HashMap<&[String], usize> = HashMap::new();
        self.captions.iter().for_each(|caption| *counts.entry(caption).or_default() += 1);
        // Of captions as frequent the first in the alphabet, so that the message is the same every time.
        let (caption, count) = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)))?;
        let share = self.share(count);
        (self.enough() && share > MOST).then(|| {
            format!("{} of {} pictures are \"{}\"", percent(share), self.captions.len(), caption.join(" "))
        })
    }

    fn pictures_ignored(&self) -> Option<String> {
        let (loss, exchanged) = (self.loss?, self.loss_of_exchanged?);
        (exchanged - loss < RISE).then(|| {
            format!("the loss per token is {loss:.4}, and {exchanged:.4} with the features of other pictures")
        })
    }

    fn unknown(&self) -> Option<String> {
        let said = unknown_share(self.captions);
        let (share, how) = if said >= self.unknown_likeliest {
            (said, "of the words said are <UNK>")
        } else {
            (self.unknown_likeliest, "of the words would be <UNK>, the likeliest, if it were said")
        };
        (share > UNKNOWN).then(|| format!("{} {how}", percent(share)))
    }

    fn too_short(&self) -> Option<String> {
        let (length, usual) = self.lengths()?;
        (length < SHORT * usual).then(|| {
            let empty = self.captions.iter().filter(|caption| caption.is_empty()).count();
            format!(
                "captions have {length:.1} words, references {usual:.1}; {} are empty",
                percent(self.share(empty))
            )
        })
    }

    fn too_long(&self) -> Option<String> {
        let (length, usual) = self.lengths()?;
        (length > LONG * usual || self.cut_off > MANY).then(|| {
            let cut_off = percent(self.cut_off);
            format!(
                "captions have {length:.1} words, references {usual:.1}; {cut_off} did not end by themselves"
            )
        })
    }

    fn stuttering(&self) -> Option<String> {
        // One, two or three words that come twice in a row.
        let stutters = |words: &Vec<String>| {
            (1..=3).any(|run| words.windows(2 * run).any(|window| window[..run] == window[run..]))
        };
        let of_references = self.references.iter().flatten().filter(|words| stutters(words)).count();
        let usual = of_references as f64 / self.references.iter().flatten().count().max(1) as f64;
        let share = self.share(self.captions.iter().filter(|words| stutters(words)).count());
        (share > usual + MANY).then(|| {
            format!(
                "{} of the captions say the same twice in a row, {} of the references",
                percent(share),
                percent(usual)
            )
        })
    }

    fn poor_words(&self) -> Option<String> {
        let usual: Vec<Vec<String>> = self.references.iter().filter_map(|all| all.first().cloned()).collect();
        let (found, usual) = (distinct(self.captions, 2), distinct(&usual, 2));
        (self.enough() && found < POOR * usual).then(|| {
            format!("distinct-2 is {found:.4}, and {usual:.4} of the first reference of each picture")
        })
    }

    /// The mean length of captions, and of references.
    fn lengths(&self) -> Option<(f64, f64)> {
        let references: Vec<Vec<String>> = self.references.iter().flatten().cloned().collect();
        let any = !self.captions.is_empty() && !references.is_empty();
        any.then(|| (mean_length(self.captions), mean_length(&references)))
    }

    fn share(&self, count: usize) -> f64 {
        count as f64 / self.captions.len().max(1) as f64
    }

    fn enough(&self) -> bool {
        self.captions.len() >= FEWEST
    }
}

impl Symptom {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Symptom::NotFinite => "the loss is not finite",
            Symptom::SameCaption => "the same caption for most pictures",
            Symptom::PicturesIgnored => "pictures are ignored",
            Symptom::Unknown => "too many unknown words",
            Symptom::TooShort => "captions are too short",
            Symptom::TooLong => "captions are too long",
            Symptom::Stuttering => "captions repeat themselves",
            Symptom::PoorWords => "captions use few words",
        }
    }

    /// Where it usually comes from.
    pub fn cause(self) -> &'static str {
        match self {
            Symptom::NotFinite => "weights that grew without bound, or features that are not finite",
            Symptom::SameCaption => {
                "the model has learned the commonest sentence only: training was short, or pictures do not reach it"
            }
            Symptom::PicturesIgnored => {
                "features that are all alike, far too small or too large, or do not belong to their captions; or \
                 training that has only begun"
            }
            Symptom::Unknown => "a vocabulary that lacks many words of the captions",
            Symptom::TooShort => "captions that end early in the data, or a search that prefers short ones",
            Symptom::TooLong => "captions without <END> in the data, or a search that prefers long ones",
            Symptom::Stuttering => {
                "a state that does not carry what was said, or training that has only begun"
            }
            Symptom::PoorWords => {
                "training that was short, or a search that finds the commonest sentences only"
            }
        }
    }

    /// What to try.
    pub fn advice(self) -> &'static str {
        match self {
            Symptom::NotFinite => {
                "lower --learning-rate or --clip, and look for values that are not finite in the features"
            }
            Symptom::SameCaption => "train for more epochs; if pictures are ignored as well, mend that first",
            Symptom::PicturesIgnored => {
                "check that rows of features belong to their pictures and differ; scale them to about unit variance; \
                 try --picture-at-every-step"
            }
            Symptom::Unknown => {
                "take more words into the vocabulary (a lower threshold), or do without --allow-unknown"
            }
            Symptom::TooShort => "look at the captions' lengths in the data; raise --length-penalty",
            Symptom::TooLong => {
                "check that captions of the data end with <END>; lower --length-penalty or --longest"
            }
            Symptom::Stuttering => "train for more epochs, try another --cell, or decode with --no-repeat 2",
            Symptom::PoorWords => "train for more epochs, or decode with --temperature or --groups",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { symptom, observed } = self;
        let (name, cause, advice) = (symptom.name(), symptom.cause(), symptom.advice());
        write!(f, "{name}: {observed}\n  likely cause: {cause}\n  what to do: {advice}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}%", 100.0 * share)
}
