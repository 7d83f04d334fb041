//! What can be wrong with tensors that come from PyTorch.

use std::fmt;

use tape::Shape;

/// Why weights were not taken; the message names the tensor and says what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PyTorchError {
    /// A tensor is not there.
    Missing {
        /// The name that was looked for.
        name: String,
        /// The shape that it would have.
        expected: Shape,
        /// The names that are there under the same prefix.
        found: Vec<String>,
    },
    /// A tensor has another shape than the parameters ask for.
    Shape {
        /// The tensor.
        name: String,
        /// The shape that fits the parameters.
        expected: Shape,
        /// The shape that it has.
        given: Shape,
    },
    /// A tensor holds whole numbers.
    Integers {
        /// The tensor.
        name: String,
    },
    /// The module has tensors that belong to nothing here.
    LeftOver {
        /// The tensors.
        names: Vec<String>,
    },
}

impl fmt::Display for PyTorchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PyTorchError::Missing { name, expected, found } => write!(
                f,
                "there is no tensor `{name}` of shape {expected} but {}; check the prefix, and that the module has the \
                 same layers, with biases",
                listed(found)
            ),
            PyTorchError::Shape { name, expected, given } => write!(
                f,
                "tensor `{name}` has the shape {given}, and the parameters need {expected}; declare them with the sizes \
                 of the module"
            ),
            PyTorchError::Integers { name } => {
                write!(f, "tensor `{name}` holds whole numbers; weights are floating point")
            }
            PyTorchError::LeftOver { names } => write!(
                f,
                "there is no place for {}; declare as many layers and directions as the module has, or take what is \
                 not wanted out of the tensors",
                listed(names)
            ),
        }
    }
}

impl std::error::Error for PyTorchError {}

/// The first names, and how many there are besides.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none at all".into(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}
