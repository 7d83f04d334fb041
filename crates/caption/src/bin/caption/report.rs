//! `caption report`: what a run has shown as one page, alone or beside another run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use caption::data::encoder::Card;
use caption::data::picture::{Fit, MOST_BYTES, picture_of_bytes, within};
use caption::data::{Dataset, Input, Split};
use caption::error::Error;
use caption::model::{Beam, Decoding, Method};
use caption::report::{Described, Picture, Report as Page, Run};
use caption::training::Model;
use clap::Args;
use lab::files::{read_file, write_atomically};
use lab::run_dir::read_config;

use crate::Outcome;
use crate::data::{DataChoice, Loaded, Part};
use crate::decoding::DecodingChoice;
use crate::runs::{check_data, find_checkpoint};

/// The longest side of pictures from files, in pixels.
const SIDE: u32 = 256;

/// Write what a run has shown, or two runs side by side, as one page.
#[derive(Args)]
pub struct Report {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The folder of a run that it is compared with.
    #[arg(value_name = "OTHER")]
    other: Option<PathBuf>,
    /// The data to describe; without it, what the run was trained on.
    #[command(flatten)]
    data: DataChoice,
    /// The part of the data.
    #[arg(long, value_enum, default_value_t = Part::Val)]
    split: Part,
    /// A folder with the picture files, for data that holds features only.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Where the page goes [default: report.html in the folder of the run].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    decoding: DecodingChoice,
}

impl Report {
    /// Describes the split anew and writes the page.
    pub fn run(&self) -> Outcome {
        let decoding = self.decoding()?;
        let mut runs = Vec::new();
        // What each run's model was asked about, by its place among all data that was loaded.
        let mut asked: Vec<Option<(Model, usize)>> = Vec::new();
        let mut seen: Vec<(DataChoice, Loaded)> = Vec::new();
        for folder in [Some(&self.run), self.other.as_ref()].into_iter().flatten() {
            let mut run = Run::read(folder)?;
            // Without a model there is no caption to show; the curves are worth a page all the same.
            if let Some(checkpoint) = find_checkpoint(folder)? {
                let choice = match &self.data.data {
                    Some(_) => self.data.clone(),
                    None => read_config(folder)?,
                };
                let known = seen.iter().position(|(known, _)| *known == choice);
                let place = known.unwrap_or(seen.len());
                if known.is_none() {
                    let loaded = choice.load()?;
                    seen.push((choice, loaded));
                }
                let mut model = Model::from_checkpoint(&checkpoint)?;
                let described = self.described(&mut model, &seen[place].1, &decoding)?;
                run.described = Some(Described { step: Some(checkpoint.state.step), ..described });
                asked.push(Some((model, place)));
            } else {
                asked.push(None);
            }
            runs.push(run);
        }
        let mut page = Page::new(runs);
        for (number, asked) in asked.iter_mut().enumerate() {
            let wanted = page.wanted_of(number);
            let (Some((model, place)), Some(described)) = (asked, &mut page.runs[number].described) else {
                continue;
            };
            let (split, _) = seen[*place].1.part(self.split)?;
            let (engine, params, captioner) = (&mut model.engine, &model.params, &model.captioner);
            described.add_attention(engine, params, captioner, &model.vocabulary, split, &wanted)?;
        }
        // The pictures of the page are numbered as those of the run that it is about.
        if let Some(Some((_, place))) = asked.first() {
            let loaded = &seen[*place].1;
            let (split, _) = loaded.part(self.split)?;
            for picture in page.wanted() {
                if let Some(file) = self.picture(&loaded.data, split, picture)? {
                    page.pictures.insert(picture, file);
                }
            }
        }
        let out = self.out.clone().unwrap_or_else(|| self.run.join("report.html"));
        let html = page.page().html();
        write_atomically(&out, html.as_bytes())?;
        println!("{}: {:.1} MB; it opens in any browser", out.display(), 1e-6 * html.len() as f64);
        Ok(ExitCode::SUCCESS)
    }

    /// As chosen; without any choice a beam, of which the page shows all.
    fn decoding(&self) -> Result<Decoding, Error> {
        let chosen = self.decoding.decoding()?;
        let method = match chosen.method {
            Method::Greedy => Method::Beam(Beam::default()),
            other => other,
        };
        Ok(Decoding { method, ..chosen })
    }

    fn described(&self, model: &mut Model, loaded: &Loaded, decoding: &Decoding) -> Result<Described, Error> {
        let (split, _) = loaded.part(self.split)?;
        check_data(model, &loaded.data, split)?;
        let training = loaded.data.train.captions.words(&loaded.data.vocabulary);
        let (engine, params, captioner) = (&mut model.engine, &model.params, &model.captioner);
        let described =
            Described::of(engine, params, captioner, &model.vocabulary, split, decoding, &training)?;
        let part = match self.split {
            Part::Val => "validation",
            Part::Test => "test",
        };
        Ok(Described { pictures: format!("{} {part} pictures", described.items.len()), ..described })
    }

    /// A picture of the data as a file, or the file of its name.
    fn picture(&self, data: &Dataset, split: &Split, picture: usize) -> Result<Option<Picture>, Error> {
        if let Input::Pixels { height, width } = Input::of(split)
            && let Some(pixels) = split.pictures.pixels(picture)?
        {
            return Ok(Some(Picture::png(&pixels, height, width)?));
        }
        let Some(folder) = &self.pictures else { return Ok(None) };
        // The name may have folders of its own, which are others' here.
        let name = &split.names[picture];
        let last = Path::new(name).file_name().map(Path::new);
        let path =
            [Some(Path::new(name)), last].into_iter().flatten().filter_map(|name| within(folder, name));
        let Some(path) = path.into_iter().find(|path| path.is_file()) else { return Ok(None) };
        let (rows, columns, fit) = seen_of_files(data);
        let read = || -> Result<Vec<u8>, Error> {
            let bytes = read_file(&path, MOST_BYTES)?;
            Ok(picture_of_bytes(&bytes, &path.display().to_string(), rows, columns, fit)?)
        };
        match read() {
            Ok(pixels) => Ok(Some(Picture::jpeg(&pixels, rows as usize, columns as usize)?)),
            Err(error) => {
                eprintln!("caption: a picture is left out: {error}");
                Ok(None)
            }
        }
    }
}

/// The rows and columns of pictures from files, and which part of a file they are: what the encoder of the features saw, over
/// which maps of attention lie; else the largest square.
fn seen_of_files(data: &Dataset) -> (u32, u32, Fit) {
    match data.origin.as_ref().map(|origin| &origin.card) {
        Some(Card { size: Some([rows, columns]), fit, .. }) => {
            let longest = (*rows.max(columns)).max(1) as u128;
            let shown = |side: usize| (side as u128 * u128::from(SIDE) / longest).max(1) as u32;
            (shown(*rows), shown(*columns), *fit)
        }
        _ => (SIDE, SIDE, Fit::WHOLE),
    }
}
