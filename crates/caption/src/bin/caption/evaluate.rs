//! `caption evaluate`: free-running captions of a split against all its references.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::evaluate::{Evaluation, evaluate, score_scenes};
use caption::metrics::Scores;
use caption::scoring;
use caption::training::Model;
use clap::Args;
use lab::progress::{columns, wrapped};

use crate::Outcome;
use crate::data::{DataChoice, Part};
use crate::decoding::DecodingChoice;
use crate::runs::{check_data, load_model};

/// Describe the pictures of a split and score the captions.
#[derive(Args)]
pub struct Evaluate {
    /// The folder of a run, or the JSON file of a model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    data: DataChoice,
    /// The part of the data.
    #[arg(long, value_enum, default_value_t = Part::Val)]
    split: Part,
    /// Write the captions to a JSON file {"id": "caption", ...}, as `caption score --tokenized --hypotheses` takes them.
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Write the references to a JSON file {"id": ["caption", ...], ...}, as `caption score --references` takes them.
    #[arg(long, value_name = "FILE")]
    references: Option<PathBuf>,
    #[command(flatten)]
    decoding: DecodingChoice,
}

impl Evaluate {
    /// Prints the scores, and what seems to be wrong.
    pub fn run(&self) -> Outcome {
        let decoding = self.decoding.decoding()?;
        let mut model = load_model(&self.run)?;
        let loaded = self.data.load()?;
        let (split, scenes) = loaded.part(self.split)?;
        check_data(&model, &loaded.data, split)?;
        let Model { engine, params, captioner, vocabulary, .. } = &mut model;
        let evaluation = evaluate(engine, params, captioner, vocabulary, split, &decoding)?;
        let Evaluation { loss_per_caption, loss_per_token, loss_of_exchanged, ref captions, .. } = evaluation;

        // A transformer has no more positions, whatever is asked for.
        let longest = model.settings.most_words().unwrap_or(usize::MAX).min(decoding.longest);
        let (pictures, how) = (captions.len(), decoding.describe());
        println!("{pictures} pictures; captions of at most {longest} words: {how}");
        println!("loss per caption  {loss_per_caption:8.4}   summed over words, averaged over captions");
        println!("loss per token    {loss_per_token:8.4}   averaged over words");
        println!("perplexity        {:8.3}   exp of the loss per token", loss_per_token.exp());
        if let Some(per_token) = loss_of_exchanged {
            println!(
                "  exchanged       {per_token:8.4}   loss per token with the features of other pictures"
            );
        }
        let known = loaded.data.train.captions.words(&loaded.data.vocabulary);
        let scores = Scores::of(captions, &split.references).beside(captions, &known);
        scores.rows().iter().for_each(|row| println!("{row}"));
        if let Some(scenes) = scenes {
            let scores = score_scenes(captions, split, scenes);
            println!("true captions     {:7.1}%   all they say is true of the scene", 100.0 * scores.truth);
            println!("exact matches     {:7.1}%   word for word a reference", 100.0 * scores.exact);
        }
        for finding in evaluation.diagnose(split) {
            println!("{}", wrapped(&format!("DIAGNOSIS {finding}"), columns()));
        }
        let ids = scoring::ids(&split.names);
        if let Some(path) = &self.captions {
            scoring::write_hypotheses(path, &ids, captions)?;
        }
        if let Some(path) = &self.references {
            scoring::write_references(path, &ids, &split.references)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
