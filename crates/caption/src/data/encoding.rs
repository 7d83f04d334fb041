//! Text of unknown origin as UTF-8, and how to tell where it was not.
//!
//! Bytes that are not UTF-8 become U+FFFD, so that the other lines of a file can be used. UTF-16 is refused as a whole,
//! for none of its lines can. Captions are brought to the composed form NFC: `é` is then one character in every file, and
//! Hangul is written in syllables, as all but one system write it.

use std::path::Path;

use lab::files::read_file;
use unicode_normalization::UnicodeNormalization;

use super::DataError;

/// The largest file of captions; COCO's have 92 MB.
const MOST_BYTES: u64 = 2 << 30;

/// The text of a file, without a byte order mark.
pub(super) fn read_text(path: &Path) -> Result<String, DataError> {
    let bytes = read_file(path, MOST_BYTES)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let problem = "is UTF-16; expected UTF-8. `iconv -f UTF-16 -t UTF-8 FILE > MENDED` converts it";
        return Err(DataError::new(path.display().to_string(), problem));
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text))
}

/// A text with every accent in its letter and every syllable of Hangul in one character.
pub(super) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// What is wrong with the encoding of a text, if anything.
pub(super) fn misencoded(text: &str) -> Option<String> {
    if let Some(at) = text.find('\u{fffd}') {
        let column = text[..at].chars().count() + 1;
        return Some(format!("character {column} was no UTF-8: {text}"));
    }
    let intended = decoded_twice(text)?;
    Some(format!("was encoded twice: `{text}` for `{intended}`"))
}

/// What a text says that was UTF-8, was taken for Windows-1252, and was made UTF-8 again.
///
/// Nobody writes such a text on purpose: all its characters are of Windows-1252, and as bytes they happen to be UTF-8.
fn decoded_twice(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(windows_1252).collect();
    String::from_utf8(bytes?).ok()
}

/// The byte of a character in Windows-1252, its five unused bytes taken as they are.
fn windows_1252(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match u32::from(c) {
        code @ (0..=0x7f | 0xa0..=0xff) => u8::try_from(code).ok(),
        _ => HIGH.iter().zip(0x80..).find(|(high, _)| **high == c).map(|(_, byte)| byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_languages_are_well() {
        for text in [
            "a dog",
            "ein Hund läuft",
            "café",
            "개가 달린다",
            "一只狗在跑",
            "Ça va – très “bien”",
            "naïve Ângela",
            "",
        ] {
            assert_eq!(misencoded(text), None);
        }
    }

    #[test]
    fn what_was_encoded_twice_is_told_with_what_it_says() {
        for (found, intended) in [("cafÃ©", "café"), ("a dogâ€™s life", "a dog’s life"), ("ê°œ", "개")]
        {
            assert_eq!(misencoded(found), Some(format!("was encoded twice: `{found}` for `{intended}`")));
        }
        assert_eq!(misencoded("caf\u{fffd}"), Some("character 4 was no UTF-8: caf\u{fffd}".into()));
    }

    #[test]
    fn one_letter_has_one_form() {
        assert_eq!(composed("cafe\u{301}"), "café");
        assert_eq!(composed("\u{1100}\u{1162}"), "개");
    }

    #[test]
    fn files_are_read_whatever_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("captions.txt");
        let check = |bytes: &[u8], expected: &str| {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read_text(&path).unwrap(), expected);
        };
        check(b"\xef\xbb\xbfa dog", "a dog");
        check(b"caf\xe9\na dog", "caf\u{fffd}\na dog");
        std::fs::write(&path, b"\xff\xfea\0").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("iconv -f UTF-16"));
        assert!(read_text(folder.path()).unwrap_err().to_string().contains("not a plain file"));
    }
}
