//! Programs as text: one line for each node, to be read by people and by [`parse`].
//!
//! ```text
//! %0 = input 0                            f32[2, 3]         # features
//! %1 = input 1                            f32[3, 4]         # proj/w
//! %2 = dot %0 %1                          f32[2, 4]         # captioner/proj  src/model.rs:31
//! %3 = scan steps=5x2 f32 {
//!     %0 = input 0 state of %2            f32[n, 4]
//!     %1 = tanh %0                        f32[n, 4]
//!     next %1
//! }
//! %4 = final %3 state=0                   f32[2, 4]
//! outputs %4
//! ```
//!
//! * A line is `%place = operation`, its operands, its attributes, and the type of its result. Places
//!   count from 0 in each body.
//! * The inputs of a body say how the loop feeds them and from what around it. `next` names the next
//!   value of each state. `steps` is a [`Packing`](crate::Packing); `rows` stands where the leading
//!   extent of states and sequences inside the body is not `n`, or not the sequences in a nested scan.
//! * Fused work is written like a scan, `%5 = fused f32 {`, with inputs `input 0 of %2` and without `next`;
//!   `%6 = result %5 node=%3` takes a value out of it.
//! * `outputs` closes a program whose wanted values are known.
//! * What follows `#` is a note that says nothing to [`parse`]: the name of an input or the scope of
//!   another node, and the source line. Spaces and empty lines are free.
//!
//! [`Tape::dump`](crate::Tape::dump) writes a tape with all notes; a [`Listing`] chooses.

mod cursor;
mod line;
mod parse;
mod print;

use std::fmt;

pub(crate) use line::{Line, Parsed};
pub use parse::{parse, parse_with};
pub use print::Listing;
pub(crate) use print::{names_of, one_line};

/// Why a text is not a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    line: usize,
    reason: String,
}

impl ParseError {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ParseError {}
