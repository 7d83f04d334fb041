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
    /// Whether it was one of several ranks.
    pub shared: bool,
}

/// What is left of a training whose newest checkpoint is of this step, and how it goes on; `shared` between ranks or not.
pub fn kept(step: Option<u64>, shared: bool) -> String {
    let how = if shared { ", with any number of ranks" } else { "" };
    match step {
        Some(step) => {
            format!(". The checkpoint of step {step} is kept: the same command goes on from there{how}")
        }
        None => format!(". There is no checkpoint yet: the same command begins anew{how}"),
    }
}

impl Error {
    /// Whether all ranks of a training come to this error, since it is of what they have in common.
    pub fn is_of_all_ranks(&self) -> bool {
        match self {
            Error::Stopped(stopped) => stopped.cause.is_of_all_ranks(),
            Error::Train(
                TrainError::Loss { .. }
                | TrainError::Gradient { .. }
                | TrainError::Update { .. }
                | TrainError::Severed(_),
            ) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stopped { step, kept: newest, cause, batch, shared } = self;
        write!(f, "stopped at step {step}: {cause}")?;
        if let Some(batch) = batch {
            write!(f, "; {batch}")?;
        }
        f.write_str(&kept(*newest, *shared))?;
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
