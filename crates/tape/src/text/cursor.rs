//! What stands on a line, word by word.

use super::ParseError;
use crate::dtype::DType;
use crate::graph::{Graph, Inputs, NodeId};
use crate::ops::Op;
use crate::packing::Packing;
use crate::scan::Role;
use crate::shape::Shape;

/// A line and how far it is read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    number: usize,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub fn new(number: usize, text: &'a str) -> Cursor<'a> {
        Cursor { number, rest: text.trim() }
    }

    pub fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError { line: self.number, reason: reason.into() }
    }

    pub fn expected(&self, what: &str) -> ParseError {
        match self.peek() {
            "" => self.error(format!("expected {what}, found nothing")),
            found => self.error(format!("expected {what}, found `{found}`")),
        }
    }

    /// Whether nothing but a note is left.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    /// The next word, empty at the end.
    pub fn peek(&self) -> &'a str {
        if self.is_done() { "" } else { self.rest.split_whitespace().next().unwrap_or("") }
    }

    /// Takes the next word, empty at the end.
    pub fn word(&mut self) -> &'a str {
        let word = self.peek();
        self.skip(word.len());
        word
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    pub fn finish(&self) -> Result<(), ParseError> {
        if self.is_done() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    pub fn keyword(&mut self, word: &str) -> Result<(), ParseError> {
        if self.peek() != word {
            return Err(self.expected(&format!("`{word}`")));
        }
        self.skip(word.len());
        Ok(())
    }

    /// Takes the next word if it can be read.
    pub fn optional<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let read = read(self.peek());
        if read.is_some() {
            self.word();
        }
        read
    }

    /// Reads the place of a node that stands above.
    pub fn place(&mut self, graph: &Graph) -> Result<NodeId, ParseError> {
        let above = |word: &str| {
            let place: u32 = word.strip_prefix('%')?.parse().ok()?;
            ((place as usize) < graph.nodes.len()).then_some(NodeId(place))
        };
        self.optional(above).ok_or_else(|| self.expected("a node above such as `%0`"))
    }

    /// Reads the place of a node that has a value.
    pub fn operand(&mut self, graph: &Graph) -> Result<NodeId, ParseError> {
        let id = self.place(graph)?;
        if graph.node(id).op.has_value() { Ok(id) } else { Err(self.error(no_value(graph, id))) }
    }

    pub fn operands(&mut self, graph: &Graph) -> Result<Inputs, ParseError> {
        let mut operands = Inputs::new();
        while !self.is_done() {
            operands.push(self.operand(graph)?);
        }
        Ok(operands)
    }

    /// Reads how an input of a body is fed: `state of %3`.
    pub fn feed(&mut self, around: &Graph) -> Result<(Role, NodeId), ParseError> {
        let role = self.optional(|word| Role::ALL.iter().copied().find(|role| role.name() == word));
        let Some(role) = role else {
            return Err(self.expected("`state`, `sequence`, `rows` or `constant`"));
        };
        self.keyword("of")?;
        Ok((role, self.operand(around)?))
    }

    pub fn packing(&mut self) -> Result<Packing, ParseError> {
        let read = self.rest.strip_prefix("steps=").and_then(Packing::parse);
        let Some((packing, rest)) = read else {
            return Err(self.expected("`steps=` with a packing such as 4x50 or {3, 2, 1}"));
        };
        self.rest = rest.trim_start();
        Ok(packing)
    }

    /// Whether the type of the result comes next.
    pub fn is_at_result(&self) -> bool {
        split_dtype(self.rest).is_some_and(|(_, rest)| rest.starts_with('['))
    }

    /// Reads the type of the result: `f32[2, 3]`.
    pub fn result(&mut self) -> Result<(DType, Shape), ParseError> {
        let read = |text: &'a str| {
            let (dtype, shape) = split_dtype(text)?;
            let end = shape.find(']')? + 1;
            Some((dtype, Shape::parse(&shape[..end])?, &shape[end..]))
        };
        match read(self.rest) {
            Some((_, shape, _)) if !is_countable(&shape) => {
                Err(self.error(format!("{shape} has more elements than can be counted")))
            }
            Some((dtype, shape, rest)) => {
                self.rest = rest.trim_start();
                Ok((dtype, shape))
            }
            None => Err(self.expected("a type such as f32[2, 3]")),
        }
    }

    pub fn check_result(
        &self,
        what: &str,
        (shape, dtype): (&Shape, DType),
        (said, said_dtype): (&Shape, DType),
    ) -> Result<(), ParseError> {
        if (shape, dtype) == (said, said_dtype) {
            return Ok(());
        }
        let (dtype, said_dtype) = (dtype.name(), said_dtype.name());
        Err(self.error(format!("{what} gives {dtype}{shape}, not {said_dtype}{said}")))
    }
}

/// Whether the bytes of a shape have a number, also where an axis is empty and others are long.
fn is_countable(shape: &Shape) -> bool {
    let extents = shape.dims().iter().map(|dim| dim.at(1)).filter(|extent| *extent > 0);
    let elements = extents.map(|extent| extent as u64).try_fold(8, u64::checked_mul);
    elements.is_some_and(|bytes| bytes < 1 << 62)
}

fn split_dtype(text: &str) -> Option<(DType, &str)> {
    let split = |dtype: &DType| Some((*dtype, text.strip_prefix(dtype.name())?));
    [DType::F32, DType::F64, DType::I32].iter().find_map(split)
}

/// The floating-point type of a name.
pub(super) fn real(name: &str) -> Option<DType> {
    [DType::F32, DType::F64].into_iter().find(|dtype| dtype.name() == name)
}

pub(super) fn no_value(graph: &Graph, id: NodeId) -> String {
    let what = if let Op::Fused(_) = graph.node(id).op { "fused work" } else { "a scan" };
    format!("%{} is {what}, which has parts but no value", id.0)
}
