//! Whatever can end a command: one message that says what, where and what to do.

use std::fmt;

use lab::files::FileError;
use nn::{ParamError, TrainError};
use tape::RunError;

use crate::data::DataError;

/// Why a captioner could not be trained, loaded or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Data that cannot be taken.
    Data(DataError),
    /// A file that cannot be read or written.
    File(FileError),
    /// A step that was not taken.
    Train(TrainError),
    /// A program that met a value that it cannot take.
    Run(RunError),
    /// Weights that do not fit the model.
    Weights(ParamError),
    /// Things that do not go together.
    Mismatch(String),
    /// A training that could not go on.
    Stopped(Box<Stopped>),
}

/// Where a training was when it could not go on, and what is left of it.
#[derive(Debug)]
pub struct Stopped {
    /// The step that was being taken, counted from 1, or was the last one taken.
    pub step: u64,
    /// The step of the last good checkpoint; none where there is none yet.
    pub kept: Option<u64>,
    /// Why.
    pub cause: Error,
    /// What was being learned from, in words.
    pub batch: Option<String>,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stopped { step, kept, cause, batch } = self;
        write!(f, "stopped at step {step}: {cause}")?;
        if let Some(batch) = batch {
            write!(f, "; {batch}")?;
        }
        match kept {
            Some(kept) => {
                write!(f, ". The checkpoint of step {kept} is kept: the same command goes on from there")?
            }
            None => write!(f, ". There is no checkpoint yet: the same command begins anew")?,
        }
        if matches!(
            cause,
            Error::Train(TrainError::Loss { .. } | TrainError::Gradient { .. } | TrainError::Update { .. })
        ) {
            write!(f, ", and with --check-numbers names the first value that is not finite")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Data(error) => error.fmt(f),
            Error::File(error) => error.fmt(f),
            Error::Train(error) => error.fmt(f),
            Error::Run(error) => error.fmt(f),
            Error::Weights(error) => error.fmt(f),
            Error::Mismatch(what) => f.write_str(what),
            Error::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::$variant(error)
            }
        })*
    };
}

from!(Data(DataError), File(FileError), Train(TrainError), Run(RunError), Weights(ParamError));
