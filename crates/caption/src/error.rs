//! Whatever can end a command: one message that says what, where and what to do.

use std::fmt;

use lab::files::FileError;
use nn::{ParamError, TrainError};
use tape::RunError;

use crate::data::DataError;

/// Why a captioner could not be trained, loaded or used.
#[derive(Debug)]
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
