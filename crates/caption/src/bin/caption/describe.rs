//! `caption describe`: what a model says of pictures, or of rows of features.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::data::picture::load_picture;
use caption::data::{DataError, Pictures};
use caption::error::Error;
use caption::evaluate::LONGEST;
use caption::model::Input;
use caption::training::Model;
use clap::Args;

use crate::Outcome;
use crate::runs::{DataChoice, Part, check_input, load_model};

/// Describe pictures, word by word the likeliest.
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
}

impl Describe {
    /// Prints a caption for each picture.
    pub fn run(&self) -> Outcome {
        let mut model = load_model(&self.run)?;
        if self.row.is_empty() {
            self.files(&mut model)?
        } else {
            self.rows(&mut model)?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn files(&self, model: &mut Model) -> Result<(), Error> {
        let Input::Pixels { height, width } = model.settings.input else {
            let problem = format!(
                "the model sees {}, which cannot be computed from a picture file; use --data DIR --row N",
                model.settings.input
            );
            return Err(Error::Mismatch(problem));
        };
        for path in &self.pictures {
            let data = load_picture(path, size(height)?, size(width)?)?;
            let pictures = Pictures::Pixels { height, width, data };
            println!("{}: {}", path.display(), caption(model, &pictures, 0)?);
        }
        Ok(())
    }

    fn rows(&self, model: &mut Model) -> Result<(), Error> {
        let loaded = self.data.load()?;
        let (split, _) = loaded.part(self.split)?;
        check_input(model, split)?;
        for row in &self.row {
            let Some(name) = split.names.get(*row) else {
                let problem = format!("the split has {} pictures, counted from 0", split.names.len());
                return Err(DataError::new(format!("--row {row}"), problem).into());
            };
            println!("{name}: {}", caption(model, &split.pictures, *row)?);
            if let Some(reference) = split.references[*row].first() {
                println!("    a person said: {}", reference.join(" "));
            }
        }
        Ok(())
    }
}

fn size(extent: usize) -> Result<u32, Error> {
    u32::try_from(extent).map_err(|_| Error::Mismatch(format!("a picture of {extent} pixels is too large")))
}

fn caption(model: &mut Model, pictures: &Pictures, row: usize) -> Result<String, Error> {
    let mut seen = Vec::new();
    pictures.see(std::iter::once(row), &mut seen);
    let said = model.captioner.describe(&mut model.engine, &model.params, 1, &seen, LONGEST)?;
    Ok(model.vocabulary.decode(&said[0]).join(" "))
}
