//! Asking a store for a parameter, and what can be wrong with a name or a value.

use std::fmt;

use tape::Shape;

use crate::param::Param;
use crate::params::Params;

/// What a parameter can be asked for by: its name or its handle.
pub trait Key {
    /// The parameter's handle, or that there is none of this name.
    ///
    /// # Errors
    /// If the store has no parameter of this name.
    fn param_of(self, params: &Params) -> Result<Param, ParamError>;
}

impl Key for &str {
    fn param_of(self, params: &Params) -> Result<Param, ParamError> {
        params.by_name(self).ok_or_else(|| ParamError::Unknown { name: self.into() })
    }
}

impl Key for Param {
    #[track_caller]
    fn param_of(self, params: &Params) -> Result<Param, ParamError> {
        params.check(self);
        Ok(self)
    }
}

/// Why a value cannot be found or taken; the message names the parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParamError {
    /// No parameter has this name.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The value has another shape than the parameter.
    Shape {
        /// The parameter.
        name: String,
        /// Its shape.
        expected: Shape,
        /// The shape of the value.
        given: Shape,
    },
    /// The value holds integers.
    Integers {
        /// The parameter.
        name: String,
    },
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamError::Unknown { name } => write!(f, "there is no parameter `{name}`"),
            ParamError::Shape { name, expected, given } => {
                write!(f, "parameter `{name}` has the shape {expected} and cannot take a value of {given}")
            }
            ParamError::Integers { name } => {
                write!(f, "parameter `{name}` is floating point and cannot take integers")
            }
        }
    }
}

impl std::error::Error for ParamError {}
