//! Extents of tensors. A [`Dim`] is a number, or a multiple of the rows that a scan step works on.
//!
//! The body of a scan is recorded once and runs with as many rows as there are sequences still
//! running, so the number of rows cannot be part of what was recorded. A [`Dim`] is therefore
//! `count` or `count * n`; the shape rules treat both alike, and `n` becomes a number by
//! [`Shape::at`] when a step runs.

use std::fmt;

use smallvec::SmallVec;

/// The extent of one axis: a number, or a multiple of the rows `n` of a scan step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim(u32);

const PER_ROW: u32 = 1 << 31;

impl Dim {
    /// The rows of a scan step: one for each sequence that is still running.
    pub const ROWS: Dim = Dim(PER_ROW | 1);

    /// A known extent.
    ///
    /// # Panics
    /// If `extent` does not fit into 31 bits.
    #[track_caller]
    pub fn new(extent: usize) -> Dim {
        match Dim::try_new(extent) {
            Some(dim) => dim,
            None => panic!("an axis of {extent} entries is longer than 2^31 - 1"),
        }
    }

    /// A known extent, if it fits into 31 bits.
    pub fn try_new(extent: usize) -> Option<Dim> {
        u32::try_from(extent).ok().filter(|extent| *extent < PER_ROW).map(Dim)
    }

    /// Reads `5`, `n` or `3n`, as dumps have them.
    pub(crate) fn parse(text: &str) -> Option<Dim> {
        match text.strip_suffix('n') {
            Some("") => Some(Dim::ROWS),
            Some(count) => Dim::try_new(count.parse().ok()?).map(|dim| Dim(dim.0 | PER_ROW)),
            None => Dim::try_new(text.parse().ok()?),
        }
    }

    /// Whether the extent is a multiple of the rows of a scan step.
    pub fn is_per_row(self) -> bool {
        self.0 & PER_ROW != 0
    }

    fn count(self) -> usize {
        (self.0 & !PER_ROW) as usize
    }

    /// The extent, where it is a known number.
    pub fn known(self) -> Option<usize> {
        (!self.is_per_row()).then(|| self.count())
    }

    /// The extent in a step of `rows` rows.
    pub fn at(self, rows: usize) -> usize {
        if self.is_per_row() { self.count() * rows } else { self.count() }
    }

    /// The extent of two axes merged into one; nothing where both grow with the rows of a step.
    pub fn times(self, other: Dim) -> Option<Dim> {
        let count = u32::try_from(self.count() * other.count()).ok().filter(|count| *count < PER_ROW)?;
        match (self.is_per_row(), other.is_per_row()) {
            (true, true) => None,
            (false, false) => Some(Dim(count)),
            _ => Some(Dim(count | PER_ROW)),
        }
    }
}

impl From<usize> for Dim {
    #[track_caller]
    fn from(extent: usize) -> Dim {
        Dim::new(extent)
    }
}

impl PartialEq<usize> for Dim {
    fn eq(&self, other: &usize) -> bool {
        self.known() == Some(*other)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_per_row(), self.count()) {
            (true, 1) => f.pad("n"),
            (true, count) => write!(f, "{count}n"),
            (false, count) => write!(f, "{count}"),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The extents of a tensor, outermost first; `[]` is a single number.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[Dim; 4]>);

/// How many elements a shape holds: `count * n^power` for a step of `n` rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Elements {
    count: usize,
    power: u32,
}

impl Elements {
    /// The number of elements of a tensor with these extents.
    pub(crate) fn of(dims: &[Dim]) -> Elements {
        Elements {
            count: dims.iter().map(|dim| dim.count()).product(),
            power: dims.iter().filter(|dim| dim.is_per_row()).count() as u32,
        }
    }

    /// The number of elements in a step of `rows` rows.
    pub fn at(self, rows: usize) -> usize {
        match self.power {
            0 => self.count,
            1 => self.count * rows,
            power => self.count * rows.pow(power),
        }
    }
}

impl Shape {
    /// The shape of a single number.
    pub fn scalar() -> Shape {
        Shape::default()
    }

    /// The extents, outermost first.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// How many axes there are.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The extent of an axis.
    pub fn dim(&self, axis: usize) -> Dim {
        self.0[axis]
    }

    /// The innermost extent, 1 for a single number.
    pub fn last(&self) -> Dim {
        self.0.last().copied().unwrap_or(Dim::new(1))
    }

    /// The extents as numbers.
    ///
    /// # Panics
    /// If one is a multiple of the rows of a scan step.
    #[track_caller]
    pub fn sizes(&self) -> SmallVec<[usize; 4]> {
        assert!(!self.has_rows(), "the rows of a step in {self} are known only when it runs");
        self.0.iter().map(|dim| dim.count()).collect()
    }

    /// The number of elements of a shape whose extents are all numbers.
    ///
    /// # Panics
    /// If one is a multiple of the rows of a scan step.
    #[track_caller]
    pub fn len(&self) -> usize {
        assert!(!self.has_rows(), "the rows of a step in {self} are known only when it runs");
        self.elements().count
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(|dim| dim.count() == 0)
    }

    /// The number of elements, with the rows of a step left open.
    pub fn elements(&self) -> Elements {
        Elements::of(&self.0)
    }

    /// The number of elements behind one entry of the outermost axis.
    pub(crate) fn rows_elements(&self) -> Elements {
        Elements::of(self.0.get(1..).unwrap_or_default())
    }

    /// The shape seen as a table: the elements of all axes but the innermost, and the innermost extent.
    pub(crate) fn rows_and_width(&self) -> (Elements, Dim) {
        (Elements::of(&self.0[..self.rank().saturating_sub(1)]), self.last())
    }

    /// Whether the outermost axis runs over the rows of a scan step.
    pub fn leads_with_rows(&self) -> bool {
        self.0.first() == Some(&Dim::ROWS)
    }

    /// Whether an extent is a multiple of the rows of a scan step.
    pub fn has_rows(&self) -> bool {
        self.0.iter().any(|dim| dim.is_per_row())
    }

    /// Whether the outermost extent is a multiple of the rows of a scan step, and no other is.
    pub fn has_only_leading_rows(&self) -> bool {
        self.0.first().is_some_and(|dim| dim.is_per_row()) && !self.0[1..].iter().any(|dim| dim.is_per_row())
    }

    /// The shape with `rows` in place of the rows of a step; nothing where an extent would be too long.
    pub fn with_rows(&self, rows: Dim) -> Option<Shape> {
        let one = |dim: &Dim| if dim.is_per_row() { Dim(dim.0 & !PER_ROW).times(rows) } else { Some(*dim) };
        self.0.iter().map(one).collect::<Option<_>>().map(Shape)
    }

    /// The shape in a step of `rows` rows.
    pub fn at(&self, rows: usize) -> Shape {
        Shape(self.0.iter().map(|dim| Dim::new(dim.at(rows))).collect())
    }

    /// The same shape with another extent of an axis.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn with_dim(&self, axis: usize, dim: Dim) -> Shape {
        let mut shape = self.clone();
        shape.0[axis] = dim;
        shape
    }

    /// The same shape with another outermost extent.
    ///
    /// # Panics
    /// If there is no axis.
    #[track_caller]
    pub fn with_leading(&self, leading: Dim) -> Shape {
        self.with_dim(0, leading)
    }

    /// The same shape with a further axis inside all others.
    pub fn with_inner(&self, dim: Dim) -> Shape {
        self.0.iter().copied().chain([dim]).collect()
    }

    /// The shape without its outermost axis.
    pub fn without_leading(&self) -> Shape {
        Shape(self.0[1..].into())
    }

    /// Reads `[n, 8]`, as dumps have it, unless it has more elements than can be counted.
    pub(crate) fn parse(text: &str) -> Option<Shape> {
        let dims = text.strip_prefix('[')?.strip_suffix(']')?.trim();
        let shape: Shape = match dims {
            "" => Shape::scalar(),
            dims => dims.split(',').map(|dim| Dim::parse(dim.trim())).collect::<Option<_>>()?,
        };
        let multiply = |product: usize, dim: &Dim| product.checked_mul(dim.count().max(1));
        shape.0.iter().try_fold(1, multiply).map(|_| shape)
    }

    /// The shape that both broadcast to: axes are aligned at the innermost, and an extent of 1 repeats.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        (0..rank)
            .map(|axis| match (self.aligned(axis, rank), other.aligned(axis, rank)) {
                (a, b) if a == b => Some(a),
                (a, b) if b == 1 => Some(a),
                (a, b) if a == 1 => Some(b),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(Shape)
    }

    /// The extent at `axis` of `rank` axes, missing outer axes counted as 1.
    fn aligned(&self, axis: usize, rank: usize) -> Dim {
        let missing = rank - self.rank();
        if axis < missing { Dim::new(1) } else { self.0[axis - missing] }
    }

    /// The axes of `wide` along which this shape repeats when it is broadcast to `wide`.
    pub fn repeated_axes(&self, wide: &Shape) -> SmallVec<[usize; 4]> {
        let rank = wide.rank();
        (0..rank)
            .filter(|axis| self.aligned(*axis, rank) != wide.dim(*axis) || *axis < rank - self.rank())
            .collect()
    }
}

impl FromIterator<Dim> for Shape {
    fn from_iter<I: IntoIterator<Item = Dim>>(dims: I) -> Shape {
        Shape(dims.into_iter().collect())
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Shape {
        Shape(dims.into_iter().map(Dim::new).collect())
    }
}

impl<D: Into<Dim> + Copy, const R: usize> From<[D; R]> for Shape {
    #[track_caller]
    fn from(dims: [D; R]) -> Shape {
        let mut shape = SmallVec::with_capacity(R);
        for dim in dims {
            shape.push(dim.into());
        }
        Shape(shape)
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        dims.iter().copied().collect()
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.0.iter().enumerate() {
            let comma = if axis == 0 { "" } else { ", " };
            write!(f, "{comma}{dim}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_in_numpy() {
        let check = |a: &[usize], b: &[usize], expected: Option<&[usize]>| {
            assert_eq!(Shape::from(a).broadcast(&Shape::from(b)), expected.map(Shape::from), "{a:?} {b:?}");
        };
        check(&[2, 3], &[3], Some(&[2, 3]));
        check(&[2, 1], &[1, 3], Some(&[2, 3]));
        check(&[], &[4], Some(&[4]));
        check(&[0, 3], &[1, 3], Some(&[0, 3]));
        check(&[2, 3], &[2], None);
    }

    #[test]
    fn the_rows_of_a_step_take_part_in_shapes() {
        let step = Shape::from([Dim::ROWS, Dim::new(8)]);
        assert_eq!(step.to_string(), "[n, 8]");
        assert_eq!(step.broadcast(&Shape::from([8])), Some(step.clone()));
        assert_eq!(step.broadcast(&Shape::from([5, 8])), None);
        assert_eq!(step.at(3), Shape::from([3, 8]));
        assert_eq!(Dim::ROWS.times(Dim::new(3)).map(|dim| dim.to_string()), Some("3n".into()));
    }
}
