//! `caption serve`: a local page that describes pictures.

use std::path::PathBuf;
use std::process::ExitCode;

use caption::serve::{Bounds, Server, interrupted};
use clap::Args;

use crate::Outcome;
use crate::runs::{load_model, sight};

/// Describe pictures on a local page, and to programs beside it.
#[derive(Args)]
pub struct Serve {
    /// The folder of a run, or the JSON file of a model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The port to listen on; 0 is any that is free.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on, or this machine's name. Beyond 127.0.0.1 whoever reaches it can use it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// The encoder that made the features that the model was trained on.
    #[arg(long, value_name = "ENCODER.onnx")]
    encoder: Option<PathBuf>,
}

impl Serve {
    /// Answers until it is interrupted.
    pub fn run(&self) -> Outcome {
        let model = load_model(&self.run)?;
        let sight = sight(&model, self.encoder.as_deref())?;
        let server = Server::bind_seeing(model, sight, &self.host, self.port, Bounds::default())?;
        let address = server.address();
        if !address.ip().is_loopback() {
            eprintln!(
                "warning: whoever reaches {address} can have pictures described; nothing asks who they are"
            );
        }
        println!("describing pictures at http://{address}; Ctrl-C ends it");
        server.run(interrupted())?;
        println!("ended");
        Ok(ExitCode::SUCCESS)
    }
}
