//! From a scene to everything that the grammar has to say of it.
//!
//! Every caption names size, colour and kind of each object it speaks of, and where it is; a scene of two objects is
//! described from either side. So no caption is true merely because it says little.

use std::collections::BTreeSet;

use super::scene::{Colour, Kind, Look, Place, Relation, Scene, Size};

/// The most words a caption has: “there is a large red circle right of a small blue square”.
pub(super) const LONGEST: usize = 12;

/// All captions of a scene, each split into words: five for one object, six for two.
///
/// An object in no clear place and two objects in no clear relation have no caption; the generator makes none such.
pub fn captions(scene: &Scene) -> Vec<Vec<String>> {
    let sentences = match scene.objects[..] {
        [one] => Place::of(one.centre).map(|place| describe_place(one.look, place).to_vec()),
        [a, b] => Relation::between(a.centre, b.centre).map(|relation| {
            let from_a = describe_relation(a.look, relation, b.look);
            let from_b = describe_relation(b.look, relation.opposite(), a.look);
            [from_a, from_b].concat()
        }),
        _ => None,
    };
    let words = |sentence: &String| sentence.split(' ').map(String::from).collect();
    sentences.iter().flatten().map(words).collect()
}

/// Every word of the grammar, each once, in alphabetical order.
pub fn words() -> Vec<String> {
    let words: BTreeSet<&str> =
        phrases().iter().flatten().flat_map(|phrase| phrase.split(' ')).chain(["a", "is", "there"]).collect();
    words.into_iter().map(String::from).collect()
}

/// For each attribute all that captions say of it.
pub(super) fn phrases() -> [Vec<&'static str>; 5] {
    fn all<T: Copy>(values: &[T], phrase: fn(T) -> &'static str) -> Vec<&'static str> {
        values.iter().map(|value| phrase(*value)).collect()
    }
    [
        all(Size::ALL, Size::phrase),
        all(Colour::ALL, Colour::phrase),
        all(Kind::ALL, Kind::phrase),
        all(Place::ALL, Place::phrase),
        all(Relation::ALL, Relation::phrase),
    ]
}

fn describe_place(look: Look, place: Place) -> [String; 5] {
    let (noun, place) = (noun(look), place.phrase());
    [
        format!("{noun} {place}"),
        format!("{noun} is {place}"),
        format!("there is {noun} {place}"),
        format!("{place} is {noun}"),
        format!("{place} there is {noun}"),
    ]
}

fn describe_relation(subject: Look, relation: Relation, object: Look) -> [String; 3] {
    let (subject, relation, object) = (noun(subject), relation.phrase(), noun(object));
    [
        format!("{subject} {relation} {object}"),
        format!("{subject} is {relation} {object}"),
        format!("there is {subject} {relation} {object}"),
    ]
}

fn noun(look: Look) -> String {
    format!("a {} {} {}", look.size.phrase(), look.colour.phrase(), look.kind.phrase())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::super::scene::Object;
    use super::*;

    fn object(size: Size, colour: Colour, kind: Kind, centre: [f32; 2]) -> Object {
        Object { look: Look { size, colour, kind }, centre, radius: 0.1 }
    }

    fn check(objects: &[Object], expected: &[&str]) {
        let captions = captions(&Scene { objects: objects.to_vec() });
        assert_eq!(captions.iter().map(|words| words.join(" ")).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_object_is_described_by_its_place() {
        let triangle = object(Size::Small, Colour::Green, Kind::Triangle, [0.5, 0.8]);
        check(
            &[triangle],
            &[
                "a small green triangle at the bottom",
                "a small green triangle is at the bottom",
                "there is a small green triangle at the bottom",
                "at the bottom is a small green triangle",
                "at the bottom there is a small green triangle",
            ],
        );
    }

    #[test]
    fn two_objects_are_described_from_either_side() {
        let circle = object(Size::Large, Colour::Red, Kind::Circle, [0.8, 0.5]);
        let cross = object(Size::Small, Colour::White, Kind::Cross, [0.2, 0.45]);
        check(
            &[circle, cross],
            &[
                "a large red circle right of a small white cross",
                "a large red circle is right of a small white cross",
                "there is a large red circle right of a small white cross",
                "a small white cross left of a large red circle",
                "a small white cross is left of a large red circle",
                "there is a small white cross left of a large red circle",
            ],
        );
    }

    #[test]
    fn what_is_not_clear_is_not_described() {
        let circle = object(Size::Large, Colour::Red, Kind::Circle, [0.3, 0.3]);
        let cross = object(Size::Small, Colour::White, Kind::Cross, [0.7, 0.7]);
        for unclear in [vec![], vec![circle], vec![circle, cross], vec![circle; 3]] {
            check(&unclear, &[]);
        }
    }

    #[test]
    fn words_are_all_those_of_the_captions_and_the_longest_is_reached() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let scenes = (0..400).map(|_| Scene::sample_one(&mut rng)).collect::<Vec<_>>().into_iter();
        let scenes = scenes.chain((0..400).map(|_| Scene::sample_two(&mut rng)));
        let captions: Vec<Vec<String>> = scenes.flat_map(|scene| captions(&scene)).collect();
        assert_eq!(captions.iter().map(Vec::len).max(), Some(LONGEST));
        assert_eq!(captions.iter().map(Vec::len).min(), Some(7));
        let used: BTreeSet<String> = captions.into_iter().flatten().collect();
        assert_eq!(words(), used.into_iter().collect::<Vec<_>>());
        assert_eq!(words().len(), 27);
    }
}
