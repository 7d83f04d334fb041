//! How captions are decoded, as options of the command line.

use caption::error::Error;
use caption::model::{Beam, Decoding, LONGEST, Method, Sample};
use clap::Args;

/// Options that say how words are chosen; without any the most probable one.
#[derive(Args)]
#[command(next_help_heading = "Decoding")]
pub struct DecodingChoice {
    /// The longest caption, in words.
    #[arg(long, value_name = "WORDS", default_value_t = LONGEST)]
    longest: usize,
    /// Say no run of N words twice in a caption.
    #[arg(long, value_name = "N")]
    no_repeat: Option<usize>,
    /// Let <UNK> be said.
    #[arg(long)]
    allow_unknown: bool,
    /// Search with a beam of this many captions.
    #[arg(long, value_name = "WIDTH", conflicts_with_all = ["temperature", "top_k", "top_p", "seed"])]
    beam: Option<usize>,
    /// The power of the length that a beam divides log probabilities by; 0 prefers short captions [default: 0.7].
    #[arg(long, value_name = "POWER", requires = "beam")]
    length_penalty: Option<f64>,
    /// Share the beam out to groups that keep away from each other's words.
    #[arg(long, value_name = "N", requires = "beam")]
    groups: Option<usize>,
    /// What a word loses for each group that has just said it [default: 0.5].
    #[arg(long, value_name = "NATS", requires = "groups")]
    diversity: Option<f64>,
    /// Draw words, at this temperature; 1 are the model's own probabilities.
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Draw words, from the K most probable.
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Draw words, from the most probable that together have this probability.
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Draw words; decides which [default: 1].
    #[arg(long)]
    seed: Option<u64>,
}

impl DecodingChoice {
    /// The settings that were chosen.
    pub fn decoding(&self) -> Result<Decoding, Error> {
        let (beam, sample) = (Beam::default(), Sample::default());
        let drawn =
            self.temperature.is_some() || self.top_k.is_some() || self.top_p.is_some() || self.seed.is_some();
        let method = match self.beam {
            Some(width) => Method::Beam(Beam {
                width,
                length_penalty: self.length_penalty.unwrap_or(beam.length_penalty),
                groups: self.groups.unwrap_or(beam.groups),
                diversity: self.diversity.unwrap_or(beam.diversity),
            }),
            None if drawn => Method::Sample(Sample {
                temperature: self.temperature.unwrap_or(sample.temperature),
                top_k: self.top_k,
                top_p: self.top_p,
                seed: self.seed.unwrap_or(sample.seed),
            }),
            None => Method::Greedy,
        };
        let (longest, no_repeat, say_unknown) = (self.longest, self.no_repeat, self.allow_unknown);
        let decoding = Decoding { method, longest, no_repeat, say_unknown };
        decoding.check().map_err(Error::Mismatch)?;
        Ok(decoding)
    }
}
