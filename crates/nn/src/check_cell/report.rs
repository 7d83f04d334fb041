//! What the battery found: a row for each property, as a table and as an error.

use std::fmt;

/// What a figure must be for its property to hold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Limit {
    /// As small as this or smaller: a distance of what should be equal.
    AtMost(f64),
    /// More than nothing: an influence.
    NotZero,
}

/// What became of a property.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not; where the figure was found, in words.
    Fails(String),
    /// It cannot be asked of this cell; why.
    NotApplicable(String),
}

/// A property of a cell with its figure.
#[derive(Clone, PartialEq, Debug)]
pub struct CellProperty {
    /// The property in words, such as `a sequence equals its steps`.
    pub name: &'static str,
    /// What was measured; nothing where the property is not applicable or its program did not run.
    pub figure: Option<f64>,
    /// What the figure must be.
    pub limit: Limit,
    /// Whether it is.
    pub outcome: Outcome,
    /// Whether the cell is random in training and was compared as it is in evaluation.
    pub without_noise: bool,
    /// What it usually means if the property fails, and what to do.
    pub advice: &'static str,
}

/// What [`check_cell`](crate::check_cell()) found of a cell.
#[derive(Clone, PartialEq, Debug)]
pub struct CellReport {
    /// All properties, those first that others are best understood from.
    pub properties: Vec<CellProperty>,
}

/// The first property of a cell that does not hold.
#[derive(Clone, PartialEq, Debug)]
pub struct CellFault(pub CellProperty);

impl CellReport {
    /// Whether no property fails.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The properties that fail.
    pub fn failed(&self) -> impl Iterator<Item = &CellProperty> {
        self.properties.iter().filter(|property| matches!(property.outcome, Outcome::Fails(_)))
    }

    /// Nothing for a cell that passed.
    ///
    /// # Errors
    /// The first property that fails: what it is, its figure beside the limit, what that usually means and what to do.
    pub fn ok(&self) -> Result<(), CellFault> {
        match self.failed().next() {
            Some(property) => Err(CellFault(property.clone())),
            None => Ok(()),
        }
    }
}

impl CellProperty {
    fn figure_in_words(&self) -> String {
        match self.figure {
            None => "-".into(),
            Some(0.0) => "0".into(),
            Some(figure) => format!("{figure:.1e}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::AtMost(0.0) => f.pad("0"),
            Limit::AtMost(limit) => f.pad(&format!("{limit:.0e}")),
            Limit::NotZero => f.pad("> 0"),
        }
    }
}

impl fmt::Display for CellReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.properties.iter().map(|property| property.name.len()).fold(8, usize::max);
        writeln!(f, "{:<width$}  {:>8}  {:>6}  verdict", "property", "figure", "limit")?;
        for property in &self.properties {
            let CellProperty { name, limit, outcome, without_noise, .. } = property;
            write!(f, "{name:<width$}  {:>8}  {limit:>6}  ", property.figure_in_words())?;
            match outcome {
                Outcome::Holds if *without_noise => writeln!(f, "ok, without noise")?,
                Outcome::Holds => writeln!(f, "ok")?,
                Outcome::Fails(place) => writeln!(f, "FAILED: {place}")?,
                Outcome::NotApplicable(reason) => writeln!(f, "not applicable: {reason}")?,
            }
        }
        write!(f, "{} properties, {} failed", self.properties.len(), self.failed().count())
    }
}

impl fmt::Display for CellFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CellFault(property) = self;
        let CellProperty { name, limit, advice, .. } = property;
        write!(f, "{name}: ")?;
        if property.figure.is_some() {
            write!(f, "{} (limit {limit}), ", property.figure_in_words())?;
        }
        if let Outcome::Fails(place) = &property.outcome {
            write!(f, "{place}. ")?;
        }
        f.write_str(advice)
    }
}

impl std::error::Error for CellFault {}
