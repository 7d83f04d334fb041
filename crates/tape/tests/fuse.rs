//! What `fuse` makes of a vanilla recurrence, of an LSTM and of an update by Adam: groups in `tests/golden`
//! for readers, and counted here.

mod common;

use common::golden;
use tape::graph::Graph;
use tape::ops::{Kind, Op};
use tape::passes::{PIPELINE, fuse, run};
use tape::program::Program;
use tape::text::{Listing, parse};
use tape::{DType, Packing, Shape, Tape, Tensor, Var, grad, scan};

/// The program after all passes, which must be read again as it is written.
#[track_caller]
fn fused(tape: &Tape, wanted: &[Var<'_>]) -> Program {
    let outputs = wanted.iter().map(|var| var.id()).collect();
    let program = run(Program { graph: tape.graph().clone(), outputs }, PIPELINE);
    let text = program.to_string();
    assert!(parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}")) == program, "{text}");
    let drawing = Listing::new(program.clone()).graphviz();
    assert_eq!(drawing.matches("label=\"fused\"").count(), text.matches("= fused").count());
    assert_eq!(drawing.matches('{').count(), drawing.matches('}').count());
    program
}

/// The names of the nodes of a graph that are neither given, nor parts, nor views.
fn work(graph: &Graph) -> Vec<&'static str> {
    let is_work = |op: &Op| !matches!(op, Op::Part(_)) && !matches!(op.kind(), Kind::Leaf | Kind::View);
    graph.nodes.iter().map(|node| &node.op).filter(|op| is_work(op)).map(|op| op.name()).collect()
}

/// The bodies of the loops of a program.
fn loops(program: &Program) -> Vec<&Graph> {
    let scans = program.graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Scan(scan) => Some(&scan.body),
        _ => None,
    });
    scans.collect()
}

fn given<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.input(Tensor::zeros(tape.dtype(), Shape::from(shape)))
}

#[test]
fn a_vanilla_step_is_a_product_and_a_group() {
    let tape = Tape::new(DType::F32);
    let (x, h, w, b) =
        (given(&tape, &[6, 8]), given(&tape, &[3, 8]), given(&tape, &[8, 8]), given(&tape, &[8]));
    let (_, y) = scan(&Packing::ragged(&[3, 2, 1]), h, x, |h, x| {
        let h = (x + h.dot(w) + b).tanh();
        (h, h)
    });
    let loss = y.square().sum();
    let wanted: Vec<Var<'_>> = std::iter::once(loss).chain(grad(loss, &[h, x, w, b])).collect();
    let program = fused(&tape, &wanted);
    golden("fused_rnn.txt", &program.to_string());
    let loops = loops(&program);
    assert_eq!(loops.len(), 2);
    assert_eq!(work(loops[0]), ["dot", "fused"]);
    assert_eq!(work(loops[1]), ["fused", "dot"]);
}

#[test]
fn the_gates_of_an_lstm_are_one_group() {
    let tape = Tape::new(DType::F32);
    let [x, h, c] = [[6, 16], [3, 4], [3, 4]].map(|shape| given(&tape, &shape));
    let (w, b) = (given(&tape, &[4, 16]), given(&tape, &[16]));
    let ((h_end, _), y) = scan(&Packing::ragged(&[3, 2, 1]), (h, c), x, |(h, c), x| {
        let [i, f, o, g] = (x + h.dot(w) + b).split();
        let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        let h = o.sigmoid() * c.tanh();
        ((h, c), h)
    });
    let loss = y.square().sum() + h_end.sum();
    let wanted: Vec<Var<'_>> = std::iter::once(loss).chain(grad(loss, &[h, c, x, w, b])).collect();
    let program = fused(&tape, &wanted);
    golden("fused_lstm.txt", &program.to_string());
    let loops = loops(&program);
    assert_eq!(work(loops[0]), ["dot", "fused"]);
    assert_eq!(work(loops[1]), ["fused", "dot"]);
}

#[test]
fn an_update_by_adam_is_one_group_with_three_results_for_each_parameter() {
    let tape = Tape::new(DType::F32);
    let shapes: [&[usize]; 2] = [&[5, 7], &[7]];
    let parameters = shapes.map(|shape| [(); 4].map(|()| given(&tape, shape)));
    let (rate, limit) = (given(&tape, &[]), 5.0);
    let squares = parameters.iter().map(|[_, _, _, g]| g.square().sum());
    let norm = squares.reduce(|sum, square| sum + square).expect("two parameters").sqrt();
    let scale = (limit / norm).minimum(1.0);
    let mut wanted = vec![norm];
    for [w, m, v, g] in parameters {
        let g = g * scale;
        let m = m * 0.9 + g * (1.0 - 0.9);
        let v = v * 0.999 + g.square() * (1.0 - 0.999);
        wanted.extend([w - rate * m / (v.sqrt() + 1e-8), m, v]);
    }
    let program = fused(&tape, &wanted);
    golden("fused_adam.txt", &program.to_string());
    // The squares of each gradient, the norm with its scale, and the update of each parameter.
    assert_eq!(work(&program.graph), ["fused"; 5]);
    let results = |id| {
        let is_result = |node: &&tape::graph::Node| node.inputs.first() == Some(&id);
        program.graph.nodes.iter().filter(is_result).count()
    };
    let groups = program.graph.iter().filter(|(_, node)| !node.op.has_value());
    assert_eq!(groups.map(|(id, _)| results(id)).collect::<Vec<_>>(), [1, 1, 2, 3, 3]);
}

#[test]
fn cross_entropy_is_computed_with_its_gradient() {
    let tape = Tape::new(DType::F32);
    let (h, w, b) = (given(&tape, &[6, 4]), given(&tape, &[4, 9]), given(&tape, &[9]));
    let right = tape.input(Tensor::zeros(DType::I32, [6]));
    let share = given(&tape, &[]);
    let loss = (h.dot(w) + b).cross_entropy(right).sum() * share;
    let wanted: Vec<Var<'_>> = std::iter::once(loss).chain(grad(loss, &[h, w, b])).collect();
    let program = fused(&tape, &wanted);
    golden("fused_cross_entropy.txt", &program.to_string());
    // The scores, then everything that reads them; nothing of their size but the gradient leaves it.
    assert_eq!(work(&program.graph)[..2], ["dot", "fused"]);
    let tables = program.graph.nodes.iter().filter(|node| node.shape == Shape::from([6, 9]));
    assert_eq!(tables.map(|node| node.op.name()).collect::<Vec<_>>(), ["dot", "result"]);
}

#[test]
fn what_the_kernel_does_not_know_stays_outside() {
    let tape = Tape::new(DType::F32);
    let (a, b) = (given(&tape, &[2, 3, 4]), given(&tape, &[3, 1]));
    // Repeated along both outer axes in different ways, a maximum, and a sum along the middle axis.
    let wanted = [a * b, a.max_along(&[0]), a.tanh().sum_along(&[1])];
    let outputs = wanted.iter().map(|var| var.id()).collect();
    let program = fuse(Program { graph: tape.graph().clone(), outputs });
    assert_eq!(work(&program.graph), ["mul", "max", "fused", "sum"]);
}

#[test]
fn a_long_chain_is_cut_into_groups_in_linear_time() {
    let chain = |links: usize| {
        let tape = Tape::new(DType::F32);
        let (w, b) = (given(&tape, &[4]), given(&tape, &[4]));
        let x = (0..links).fold(w, |x, _| (x * w + b).tanh());
        let program = Program { graph: tape.graph().clone(), outputs: vec![x.id()] };
        fuse(program).graph.nodes.iter().filter(|node| !node.op.has_value()).count()
    };
    // Three members a link, 64 members a group.
    assert_eq!(chain(640), 30);
    assert_eq!(chain(64_000), 3_000);
}
