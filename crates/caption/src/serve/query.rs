//! Settings in the query of a request: `beam=5&length_penalty=0.7&stream=true`.
//!
//! Names are those of the command line's options with `_` for `-`. All values are numbers, `true` or `false`, which no client has
//! to escape; so nothing is unescaped.

use std::str::FromStr;

use crate::model::{self, Beam, Decoding, Method, ModelSettings, Sample};

/// The longest caption that can be asked for of any model, in words.
const LONGEST: usize = 100;
/// The widest beam that can be asked for.
pub const WIDEST: usize = 20;

/// All that a query can hold.
const NAMES: [&str; 12] = [
    "stream",
    "longest",
    "no_repeat",
    "allow_unknown",
    "beam",
    "length_penalty",
    "groups",
    "diversity",
    "temperature",
    "top_k",
    "top_p",
    "seed",
];

/// The longest caption that can be asked for of a model, in words.
pub fn longest(model: &ModelSettings) -> usize {
    model.most_words().map_or(LONGEST, |most| most.min(LONGEST))
}

/// What a request asks for beside its picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// How words are chosen.
    pub decoding: Decoding,
    /// Whether captions are sent as they grow.
    pub stream: bool,
}

/// A query's names and values.
struct Query<'q>(Vec<(&'q str, &'q str)>);

impl Wish {
    /// Reads a query to a model of which captions of at most `longest` words can be asked for; what it does not say is as on
    /// the command line.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub fn parse(query: &str, longest: usize) -> Result<Wish, String> {
        let query = Query::split(query)?;
        let width = query.value("beam")?;
        let drawn = ["temperature", "top_k", "top_p", "seed"];
        let first = |names: &[&'static str]| names.iter().find(|name| query.has(name)).copied();
        if width.is_some()
            && let Some(name) = first(&drawn)
        {
            return Err(format!("`{name}` draws words, which a beam does not; leave out `{name}` or `beam`"));
        }
        if width.is_none()
            && let Some(name) = first(&["length_penalty", "groups", "diversity"])
        {
            return Err(format!("`{name}` is a setting of a beam; give `beam` too, or leave it out"));
        }
        let (beam, sample) = (Beam::default(), Sample::default());
        let method = match width {
            Some(width) => Method::Beam(Beam {
                width,
                length_penalty: query.value("length_penalty")?.unwrap_or(beam.length_penalty),
                groups: query.value("groups")?.unwrap_or(beam.groups),
                diversity: query.value("diversity")?.unwrap_or(beam.diversity),
            }),
            None if drawn.iter().any(|name| query.has(name)) => Method::Sample(Sample {
                temperature: query.value("temperature")?.unwrap_or(sample.temperature),
                top_k: query.value("top_k")?,
                top_p: query.value("top_p")?,
                seed: query.value("seed")?.unwrap_or(sample.seed),
            }),
            None => Method::Greedy,
        };
        let decoding = Decoding {
            method,
            longest: query.value("longest")?.unwrap_or(model::LONGEST.min(longest)),
            no_repeat: query.value("no_repeat")?,
            say_unknown: query.value("allow_unknown")?.unwrap_or(false),
        };
        decoding.check()?;
        // Everybody waits for what one asks for, so that less can be asked for than at one's own terminal.
        if decoding.longest > longest {
            let why = if longest < LONGEST { "for this model, which has no more positions" } else { "here" };
            let asked = decoding.longest;
            return Err(format!("a caption of {asked} words is too long {why}; give at most {longest}"));
        }
        if decoding.rows() > WIDEST {
            return Err(format!("a beam of {} is too wide here; give at most {WIDEST}", decoding.rows()));
        }
        Ok(Wish { decoding, stream: query.value("stream")?.unwrap_or(false) })
    }
}

impl<'q> Query<'q> {
    fn split(query: &'q str) -> Result<Query<'q>, String> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if !NAMES.contains(&name) {
                return Err(format!("there is no setting `{}`; there are {}", shown(name), NAMES.join(", ")));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(format!("`{name}` is given twice; give it once"));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let Some((_, value)) = self.0.iter().find(|(known, _)| *known == name) else { return Ok(None) };
        let kind = std::any::type_name::<T>();
        let expected = match kind {
            "bool" => "true or false",
            "f64" => "a number",
            _ => "a whole number",
        };
        let wrong = |_| format!("`{name}` is `{}`; give {expected}, or leave it out", shown(value));
        value.parse().map(Some).map_err(wrong)
    }
}

/// The beginning of what a stranger wrote.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let found = match Wish::parse(query, LONGEST) {
            Ok(wish) => format!("{} of {}, {}", wish.decoding.describe(), wish.decoding.longest, wish.stream),
            Err(problem) => problem,
        };
        assert!(found.contains(expected), "{query}: {expected:?} is missing in {found:?}");
    }

    #[test]
    fn a_query_says_what_the_command_line_says() {
        check("", "greedy, no <UNK> of 30, false");
        check("stream=true&longest=9", "greedy, no <UNK> of 9, true");
        check(
            "beam=4&length_penalty=0&groups=2&diversity=1.5&no_repeat=3&allow_unknown=true",
            "beam of 4 in 2 groups",
        );
        check("beam=3&length_penalty=1", "log p / tokens^1,");
        check(
            "temperature=0.5&top_k=40&top_p=0.9&seed=7",
            "drawn at temperature 0.5, of the 40 most probable words",
        );
        check("top_k=2", "drawn at temperature 1, of the 2");
        check("&&beam=1&", "beam of 1");
    }

    #[test]
    fn a_model_with_few_positions_is_asked_for_few_words() {
        let check = |query, expected: Result<usize, &str>| match (Wish::parse(query, 12), expected) {
            (Ok(wish), Ok(longest)) => assert_eq!(wish.decoding.longest, longest, "{query}"),
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{query}: {problem}"),
            (found, _) => panic!("{query}: {found:?}"),
        };
        check("", Ok(12));
        check("longest=12", Ok(12));
        check("longest=3", Ok(3));
        check(
            "longest=13",
            Err("13 words is too long for this model, which has no more positions; give at most 12"),
        );
        check("longest=0", Err("the longest caption is 0"));
    }

    #[test]
    fn mistakes_are_named() {
        check("breadth=3", "there is no setting `breadth`; there are stream, longest");
        check("beam", "`beam` is ``; give a whole number");
        check("beam=-1", "`beam` is `-1`; give a whole number");
        check("beam=%35", "`beam` is `%35`");
        check("temperature=hot", "`temperature` is `hot`; give a number");
        check("stream=yes", "give true or false");
        check("beam=2&beam=3", "`beam` is given twice");
        check("beam=3&seed=4", "leave out `seed` or `beam`");
        check("groups=2", "`groups` is a setting of a beam");
        check("temperature=0", "temperature of 0 cannot be drawn at");
        check("temperature=NaN", "temperature of NaN cannot be drawn at");
        check("beam=0", "the beam's width is 0");
        check("beam=21", "give at most 20");
        check("longest=101", "give at most 100");
        check("beam=99999999999999999999999", "give a whole number");
        check(&"x".repeat(10_000), &format!("there is no setting `{}`;", "x".repeat(40)));
    }
}
