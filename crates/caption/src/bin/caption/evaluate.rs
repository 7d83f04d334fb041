//! `caption evaluate`: free-running captions of a split against all its references.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::evaluate::{LONGEST, describe_all, losses, score, score_scenes};
use clap::Args;

use crate::Outcome;
use crate::runs::{DataChoice, Part, check_input, load_model};

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
    /// The longest caption, in words.
    #[arg(long, default_value_t = LONGEST)]
    longest: usize,
}

impl Evaluate {
    /// Prints the scores.
    pub fn run(&self) -> Outcome {
        let mut model = load_model(&self.run)?;
        let loaded = self.data.load()?;
        let (split, scenes) = loaded.part(self.split)?;
        check_input(&model, split)?;
        let (engine, params, captioner) = (&mut model.engine, &model.params, &model.captioner);
        let (per_caption, per_token) = losses(engine, params, captioner, split, 200)?;
        let captions = describe_all(engine, params, captioner, &model.vocabulary, split, self.longest)?;
        let scores = score(&captions, &split.references);
        println!("{} pictures, greedy captions of at most {} words", captions.len(), self.longest);
        println!("loss per caption  {per_caption:.4}   summed over words, averaged over captions");
        println!("loss per token    {per_token:.4}   averaged over words");
        println!("perplexity        {:.3}    exp of the loss per token", per_token.exp());
        for (n, bleu) in (1..).zip(scores.bleu) {
            println!("BLEU-{n}            {bleu:.4}   corpus level, closest reference length");
        }
        println!("ROUGE-L           {:.4}   beta 1.2, averaged over pictures", scores.rouge_l);
        println!("CIDEr-D           {:.4}   document frequencies from these references", scores.cider_d);
        if let Some(scenes) = scenes {
            let scores = score_scenes(&captions, split, scenes);
            println!("true captions     {:.1}%    all they say is true of the scene", 100.0 * scores.truth);
            println!("exact matches     {:.1}%    word for word a reference", 100.0 * scores.exact);
        }
        Ok(ExitCode::SUCCESS)
    }
}
