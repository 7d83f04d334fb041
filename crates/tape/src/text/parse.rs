//! Reading programs. Every line is held to the shape rule of its operation, so that a program that was
//! read can be run.

use std::panic::Location;
use std::sync::Arc;

use super::ParseError;
use super::cursor::{Cursor, no_value, real};
use super::line::Line;
use super::print::usual_rows;
use crate::dtype::DType;
use crate::fused::Fused;
use crate::graph::{Graph, Inputs, Node, NodeId, ScopeId};
use crate::ops::{Custom, Op, Part};
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
///
/// # Errors
/// If the text is no program: the line, and what was expected there.
#[track_caller]
pub fn parse(text: &str) -> Result<Program, ParseError> {
    parse_with(text, &[])
}

/// Reads a program in which operations of the user's may stand. One is found by its name and its
/// attributes, which should be words without `#` among them.
///
/// # Errors
/// As for [`parse`].
#[track_caller]
pub fn parse_with(text: &str, customs: &[Custom]) -> Result<Program, ParseError> {
    let rows = text.lines().enumerate().map(|(index, line)| Cursor::new(index + 1, line));
    let rows: Vec<Cursor<'_>> = rows.filter(|row| !row.is_done()).collect();
    let end = Cursor::new(text.lines().count().max(1), "");
    let mut parser = Parser { rows: rows.into_iter(), end, customs, location: Location::caller() };
    let block = parser.block(None, 0)?;
    Ok(Program { graph: block.graph, outputs: block.ends })
}

/// How many bodies may stand inside each other. Reading descends, and must not exhaust the stack.
const DEEPEST: usize = 32;

struct Parser<'a> {
    /// The lines that are left of those with something to read.
    rows: std::vec::IntoIter<Cursor<'a>>,
    end: Cursor<'a>,
    customs: &'a [Custom],
    location: &'static Location<'static>,
}

/// What the body that is read belongs to, as far as it is known.
struct Around<'a> {
    graph: &'a Graph,
    whose: Whose<'a>,
}

#[derive(Clone, Copy)]
enum Whose<'a> {
    Scan { packing: &'a Packing, rows: Dim },
    Fused,
}

/// What was read of a program or of a body.
#[derive(Default)]
struct Block {
    graph: Graph,
    /// For a body, what feeds its inputs.
    feeds: Vec<(Role, NodeId)>,
    /// The outputs of a program, the next states of a body.
    ends: Vec<NodeId>,
}

impl<'a> Parser<'a> {
    /// Reads to the end of the text, or of a body.
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

    /// Reads a node, with the lines of its body if it has one.
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
            "fused" => self.fused(row, &block.graph, depth)?,
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
        let mut feed = |around: &Around<'_>| match around.whose {
            Whose::Scan { .. } => row.feed(around.graph),
            Whose::Fused => {
                row.keyword("of")?;
                // Every run has the same value, as with a loop's constants.
                Ok((Role::Constant, row.operand(around.graph)?))
            }
        };
        let feed = around.map(|around| feed(around).map(|feed| (around, feed))).transpose()?;
        let (dtype, shape) = row.result()?;
        row.finish()?;
        if let Some((around, (role, outer))) = feed {
            let outer_node = around.graph.node(outer);
            let inside = match around.whose {
                Whose::Scan { packing, rows } => role.inside(&outer_node.shape, packing, rows),
                Whose::Fused => Ok(outer_node.shape.clone()),
            };
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
        let whose = Whose::Scan { packing: &packing, rows };
        let body = self.block(Some(&Around { graph, whose }), depth + 1)?;
        let (roles, inputs) = body.feeds.into_iter().unzip();
        let scan = Scan { body: body.graph, roles, next: body.ends, packing, rows, reverse, recompute };
        Ok(self.made(Op::Scan(Arc::new(scan)), inputs, Shape::scalar(), dtype))
    }

    fn fused(&mut self, mut row: Cursor<'a>, graph: &Graph, depth: usize) -> Result<Node, ParseError> {
        let Some(dtype) = row.optional(real) else { return Err(row.expected("f32 or f64")) };
        row.keyword("{")?;
        row.finish()?;
        if depth >= DEEPEST {
            return Err(row.error(format!("bodies nest deeper than {DEEPEST}")));
        }
        let body = self.block(Some(&Around { graph, whose: Whose::Fused }), depth + 1)?;
        let inputs = body.feeds.into_iter().map(|(_, outer)| outer).collect();
        let fused = Fused { body: body.graph };
        fused.check().map_err(|reason| row.error(reason))?;
        Ok(self.made(Op::Fused(Arc::new(fused)), inputs, Shape::scalar(), dtype))
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
        let scan = match (&node.op, part) {
            (Op::Scan(scan), _) => scan,
            (Op::Fused(fused), Part::Result(id)) => {
                let found = fused.result(*id);
                return found
                    .ok_or_else(|| format!("the fused work has no {} {}", op.name(), op.attributes()));
            }
            _ => {
                let source = if let Part::Result(_) = part { "fused work" } else { "a scan" };
                return Err(format!("{} is taken from {source}, not from {}", op.name(), node.op.name()));
            }
        };
        if !scan.has(*part) {
            return Err(format!("the scan has no {} {}", op.name(), op.attributes()));
        }
        let outer = |slot: usize| graph.node(node.inputs[slot]).shape.clone();
        return scan.part(*part, outer).map_err(|error| error.to_string());
    }
    if let Some(input) = inputs.iter().find(|input| !graph.node(**input).op.has_value()) {
        return Err(no_value(graph, *input));
    }
    let Some(rule) = op.rule() else { return Err("inputs, scans and fused work have no rule".into()) };
    rule.infer(&graph.metas(inputs)).map_err(|error| error.to_string())
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
