//! A caption with the probability of each word, as a bar and as a number below it.

use lab::report::number::fixed;
use maud::{Markup, html};

use super::described::Spoken;

/// The words of a caption and its end, each with its probability in percent.
pub(super) fn said(spoken: &Spoken) -> Markup {
    let end = spoken.end.map(|p| ("end", p));
    html! {
        p.said {
            @for (word, p) in &spoken.words { (with_probability(html! { bdi { (word) } }, *p)) " " }
            @if let Some((_, p)) = end {
                (with_probability(html! { span.end title="the end of the caption" { "■" } }, p))
            } @else {
                span.word { span.end { "… cut off" } }
            }
        }
    }
}

/// The words with their probabilities in one line.
pub(super) fn in_line(spoken: &Spoken) -> Markup {
    html! { bdi { (spoken.text) } small { " log p " (fixed(spoken.log_probability, 2)) } }
}

fn with_probability(word: Markup, p: f64) -> Markup {
    let percent = if p.is_finite() { 100.0 * p } else { 0.0 };
    html! { span.word style={ "--p:" (format!("{percent:.1}%")) } { (word) small { (fixed(percent, 0)) } } }
}
