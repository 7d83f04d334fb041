//! Links in Markdown: what they lead to exists, in the repository and in the book.
//!
//! A link is relative, or leads to a file of this repository on GitHub, or elsewhere, which nobody checks here. The book in
//! `docs/` has the pages that `docs/SUMMARY.md` lists; a link from one of them may not leave that folder but by GitHub, and
//! leads to listed pages, to files beside them, and to nothing that only GitHub makes a page of.

use std::collections::{BTreeMap, BTreeSet};

use super::Text;

/// Where the files of the repository are on GitHub.
const GITHUB: [&str; 2] =
    ["https://github.com/unspool/unspool/blob/main/", "https://github.com/unspool/unspool/tree/main/"];

const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

/// A link with its line, from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    line: usize,
    pub target: String,
}

/// Links that lead nowhere, and pages that the book lacks.
pub fn dead_links(pages: &[&Text], paths: &BTreeSet<String>) -> Vec<String> {
    let headings: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let summary = pages.iter().find(|page| page.path == SUMMARY);
    let listed: BTreeSet<String> = summary
        .map(|page| links(&page.text).into_iter().filter_map(|link| joined(SUMMARY, &link.target)).collect())
        .unwrap_or_default();
    let mut findings = Vec::new();
    for page in pages {
        let in_book = listed.contains(&page.path);
        if page.path.starts_with(BOOK) && page.path != SUMMARY && !in_book {
            findings.push(format!("{} is no page of the book: list it in {SUMMARY}", page.path));
        }
        for link in links(&page.text) {
            if let Some(why) = dead(page, &link.target, in_book, &listed, paths, &headings) {
                findings.push(format!("{}:{}: the link to `{}` {why}", page.path, link.line, link.target));
            }
        }
    }
    findings
}

/// Why a link leads nowhere.
fn dead(
    page: &Text,
    target: &str,
    in_book: bool,
    listed: &BTreeSet<String>,
    paths: &BTreeSet<String>,
    headings: &BTreeMap<&str, BTreeSet<String>>,
) -> Option<&'static str> {
    let on_github = GITHUB.iter().find_map(|start| target.strip_prefix(start));
    if on_github.is_none() && (target.contains("://") || target.starts_with("mailto:")) {
        return None;
    }
    let (file, anchor) =
        on_github.unwrap_or(target).split_once('#').unwrap_or((on_github.unwrap_or(target), ""));
    let path = match (on_github, file) {
        (None, "") => Some(page.path.clone()),
        (None, file) => joined(&page.path, file),
        (Some(_), file) => joined("", file),
    };
    let Some(path) = path.filter(|path| paths.contains(path)) else { return Some("leads to nothing") };
    if let Some(headings) = headings.get(path.as_str())
        && !anchor.is_empty()
        && !headings.contains(anchor)
    {
        return Some("leads to no heading of that page");
    }
    if !in_book || on_github.is_some() {
        return None;
    }
    let is_folder = !path.rsplit('/').next().unwrap_or_default().contains('.');
    match path.strip_prefix(BOOK) {
        None => Some("leaves the book: write its address on GitHub"),
        Some("README.md") => Some("leads to the first page, which the book calls index.html"),
        Some(_) if is_folder => Some("leads to a folder, of which the book has no page"),
        Some(_) if path.ends_with(".md") && !listed.contains(&path) => Some("leads to no page of the book"),
        Some(_) => None,
    }
}

/// The path of a target that stands in a page; none where it leaves the repository.
fn joined(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines of a page that are not code, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((number + 1, line)),
            (Some(_), _) => {}
        }
        None
    })
}

/// The targets of `[words](target)`, `![words](target)` and `[name]: target`, outside of code.
pub fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let inline = line.split("](").skip(1).filter_map(|rest| {
            let mut depth = 0;
            let end = rest.find(|letter| {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                depth < 0
            })?;
            rest[..end].split_whitespace().next()
        });
        let defined =
            line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
        links.extend(
            inline
                .chain(defined)
                .map(|target| Link { line: number, target: target.trim_matches(['<', '>']).to_string() }),
        );
    }
    links
}

/// What a link can name in a page: its headings as GitHub and mdBook write them, and `id="…"`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            let name = anchor(heading.trim());
            let mut count = 0;
            let mut unique = name.clone();
            while !anchors.insert(unique) {
                count += 1;
                unique = format!("{name}-{count}");
            }
        }
        anchors.extend(
            line.split("id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(id, _)| id.to_string()),
        );
    }
    anchors
}

fn anchor(heading: &str) -> String {
    let letters = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    letters.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::super::repository;
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let (texts, paths) = repository(files);
        let pages: Vec<&Text> = texts.iter().filter(|text| text.path.ends_with(".md")).collect();
        assert_eq!(dead_links(&pages, &paths), expected);
    }

    #[test]
    fn links_stand_outside_of_code() {
        let text = "[a](b.md) `[c](d)` ![e](f(g).svg \"h\")\n```text\n[i](j)\n```\n[k]: <l>\n";
        let found: Vec<String> =
            links(text).into_iter().map(|link| format!("{} {}", link.line, link.target)).collect();
        assert_eq!(found, ["1 b.md", "1 f(g).svg", "5 l"]);
    }

    #[test]
    fn headings_have_the_names_that_github_gives() {
        let text = "# A step, by hand: `tanh`\n## Why\n```\n# no\n```\n## Why\n<a id=\"here\"></a>\n#tag\n";
        let expected = ["a-step-by-hand-tanh", "here", "why", "why-1"];
        assert_eq!(anchors(text), expected.map(String::from).into());
    }

    #[test]
    fn what_a_link_names_exists() {
        let page = "# Top\n[a](docs/x.svg) [b](src/) [c](#top) [d](https://example.org/gone) [e](https://github.com/unspool/unspool/blob/main/src/lib.rs)\n\
                    [f](docs/y.svg) [g](#bottom) [h](../up.md)\n[i](https://github.com/unspool/unspool/tree/main/gone)\n";
        check(
            &[("README.md", page), ("docs/x.svg", ""), ("src/lib.rs", "")],
            &[
                "README.md:3: the link to `docs/y.svg` leads to nothing",
                "README.md:3: the link to `#bottom` leads to no heading of that page",
                "README.md:3: the link to `../up.md` leads to nothing",
                "README.md:4: the link to `https://github.com/unspool/unspool/tree/main/gone` leads to nothing",
            ],
        );
    }

    #[test]
    fn the_book_is_whole_by_itself() {
        let chapter = "[a](../notes/n.md#n) [b](x.svg)\n[c](../../README.md) [d](../unlisted.md)\n[e](../notes) [f](../README.md)\n";
        check(
            &[
                ("README.md", "[a](docs/book/c.md) [b](docs)\n"),
                ("docs/README.md", "# First\n"),
                (
                    "docs/SUMMARY.md",
                    "[1](README.md)\n- [2](book/c.md)\n- [3](notes/n.md)\n- [4](book/gone.md)\n",
                ),
                ("docs/book/c.md", chapter),
                ("docs/book/x.svg", ""),
                ("docs/notes/n.md", "# N\n"),
                ("docs/unlisted.md", ""),
            ],
            &[
                "docs/SUMMARY.md:4: the link to `book/gone.md` leads to nothing",
                "docs/book/c.md:2: the link to `../../README.md` leaves the book: write its address on GitHub",
                "docs/book/c.md:2: the link to `../unlisted.md` leads to no page of the book",
                "docs/book/c.md:3: the link to `../notes` leads to a folder, of which the book has no page",
                "docs/book/c.md:3: the link to `../README.md` leads to the first page, which the book calls index.html",
                "docs/unlisted.md is no page of the book: list it in docs/SUMMARY.md",
            ],
        );
    }
}
