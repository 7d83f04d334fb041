//! Names from users as text of LaTeX and of Markdown, where no character of them means anything. In HTML and SVG `maud`
//! does this by itself.

/// A name as it is shown anywhere: never empty, and [`visible`].
pub fn name(name: &str) -> String {
    if name.trim().is_empty() { "(no name)".into() } else { visible(name) }
}

/// Text as it is shown anywhere: characters that nobody sees, or that turn the direction of others, become `�`.
pub fn visible(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|letter| if hidden(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Text for LaTeX; signs of our own numbers become mathematics.
pub fn latex(text: &str) -> String {
    let mut escaped = String::new();
    let mut raised = String::new();
    for letter in text.chars() {
        match RAISED.chars().position(|sign| sign == letter) {
            Some(place) => raised.extend("0123456789-".chars().nth(place)),
            None => {
                close(&mut escaped, &mut raised);
                match letter {
                    '\\' => escaped.push_str("\\textbackslash{}"),
                    '~' => escaped.push_str("\\textasciitilde{}"),
                    '^' => escaped.push_str("\\textasciicircum{}"),
                    '<' => escaped.push_str("\\textless{}"),
                    '>' => escaped.push_str("\\textgreater{}"),
                    '|' => escaped.push_str("\\textbar{}"),
                    '"' => escaped.push_str("\\symbol{34}"),
                    '`' => escaped.push_str("\\symbol{96}"),
                    // Two of them would become a dash or another quote.
                    '-' | '\'' if escaped.ends_with(letter) => escaped.extend(['{', '}', letter]),
                    '{' | '}' | '$' | '&' | '#' | '_' | '%' => escaped.extend(['\\', letter]),
                    '±' => escaped.push_str("$\\pm$"),
                    '×' => escaped.push_str("$\\times$"),
                    '−' => escaped.push_str("$-$"),
                    '\u{202f}' => escaped.push_str("\\,"),
                    '\u{a0}' => escaped.push('~'),
                    '\u{fffd}' => escaped.push('?'),
                    '–' => escaped.push_str("--"),
                    letter => escaped.push(letter),
                }
            }
        }
    }
    close(&mut escaped, &mut raised);
    escaped
}

/// The digits and the sign of powers of ten.
const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";

fn close(escaped: &mut String, raised: &mut String) {
    if !raised.is_empty() {
        escaped.push_str(&format!("$^{{{raised}}}$"));
        raised.clear();
    }
}

/// Text for a cell of a Markdown table.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            // As entities: a table is cut at its bars, and HTML found, before a backslash is looked at by every reader.
            '|' => escaped.push_str("&#124;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '!' | '~' | '$' => {
                escaped.extend(['\\', letter])
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_in_latex() {
        let check = |name: &str, expected: &str| assert_eq!(latex(name), expected);
        check("my_cell & 100%", "my\\_cell \\& 100\\%");
        check("\\input{/etc/passwd}", "\\textbackslash{}input\\{/etc/passwd\\}");
        check("$x^2$ ~#", "\\$x\\textasciicircum{}2\\$ \\textasciitilde{}\\#");
        check("(1.2 ± 0.3)×10⁻⁵", "(1.2 $\\pm$ 0.3)$\\times$10$^{-5}$");
        check("−3", "$-$3");
        check("a--b", "a-{}-b");
    }

    #[test]
    fn names_do_nothing_in_markdown() {
        let check = |name: &str, expected: &str| assert_eq!(markdown(name), expected);
        check("my_cell | *two*", "my\\_cell &#124; \\*two\\*");
        check("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("![a](b)\n# c", "\\!\\[a\\](b) \\# c");
        check("0.12 ± 0.01", "0.12 ± 0.01");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        let check = |name: &str, expected: &str| assert_eq!(super::name(name), expected);
        check("gru", "gru");
        check("\u{202e}urg\0", "�urg�");
        check(" \n", "(no name)");
    }
}
