//! Pictures with what is said of them: some from all over the split, the best, the worst, and for two runs those on which
//! they differ most.

use std::collections::BTreeSet;

use lab::report::number::{count, fixed};
use lab::report::page::Section;
use maud::{Markup, html};

use super::Report;
use super::card::card;
use super::described::{Described, Item};

/// Pictures that are shown of all.
const EXAMPLES: usize = 12;
/// Pictures at each end of a ranking.
const EXTREMES: usize = 6;

/// The numbers of all pictures that any section shows.
pub(super) fn wanted(report: &Report) -> Vec<usize> {
    let Some(described) = &report.run().described else { return Vec::new() };
    let (best, worst) = ends(described);
    let mut wanted: BTreeSet<usize> = examples_of(described).into_iter().chain(best).chain(worst).collect();
    if let Some(both) = report.both() {
        wanted.extend(apart(both).into_iter().flatten());
    }
    wanted.into_iter().collect()
}

/// Pictures at equal distances, so that no score has chosen them.
fn examples_of(described: &Described) -> Vec<usize> {
    let all = described.items.len();
    let shown = all.min(EXAMPLES);
    (0..shown).map(|place| place * all / shown).collect()
}

/// The best by CIDEr-D, and the worst, the very worst first; none is both.
fn ends(described: &Described) -> (Vec<usize>, Vec<usize>) {
    let ranking = described.ranking();
    let shown = EXTREMES.min(ranking.len() / 2);
    let worst = ranking.iter().rev().take(shown).copied().collect();
    (ranking[..shown].to_vec(), worst)
}

/// Pictures on which the first of two runs is better than the other by most CIDEr-D, and those on which it is worse.
pub(super) fn apart([one, other]: [&Described; 2]) -> [Vec<usize>; 2] {
    let gain = |picture: usize| one.items[picture].scores.cider_d - other.items[picture].scores.cider_d;
    let mut order: Vec<usize> = (0..one.items.len()).collect();
    order.sort_by(|a, b| gain(*b).total_cmp(&gain(*a)));
    let better = order.iter().copied().filter(|picture| gain(*picture) > 0.0).take(EXTREMES).collect();
    let worse = order.iter().rev().copied().filter(|picture| gain(*picture) < 0.0).take(EXTREMES).collect();
    [better, worse]
}

pub(super) fn examples(report: &Report) -> Option<Section> {
    let described = report.run().described.as_ref()?;
    let shown = examples_of(described);
    let about = if shown.len() < described.items.len() {
        format!(
            "{} of {} pictures, at equal distances in the data.",
            shown.len(),
            count(described.items.len())
        )
    } else {
        "All pictures.".into()
    };
    let body = html! {
        p { (about) " Captions are free-running: " (described.decoding) ". The bar and the number below a word say how probable the \
             model held it to be after those before it, in percent; ■ is the end." }
        @if any_attention(report) {
            p { "Where a model attends to places of the picture, there is a map for each word: bright where it looked, dark where it did \
                 not. A map lies over all that the network saw, the largest centred part of a picture that has the shape of its input." }
        }
        @if let Some(note) = missing(report, &shown) { p.note { (note) } }
        (cards(report, &shown, "example"))
    };
    Some(Section::new("gallery", "Gallery", body))
}

pub(super) fn extremes(report: &Report) -> Option<Section> {
    let described = report.run().described.as_ref()?;
    let (best, worst) = ends(described);
    if best.is_empty() {
        return None;
    }
    let scores = |pictures: &[usize]| {
        let of = |picture: Option<&usize>| picture.map_or(0.0, |at| described.items[*at].scores.cider_d);
        format!("CIDEr-D {} to {}.", fixed(of(pictures.first()), 2), fixed(of(pictures.last()), 2))
    };
    let body = html! {
        p { "By CIDEr-D of each picture against all its references, with words as rare as they are in this split." }
        h3 { "Worst" }
        p.note { (scores(&worst)) " A caption that shares nothing with any reference has 0." }
        (cards(report, &worst, "worst"))
        h3 { "Best" }
        p.note { (scores(&best)) }
        (cards(report, &best, "best"))
    };
    Some(Section::new("extremes", "Worst and best", body))
}

/// Whether it is known of any run where it looked.
fn any_attention(report: &Report) -> bool {
    let items =
        report.runs.iter().filter_map(|run| run.described.as_ref()).flat_map(|described| &described.items);
    items.flat_map(|item| &item.captions).any(|caption| caption.attention.is_some())
}

/// Why pictures do not stand beside their captions.
fn missing(report: &Report, shown: &[usize]) -> Option<&'static str> {
    let there = shown.iter().filter(|picture| report.pictures.contains_key(picture)).count();
    match there {
        0 => Some(
            "The data holds features and not the pictures themselves, so captions stand beside the pictures' names. With \
             --pictures DIR, picture files of these names in a folder are shown.",
        ),
        _ if there < shown.len() => {
            Some("Where no picture is shown, there is no file of its name that can be read.")
        }
        _ => None,
    }
}

/// Cards with what each run says, as far as both were asked about the same pictures.
pub(super) fn cards(report: &Report, pictures: &[usize], place: &str) -> Markup {
    let names: Vec<String> = report.named().map(|(_, name, _)| name).collect();
    let both = report.both();
    let of = |picture: usize| -> Vec<(Option<String>, &Item)> {
        match both {
            Some(both) => {
                both.iter().zip(&names).map(|(run, name)| (Some(name.clone()), &run.items[picture])).collect()
            }
            None => {
                let described = report.run().described.iter();
                described.map(|described| (None, &described.items[picture])).collect()
            }
        }
    };
    html! { div.gallery { @for picture in pictures { (card(report, *picture, &of(*picture), place)) } } }
}
