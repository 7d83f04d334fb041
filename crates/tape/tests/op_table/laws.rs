//! What passes rely on: the laws that rules state of themselves. That rows depend on the same rows alone, and that
//! sums over rows are sums over all steps, shows in `steps`, where `lift` takes operations out of their loops.

use std::collections::BTreeSet;

use tape::ops::{Meta, Op};
use tape::{DType, Dim, Shape};

use crate::arrays::Array;
use crate::common::golden;
use crate::samples::{self, Sample};
use crate::{close, loops};

/// Each choice of operands that vary, one or more of them.
fn choices(operands: usize) -> impl Iterator<Item = Vec<bool>> {
    (1..1_u32 << operands).map(move |choice| (0..operands).map(|k| choice >> k & 1 == 1).collect())
}

fn claims_linear(sample: &Sample, varying: &[bool]) -> bool {
    sample.op.as_ref().and_then(Op::rule).is_some_and(|rule| rule.linear(varying))
}

#[test]
fn what_is_said_to_be_linear_is() {
    for sample in samples::all() {
        let x = sample.arrays();
        for varying in choices(x.len()).filter(|varying| claims_linear(&sample, varying)) {
            let other: Vec<Array> = x.iter().map(|x| loops::map(x, |x| (3.0 * x).sin())).collect();
            // `f(2 x - 3 y)` in the operands that vary.
            let with = |value: &dyn Fn(usize) -> Array| -> Array {
                let operand = |k: usize| if varying[k] { value(k) } else { x[k].clone() };
                (sample.plain)(&(0..x.len()).map(operand).collect::<Vec<_>>())
            };
            let combine = |x: &Array, y: &Array| loops::pairs(x, y, |x, y| 2.0 * x - 3.0 * y);
            let found = with(&|k| combine(&x[k], &other[k]));
            let expected = combine(&with(&|k| x[k].clone()), &with(&|k| other[k].clone()));
            close(&found, &expected, 1e-12, &format!("{} {varying:?}", sample.label));
        }
    }
}

/// The operands of a sample whose leading axes are the rows of a step where they vary.
fn in_step(sample: &Sample, varies: &[bool]) -> Option<Vec<(Shape, DType)>> {
    let arrays = sample.arrays();
    let operands = arrays.iter().zip(&sample.operands).zip(varies);
    let operands: Option<Vec<(Shape, DType)>> = operands
        .map(|((x, operand), varies)| {
            let shape = Shape::from(&x.sizes[..]);
            let dtype = if operand.is_real() { DType::F64 } else { DType::I32 };
            if *varies && x.sizes.is_empty() {
                return None;
            }
            Some((if *varies { shape.with_leading(Dim::ROWS) } else { shape }, dtype))
        })
        .collect();
    let operands = operands?;
    let metas: Vec<Meta<'_>> = operands.iter().map(|(shape, dtype)| Meta { shape, dtype: *dtype }).collect();
    let fits = sample.op.as_ref()?.rule()?.infer(&metas).is_ok();
    fits.then_some(operands)
}

/// All laws, so that one that is no longer stated, and an optimisation that is then lost, is seen.
#[test]
fn the_laws_are_those_of_the_golden_file() {
    let mut lines = BTreeSet::new();
    for sample in samples::all() {
        let Some(rule) = sample.op.as_ref().and_then(Op::rule) else { continue };
        let settings = match rule.attributes() {
            settings if settings.contains("=t") => format!(" {settings}"),
            _ => String::new(),
        };
        for varies in choices(sample.operands.len()) {
            let which: Vec<&str> = varies.iter().map(|varies| if *varies { "n" } else { "-" }).collect();
            let name = format!("{}{settings} ({})", rule.name(), which.join(" "));
            if rule.linear(&varies) {
                lines.insert(format!("{name}: linear"));
            }
            let Some(operands) = in_step(&sample, &varies) else { continue };
            let metas: Vec<Meta<'_>> =
                operands.iter().map(|(shape, dtype)| Meta { shape, dtype: *dtype }).collect();
            if rule.row_wise(&metas) {
                lines.insert(format!("{name}: row-wise"));
            }
            if rule.sums_rows(&metas) {
                lines.insert(format!("{name}: sums rows"));
            }
        }
    }
    let lines: Vec<String> = lines.into_iter().collect();
    golden("laws.txt", &(lines.join("\n") + "\n"));
}
