//! Whether a caption is true of a scene.
//!
//! The caption is read into a [`Claim`] and the claim is held against the scene itself, not against the captions that
//! the grammar would have made. What is asserted must hold, all of it: that there are such objects, and that they lie
//! as claimed. The reading is somewhat wider than the grammar, so that a caption may leave out a size, a colour or a
//! place; it asserts less and is judged by what it asserts.
//!
//! ```text
//! caption := noun ["is"] where | "there is" noun [where] | noun | place ("is" | "there is") noun
//! where   := place | relation noun
//! noun    := "a" [size] [colour] kind
//! ```

use std::fmt;

use super::scene::{Colour, Kind, Look, Object, Place, Relation, Scene, Size};

/// What a caption says of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Its size, where the caption says it.
    pub size: Option<Size>,
    /// Its colour, where the caption says it.
    pub colour: Option<Colour>,
    /// Its kind.
    pub kind: Kind,
}

/// All that a caption asserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// There is such an object.
    Exists(Mention),
    /// There is such an object, and it lies there.
    Lies(Mention, Place),
    /// There are two such objects, and the first is in this relation to the second.
    Relates(Mention, Relation, Mention),
}

/// What becomes of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It asserts something, and all of it holds.
    True,
    /// Something that it asserts does not hold.
    False(Reason),
    /// It is no sentence of the grammar.
    Ungrammatical,
}

/// The first thing that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no such object.
    NoSuchObject(Mention),
    /// The object is there, in another place.
    NotThere(Place),
    /// Both objects are there, in another relation.
    NotRelated(Relation),
}

/// Holds a caption, as words, against a scene.
///
/// ```
/// use caption::data::scenes::{Colour, Kind, Look, Object, Scene, Size, Verdict, judge};
///
/// let look = Look { size: Size::Large, colour: Colour::Red, kind: Kind::Circle };
/// let scene = Scene { objects: vec![Object { look, centre: [0.25, 0.5], radius: 0.18 }] };
/// let verdict = |caption: &str| judge(&caption.split(' ').collect::<Vec<_>>(), &scene);
/// assert_eq!(verdict("a large red circle on the left"), Verdict::True);
/// assert!(matches!(verdict("a large red circle on the right"), Verdict::False(_)));
/// assert_eq!(verdict("circle a the red"), Verdict::Ungrammatical);
/// ```
pub fn judge(words: &[impl AsRef<str>], scene: &Scene) -> Verdict {
    let Some(claim) = read(words) else { return Verdict::Ungrammatical };
    match find_flaw(&claim, scene) {
        None => Verdict::True,
        Some(reason) => Verdict::False(reason),
    }
}

/// What a caption asserts; `None` for what is no sentence.
pub fn read(words: &[impl AsRef<str>]) -> Option<Claim> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let words = words.as_slice();

    if let Some((place, rest)) = take_any(words, Place::ALL, Place::phrase) {
        let rest = take(rest, "there is").or_else(|| take(rest, "is"))?;
        let (mention, rest) = take_mention(rest)?;
        return rest.is_empty().then_some(Claim::Lies(mention, place));
    }
    let introduced = take(words, "there is");
    let (mention, rest) = take_mention(introduced.unwrap_or(words))?;
    if rest.is_empty() {
        return Some(Claim::Exists(mention));
    }
    // “there is a red circle is above …” has one verb too many.
    let rest = match introduced {
        None => take(rest, "is").unwrap_or(rest),
        Some(_) => rest,
    };
    let (claim, rest) = if let Some((place, rest)) = take_any(rest, Place::ALL, Place::phrase) {
        (Claim::Lies(mention, place), rest)
    } else {
        let (relation, rest) = take_any(rest, Relation::ALL, Relation::phrase)?;
        let (other, rest) = take_mention(rest)?;
        (Claim::Relates(mention, relation, other), rest)
    };
    rest.is_empty().then_some(claim)
}

type Words<'a, 'b> = &'a [&'b str];

/// What follows a phrase, where the words begin with it.
fn take<'a, 'b>(words: Words<'a, 'b>, phrase: &str) -> Option<Words<'a, 'b>> {
    let mut rest = words;
    for expected in phrase.split(' ') {
        let (first, after) = rest.split_first()?;
        if *first != expected {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// The value whose phrase the words begin with, and what follows.
fn take_any<'a, 'b, T: Copy>(
    words: Words<'a, 'b>,
    values: &[T],
    phrase: fn(T) -> &'static str,
) -> Option<(T, Words<'a, 'b>)> {
    values.iter().find_map(|value| Some((*value, take(words, phrase(*value))?)))
}

fn take_mention<'a, 'b>(words: Words<'a, 'b>) -> Option<(Mention, Words<'a, 'b>)> {
    let rest = take(words, "a")?;
    let (size, rest) =
        take_any(rest, Size::ALL, Size::phrase).map_or((None, rest), |(s, rest)| (Some(s), rest));
    let (colour, rest) =
        take_any(rest, Colour::ALL, Colour::phrase).map_or((None, rest), |(c, rest)| (Some(c), rest));
    let (kind, rest) = take_any(rest, Kind::ALL, Kind::phrase)?;
    Some((Mention { size, colour, kind }, rest))
}

/// The first thing in a claim that does not hold of a scene.
fn find_flaw(claim: &Claim, scene: &Scene) -> Option<Reason> {
    let such = |mention: Mention| scene.objects.iter().enumerate().filter(move |(_, it)| mention.fits(it));
    let missing = |mention: Mention| such(mention).next().is_none().then_some(Reason::NoSuchObject(mention));
    match *claim {
        Claim::Exists(mention) => missing(mention),
        Claim::Lies(mention, place) => missing(mention).or_else(|| {
            let there = such(mention).any(|(_, it)| Place::of(it.centre) == Some(place));
            (!there).then_some(Reason::NotThere(place))
        }),
        Claim::Relates(one, relation, other) => missing(one).or_else(|| missing(other)).or_else(|| {
            let mut pairs = such(one).flat_map(|a| such(other).map(move |b| (a, b)));
            let related = pairs.any(|((row, a), (column, b))| {
                row != column && Relation::between(a.centre, b.centre) == Some(relation)
            });
            (!related).then_some(Reason::NotRelated(relation))
        }),
    }
}

impl Mention {
    /// Whether all that is said holds of an object.
    pub fn fits(&self, object: &Object) -> bool {
        let Look { size, colour, kind } = object.look;
        self.kind == kind
            && self.size.is_none_or(|it| it == size)
            && self.colour.is_none_or(|it| it == colour)
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in [self.size.map(Size::phrase), self.colour.map(Colour::phrase)].into_iter().flatten() {
            write!(f, "{word} ")?;
        }
        f.write_str(self.kind.phrase())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoSuchObject(mention) => write!(f, "there is no {mention}"),
            Reason::NotThere(place) => write!(f, "it is not {}", place.phrase()),
            Reason::NotRelated(relation) => write!(f, "it is not {} the other", relation.phrase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::super::captions;
    use super::super::grammar::phrases;
    use super::*;

    fn split(sentence: &str) -> Vec<&str> {
        sentence.split_whitespace().collect()
    }

    fn sampled() -> Vec<Scene> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..100).flat_map(|_| [Scene::sample_one(&mut rng), Scene::sample_two(&mut rng)]).collect()
    }

    #[test]
    fn all_that_the_grammar_says_is_true() {
        for scene in sampled() {
            for caption in captions(&scene) {
                assert_eq!(judge(&caption, &scene), Verdict::True, "{caption:?}");
            }
        }
    }

    #[test]
    fn a_caption_with_any_one_thing_changed_is_false() {
        let mut changed = 0;
        for scene in sampled() {
            for caption in captions(&scene) {
                let caption = caption.join(" ");
                for phrases in &phrases() {
                    for (at, said) in phrases.iter().flat_map(|said| caption.match_indices(said)) {
                        for other in phrases.iter().filter(|other| **other != said) {
                            let lie = [&caption[..at], other, &caption[at + said.len()..]].concat();
                            let verdict = judge(&split(&lie), &scene);
                            assert!(matches!(verdict, Verdict::False(_)), "{lie}: {verdict:?} of {scene:?}");
                            changed += 1;
                        }
                    }
                }
            }
        }
        assert!(changed > 10_000, "only {changed} captions were changed");
    }

    fn check(caption: &str, expected: &str) {
        let object = |size, colour, kind, centre| {
            let look = Look { size, colour, kind };
            Object { look, centre, radius: 0.1 }
        };
        let scene = Scene {
            objects: vec![
                object(Size::Large, Colour::Red, Kind::Circle, [0.25, 0.5]),
                object(Size::Small, Colour::Blue, Kind::Circle, [0.75, 0.5]),
            ],
        };
        let verdict = match judge(&split(caption), &scene) {
            Verdict::True => "true".to_string(),
            Verdict::False(reason) => reason.to_string(),
            Verdict::Ungrammatical => "ungrammatical".to_string(),
        };
        assert_eq!(verdict, expected, "{caption}");
    }

    #[test]
    fn a_caption_that_says_less_is_judged_by_what_it_says() {
        check("there is a circle", "true");
        check("a blue circle", "true");
        check("a circle is right of a large circle", "true");
        check("there is a small circle on the right", "true");
        check("on the left is a red circle", "true");
    }

    #[test]
    fn a_false_caption_is_false_for_its_first_flaw() {
        check("a small red circle", "there is no small red circle");
        check("a red circle left of a green circle", "there is no green circle");
        check("a red circle at the top", "it is not at the top");
        check("a red circle above a blue circle", "it is not above the other");
        // One object is not two.
        check("a red circle left of a red circle", "it is not left of the other");
    }

    #[test]
    fn what_is_no_sentence_is_neither_true_nor_false() {
        for caption in [
            "",
            "a",
            "circle",
            "a red",
            "a red circle is",
            "a red large circle",
            "a red circle a blue circle",
            "a red circle left a blue circle",
            "a red circle left of a blue circle on the left",
            "there is a red circle is left of a blue circle",
            "there is",
            "on the left",
            "on the left a red circle",
            "on the left is a red circle left of a blue circle",
            "a red circle <UNK>",
        ] {
            check(caption, "ungrammatical");
        }
    }
}
