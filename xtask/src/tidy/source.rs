//! What Rust sources say: how long they are and why, and whether they have `unsafe` code.

use super::{KERNELS, Text};

/// Lines of an example.
const EXAMPLE_LINES: usize = 120;

/// Lines of a file that need no explanation.
const LINES: usize = 600;

/// A file that is long and does not say why.
pub fn unexplained_length(source: &Text) -> Option<String> {
    let lines = source.text.lines().count();
    // Any explanation speaks of length or of one file.
    let explained =
        ["long", "one file", "one page"].iter().any(|word| first_paragraph(&source.text).contains(word));
    (lines > LINES && !explained).then(|| {
        let advice = "split it, or say in its first paragraph why it is that long";
        format!("{} has {lines} lines: {advice}", source.path)
    })
}

/// An example that is not read in one go.
pub fn long_example(source: &Text) -> Option<String> {
    let lines = source.text.lines().count();
    let is_example = source.path.starts_with("examples/");
    (is_example && lines > EXAMPLE_LINES).then(|| {
        format!("{} has {lines} lines, and {EXAMPLE_LINES} are the limit for an example", source.path)
    })
}

/// The words of some code.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The module documentation up to its first empty line, on one line.
fn first_paragraph(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The lines with the keyword `unsafe`.
pub fn unsafe_code(source: &Text) -> Vec<String> {
    let code = code_only(&source.text);
    let lines = code.lines().enumerate().filter(|(_, line)| words(line).any(|word| word == "unsafe"));
    lines.map(|(number, _)| format!("{}:{}: `unsafe` outside {KERNELS}", source.path, number + 1)).collect()
}

/// The source with comments and literals emptied, line by line as it was.
pub fn code_only(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(raw) = raw_string(rest).filter(|_| !after_name) {
            raw
        } else if first == '"' {
            quoted(rest, '"').unwrap_or(rest.len())
        } else if let Some(letter) = (first == '\'').then(|| letter(rest)).flatten() {
            letter
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (gone, left) = rest.split_at(length);
        // A space, so that the words around a comment stay two.
        code.push(' ');
        code.extend(gone.chars().filter(|c| *c == '\n'));
        rest = left;
    }
    code
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The length of `r"…"`, `r#"…"#` and their `b` and `c` kin.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let inside = start.trim_start_matches('#');
    let hashes = start.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |at| before + at + end.len()))
}

/// The length of a literal between `quote`s, in which a backslash hides what follows it.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if letter == quote => return Some(at + quote.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a character literal; a lifetime is none.
fn letter(text: &str) -> Option<usize> {
    let mut letters = text.chars().skip(1);
    let first = letters.next()?;
    (first == '\\' || letters.next() == Some('\'')).then(|| quoted(text, '\'')).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_says_why() {
        let check = |start: &str, lines: usize, well: bool| {
            let text = format!("{start}\n{}", "\n".repeat(lines - start.lines().count()));
            let source = Text { path: "src/lib.rs".to_string(), text };
            assert_eq!(unexplained_length(&source).is_none(), well, "{start}");
        };
        check("//! Passes.", 600, true);
        check("//! Passes.", 601, false);
        check("//! Passes. They are long because\n//! they share a walk.", 601, true);
        check("//! Passes.\n//!\n//! They are long because they share a walk.", 601, false);
        check("//! A table, which is read best\n//! in one file.", 601, true);
    }

    #[test]
    fn an_example_is_a_page() {
        let check = |path: &str, lines: usize, well: bool| {
            let source = Text { path: path.to_string(), text: "\n".repeat(lines) };
            assert_eq!(long_example(&source).is_none(), well, "{path}");
        };
        check("examples/a.rs", 120, true);
        check("examples/a.rs", 121, false);
        check("tests/a.rs", 121, true);
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let check = |source: &str, expected: &str| assert_eq!(code_only(source), expected, "{source}");
        check("a // unsafe\nb", "a  \nb");
        check("a/* x /* y */\n z */b", "a \nb");
        check(r#"f("un\"safe", 1)"#, "f( , 1)");
        check(r##"f(r#"a "b" c"#)"##, "f( )");
        check(r#"f(br"\", b"x", 'a', '\'', '"')"#, "f( , b ,  ,  ,  )");
        check("fn f<'a>(x: &'a str, y: 'static)", "fn f<'a>(x: &'a str, y: 'static)");
        check("for r in 0..1 { var\"\" }", "for r in 0..1 { var  }");
        check("\"open", " ");
        check("/* open", " ");
        check("größe('ß')", "größe( )");
    }

    #[test]
    fn the_keyword_is_found_and_nothing_else() {
        let text =
            "//! unsafe\n#![deny(unsafe_code)]\nlet s = \"\nunsafe\";\nunsafe { f() }\nfn unsafety() {}\n"
                .to_string();
        let found = unsafe_code(&Text { path: "src/lib.rs".to_string(), text });
        assert_eq!(found, ["src/lib.rs:5: `unsafe` outside crates/tape/src/kernels/"]);
    }
}
