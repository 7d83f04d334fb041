//! What the tape records for a captioner with a vanilla recurrence, forward and with its gradients, kept
//! in `tests/golden` for readers, and what its drawing is made of.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::golden;
use tape::graph::Graph;
use tape::ops::Op;
use tape::text::parse;
use tape::{DType, Leaf, Packing, Tape, Tensor, Var, grad, scan};

/// Three captions, of 4, 3 and 2 words out of 11; words of 5 numbers, pictures of 7, a state of 6.
const LENGTHS: [usize; 3] = [4, 3, 2];
const PARAMETERS: [(&str, &[usize]); 8] = [
    ("project/w", &[7, 6]),
    ("project/b", &[6]),
    ("embed/w", &[11, 5]),
    ("rnn/wx", &[5, 6]),
    ("rnn/wh", &[6, 6]),
    ("rnn/b", &[6]),
    ("vocab/w", &[6, 11]),
    ("vocab/b", &[11]),
];

fn tape() -> Tape {
    let leaf = |(name, shape): (&str, &[usize])| Leaf {
        name: name.into(),
        value: Tensor::zeros(DType::F32, tape::Shape::from(shape)),
    };
    Tape::with_leaves(DType::F32, PARAMETERS.map(leaf).to_vec().into())
}

/// The loss of the captioner: the picture gives the first state, each word the next one, and each state
/// the scores of the word after it.
fn captioner(tape: &Tape) -> Var<'_> {
    let packing = Packing::ragged(&LENGTHS);
    let words: usize = LENGTHS.iter().sum();
    let pictures = tape.input(Tensor::zeros(DType::F32, [LENGTHS.len(), 7]));
    let [words_in, words_out] = [(); 2].map(|()| tape.input(Tensor::zeros(DType::I32, [words])));
    let h0 = tape.scope("project", || pictures.dot(tape.leaf(0)) + tape.leaf(1));
    let x = tape.scope("embed", || tape.leaf(2).gather(words_in));
    let (_, h) = tape.scope("rnn", || {
        scan(&packing, h0, x, |h, x| {
            let h = (x.dot(tape.leaf(3)) + h.dot(tape.leaf(4)) + tape.leaf(5)).tanh();
            (h, h)
        })
    });
    let scores = tape.scope("vocab", || h.dot(tape.leaf(6)) + tape.leaf(7));
    tape.scope("loss", || -scores.log_softmax().pick(words_out).sum() / LENGTHS.len() as f64)
}

fn gradients<'t>(tape: &'t Tape, loss: Var<'t>) -> Vec<Var<'t>> {
    let parameters: Vec<Var<'t>> = (0..PARAMETERS.len()).map(|leaf| tape.leaf(leaf)).collect();
    std::iter::once(loss).chain(grad(loss, &parameters)).collect()
}

#[test]
fn a_captioner_is_recorded_as_its_equations() {
    let tape = tape();
    let loss = captioner(&tape);
    let text = tape.listing(&[loss]).to_string();
    golden("captioner_forward.txt", &text);
    assert!(parse(&text).expect("a dump").graph == *tape.graph());
}

#[test]
fn its_gradients_are_recorded_after_it() {
    let tape = tape();
    let wanted = gradients(&tape, captioner(&tape));
    let text = tape.listing(&wanted).to_string();
    golden("captioner_gradients.txt", &text);
    assert!(parse(&text).expect("a dump").graph == *tape.graph());
}

#[test]
fn a_recurrence_is_drawn() {
    let tape = tape();
    let h0 = tape.input(Tensor::zeros(DType::F32, [3, 6]));
    let x = tape.input(Tensor::zeros(DType::F32, [9, 5]));
    let (last, _) = tape.scope("captioner", || {
        tape.scope("rnn", || {
            scan(&Packing::ragged(&LENGTHS), h0, x, |h, x| {
                let h = (x.dot(tape.leaf(3)) + h.dot(tape.leaf(4)) + tape.leaf(5)).tanh();
                (h, h)
            })
        })
    });
    golden("rnn.dot", &tape.listing(&[last]).graphviz());
}

/// How many nodes that are not scans, how many scans, and how many arrows a graph has.
fn count(graph: &Graph) -> [usize; 3] {
    graph.iter().fold([0; 3], |[nodes, scans, arrows], (_, node)| match &node.op {
        Op::Scan(scan) => {
            let inner = count(&scan.body);
            let between = node.inputs.len() + scan.next.len();
            [nodes + inner[0], scans + inner[1] + 1, arrows + inner[2] + between]
        }
        _ => [nodes + 1, scans, arrows + node.inputs.len()],
    })
}

#[test]
fn a_drawing_has_all_nodes_arrows_and_boxes() {
    let tape = tape();
    let wanted = gradients(&tape, captioner(&tape));
    let drawing = tape.listing(&wanted).graphviz();
    let [nodes, scans, arrows] = count(&tape.graph());
    let lines = |part: &str| drawing.lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines(" [label="), nodes);
    assert_eq!(lines(" -> "), arrows);
    assert_eq!(lines("style=dashed"), scans);
    // One for each of project, embed, rnn, vocab and loss, one for each of these in grad, and grad.
    assert_eq!(lines("style=rounded"), 11);
    assert_eq!(lines("subgraph cluster"), scans + 11);
    assert_eq!(lines("peripheries=2"), wanted.len());
    assert_eq!(drawing.matches('{').count(), drawing.matches('}').count());
    accepted_by_graphviz(&drawing);
}

/// Where Graphviz is installed, it has the last word.
fn accepted_by_graphviz(drawing: &str) {
    let dot = Command::new("dot").arg("-Tcanon").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut dot) = dot else { return };
    dot.stdin.take().expect("a pipe").write_all(drawing.as_bytes()).expect("dot reads its input");
    assert!(dot.wait().expect("dot ends").success());
}
