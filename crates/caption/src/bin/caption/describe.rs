//! `caption describe`: what a model says of pictures, or of rows of features.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::data::picture::MOST_BYTES;
use caption::data::{DataError, END, Vocabulary};
use caption::error::Error;
use caption::model::{Caption, Decoding};
use caption::training::Model;
use clap::Args;
use lab::files::read_file;

use crate::Outcome;
use crate::data::{DataChoice, Part};
use crate::decoding::DecodingChoice;
use crate::runs::{check_input, load_model, sight};

/// Describe pictures.
#[derive(Args)]
pub struct Describe {
    /// The folder of a run, or the JSON file of a model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// PNG or JPEG files, for a model that sees pixels, or whose encoder is given.
    #[arg(value_name = "PICTURE", required_unless_present = "row", conflicts_with = "row")]
    pictures: Vec<PathBuf>,
    /// Rows of the data's split instead of files, which is how a model that sees features is asked.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    row: Vec<usize>,
    /// The part of the data that `--row` counts in.
    #[arg(long, value_enum, default_value_t = Part::Val)]
    split: Part,
    /// The encoder that made the features that the model was trained on.
    #[arg(long, value_name = "ENCODER.onnx", conflicts_with = "row")]
    encoder: Option<PathBuf>,
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
        let sight = sight(model, self.encoder.as_deref())?;
        for (stream, path) in (0..).zip(&self.pictures) {
            let place = path.display().to_string();
            let seen = sight.see(&read_file(path, MOST_BYTES)?, &place)?;
            self.say(&place, model, decoding, &seen, stream)?;
        }
        Ok(())
    }

    fn rows(&self, model: &mut Model, decoding: &Decoding) -> Result<(), Error> {
        let loaded = self.data.load()?;
        let (split, _) = loaded.part(self.split)?;
        check_input(model, &loaded.data, split)?;
        for row in &self.row {
            let Some(name) = split.names.get(*row) else {
                let problem = format!("the split has {} pictures, counted from 0", split.names.len());
                return Err(DataError::new(format!("--row {row}"), problem).into());
            };
            let mut seen = Vec::new();
            split.pictures.see(std::iter::once(*row), &mut seen)?;
            self.say(name, model, decoding, &seen, *row as u64)?;
            if let Some(reference) = split.references[*row].first() {
                println!("    a person said: {}", reference.join(" "));
            }
        }
        Ok(())
    }

    /// Prints what is said of a picture that is seen so.
    fn say(
        &self,
        name: &str,
        model: &mut Model,
        decoding: &Decoding,
        seen: &[f32],
        stream: u64,
    ) -> Result<(), Error> {
        let decoded = model.captioner.decode(&mut model.engine, &model.params, &[stream], seen, decoding)?;
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
