//! Writing programs.

use std::fmt;

use crate::graph::{Graph, Node, NodeId, Scopes};
use crate::ops::Op;
use crate::packing::Packing;
use crate::program::Program;
use crate::record::Tape;
use crate::scan::Scan;
use crate::shape::Dim;
use crate::var::Var;

/// A program with what is to be shown beside it: as text by [`Display`](fmt::Display), as a drawing by
/// [`graphviz`](Listing::graphviz).
///
/// ```
/// use tape::{DType, Tape, Tensor};
///
/// let tape = Tape::new(DType::F32);
/// let x = tape.input(Tensor::zeros(DType::F32, [2, 3]));
/// let y = tape.scope("head", || x.tanh());
/// assert_eq!(
///     tape.listing(&[y]).to_string(),
///     "%0 = input 0                            f32[2, 3]\n\
///      %1 = tanh %0                            f32[2, 3]         # head\n\
///      outputs %1\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Listing {
    pub(crate) program: Program,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) names: Vec<Option<String>>,
    source_lines: bool,
}

/// The column in which types begin, and that in which notes do.
const TYPES: usize = 40;
const NOTES: usize = 58;

impl Listing {
    /// A program with nothing beside it.
    pub fn new(program: Program) -> Listing {
        Listing { program, scopes: None, names: Vec::new(), source_lines: false }
    }

    /// Also notes the scope of each node.
    pub fn with_scopes(mut self, scopes: Scopes) -> Listing {
        self.scopes = Some(scopes);
        self
    }

    /// Also notes the names of inputs, in their order.
    pub fn with_names(mut self, names: Vec<Option<String>>) -> Listing {
        self.names = names;
        self
    }

    /// Also notes the line of the user's program that recorded each node.
    pub fn with_source_lines(mut self) -> Listing {
        self.source_lines = true;
        self
    }

    /// The scope of a node, where scopes are known; empty outside all of them.
    pub(crate) fn scope(&self, node: &Node) -> &str {
        self.scopes.as_ref().map_or("", |scopes| scopes.name(node.scope))
    }

    /// What is to be said of a node. A name says enough of where an input belongs.
    fn notes(&self, node: &Node, name: Option<&str>) -> String {
        let name = name.unwrap_or_else(|| self.scope(node));
        let line = self.source_lines.then(|| format!("{}:{}", node.location.file(), node.location.line()));
        let notes = [name, line.as_deref().unwrap_or("")];
        let notes = notes.into_iter().filter(|note| !note.is_empty()).map(one_line);
        notes.collect::<Vec<String>>().join("  ")
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Program { graph, outputs } = &self.program;
        write_block(f, self, &Block { graph, names: &self.names, owner: None, depth: 0 })?;
        if outputs.is_empty() { Ok(()) } else { writeln!(f, "outputs{}", places(outputs)) }
    }
}

/// A program, or the body of a node.
struct Block<'a> {
    graph: &'a Graph,
    names: &'a [Option<String>],
    /// For a body, the node that it belongs to.
    owner: Option<&'a Node>,
    depth: usize,
}

impl<'a> Block<'a> {
    /// The scan that it is the body of.
    fn scan(&self) -> Option<&'a Scan> {
        match &self.owner?.op {
            Op::Scan(scan) => Some(scan),
            _ => None,
        }
    }
}

fn write_block(f: &mut fmt::Formatter<'_>, listing: &Listing, block: &Block<'_>) -> fmt::Result {
    let indent = "    ".repeat(block.depth);
    for (id, node) in block.graph.iter() {
        let line = format!("{indent}%{} = {}", id.0, operation(node, block));
        if let Some(body) = node.op.body() {
            let mut line = format!("{line} {} {{", node.dtype.name());
            append_notes(&mut line, &listing.notes(node, None));
            writeln!(f, "{line}")?;
            let names = names_of(&node.inputs, block.graph, block.names);
            let body = Block { graph: body, names: &names, owner: Some(node), depth: block.depth + 1 };
            write_block(f, listing, &body)?;
            writeln!(f, "{indent}}}")?;
        } else {
            let name = match node.op {
                Op::Input(slot) => match block.names.get(slot as usize).and_then(Option::as_deref) {
                    // The input of a body was recorded in the scope of what feeds it.
                    None if block.owner.is_some() => Some(""),
                    name => name,
                },
                _ => None,
            };
            let mut line = format!("{line:width$} {}{}", node.dtype.name(), node.shape, width = TYPES - 1);
            append_notes(&mut line, &listing.notes(node, name));
            writeln!(f, "{line}")?;
        }
    }
    match block.scan() {
        Some(scan) if !scan.next.is_empty() => writeln!(f, "{indent}next{}", places(&scan.next)),
        _ => Ok(()),
    }
}

/// The operation of a node with its operands and attributes.
fn operation(node: &Node, block: &Block<'_>) -> String {
    let name = node.op.name();
    let attributes = one_line(&node.op.attributes());
    let attributes = if attributes.is_empty() { attributes } else { format!(" {attributes}") };
    match (&node.op, block.owner) {
        (Op::Input(slot), Some(owner)) => {
            let slot = *slot as usize;
            let role = block.scan().map(|scan| format!(" {}", scan.roles[slot].name())).unwrap_or_default();
            format!("{name}{attributes}{role} of %{}", owner.inputs[slot].0)
        }
        (Op::Scan(scan), _) if scan.rows != usual_rows(&scan.packing, block.depth) => {
            format!("{name}{attributes} rows={}", scan.rows)
        }
        // What feeds a body stands at its inputs.
        (op, _) if op.body().is_some() => format!("{name}{attributes}"),
        _ => format!("{name}{}{attributes}", places(&node.inputs)),
    }
}

/// The leading extent in the body of a scan inside so many others, unless the text says another.
pub(super) fn usual_rows(packing: &Packing, depth: usize) -> Dim {
    if depth == 0 { Dim::ROWS } else { packing.sequences() }
}

/// For each of some nodes its name, where it is an input that has one.
pub(crate) fn names_of(ids: &[NodeId], around: &Graph, names: &[Option<String>]) -> Vec<Option<String>> {
    let name = |id: &NodeId| match around.node(*id).op {
        Op::Input(slot) => names.get(slot as usize).cloned().flatten(),
        _ => None,
    };
    ids.iter().map(name).collect()
}

fn places(ids: &[NodeId]) -> String {
    ids.iter().map(|id| format!(" %{}", id.0)).collect()
}

fn append_notes(line: &mut String, notes: &str) {
    if !notes.is_empty() {
        *line = format!("{line:width$} # {notes}", width = NOTES - 1);
    }
}

/// The same words with single spaces between them: names are free to hold line breaks, lines are not.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listing::new(self.clone()).fmt(f)
    }
}

impl Graph {
    /// The graph as text with nothing beside it; see [`text`](crate::text).
    pub fn dump(&self) -> String {
        Program { graph: self.clone(), outputs: Vec::new() }.to_string()
    }
}

impl Tape {
    /// The recorded program as text, with scopes, names of leaves, and source lines; see
    /// [`text`](crate::text).
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub fn dump(&self) -> String {
        self.listing(&[]).with_source_lines().to_string()
    }

    /// The recorded program with its scopes and the names of leaves.
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub fn listing(&self, outputs: &[Var<'_>]) -> Listing {
        let graph = self.graph().clone();
        let names = (0..graph.inputs.len()).map(|slot| self.input_name(slot)).collect();
        let outputs = outputs.iter().map(|var| var.id()).collect();
        Listing::new(Program { graph, outputs }).with_scopes(self.scopes().clone()).with_names(names)
    }
}
