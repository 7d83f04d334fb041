//! Reading programs. Every line is held to the shape rule of its operation, so that a program that was
//! read can be run.

use std::panic::Location;
use std::sync::Arc;

use super::ParseError;
use super::cursor::{Cursor, is_scan, no_value, real};
use super::line::Line;
use super::print::usual_rows;
use crate::dtype::DType;
use crate::graph::{Graph, Inputs, Node, NodeId, ScopeId};
use crate::ops::{Custom, Meta, Op};
use crate::packing::Packing;
use crate::program::Program;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};

/// Reads a program and the outputs that it names.
///
/// ```
/// let text = "
///     %0 = input 0   f32[2, 3]
///     %1 = tanh %0   f32[2, 3]
///     outputs %1
/// ";
/// let program = tape::text::parse(text)?;
/// assert_eq!((program.graph.nodes.len(), program.outputs.len()), (2, 1));
///
/// let wrong = tape::text::parse(&text.replace("tanh %0   f32[2, 3]", "tanh %0   f32[3, 2]"));
/// assert_eq!(wrong.unwrap_err().to_string(), "line 3: tanh gives f32[2, 3], not f32[3, 2]");
/// # Ok::<(), tape::text::ParseError>(())
/// ```
#[track_caller]
pub fn parse(text: &str) -> Result<Program, ParseError> {
    parse_with(text, &[])
}

/// Reads a program in which operations of the user's may stand. One is found by its name and its
/// attributes, which should be words without `#` among them.
#[track_caller]
pub fn parse_with(text: &str, customs: &[Custom]) -> Result<Program, ParseError> {
    let rows = text.lines().enumerate().map(|(index, line)| Cursor::new(index + 1, line));
    let rows: Vec<Cursor<'_>> = rows.filter(|row| !row.is_done()).collect();
    let end = Cursor::new(text.lines().count().max(1), "");
    let mut parser = Parser { rows: rows.into_iter(), end, customs, location: Location::caller() };
    let block = parser.block(None, 0)?;
    Ok(Program { graph: block.graph, outputs: block.ends })
}

/// How many scans may stand inside each other. Reading descends, and must not exhaust the stack.
const DEEPEST: usize = 32;

struct Parser<'a> {
    /// The lines that are left of those with something to read.
    rows: std::vec::IntoIter<Cursor<'a>>,
    end: Cursor<'a>,
    customs: &'a [Custom],
    location: &'static Location<'static>,
}

/// The scan whose body is read, as far as it is known.
struct Around<'a> {
    graph: &'a Graph,
    packing: &'a Packing,
    rows: Dim,
}

/// What was read of a program or the body of a scan.
#[derive(Default)]
struct Block {
    graph: Graph,
    /// For a body, what feeds its inputs.
    feeds: Vec<(Role, NodeId)>,
    /// The outputs of a program, the next states of a body.
    ends: Vec<NodeId>,
}

impl<'a> Parser<'a> {
    /// Reads to the end of the text, or of the body of a scan.
    fn block(&mut self, around: Option<&Around<'_>>, depth: usize) -> Result<Block, ParseError> {
        let mut block = Block::default();
        while let Some(mut row) = self.rows.next() {
            match (row.peek(), around) {
                (place, _) if place.starts_with('%') => self.node(row, &mut block, around, depth)?,
                ("outputs", None) => {
                    row.word();
                    block.ends = row.operands(&block.graph)?.into_vec();
                    row.finish()?;
                    match self.rows.next() {
                        Some(row) => return Err(row.expected("nothing after `outputs`")),
                        None => return Ok(block),
                    }
                }
                ("next", Some(_)) => {
                    row.word();
                    block.ends = row.operands(&block.graph)?.into_vec();
                    row.finish()?;
                    check_states(&row, &block)?;
                    let mut close = self.rows.next().unwrap_or(self.end);
                    close.keyword("}")?;
                    close.finish()?;
                    return Ok(block);
                }
                ("}", Some(_)) => {
                    check_states(&row, &block)?;
                    row.word();
                    row.finish()?;
                    return Ok(block);
                }
                (_, None) => return Err(row.expected("a node such as `%0 = …`, or `outputs`")),
                (_, Some(_)) => return Err(row.expected("a node such as `%0 = …`, `next` or `}`")),
            }
        }
        match around {
            Some(_) => Err(self.end.expected("`}`")),
            None => Ok(block),
        }
    }

    /// Reads a node, with the lines of its body if it is a scan.
    fn node(
        &mut self,
        mut row: Cursor<'a>,
        block: &mut Block,
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), ParseError> {
        let place = NodeId::at(block.graph.nodes.len());
        row.keyword(&format!("%{}", place.0))?;
        row.keyword("=")?;
        let node = match row.word() {
            "" => return Err(row.expected("an operation")),
            "input" => self.input(row, block, around)?,
            "scan" => self.scan(row, &block.graph, depth)?,
            name => self.operation(row, name, &block.graph)?,
        };
        block.graph.push(node);
        Ok(())
    }

    fn made(&self, op: Op, inputs: Inputs, shape: Shape, dtype: DType) -> Node {
        Node { op, inputs, shape, dtype, scope: ScopeId::default(), location: self.location }
    }

    fn input(
        &self,
        mut row: Cursor<'a>,
        block: &mut Block,
        around: Option<&Around<'_>>,
    ) -> Result<Node, ParseError> {
        let slot = block.graph.inputs.len();
        row.keyword(&slot.to_string())?;
        let feed = around.map(|around| row.feed(around.graph).map(|feed| (around, feed))).transpose()?;
        let (dtype, shape) = row.result()?;
        row.finish()?;
        if let Some((around, (role, outer))) = feed {
            let outer_node = around.graph.node(outer);
            let inside = role.inside(&outer_node.shape, around.packing, around.rows);
            let inside = inside.map_err(|error| row.error(error.to_string()))?;
            row.check_result("this input", (&inside, outer_node.dtype), (&shape, dtype))?;
            block.feeds.push((role, outer));
        }
        Ok(self.made(Op::Input(slot as u32), Inputs::new(), shape, dtype))
    }

    fn scan(&mut self, mut row: Cursor<'a>, graph: &Graph, depth: usize) -> Result<Node, ParseError> {
        if depth == DEEPEST {
            return Err(row.error(format!("scans nest deeper than {DEEPEST}")));
        }
        let packing = row.packing()?;
        let reverse = row.optional(|word| (word == "reverse").then_some(())).is_some();
        let recompute = row.optional(|word| (word == "recompute").then_some(())).is_some();
        let rows = row.optional(|word| Dim::parse(word.strip_prefix("rows=")?));
        let rows = rows.unwrap_or_else(|| usual_rows(&packing, depth));
        let Some(dtype) = row.optional(real) else { return Err(row.expected("f32 or f64")) };
        row.keyword("{")?;
        row.finish()?;
        let body = self.block(Some(&Around { graph, packing: &packing, rows }), depth + 1)?;
        let (roles, inputs) = body.feeds.into_iter().unzip();
        let scan = Scan { body: body.graph, roles, next: body.ends, packing, rows, reverse, recompute };
        Ok(self.made(Op::Scan(Arc::new(scan)), inputs, Shape::scalar(), dtype))
    }

    fn operation(&self, mut row: Cursor<'a>, name: &'a str, graph: &Graph) -> Result<Node, ParseError> {
        let mut inputs = Inputs::new();
        while row.peek().starts_with('%') {
            inputs.push(row.place(graph)?);
        }
        let mut attributes = Vec::new();
        while !row.is_done() && !row.is_at_result() {
            attributes.push(row.word());
        }
        let (dtype, shape) = row.result()?;
        row.finish()?;
        let line = Line::new((name, inputs.len()), attributes, (dtype, shape), self.customs);
        let op = line.op().map_err(|reason| row.error(reason))?;
        let (inferred, inferred_dtype) = infer(&op, &inputs, graph).map_err(|reason| row.error(reason))?;
        row.check_result(name, (&inferred, inferred_dtype), (&line.shape, line.dtype))?;
        Ok(self.made(op, inputs, inferred, inferred_dtype))
    }
}

/// The shape and type of an operation's result.
fn infer(op: &Op, inputs: &[NodeId], graph: &Graph) -> Result<(Shape, DType), String> {
    if let Op::Part(part) = op {
        let node = graph.node(inputs[0]);
        let Op::Scan(scan) = &node.op else {
            return Err(format!("{} is taken from a scan, not from {}", op.name(), node.op.name()));
        };
        if !scan.has(*part) {
            return Err(format!("the scan has no {} {}", op.name(), op.attributes()));
        }
        let outer = |slot: usize| graph.node(node.inputs[slot]).shape.clone();
        return scan.part(*part, outer).map_err(|error| error.to_string());
    }
    if let Some(input) = inputs.iter().find(|input| is_scan(graph, **input)) {
        return Err(no_value(*input));
    }
    let metas: Vec<Meta<'_>> = inputs.iter().map(|input| graph.node(*input).meta()).collect();
    let Some(rule) = op.rule() else { return Err("inputs and scans have no rule".into()) };
    rule.infer(&metas).map_err(|error| error.to_string())
}

/// Checks that each state has a next value that can take its place.
fn check_states(row: &Cursor<'_>, block: &Block) -> Result<(), ParseError> {
    let inputs = block.feeds.iter().zip(&block.graph.inputs);
    let states: Vec<NodeId> =
        inputs.filter(|((role, _), _)| *role == Role::State).map(|(_, input)| *input).collect();
    if states.len() != block.ends.len() {
        let (expected, found) = (states.len(), block.ends.len());
        return Err(
            row.error(format!("expected `next` with {expected} values for the states, found {found}"))
        );
    }
    for (state, next) in states.iter().zip(&block.ends) {
        let (before, after) = (block.graph.node(*state), block.graph.node(*next));
        if before.meta() != after.meta() {
            let [before, after] = [before, after].map(|node| format!("{}{}", node.dtype.name(), node.shape));
            return Err(
                row.error(format!("the next value {after} cannot take the place of a state {before}"))
            );
        }
    }
    Ok(())
}
