//! What can go wrong: shapes that do not fit when recording, values that do not fit when running.

use std::fmt;
use std::panic::Location;

use crate::shape::Shape;

/// Operands that an operation cannot take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShapeError {
    op: &'static str,
    shapes: Vec<Shape>,
    reason: String,
}

impl ShapeError {
    /// An error of the named operation on operands of these shapes.
    pub fn new<'a>(
        op: &'static str,
        shapes: impl IntoIterator<Item = &'a Shape>,
        reason: impl Into<String>,
    ) -> ShapeError {
        ShapeError { op, shapes: shapes.into_iter().cloned().collect(), reason: reason.into() }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self.shapes.iter().map(Shape::to_string).collect();
        write!(f, "{} of {}: {}", self.op, shapes.join(" and "), self.reason)
    }
}

impl std::error::Error for ShapeError {}

/// What fits, or a panic at the caller's line: in a closure, as `unwrap_or_else` takes it, it would be at a line of ours.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T, ShapeError>) -> T {
    match result {
        Ok(fits) => fits,
        Err(error) => panic!("{error}"),
    }
}

/// A value that an operation met while running and cannot take, such as an index outside a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunError {
    /// The operation.
    pub op: String,
    /// The line of the user's program that recorded it.
    pub location: &'static Location<'static>,
    /// What is wrong with the value.
    pub reason: String,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} recorded at {}: {}", self.op, self.location, self.reason)
    }
}

impl std::error::Error for RunError {}
