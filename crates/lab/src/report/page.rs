//! The skeleton of a page in one file: head, table of contents, sections, and what they are made of.
//!
//! Text is escaped where it is written (`maud`). The page's own content policy lets it load nothing and run nothing but its
//! style sheet, so that a page can be opened without trust in the names on it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its heading, and the name of its tab.
    pub title: String,
    /// What is read first.
    pub lead: Markup,
    /// Its sections in order.
    pub sections: Vec<Section>,
    /// What stands at its end.
    pub foot: Markup,
    /// Rules of style for what no other page has; the colours and sizes of all pages are at hand.
    pub style: &'static str,
}

/// A section of a page.
#[derive(Clone, Debug)]
pub struct Section {
    /// The end of an address that leads to it; letters and dashes.
    pub anchor: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What stands below.
    pub body: Markup,
}

impl Section {
    /// A section.
    pub fn new(anchor: &'static str, title: &'static str, body: Markup) -> Section {
        Section { anchor, title, body }
    }
}

/// Nothing but the style sheet within the page, and pictures that are part of it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

impl Page {
    /// The file.
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(chart::LIGHT)) (PreEscaped(include_str!("style.css"))) (PreEscaped(chart::STYLE)) (PreEscaped(self.style)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        (self.lead)
                        nav aria-label="Contents" { ul {
                            @for section in &self.sections { li { a href={ "#" (section.anchor) } { (section.title) } } }
                        } }
                    }
                    main {
                        @for section in &self.sections {
                            section id=(section.anchor) aria-labelledby={ (section.anchor) "-title" } {
                                h2 id={ (section.anchor) "-title" } { (section.title) }
                                (section.body)
                            }
                        }
                    }
                    footer { p { (self.foot) } }
                }
            }
        };
        page.into_string() + "\n"
    }
}

/// Charts side by side, with what is to be known of them below.
pub fn figure(charts: &[Markup], caption: &str) -> Markup {
    html! {
        figure {
            div.charts { @for chart in charts { (chart) } }
            figcaption { (caption) }
        }
    }
}

/// What is shown when asked for.
pub fn details(summary: &str, body: Markup) -> Markup {
    html! { details { summary { (summary) } (body) } }
}
