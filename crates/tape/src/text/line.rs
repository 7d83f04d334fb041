//! One line of a program as an operation reads it: its name and attributes, and the type of its result.

use std::cell::Cell;
use std::fmt::Display;
use std::str::FromStr;

use crate::dtype::DType;
use crate::ops::{Custom, Op, Parse, Rule};
use crate::shape::{Dim, Shape};

/// A line `%7 = slice %3 axis=1 start=0 len=2  f32[4, 2]` on its way to becoming an operation.
pub(crate) struct Line<'a> {
    pub name: &'a str,
    pub operands: usize,
    pub shape: Shape,
    pub dtype: DType,
    attributes: Vec<Attribute<'a>>,
    customs: &'a [Custom],
}

struct Attribute<'a> {
    word: &'a str,
    is_read: Cell<bool>,
}

/// An operation of one kind, nothing where the line names one of another kind, or what is wrong.
pub(crate) type Parsed<T> = Result<Option<T>, String>;

impl<'a> Line<'a> {
    pub fn new(
        (name, operands): (&'a str, usize),
        attributes: impl IntoIterator<Item = &'a str>,
        (dtype, shape): (DType, Shape),
        customs: &'a [Custom],
    ) -> Line<'a> {
        let unread = |word| Attribute { word, is_read: Cell::new(false) };
        Line {
            name,
            operands,
            shape,
            dtype,
            attributes: attributes.into_iter().map(unread).collect(),
            customs,
        }
    }

    /// The operation that the line describes.
    pub fn op(&self) -> Result<Op, String> {
        let op = Op::parse(self)?.ok_or_else(|| format!("expected an operation, found `{}`", self.name))?;
        match self.attributes.iter().find(|attribute| !attribute.is_read.get()) {
            Some(attribute) => Err(format!("{} has no attribute `{}`", self.name, attribute.word)),
            None => Ok(op),
        }
    }

    /// Reads the attributes of an operation if it is the named one, and on so many operands.
    pub fn read<T>(
        &self,
        name: &str,
        operands: usize,
        attributes: impl FnOnce(&Self) -> Result<T, String>,
    ) -> Parsed<T> {
        if self.name != name {
            return Ok(None);
        }
        if self.operands != operands {
            return Err(format!("{name} takes {operands} operands, not {}", self.operands));
        }
        attributes(self).map(Some)
    }

    /// Like [`read`](Line::read) for an operation on any number of operands but none.
    pub fn read_many<T>(&self, name: &str, attributes: impl FnOnce(&Self) -> Result<T, String>) -> Parsed<T> {
        self.read(name, self.operands.max(1), attributes)
    }

    /// The row of a table that the line names.
    pub fn choose<T: Rule + Copy>(&self, table: &[T], operands: usize) -> Parsed<T> {
        match table.iter().find(|row| row.name() == self.name) {
            Some(row) => self.read(self.name, operands, |_| Ok(*row)),
            None => Ok(None),
        }
    }

    /// The user's operation that the line names.
    pub fn custom(&self) -> Option<Custom> {
        let words = || self.attributes.iter().map(|attribute| attribute.word);
        let same = |custom: &&Custom| {
            custom.name() == self.name && custom.attributes().split_whitespace().eq(words())
        };
        let custom = self.customs.iter().find(same)?;
        self.attributes.iter().for_each(|attribute| attribute.is_read.set(true));
        Some(custom.clone())
    }

    /// The number in `key=5`.
    pub fn number<T: FromStr>(&self, key: &str) -> Result<T, String> {
        self.value(key, "a number", |text| text.parse().ok())
    }

    /// The extent in `key=5`.
    pub fn dim(&self, key: &str) -> Result<Dim, String> {
        self.value(key, "an extent", Dim::parse)
    }

    /// The axes in `key=0,2`, each below 32.
    pub fn axes(&self, key: &str) -> Result<Vec<usize>, String> {
        let axis = |text: &str| text.parse().ok().filter(|axis| *axis < 32);
        let axes = |text: &str| match text {
            "" => Some(Vec::new()),
            text => text.split(',').map(axis).collect(),
        };
        self.value(key, "axes such as 0,2", axes)
    }

    /// The node in `key=%5`, by its number.
    pub fn node(&self, key: &str) -> Result<u32, String> {
        self.value(key, "a node such as %5", |text| text.strip_prefix('%')?.parse().ok())
    }

    /// Whether a word stands among the attributes.
    pub fn has(&self, word: &str) -> bool {
        let found = self.attributes.iter().find(|attribute| attribute.word == word);
        found.inspect(|attribute| attribute.is_read.set(true)).is_some()
    }

    /// The first attribute, for an operation whose only one has no key.
    pub fn only<T>(&self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let expected = |found: &dyn Display| format!("{} needs {what}, found {found}", self.name);
        let Some(attribute) = self.attributes.first() else { return Err(expected(&"nothing")) };
        attribute.is_read.set(true);
        read(attribute.word).ok_or_else(|| expected(&format!("`{}`", attribute.word)))
    }

    fn value<T>(&self, key: &str, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let of_key = |attribute: &&Attribute<'_>| value_of(attribute.word, key).is_some();
        let expected = |found: &str| format!("{} needs `{key}=` with {what}, found {found}", self.name);
        let attribute = self.attributes.iter().find(of_key).ok_or_else(|| expected("none"))?;
        attribute.is_read.set(true);
        value_of(attribute.word, key).and_then(read).ok_or_else(|| expected(&format!("`{}`", attribute.word)))
    }
}

fn value_of<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    word.strip_prefix(key)?.strip_prefix('=')
}
