//! Shares that grow from both ends of a track: what is closed from the left, what is open from the right.

use maud::{Markup, html};

use super::frame::{LETTERS, WIDTH, at, chart, heading};
use super::style::{Look, shortened, width};
use crate::report::number::{fixed, listed};

/// Tracks with a share at each end.
#[derive(Clone, PartialEq, Debug)]
pub struct Bars {
    /// What distinguishes it from those beside it.
    pub title: String,
    /// What the left and the right end of every track are.
    pub ends: [&'static str; 2],
    /// The tracks from top to bottom.
    pub tracks: Vec<Track>,
}

/// A pair of tracks.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    /// What it belongs to.
    pub name: String,
    /// What it is of that.
    pub part: String,
    /// How what it belongs to is told from others.
    pub look: Look,
    /// The shares at the left and at the right end before; drawn above and paler.
    pub before: Option<[f64; 2]>,
    /// The same after.
    pub after: Option<[f64; 2]>,
}

const ROW: f64 = 42.0;
const TOP: f64 = 44.0;
const NUMBERS: f64 = 40.0;

impl Bars {
    /// The chart as SVG.
    pub fn svg(&self) -> Markup {
        let height = TOP + ROW * self.tracks.len() as f64;
        chart(
            height,
            &self.words(),
            html! {
                (heading(&self.title))
                text.title x=(at(NUMBERS)) y="31" { (self.ends[0]) }
                text.title x=(at(WIDTH - NUMBERS)) y="31" text-anchor="end" { (self.ends[1]) }
                @for (place, track) in self.tracks.iter().enumerate() {
                    @let y = TOP + ROW * place as f64;
                    @let name = shortened(&track.name, LETTERS, WIDTH / 2.0);
                    @let room = WIDTH - width(&name, LETTERS) - 30.0;
                    g.(track.look.class()) {
                        (track.look.marker(5.0, y + 5.0, 3.5))
                        text.name x="14" y=(at(y + 9.0)) {
                            title { (track.name) " " (track.part) }
                            (name) " " tspan.tick { (shortened(&track.part, LETTERS, room)) }
                        }
                        @if let Some(shares) = track.before { g.pale { (track_of(shares, y + 15.0, 5.0)) } }
                        @if let Some(shares) = track.after {
                            (track_of(shares, y + 22.0, 9.0))
                            text.tick x=(at(NUMBERS - 5.0)) y=(at(y + 30.0)) text-anchor="end" { (percent(shares[0])) }
                            text.tick x=(at(WIDTH - NUMBERS + 5.0)) y=(at(y + 30.0)) { (percent(shares[1])) }
                        }
                    }
                }
            },
        )
    }

    fn words(&self) -> String {
        let shares = |shares: Option<[f64; 2]>| {
            shares.map_or("unknown".into(), |[low, high]| {
                format!(
                    "{} at the {} and {} at the {}",
                    percent(low),
                    self.ends[0],
                    percent(high),
                    self.ends[1]
                )
            })
        };
        let track = |track: &Track| {
            format!(
                "{} {}: before {}, after {}",
                track.name,
                track.part,
                shares(track.before),
                shares(track.after)
            )
        };
        format!("{}: {}.", self.title, listed(&self.tracks.iter().map(track).collect::<Vec<_>>()))
    }
}

/// A track with what is taken of it from its ends.
fn track_of([low, high]: [f64; 2], y: f64, height: f64) -> Markup {
    let length = WIDTH - 2.0 * NUMBERS;
    let part = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0) * length } else { 0.0 };
    html! {
        rect.track x=(NUMBERS) y=(at(y)) width=(at(length)) height=(at(height)) rx="1.5" {}
        rect.share x=(NUMBERS) y=(at(y)) width=(at(part(low))) height=(at(height)) rx="1.5" {}
        rect.share x=(at(WIDTH - NUMBERS - part(high))) y=(at(y)) width=(at(part(high))) height=(at(height)) rx="1.5" {}
    }
}

/// A share of 1 in whole hundredths; what is no number is none.
fn percent(share: f64) -> String {
    if share.is_finite() { format!("{}\u{a0}%", fixed(100.0 * share, 0)) } else { "–".into() }
}
