//! One table in four languages: HTML, LaTeX with `booktabs`, Markdown, and the plain text of a terminal.

use maud::{Markup, html};

use super::escape::{latex, markdown};
use crate::progress::broken;

/// A table whose rows may stand in groups.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// What it shows, in a sentence without its full stop.
    pub title: String,
    /// The columns from left to right; the first heads the groups where there are any, the next heads the rows.
    pub columns: Vec<Column>,
    /// The rows from top to bottom.
    pub groups: Vec<Group>,
    /// What a reader must know, in sentences below the table.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// What stands in it.
    pub title: String,
    /// Whether it holds numbers, which stand to the right.
    pub numbers: bool,
}

/// Rows that belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// What they have in common; a table with a name has one in every group.
    pub name: Option<String>,
    /// An entry for each column but that of the groups.
    pub rows: Vec<Vec<Entry>>,
}

/// What stands in a row and a column.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Entry {
    /// The text.
    pub text: String,
    /// Whether it stands out.
    pub bold: bool,
    /// A remark below it.
    pub remark: Option<String>,
}

impl Entry {
    /// Plain text.
    pub fn new(text: impl Into<String>) -> Entry {
        Entry { text: text.into(), ..Entry::default() }
    }

    /// The text with its remark, in one line of a language with its own sign for bold.
    fn line(&self, escape: fn(&str) -> String, bold: [&str; 2]) -> String {
        let text = escape(&self.text);
        let text = if self.bold { format!("{}{text}{}", bold[0], bold[1]) } else { text };
        match &self.remark {
            Some(remark) if self.text.is_empty() => escape(remark),
            Some(remark) => format!("{text} ({})", escape(remark)),
            None => text,
        }
    }
}

impl Column {
    /// A column of words.
    pub fn words(title: impl Into<String>) -> Column {
        Column { title: title.into(), numbers: false }
    }

    /// A column of numbers.
    pub fn numbers(title: impl Into<String>) -> Column {
        Column { title: title.into(), numbers: true }
    }
}

impl Table {
    /// A table of rows without groups.
    pub fn of_rows(title: impl Into<String>, columns: Vec<Column>, rows: Vec<Vec<Entry>>) -> Table {
        Table { title: title.into(), columns, groups: vec![Group { name: None, rows }], notes: Vec::new() }
    }

    /// The table in a box of its own, which scrolls where the page is too narrow.
    pub fn html(&self) -> Markup {
        // A group's name has a line of its own here, so that what heads its rows can stay in sight.
        let heads = usize::from(self.groups.iter().any(|group| group.name.is_some()));
        html! {
            div.scroll tabindex="0" role="region" aria-label=(self.title) {
                table {
                    caption { span { (self.title) "." } }
                    thead { tr {
                        @for column in &self.columns[heads..] { th.number[column.numbers] scope="col" { bdi { (column.title) } } }
                    } }
                    @for group in &self.groups {
                        tbody {
                            @if let Some(name) = &group.name {
                                tr { th.group scope="rowgroup" colspan=(self.columns.len() - heads) { bdi { (name) } } }
                            }
                            @for row in &group.rows { tr {
                                @for (place, entry) in row.iter().enumerate() { (self.entry(place, entry, group)) }
                            } }
                        }
                    }
                }
            }
            @for note in &self.notes { p.note { (note) } }
        }
    }

    fn entry(&self, place: usize, entry: &Entry, group: &Group) -> Markup {
        let column = self.columns.get(place + usize::from(group.name.is_some()));
        let numbers = column.is_some_and(|column| column.numbers);
        let content = html! {
            @if entry.bold { strong { (entry.text) } } @else { bdi { (entry.text) } }
            @if let Some(remark) = &entry.remark { small { (remark) } }
        };
        html! {
            @if place == 0 { th scope="row" { (content) } } @else { td.number[numbers] { (content) } }
        }
    }

    /// The rows of each group in a language with its own sign for bold; a group's name stands in the first of its rows.
    fn lines(&self, escape: fn(&str) -> String, bold: [&str; 2]) -> Vec<Vec<Vec<String>>> {
        let row = |group: &Group, place: usize, entries: &[Entry]| {
            let name = group.name.as_ref().map(|name| if place == 0 { escape(name) } else { String::new() });
            let entries = entries.iter().map(|entry| entry.line(escape, bold));
            name.into_iter().chain(entries).collect()
        };
        let group = |group: &Group| {
            group.rows.iter().enumerate().map(|(place, entries)| row(group, place, entries)).collect()
        };
        self.groups.iter().map(group).collect()
    }

    /// A table of plain text, in which stars stand around what is set off.
    pub fn text(&self) -> String {
        let mut rows = vec![self.columns.iter().map(|column| column.title.clone()).collect::<Vec<_>>()];
        rows.extend(self.lines(str::to_string, ["*", "*"]).into_iter().flatten());
        let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = format!("{}.\n\n", self.title);
        for row in &rows {
            let entries = row.iter().zip(&self.columns).zip(&widths).map(|((entry, column), width)| {
                if column.numbers { format!("{entry:>width$}") } else { format!("{entry:<width$}") }
            });
            text += entries.collect::<Vec<_>>().join("   ").trim_end();
            text += "\n";
        }
        for note in &self.notes {
            text += &format!("\n{}\n", broken(note, WIDTH, 0));
        }
        text
    }

    /// A `table` of LaTeX, for which the document loads `booktabs`.
    pub fn latex(&self) -> String {
        let places: String =
            self.columns.iter().map(|column| if column.numbers { 'r' } else { 'l' }).collect();
        let heads: Vec<String> = self.columns.iter().map(|column| latex(&column.title)).collect();
        let mut text = format!(
            "\\begin{{table}}\n\\centering\n\\caption{{{}.}}\n\\begin{{tabular}}{{{places}}}\n\\toprule\n{} \\\\\n",
            latex(&self.title),
            heads.join(" & ")
        );
        for rows in self.lines(latex, ["\\textbf{", "}"]) {
            text.push_str("\\midrule\n");
            for row in rows {
                // A line that begins with a bracket would be taken for an option of the line before.
                let line: Vec<String> = row.iter().map(|text| guard(text)).collect();
                text.push_str(&format!("{} \\\\\n", line.join(" & ")));
            }
        }
        text.push_str("\\bottomrule\n\\end{tabular}\n");
        for note in &self.notes {
            text.push_str(&format!("\n\\smallskip\n{{\\footnotesize {}\\par}}\n", latex(note)));
        }
        text.push_str("\\end{table}\n");
        text
    }

    /// A table of Markdown, in GitHub's dialect.
    pub fn markdown(&self) -> String {
        let row = |entries: Vec<String>| format!("| {} |\n", entries.join(" | "));
        let mut text = format!("{}.\n\n", markdown(&self.title));
        text.push_str(&row(self.columns.iter().map(|column| markdown(&column.title)).collect()));
        let rules = self.columns.iter().map(|column| if column.numbers { "---:" } else { "---" });
        text.push_str(&format!("|{}|\n", rules.collect::<Vec<_>>().join("|")));
        for entries in self.lines(markdown, ["**", "**"]).into_iter().flatten() {
            text.push_str(&row(entries));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{}\n", markdown(note)));
        }
        text
    }
}

/// How wide a line of notes is in plain text.
const WIDTH: usize = 100;

fn guard(text: &str) -> String {
    if text.starts_with(['[', '*']) { format!("{{}}{text}") } else { text.into() }
}
