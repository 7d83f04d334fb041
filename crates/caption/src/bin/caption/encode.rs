//! `caption encode`: features of pictures by an image encoder in an ONNX file.

use std::path::PathBuf;

use caption::data::formats::Columns;
use clap::Args;

use crate::Outcome;
use crate::data::columns;

/// Compute features of pictures by an image encoder in an ONNX file, for --features.
#[derive(Args)]
pub struct Encode {
    /// The network; how it wants its pictures stands in a JSON file of the same name beside it.
    #[arg(long, value_name = "ENCODER.onnx")]
    model: PathBuf,
    /// The file that says how it wants them, where it lies elsewhere.
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Pictures and captions, as `caption train` takes them.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The folder of the pictures, where it is not beside the captions.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// The columns of a table, such as image,caption.
    #[arg(long, value_name = "IMAGE,CAPTION", value_parser = columns)]
    columns: Option<Columns>,
    /// Pictures that each thread gives the network at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch: usize,
    /// The file to write, which is then a FILE for `--features`.
    #[arg(long, value_name = "FEATURES")]
    out: PathBuf,
}

#[cfg(not(feature = "onnx"))]
impl Encode {
    /// Says how to build a program that can.
    pub fn run(&self) -> Outcome {
        Err(crate::runs::without_onnx())
    }
}

#[cfg(feature = "onnx")]
impl Encode {
    /// Writes the features, and says what is in the file and what is not.
    pub fn run(&self) -> Outcome {
        use caption::data::encoder::{Card, Encoder, encode};
        use caption::data::recognise::{Recognised, Wishes, recognise};
        use caption::data::{DataError, Source};

        let (card, found) = Card::of(&self.model, self.card.as_deref())?;
        let encoder = Encoder::load(&self.model, card, self.batch)?;
        println!("encoder: {}, {}", encoder.origin(), encoder.form());
        let card = serde_json::to_string(&encoder.origin().card).unwrap_or_default();
        match found {
            Some(path) => println!("         pictures as {} says: {card}", path.display()),
            None => println!(
                "         there is no card {}, so pictures are brought as ImageNet's classifiers want them: {card}",
                self.model.with_extension("json").display()
            ),
        }
        let wishes =
            Wishes { images: self.images.clone(), columns: self.columns.clone(), ..Wishes::default() };
        let source = recognise(&self.data, &wishes)?;
        println!("data: {}", source.describe());
        let Recognised::Collection(collection, _) = &source else {
            let problem = "holds no picture files; give the captions of which it was made";
            return Err(DataError::new(self.data.display().to_string(), problem).into());
        };
        let mut faults = Vec::new();
        let bar = crate::bar::Bar::new("pictures encoded");
        let encoded = encode(&encoder, collection, &mut faults, &|done, total| bar.show(done, total))?;
        bar.finish();
        encoded.write(&self.out)?;
        crate::data::list_left_out("pictures", &faults, &self.data);
        println!("wrote {}, {} of {} pictures", self.out.display(), encoded.form, encoded.names.len());
        Ok(std::process::ExitCode::SUCCESS)
    }
}
