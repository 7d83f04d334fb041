//! Text to words as the caption metrics want them: lower case, split like the Penn Treebank, without punctuation.
//!
//! The COCO caption evaluation runs Stanford's `PTBTokenizer` and drops [`PUNCTUATION`]. We split by the rules that
//! captions call for:
//!
//! * punctuation, quotes, brackets and the signs `$ % #` stand alone, but `1,000`, `5:30`, `3.5`, `t-shirt` and
//!   `u.s.` stay whole, and so does the full stop of `mr.`;
//! * `dog's` is `dog 's`, `don't` is `do n't`, and likewise `'re 've 'll 'd 'm`; `cannot` is `can not`, `gonna` is
//!   `gon na`.
//!
//! Brackets are dropped. The original means to but does not, as it looks for `-LRB-` in lower-cased text.

/// The words that are dropped, as the Penn Treebank writes them.
pub const PUNCTUATION: [&str; 17] = [
    "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";",
];

/// What is cut from the end of a word and stays as a word.
const CLITICS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];

/// Words that are two, and where to cut them.
const DOUBLE: [(&str, usize); 6] =
    [("cannot", 3), ("gonna", 3), ("gotta", 3), ("wanna", 3), ("gimme", 3), ("lemme", 3)];

/// Words that keep their full stop.
const ABBREVIATIONS: [&str; 9] = ["mr.", "mrs.", "ms.", "dr.", "st.", "jr.", "sr.", "vs.", "etc."];

/// The words of a text: `"A dog's t-shirt, isn't it?"` gives `a dog 's t-shirt is n't it`.
pub fn tokenize(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\u{2018}', '\u{2019}'], "'");
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        if PUNCTUATION.iter().any(|listed| listed.eq_ignore_ascii_case(chunk)) {
            continue;
        }
        for piece in cut_at_signs(chunk) {
            cut_word(piece, &mut words);
        }
    }
    words
}

/// Cuts what stands alone out of a run without spaces. Punctuation that is dropped anyway is dropped here.
fn cut_at_signs(chunk: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut chars = chunk.char_indices().peekable();
    let mut before = None;
    while let Some((at, sign)) = chars.next() {
        let after = chars.peek().map(|(_, after)| *after);
        let between_digits =
            before.is_some_and(|c: char| c.is_ascii_digit()) && after.is_some_and(|c| c.is_ascii_digit());
        let doubled = before == Some(sign) || after == Some(sign);
        let (cut, keep) = match sign {
            ',' | ':' => (!between_digits, false),
            '.' | '-' => (doubled, false),
            '?' | '!' | ';' | '"' | '`' | '(' | ')' | '[' | ']' | '{' | '}' => (true, false),
            '\u{201c}' | '\u{201d}' | '\u{2013}' | '\u{2014}' | '\u{2026}' => (true, false),
            '$' | '%' | '#' => (true, true),
            _ => (false, false),
        };
        before = Some(sign);
        if cut {
            let end = at + sign.len_utf8();
            pieces.push(&chunk[start..at]);
            pieces.push(if keep { &chunk[at..end] } else { "" });
            start = end;
        }
    }
    pieces.push(&chunk[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Takes hyphens, apostrophes and the full stop from a word's ends and cuts off its clitics.
fn cut_word(piece: &str, words: &mut Vec<String>) {
    if CLITICS.contains(&piece) {
        words.push(piece.to_string());
        return;
    }
    let word = piece.trim_matches(['-', '\'']);
    let abbreviated = ABBREVIATIONS.contains(&word) || is_dotted_letters(word);
    let word = if abbreviated { word } else { word.trim_matches(['.', '-', '\'']) };
    let clitic = CLITICS.iter().find(|clitic| word.len() > clitic.len() && word.ends_with(*clitic));
    if let Some(clitic) = clitic {
        cut_word(&word[..word.len() - clitic.len()], words);
        words.push(clitic.to_string());
    } else if let Some((_, at)) = DOUBLE.iter().find(|(double, _)| *double == word) {
        words.extend([word[..*at].to_string(), word[*at..].to_string()]);
    } else if !word.is_empty() {
        words.push(word.to_string());
    }
}

/// Whether a word is like `u.s.`: single letters, more than one, each before a full stop.
fn is_dotted_letters(word: &str) -> bool {
    let mut letters = word.strip_suffix('.').unwrap_or("").split('.');
    letters.clone().count() > 1
        && letters.all(|letter| letter.chars().count() == 1 && letter.chars().all(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(tokenize(text).join(" "), expected);
        assert_eq!(tokenize(expected).join(" "), expected, "words stay as they are");
    }

    #[test]
    fn punctuation_goes_and_case_is_lowered() {
        check("A man , a plan ; a canal : Panama !", "a man a plan a canal panama");
        check("Two dogs (brown) run--fast... \"Stop!\" `Why?'", "two dogs brown run fast stop why");
        check("\u{201c}A dog\u{2019}s life\u{201d} \u{2014} yes\u{2026}", "a dog 's life yes");
    }

    #[test]
    fn clitics_are_words() {
        check("The dog's owner isn't here, they've left.", "the dog 's owner is n't here they 've left");
        check("I can't; I cannot. They're gonna.", "i ca n't i can not they 're gon na");
        check("She wouldn't've.", "she would n't 've");
        check("The dogs' owner at five o'clock", "the dogs owner at five o'clock");
    }

    #[test]
    fn numbers_and_hyphens_stay_whole() {
        check("A t-shirt at 5:30 for $1,000.50, 20% off", "a t-shirt at 5:30 for $ 1,000.50 20 % off");
        check("It is 3.5.", "it is 3.5");
    }

    #[test]
    fn abbreviations_keep_their_full_stop() {
        check("Mr. Smith of the U.S. waves.", "mr. smith of the u.s. waves");
        check("Oh no. A man with a. b.", "oh no a man with a b");
    }

    #[test]
    fn nothing_comes_of_nothing() {
        check("", "");
        check(" . ... -- '' `` ' - ' , ", "");
    }

    #[test]
    fn no_listed_punctuation_is_left() {
        for punctuation in PUNCTUATION {
            check(&format!("a {punctuation} b"), "a b");
        }
    }
}
