//! Plans as text.

use std::fmt::Write;

use super::{Block, Collect, Home, Loop, Operand, Plan, Work};

impl Plan {
    /// The plan as text: a line for each instruction with the place of its result.
    pub fn dump(&self) -> String {
        let mut text = format!("arena {} bytes\n", self.bytes());
        dump_block(&mut text, &self.block, 0);
        text
    }
}

fn dump_block(text: &mut String, block: &Block, depth: usize) {
    let indent = "    ".repeat(depth);
    for instruction in &block.instructions {
        let operands = places(&instruction.operands);
        let results = places(&instruction.results);
        let typed = instruction.results.first().map(typed).unwrap_or_default();
        let line = match &instruction.work {
            Work::Loop(inner) => dump_loop(inner, &operands),
            _ => format!("{results} = {}({operands})  {typed}", instruction.name()),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{indent}{line}");
        if let Work::Loop(inner) = &instruction.work {
            dump_block(text, &inner.body, depth + 1);
        }
    }
    if !block.results.is_empty() {
        let _ = writeln!(text, "{indent}results {}", places(&block.results));
    }
}

fn dump_loop(inner: &Loop, operands: &str) -> String {
    let states = inner.states.iter().map(|state| {
        let next = state.next.as_ref().map(|next| format!(" from {}", place(next))).unwrap_or_default();
        format!("carries {}{next}", place(&state.present))
    });
    let written = inner.feeds[inner.scan.roles.len()..].iter().zip(inner.scan.roles.len()..);
    let written = written.map(|(feed, slot)| format!("given {slot} is {}", place(&feed.from)));
    let yields = inner.yields.iter().map(|one| {
        let how = if one.how == Collect::Summed { "sums" } else { "stacks" };
        format!("{how} {} in {}", place(&one.value), place(&one.total))
    });
    let parts: Vec<String> = states.chain(written).chain(yields).collect();
    let shareable = if inner.shareable { ", rows apart" } else { "" };
    format!(
        "scan {}({operands}): {}; body @{} of {} bytes{shareable}",
        inner.scan.attributes(),
        parts.join(", "),
        inner.base,
        inner.body.bytes
    )
}

fn places(operands: &[Operand]) -> String {
    operands.iter().map(place).collect::<Vec<_>>().join(", ")
}

fn place(operand: &Operand) -> String {
    match operand.home {
        Home::Given(slot, 0) => format!("given {slot}"),
        Home::Given(slot, start) => format!("given {slot}+{start}"),
        Home::Arena(offset) => format!("@{offset}"),
    }
}

fn typed(operand: &Operand) -> String {
    format!("{}{}", operand.dtype.name(), operand.shape)
}
