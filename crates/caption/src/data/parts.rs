//! Which pictures are trained on, which are validated on, and which are kept for the end.
//!
//! What the data says is kept. Where it says nothing, pictures are drawn, never captions: two captions of one picture in two parts
//! would let the model be judged on what it has seen. Each picture draws a number of its own, from the seed and a stream that is
//! named by the picture, and the lowest tenth is for validation, the next for the test. So the parts do not depend on the order of
//! the file, and hardly change when pictures are added.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::DataError;
use super::listing::Part;

/// One picture in so many is for validation, and as many are for the test.
const SHARE: usize = 10;

/// The part of each picture, and how it came about; pictures are given by their names and what the data says of them.
pub(super) fn assign(pictures: &[(&str, Option<Part>)], seed: u64) -> Result<(Vec<Part>, String), DataError> {
    let given = |part: Part| pictures.iter().filter(|(_, given)| *given == Some(part)).count();
    let [train, val, test] = Part::ALL.map(given);
    let trainable: Vec<usize> =
        (0..pictures.len()).filter(|at| !matches!(pictures[*at].1, Some(Part::Val | Part::Test))).collect();
    if trainable.is_empty() && val + test > 0 {
        let problem = format!(
            "{val} pictures are for validation and {test} for the test, but none to train on; expected some. Give the data of the \
             training part as well"
        );
        return Err(DataError::new("parts", problem));
    }

    let mut parts: Vec<Part> = pictures.iter().map(|(_, given)| given.unwrap_or(Part::Train)).collect();
    if val == 0 {
        let (for_val, for_test) = counts(trainable.len())?;
        let drawn = lowest(pictures, &trainable, seed);
        drawn[..for_val].iter().for_each(|at| parts[*at] = Part::Val);
        if train + test > 0 {
            let how = format!(
                "as the data says; it has none for validation, which is a tenth of the rest, drawn with seed {seed}"
            );
            return Ok((parts, how));
        }
        drawn[for_val..][..for_test].iter().for_each(|at| parts[*at] = Part::Test);
        return Ok((
            parts,
            format!("drawn by picture with seed {seed}, a tenth for validation and a tenth for the test"),
        ));
    }
    let how = match trainable.len() - train {
        0 => "as the data says".to_string(),
        unsaid => format!("as the data says; {unsaid} pictures without a part are trained on"),
    };
    Ok((parts, how))
}

/// How many of so many pictures are for validation and for the test.
fn counts(pictures: usize) -> Result<(usize, usize), DataError> {
    if pictures < 2 {
        let problem = format!(
            "{pictures} pictures with captions can be used; expected two at least, one to train on and one to validate on"
        );
        return Err(DataError::new(
            "parts",
            format!("{problem}. `caption doctor` tells what is wrong with the others"),
        ));
    }
    Ok(((pictures / SHARE).max(1), pictures / SHARE))
}

/// Pictures in the order of the numbers that they draw.
fn lowest(pictures: &[(&str, Option<Part>)], among: &[usize], seed: u64) -> Vec<usize> {
    let draw = |name: &str| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(hash(name));
        rng.random::<u64>()
    };
    let mut drawn: Vec<(u64, &str, usize)> =
        among.iter().map(|at| (draw(pictures[*at].0), pictures[*at].0, *at)).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|(.., at)| at).collect()
}

/// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>: the same on every machine and for ever.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number}.jpg")).collect()
    }

    #[track_caller]
    fn check(given: &[Option<Part>], expected: [usize; 3], how: &str) {
        let names = names(given.len());
        let pictures: Vec<_> = names.iter().map(String::as_str).zip(given.iter().copied()).collect();
        let (parts, said) = assign(&pictures, 1).unwrap();
        assert_eq!(Part::ALL.map(|part| parts.iter().filter(|other| **other == part).count()), expected);
        assert!(said.contains(how), "{said}");
        for (given, part) in given.iter().zip(&parts) {
            let stays =
                given.is_none_or(|given| given == *part || (given, *part) == (Part::Train, Part::Val));
            assert!(stays, "{given:?} became {part:?}");
        }
    }

    #[test]
    fn what_the_data_says_is_kept_and_the_rest_is_drawn() {
        use Part::{Test, Train, Val};
        check(&[None; 100], [80, 10, 10], "seed 1");
        check(&[None; 9], [8, 1, 0], "seed 1");
        check(&[None; 2], [1, 1, 0], "seed 1");
        check(&[Some(Train), Some(Val), Some(Test)], [1, 1, 1], "as the data says");
        check(&[Some(Train), Some(Val), None], [2, 1, 0], "1 pictures without a part");
        check(&[[Some(Train); 20].as_slice(), &[Some(Test)]].concat(), [18, 2, 1], "none for validation");
    }

    #[test]
    fn the_draw_depends_on_the_seed_and_not_on_the_order() {
        let names = names(50);
        let mut pictures: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        let val = |pictures: &[(&str, Option<Part>)], seed| {
            let (parts, _) = assign(pictures, seed).unwrap();
            let mut val: Vec<String> = pictures
                .iter()
                .zip(parts)
                .filter(|(_, part)| *part == Part::Val)
                .map(|(picture, _)| picture.0.to_string())
                .collect();
            val.sort();
            val
        };
        let before = val(&pictures, 1);
        assert_ne!(before, val(&pictures, 2));
        pictures.reverse();
        assert_eq!(before, val(&pictures, 1));
    }

    #[test]
    fn data_that_cannot_be_parted_is_an_error() {
        assert!(assign(&[("a", None)], 1).unwrap_err().to_string().contains("expected two at least"));
        assert!(assign(&[("a", Some(Part::Val))], 1).unwrap_err().to_string().contains("none to train on"));
    }
}
