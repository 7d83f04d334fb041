//! A small text of our own to learn from where there is no other: tales that a grammar tells, the same ones always.
//!
//! A tale has something at every distance for a cell to remember: how words are spelled, that quotation marks close, who
//! speaks, who the tale is about, what was found, and how many are left after some were given away.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

const NAMES: [&str; 12] =
    ["Mira", "Orin", "Tessa", "Bodo", "Linnet", "Quill", "Hazel", "Jasper", "Wren", "Fenn", "Ulla", "Dorrit"];
const ANIMALS: [&str; 10] =
    ["heron", "badger", "otter", "hedgehog", "goose", "marten", "toad", "squirrel", "raven", "mole"];
const PLACES: [&str; 10] = [
    "the old mill",
    "the harbour",
    "the orchard",
    "the stone bridge",
    "the market",
    "the edge of the wood",
    "the lighthouse",
    "the pond",
    "the brick kiln",
    "the upper field",
];
const THINGS: [(&str, &str); 10] = [
    ("lantern", "lanterns"),
    ("kettle", "kettles"),
    ("apple", "apples"),
    ("blue button", "blue buttons"),
    ("ladder", "ladders"),
    ("loaf of bread", "loaves of bread"),
    ("wooden spoon", "wooden spoons"),
    ("key", "keys"),
    ("basket", "baskets"),
    ("jar of honey", "jars of honey"),
];
const NUMBERS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const WEATHER: [&str; 8] = ["grey", "windy", "bright", "frosty", "quiet", "rainy", "warm", "foggy"];
const TIMES: [&str; 4] = ["morning", "evening", "afternoon", "night"];
/// The first of them is for replies only.
const SAID: [&str; 5] = ["answered", "said", "whispered", "called", "muttered"];
const WALKED: [&str; 5] = ["walked", "hurried", "wandered", "ran", "crept"];

/// So many tales, each a paragraph of some 500 characters.
pub(super) fn tales(count: usize, generator: &mut ChaCha8Rng) -> String {
    (0..count).map(|_| tale(generator)).collect::<Vec<String>>().join("\n\n") + "\n"
}

fn tale(generator: &mut ChaCha8Rng) -> String {
    let (hero, friend) = two_of(&NAMES, generator);
    let (animal, other) = two_of(&ANIMALS, generator);
    let (home, away) = two_of(&PLACES, generator);
    let (thing, unwanted) = two_of(&THINGS, generator);
    let found = generator.random_range(3..10);
    let given = generator.random_range(1..found);
    let many = |count: usize, (one, several): (&str, &str)| {
        format!("{} {}", NUMBERS[count], if count == 1 { one } else { several })
    };
    let (found_things, given_things) = (many(found, thing), many(given, thing));
    let unwanted_things = many(generator.random_range(1..10), unwanted);
    let (weather, time) = (one_of(&WEATHER, generator), one_of(&TIMES, generator));
    let (said, replied) = (one_of(&SAID[1..], generator), one_of(&SAID, generator));
    let (walked, returned) = (one_of(&WALKED, generator), one_of(&WALKED, generator));

    let beginning = match generator.random_range(0..3) {
        0 => format!(
            "{hero} the {animal} lived by {home}. One {weather} {time}, {hero} {walked} to {away} and found {found_things} there."
        ),
        1 => format!(
            "It was a {weather} {time} when {hero} the {animal}, whose house stood near {home}, {walked} to {away}. On the ground lay {found_things}."
        ),
        _ => format!(
            "Nobody near {home} rose as early as {hero} the {animal}. So it was {hero} who {walked} to {away} on a {weather} {time} and came upon {found_things}."
        ),
    };
    let question = match generator.random_range(0..3) {
        0 => format!("\"Who would leave so many {} here?\" {said} {hero}.", thing.1),
        1 => format!("\"Are these yours?\" {said} {hero} to {friend} the {other}, who came by."),
        _ => format!("Soon {friend} the {other} came along. \"Look what I have found!\" {said} {hero}."),
    };
    let answer = match generator.random_range(0..3) {
        0 => format!(
            "\"Not mine,\" {replied} {friend} the {other}, \"I have {unwanted_things} at home, and that is enough.\""
        ),
        1 => format!(
            "\"I only ever wanted {given_things},\" {replied} {friend} the {other}, \"and all I own is {unwanted_things}.\""
        ),
        _ => format!(
            "\"My mother had one like that,\" {replied} {friend} the {other}, \"and she gave it away for {unwanted_things}.\""
        ),
    };
    let gift = match generator.random_range(0..3) {
        0 => format!("Then {hero} gave {friend} {given_things}."),
        1 => format!("They sat down, and {hero} put {given_things} into the bag of {friend}."),
        _ => format!("\"Take {given_things},\" said {hero}, and {friend} did."),
    };
    let left = many(found - given, thing);
    let ending = match generator.random_range(0..3) {
        0 => format!("With the {left} that remained, {hero} {returned} back to {home}."),
        1 => format!("That left {left} for {hero}, who {returned} home to {home} before dark."),
        _ => format!("When {hero} {returned} back to {home}, it was with {left} and a friend to think of."),
    };
    [beginning, question, answer, gift, ending].join(" ")
}

fn one_of<'a>(words: &[&'a str], generator: &mut ChaCha8Rng) -> &'a str {
    words[generator.random_range(0..words.len())]
}

/// Two different ones.
fn two_of<T: Copy>(words: &[T], generator: &mut ChaCha8Rng) -> (T, T) {
    let first = generator.random_range(0..words.len());
    let second = (first + generator.random_range(1..words.len())) % words.len();
    (words[first], words[second])
}
