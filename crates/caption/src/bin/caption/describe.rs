//! `caption describe`: what a model says of pictures, or of rows of features.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::data::picture::load_picture;
use caption::data::{DataError, END, Pictures, Vocabulary};
use caption::error::Error;
use caption::model::{Caption, Decoding, Input};
use caption::training::Model;
use clap::Args;

use crate::Outcome;
use crate::decoding::DecodingChoice;
use crate::runs::{DataChoice, Part, check_input, load_model};

/// Describe pictures.
#[derive(Args)]
pub struct Describe {
    /// The folder of a run, or the JSON file of a model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// PNG or JPEG files, for a model that sees pixels.
    #[arg(value_name = "PICTURE", required_unless_present = "row", conflicts_with = "row")]
    pictures: Vec<PathBuf>,
    /// Rows of the data's split instead of files, which is how a model that sees features is asked.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    row: Vec<usize>,
    /// The part of the data that `--row` counts in.
    #[arg(long, value_enum, default_value_t = Part::Val)]
    split: Part,
    #[command(flatten)]
    data: DataChoice,
    /// Show how probable each word was, and the other captions of a beam.
    #[arg(long)]
    detail: bool,
    #[command(flatten)]
    decoding: DecodingChoice,
}

impl Describe {
    /// Prints a caption for each picture.
    pub fn run(&self) -> Outcome {
        let decoding = self.decoding.decoding()?;
        let mut model = load_model(&self.run)?;
        if self.row.is_empty() {
            self.files(&mut model, &decoding)?
        } else {
            self.rows(&mut model, &decoding)?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn files(&self, model: &mut Model, decoding: &Decoding) -> Result<(), Error> {
        let Input::Pixels { height, width } = model.settings.input else {
            let problem = format!(
                "the model sees {}, which cannot be computed from a picture file; use --data DIR --row N",
                model.settings.input
            );
            return Err(Error::Mismatch(problem));
        };
        for (stream, path) in (0..).zip(&self.pictures) {
            let data = load_picture(path, size(height)?, size(width)?)?;
            let pictures = Pictures::Pixels { height, width, data };
            self.say(&path.display().to_string(), model, decoding, &pictures, 0, stream)?;
        }
        Ok(())
    }

    fn rows(&self, model: &mut Model, decoding: &Decoding) -> Result<(), Error> {
        let loaded = self.data.load()?;
        let (split, _) = loaded.part(self.split)?;
        check_input(model, split)?;
        for row in &self.row {
            let Some(name) = split.names.get(*row) else {
                let problem = format!("the split has {} pictures, counted from 0", split.names.len());
                return Err(DataError::new(format!("--row {row}"), problem).into());
            };
            self.say(name, model, decoding, &split.pictures, *row, *row as u64)?;
            if let Some(reference) = split.references[*row].first() {
                println!("    a person said: {}", reference.join(" "));
            }
        }
        Ok(())
    }

    /// Prints what is said of a row of pictures.
    fn say(
        &self,
        name: &str,
        model: &mut Model,
        decoding: &Decoding,
        pictures: &Pictures,
        row: usize,
        stream: u64,
    ) -> Result<(), Error> {
        let mut seen = Vec::new();
        pictures.see(std::iter::once(row), &mut seen);
        let decoded = model.captioner.decode(&mut model.engine, &model.params, &[stream], &seen, decoding)?;
        let captions = &decoded[0];
        println!("{name}: {}", model.vocabulary.decode(&captions[0].words).join(" "));
        if self.detail {
            captions.iter().for_each(|caption| println!("    {}", detail(caption, &model.vocabulary)));
        }
        Ok(())
    }
}

/// Each word with its probability, and that of the whole.
fn detail(caption: &Caption, vocabulary: &Vocabulary) -> String {
    let ids = caption.words.iter().chain(caption.ended.then_some(&END));
    let tokens = ids.zip(&caption.probabilities).map(|(id, p)| format!("{} {p:.2}", vocabulary.word(*id)));
    format!("log p {:.3}: {}", caption.log_probability, tokens.collect::<Vec<_>>().join("  "))
}

fn size(extent: usize) -> Result<u32, Error> {
    u32::try_from(extent).map_err(|_| Error::Mismatch(format!("a picture of {extent} pixels is too large")))
}
