//! One picture of the gallery: what it shows, what it should be told as, what the model says and how sure it is.

use lab::report::data_uri::data_uri;
use lab::report::number::fixed;
use maud::{Markup, html};

use super::attention::maps;
use super::described::{Item, Spoken};
use super::words::{in_line, said};
use super::{Picture, Report};

/// The captions of one picture by one run, or by two.
pub(super) fn card(
    report: &Report,
    picture: usize,
    items: &[(Option<String>, &Item)],
    place: &str,
) -> Markup {
    let Some((_, item)) = items.first() else { return Markup::default() };
    let shown = report.pictures.get(&picture);
    let address = shown.map(|picture| data_uri(picture.kind, &picture.bytes));
    let shown = shown.zip(address.as_deref());
    let truth = item.references.first().map_or("", String::as_str);
    html! {
        article.card {
            @if let Some((file, address)) = shown {
                img.pixels[is_small(file)] src=(address) alt={ (item.name) ". Reference: " (truth) } {}
            }
            div.told {
                p.name { bdi { (item.name) } }
                @for (run, item) in items {
                    @if let Some(run) = run { p.run { bdi { (run) } } }
                    @if let Some(best) = item.captions.first() { (said(best)) }
                    p.score { "CIDEr-D " (fixed(item.scores.cider_d, 2)) " · BLEU-4 " (fixed(item.scores.bleu_4, 2)) " · ROUGE-L " (fixed(item.scores.rouge_l, 2)) }
                }
                p.truth { span { "Reference:" } " " bdi { (truth) } }
                @if item.references.len() > 1 {
                    details { summary { "References: " (item.references.len() - 1) " more" }
                        ul { @for reference in &item.references[1..] { li { bdi { (reference) } } } }
                    }
                }
                @for (run, item) in items { (others(run.as_deref(), item)) }
                @for (number, (run, item)) in items.iter().enumerate() { @if let Some(best) = item.captions.first() {
                    (attention(run.as_deref(), best, shown, &format!("{place}-{picture}-{number}")))
                } }
            }
        }
    }
}

/// The rest of a beam.
fn others(run: Option<&str>, item: &Item) -> Markup {
    let others = item.captions.get(1..).unwrap_or_default();
    if others.is_empty() {
        return Markup::default();
    }
    html! {
        details {
            summary { "The beam" @if let Some(run) = run { " of " bdi { (run) } } ": " (others.len()) " more" }
            ol.beam { @for caption in &item.captions { li { (in_line(caption)) } } }
        }
    }
}

/// Whether a picture has few pixels, which are then shown as such: photographs are files of another type.
fn is_small(picture: &Picture) -> bool {
    picture.kind == "image/png"
}

fn attention(run: Option<&str>, spoken: &Spoken, picture: Option<(&Picture, &str)>, id: &str) -> Markup {
    let Some(attention) = &spoken.attention else { return Markup::default() };
    let words: Vec<&str> =
        spoken.words.iter().map(|(word, _)| word.as_str()).chain(spoken.end.map(|_| "■")).collect();
    html! { details {
        summary { "Where " @if let Some(run) = run { bdi { (run) } } @else { "it" } " looked" }
        (maps(attention, &words, picture, &format!("seen-{id}")))
    } }
}
