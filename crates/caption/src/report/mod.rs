//! What a run has shown, as one page that opens from disk: how it learned, how good it is, what it says of which pictures
//! and how sure it is, what seems to be wrong, with which settings; alone or beside another run.
//!
//! How a page looks is [`lab::report`]'s; here stands what goes on it. In reading order:
//!
//! 1. [`run`](mod@run): a run as its folder has it, and the numbers that it recorded.
//! 2. [`described`]: what its model says of a split, with every word's probability.
//! 3. `summary`, `curves`, `differences`, `gallery`, `settings`: the sections of the page.
//! 4. `card` is one picture of the gallery, `picture` its file, `words` a caption with its probabilities, `attention`
//!    where the model looked.

mod attention;
mod card;
mod curves;
pub mod described;
mod differences;
mod gallery;
mod picture;
pub mod run;
mod settings;
mod summary;
mod words;

use std::collections::BTreeMap;

use lab::report::chart::Look;
use lab::report::page::{Page, Section};
use maud::html;

pub use described::Described;
pub use picture::Picture;
pub use run::Run;

/// One run, or two side by side, with what the page shows of them.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run, and perhaps another.
    pub runs: Vec<Run>,
    /// The pictures to show, by their numbers in the split; see [`Report::wanted`].
    pub pictures: BTreeMap<usize, Picture>,
}

impl Report {
    /// A report of one run or of two, without pictures yet.
    ///
    /// # Panics
    /// If there is neither one run nor two.
    #[track_caller]
    pub fn new(runs: Vec<Run>) -> Report {
        assert!((1..=2).contains(&runs.len()), "a report is of one run or of two, not of {}", runs.len());
        Report { runs, pictures: BTreeMap::new() }
    }

    /// The numbers of the pictures that the page has places for.
    pub fn wanted(&self) -> Vec<usize> {
        gallery::wanted(self)
    }

    /// The numbers of the pictures of which the page shows captions by the first run, or by the other.
    pub fn wanted_of(&self, run: usize) -> Vec<usize> {
        if run == 0 || self.both().is_some() { self.wanted() } else { Vec::new() }
    }

    /// The page.
    pub fn page(&self) -> Page {
        let sections: [Option<Section>; 6] = [
            differences::section(self),
            summary::section(self),
            curves::section(self),
            gallery::examples(self),
            gallery::extremes(self),
            Some(settings::section(self)),
        ];
        Page {
            title: summary::title(self),
            lead: summary::lead(self),
            sections: sections.into_iter().flatten().collect(),
            foot: html! {
                "Written by unspool from " code { "config.json" } ", " code { "metrics.jsonl" } " and the model of the run."
            },
            style: include_str!("style.css"),
        }
    }

    /// The run that the page is about.
    fn run(&self) -> &Run {
        &self.runs[0]
    }

    /// The run that it is compared with.
    fn other(&self) -> Option<&Run> {
        self.runs.get(1)
    }

    /// The runs with how they are told apart; two runs of one name are A and B.
    fn named(&self) -> impl Iterator<Item = (&Run, String, Look)> {
        let same = self.other().is_some_and(|other| other.name == self.run().name);
        self.runs.iter().enumerate().map(move |(place, run)| {
            let name = if same { format!("{} ({})", run.name, ["A", "B"][place]) } else { run.name.clone() };
            (run, name, Look(place))
        })
    }

    /// What both runs say, where they were asked about the same pictures.
    fn both(&self) -> Option<[&Described; 2]> {
        let (one, other) = (self.run().described.as_ref()?, self.other()?.described.as_ref()?);
        let alike = one.items.iter().map(|item| &item.name).eq(other.items.iter().map(|item| &item.name));
        alike.then_some([one, other])
    }
}
