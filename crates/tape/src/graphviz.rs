//! Programs as drawings, in the language of Graphviz: `dot -Tsvg program.dot > program.svg`.
//!
//! * Scopes are nested boxes, and so are the bodies of scans, drawn dashed. A scan has no node of its
//!   own: arrows go into its body and come out of it, and a dotted arrow leads from the next value of a
//!   state back to the state. Fused work is a box with a dotted frame.
//! * Inputs are ovals, those with a name, such as parameters, cylinders; outputs have a double border.
//! * What was recorded in a scope `grad` is of another colour.

use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Op, Part};
use crate::text::{Listing, names_of, one_line};

const HEAD: &str = "\
digraph program {
    graph [fontname=\"sans-serif\", fontsize=10, color=\"#8090a0\"]
    node [fontname=\"sans-serif\", fontsize=10, shape=box, style=filled, fillcolor=\"#e4edf9\"]
    edge [color=\"#506070\", arrowsize=0.6]
";

const GRADIENT: &str = ", fillcolor=\"#fbe3cf\"";

impl Listing {
    /// The program as a drawing; see [`graphviz`](crate::graphviz).
    pub fn graphviz(&self) -> String {
        let mut drawing = Drawing { listing: self, edges: Vec::new(), boxes: 0 };
        let program = &self.program;
        let names = &self.names;
        let part = Block { graph: &program.graph, prefix: "n", names, outputs: &program.outputs, scope: "" };
        let nodes = drawing.block(&part);
        let lines = nodes.into_iter().chain(drawing.edges);
        HEAD.to_string() + &lines.map(|line| format!("    {line}\n")).collect::<String>() + "}\n"
    }
}

/// A program or the body of a scan.
struct Block<'a> {
    graph: &'a Graph,
    /// What the names of its nodes in the drawing begin with.
    prefix: &'a str,
    names: &'a [Option<String>],
    outputs: &'a [NodeId],
    /// The scope around it, which needs no box inside.
    scope: &'a str,
}

impl Block<'_> {
    /// The name in the drawing of a node, or of the node of a body that a part is taken from.
    fn source(&self, id: NodeId, user: &Node) -> String {
        let name = format!("{}{}", self.prefix, id.0);
        let inside = match (&self.graph.node(id).op, &user.op) {
            (Op::Scan(scan), Op::Part(Part::Final(state))) => Some(scan.next[*state as usize]),
            (_, Op::Part(part)) => part.node(),
            _ => None,
        };
        match inside {
            Some(node) => format!("{name}_{}", node.0),
            None => name,
        }
    }
}

/// What stands in a box: nodes, and further boxes by their labels.
#[derive(Default)]
struct Scope {
    lines: Vec<String>,
    inner: Vec<(String, Scope)>,
}

impl Scope {
    /// The place of a scope inside this one.
    fn at<'a>(&mut self, path: impl Iterator<Item = &'a str>) -> &mut Scope {
        path.fold(self, |scope, name| {
            let known = scope.inner.iter().position(|(label, _)| label == name);
            let index = known.unwrap_or_else(|| {
                scope.inner.push((name.to_string(), Scope::default()));
                scope.inner.len() - 1
            });
            &mut scope.inner[index].1
        })
    }
}

struct Drawing<'a> {
    listing: &'a Listing,
    edges: Vec<String>,
    boxes: usize,
}

impl Drawing<'_> {
    /// The lines that draw nodes and boxes. Arrows are kept for the end, since an arrow that is drawn in
    /// a box pulls its ends into it.
    fn block(&mut self, block: &Block<'_>) -> Vec<String> {
        let mut all = Scope::default();
        for (id, node) in block.graph.iter() {
            let name = format!("{}{}", block.prefix, id.0);
            let scope = self.listing.scope(node);
            let lines = match node.op.body() {
                Some(body) => self.body(&name, node, body, block),
                None => {
                    let edges = node.inputs.iter().map(|input| block.source(*input, node));
                    self.edges.extend(edges.map(|source| format!("{source} -> {name}")));
                    vec![self.node(&name, id, node, block)]
                }
            };
            // The inputs of a body have the scope of what feeds them, but stand in the body.
            let is_fed = matches!(node.op, Op::Input(_)) && block.prefix != "n";
            let path = if is_fed { "" } else { relative(scope, block.scope) };
            all.at(path.split('/').filter(|name| !name.is_empty())).lines.extend(lines);
        }
        self.lines(all)
    }

    fn lines(&mut self, scope: Scope) -> Vec<String> {
        let mut lines = scope.lines;
        for (label, inner) in scope.inner {
            let inner = self.lines(inner);
            lines.extend(self.framed(&label, "rounded", inner));
        }
        lines
    }

    fn framed(&mut self, label: &str, style: &str, inner: Vec<String>) -> Vec<String> {
        let open = format!("subgraph cluster{} {{", self.boxes);
        let label = format!("    label=\"{}\"; style={style}", escaped(label));
        self.boxes += 1;
        let inner = inner.into_iter().map(|line| format!("    {line}"));
        [open, label].into_iter().chain(inner).chain(["}".to_string()]).collect()
    }

    /// The body of a node in a frame, with arrows into it and, for a state, back to its beginning.
    fn body(&mut self, name: &str, node: &Node, body: &Graph, around: &Block<'_>) -> Vec<String> {
        let prefix = format!("{name}_");
        let feeds = node.inputs.iter().zip(&body.inputs);
        self.edges
            .extend(feeds.map(|(feed, input)| format!("{}{} -> {prefix}{}", around.prefix, feed.0, input.0)));
        let mut style = "dotted";
        if let Op::Scan(scan) = &node.op {
            let back = scan.states().map(|slot| body.inputs[slot]).zip(&scan.next).map(|(state, next)| {
                format!("{prefix}{} -> {prefix}{} [style=dotted, constraint=false]", next.0, state.0)
            });
            self.edges.extend(back);
            style = "dashed";
        }
        let names = names_of(&node.inputs, around.graph, around.names);
        let scope = self.listing.scope(node);
        let inner = self.block(&Block { graph: body, prefix: &prefix, names: &names, outputs: &[], scope });
        self.framed(&format!("{} {}", node.op.name(), node.op.attributes()), style, inner)
    }

    fn node(&self, name: &str, id: NodeId, node: &Node, block: &Block<'_>) -> String {
        let input_name = match node.op {
            Op::Input(slot) => block.names.get(slot as usize).and_then(Option::as_deref),
            _ => None,
        };
        let attributes = match node.op {
            // An arrow says which node of the body a part is.
            Op::Part(_) => String::new(),
            _ => node.op.attributes(),
        };
        let what = input_name.map_or_else(|| format!("{} {attributes}", node.op.name()), String::from);
        let shape = match (&node.op, input_name) {
            (Op::Input(_), Some(_)) => ", shape=cylinder",
            (Op::Input(_), None) => ", shape=oval",
            _ => "",
        };
        let border = if block.outputs.contains(&id) { ", peripheries=2" } else { "" };
        let is_gradient = self.listing.scope(node).split('/').any(|scope| scope == "grad");
        let colour = if is_gradient { GRADIENT } else { "" };
        let what = escaped(what.trim());
        let result = format!("{}{}", node.dtype.name(), node.shape);
        format!("{name} [label=\"%{} {what}\\n{result}\"{shape}{border}{colour}]", id.0)
    }
}

/// The path of a scope inside another; the whole path where it is elsewhere.
fn relative<'a>(scope: &'a str, around: &str) -> &'a str {
    match scope.strip_prefix(around) {
        Some(inner) if around.is_empty() || inner.is_empty() || inner.starts_with('/') => inner,
        _ => scope,
    }
}

/// A text for between double quotes.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_relative_where_they_are_inside() {
        assert_eq!(relative("a/b/c", "a/b"), "/c");
        assert_eq!(relative("a/b", "a/b"), "");
        assert_eq!(relative("a/bc", "a/b"), "a/bc");
        assert_eq!(relative("a", ""), "a");
    }

    #[test]
    fn quotes_backslashes_and_line_breaks_stay_inside_their_label() {
        assert_eq!(escaped("a \"b\"\\n\nc"), "a \\\"b\\\"\\\\n c");
    }
}
