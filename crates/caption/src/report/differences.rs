//! Two runs side by side: the settings that differ, the scores, and the pictures on which they differ most.

use lab::report::page::Section;
use maud::html;

use super::gallery::{apart, cards};
use super::{Report, curves, settings, summary};

pub(super) fn section(report: &Report) -> Option<Section> {
    report.other()?;
    let names: Vec<String> = report.named().map(|(_, name, _)| name).collect();
    let differing = settings::differing(&report.runs);
    let pictures = report.both().map(apart);
    let body = html! {
        (curves::key(report))
        @if differing.is_empty() {
            p { "Their settings are the same." }
        } @else {
            (settings::table(report, "Settings that differ", &differing).html())
        }
        (summary::scores(report).html())
        @if let Some([better, worse]) = &pictures {
            @for (pictures, name, place) in [(better, &names[0], "better"), (worse, &names[1], "worse")] {
                @if !pictures.is_empty() {
                    h3 { "Where " bdi { (name) } " is better by most" }
                    p.note { "By the difference in CIDEr-D of a picture." }
                    (cards(report, pictures, place))
                }
            }
        } @else {
            p.note { "The runs were not asked about the same pictures, so that their captions do not stand side by side." }
        }
    };
    Some(Section::new("differences", "Two runs side by side", body))
}
