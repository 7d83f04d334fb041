//! Words and the weights that were trained with them belong together: a number for the one is kept among the other.

use crate::data::Vocabulary;
use crate::error::Error;

/// The tensor that a checkpoint keeps it in, as its two halves.
pub(super) const TENSOR: &str = "vocabulary/hash";

/// A hash of the words in their order: 64-bit FNV-1a of each word's length and bytes, the same on every machine.
pub fn hash_of(vocabulary: &Vocabulary) -> u64 {
    let bytes = vocabulary.words().iter().flat_map(|word| {
        let length = (word.len() as u64).to_le_bytes();
        length.into_iter().chain(word.bytes())
    });
    fnv(bytes.map(u64::from))
}

/// FNV-1a, of bytes or of larger pieces.
pub(super) fn fnv(pieces: impl Iterator<Item = u64>) -> u64 {
    pieces.fold(0xcbf2_9ce4_8422_2325, |hash, piece| (hash ^ piece).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The two halves of a hash, the lower one first.
pub(super) fn halves(hash: u64) -> [i32; 2] {
    [hash as u32 as i32, (hash >> 32) as u32 as i32]
}

/// The hash of two halves.
pub(super) fn whole([low, high]: [i32; 2]) -> u64 {
    u64::from(low as u32) | u64::from(high as u32) << 32
}

/// Whether data speaks the words of a model: the same number must mean the same word.
///
/// # Errors
/// If it does not; the message names the first difference.
pub fn check_words(model: &Vocabulary, data: &Vocabulary) -> Result<(), Error> {
    if model == data {
        return Ok(());
    }
    let pairs = model.words().iter().zip(data.words());
    let differs = (0..).zip(pairs).find(|(_, (ours, theirs))| ours != theirs);
    let difference = match differs {
        Some((number, (ours, theirs))) => {
            format!("word {number} is `{ours}` to the model and `{theirs}` in the data")
        }
        None => format!("the model has {} words and the data {}", model.len(), data.len()),
    };
    Err(Error::Mismatch(format!(
        "the vocabulary of the data (hash {:016x}) is not that of the model (hash {:016x}): {difference}; give the data \
         that the model was trained on",
        hash_of(data),
        hash_of(model)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(words: &[&str]) -> Vocabulary {
        Vocabulary::from_entries(words.iter().map(|word| word.to_string()).collect())
    }

    #[test]
    fn the_hash_depends_on_words_their_order_and_their_borders() {
        let hash = |words: &[&str]| hash_of(&vocabulary(words));
        assert_eq!(hash(&["a", "dog"]), hash(&["a", "dog"]));
        for other in [&["dog", "a"][..], &["adog"], &["ad", "og"], &["a", "dog", ""], &["a"]] {
            assert_ne!(hash(&["a", "dog"]), hash(other), "{other:?}");
        }
        // By hand: nothing is the offset of FNV-1a; an empty word is eight bytes of zero.
        assert_eq!(hash(&[]), 0xcbf2_9ce4_8422_2325);
        let prime = 0x0000_0100_0000_01b3_u64;
        assert_eq!(hash(&[""]), 0xcbf2_9ce4_8422_2325_u64.wrapping_mul(prime.wrapping_pow(8)));
        assert_eq!(whole(halves(0x8123_4567_89ab_cdef)), 0x8123_4567_89ab_cdef);
    }

    #[test]
    fn the_first_difference_is_named() {
        let model = vocabulary(&["a", "dog"]);
        assert!(check_words(&model, &model.clone()).is_ok());
        let message =
            |data: &[&str]| check_words(&model, &vocabulary(data)).expect_err("it differs").to_string();
        assert!(message(&["a", "cat"]).contains("word 1 is `dog` to the model and `cat` in the data"));
        assert!(message(&["a"]).contains("the model has 2 words and the data 1"));
    }
}
