//! Programs written as text and read again: round trips, messages, and texts that are not programs.

use std::panic::Location;

use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::passes;
use tape::program::Program;
use tape::text::{parse, parse_with};
use tape::{Custom, DType, Dim, Packing, Shape, ShapeError, Tape, Tensor, Var, grad, scan, scan_reverse};

fn zeros<'t, const R: usize>(tape: &'t Tape, shape: [usize; R]) -> Var<'t> {
    tape.input(Tensor::zeros(tape.dtype(), shape))
}

/// A recurrence with a captured weight, a memory by rows, and outputs.
fn recurrence<'t>(packing: &Packing, reverse: bool, v: &[Var<'t>]) -> Var<'t> {
    let [h0, x, w, memory] = *v else { panic!("four operands") };
    let step = |h: Var<'t>, x: Var<'t>| {
        let h = (x + h.dot(w) + memory.rows() * h).tanh();
        (h, h * 0.1)
    };
    let (last, outputs) =
        if reverse { scan_reverse(packing, h0, x, step) } else { scan(packing, h0, x, step) };
    last.square().sum() + outputs.sum()
}

fn operands<'t>(tape: &'t Tape, lengths: &[usize]) -> [Var<'t>; 4] {
    let batch = lengths.len();
    let rows = lengths.iter().sum();
    [zeros(tape, [batch, 3]), zeros(tape, [rows, 3]), zeros(tape, [3, 3]), zeros(tape, [batch, 3])]
}

/// A scan with three refinements of the state in each step.
fn nested<'t>(packing: &Packing, v: &[Var<'t>]) -> Var<'t> {
    let [h0, x, w, _] = *v else { panic!("four operands") };
    let (last, _) = scan(packing, h0, x, |h, x| {
        let (h, _) = scan(&Packing::uniform(3, Dim::ROWS), h, (), |h, ()| ((h.dot(w) + x).tanh(), ()));
        (h, h)
    });
    last.sum()
}

/// Whole tapes whose programs make use of every part of the language.
fn programs() -> Vec<Tape> {
    let of = |lengths: &[usize], order: usize, record: &dyn for<'t> Fn(&Packing, &[Var<'t>]) -> Var<'t>| {
        let tape = Tape::new(DType::F64);
        let v = operands(&tape, lengths);
        let mut number = record(&Packing::ragged(lengths), &v);
        for _ in 0..order {
            let gradients = grad(number, &v[..3]);
            number = gradients.into_iter().fold(tape.number(0.5), |sum, x| sum + x.square().sum());
        }
        tape
    };
    let mut programs = Vec::new();
    for lengths in [&[3, 3][..], &[3, 2, 1], &[2, 2, 0, 0], &[0, 0]] {
        for order in 0..3 {
            programs.push(of(lengths, order, &|packing, v| recurrence(packing, false, v)));
            programs.push(of(lengths, order, &|packing, v| recurrence(packing, true, v)));
            programs.push(of(lengths, order, &nested));
        }
    }
    programs
}

#[test]
fn scans_with_gradients_are_read_as_they_are_written() {
    for tape in programs() {
        let outputs = tape.graph().iter().map(|(id, _)| id).take(2).collect();
        let program = Program { graph: tape.graph().clone(), outputs };
        let dump = program.to_string();
        let read = parse(&dump).unwrap_or_else(|error| panic!("{error}\n{dump}"));
        assert!(read == program, "{dump}");
        assert_eq!(read.to_string(), dump);
    }
}

#[test]
fn rewritten_programs_are_read_as_they_are_written() {
    for tape in programs() {
        let last = tape.graph().iter().last().map(|(id, _)| id);
        let program = Program { graph: tape.graph().clone(), outputs: last.into_iter().collect() };
        let program = passes::run(program, passes::PIPELINE);
        let read = parse(&program.to_string()).unwrap_or_else(|error| panic!("{error}\n{program}"));
        assert!(read == program, "{program}");
    }
}

#[test]
fn notes_say_nothing_to_the_parser() {
    for tape in programs() {
        let read = parse(&tape.dump()).expect("a dump");
        assert!(read.graph == *tape.graph() && read.outputs.is_empty());
    }
}

#[test]
fn a_dump_names_leaves_scopes_and_source_lines() {
    let weight =
        tape::Leaf { name: "rnn/w\nwith a # break".into(), value: Tensor::zeros(DType::F32, [3, 3]) };
    let tape = Tape::with_leaves(DType::F32, vec![weight].into());
    let h0 = zeros(&tape, [2, 3]);
    let line = Location::caller().line() + 2;
    let (last, ()) =
        tape.scope("rnn", || scan(&Packing::uniform(4, 2), h0, (), |h, ()| (h.dot(tape.leaf(0)), ())));
    let expected = "\
        %0 = input 0                            f32[2, 3]\n\
        %1 = input 1                            f32[3, 3]         # rnn/w with a # break\n\
        %2 = scan steps=4x2 f32 {                                 # rnn\n\
        \x20   %0 = input 0 state of %0            f32[n, 3]\n\
        \x20   %1 = input 1 constant of %1         f32[3, 3]         # rnn/w with a # break\n\
        \x20   %2 = dot %0 %1                      f32[n, 3]         # rnn\n\
        \x20   next %2\n\
        }\n\
        %3 = final %2 state=0                   f32[2, 3]         # rnn\n\
        outputs %3\n";
    assert_eq!(tape.listing(&[last]).to_string(), expected);
    assert!(parse(expected).is_ok());
    assert!(tape.dump().contains(&format!("tests/text.rs:{line}")), "{}", tape.dump());
}

#[test]
fn a_body_is_a_program_too() {
    let tape = Tape::new(DType::F32);
    nested(&Packing::uniform(2, 2), &operands(&tape, &[2, 2]));
    let graph = tape.graph();
    let body = graph.iter().find_map(|(_, node)| match &node.op {
        tape::ops::Op::Scan(scan) => Some(scan.body.clone()),
        _ => None,
    });
    let body = body.expect("a scan");
    assert!(parse(&body.dump()).expect("a dump").graph == body);
}

struct Twice;

impl Rule for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }
    fn kind(&self) -> Kind {
        Kind::Other
    }
    fn attributes(&self) -> String {
        "really  yes=1".into()
    }
    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }
    fn eval(&self, _: Io<'_>) -> Result<(), String> {
        Ok(())
    }
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        [Some(at.upstream() * 2.0)].into_iter().collect()
    }
}

#[test]
fn operations_of_the_users_are_read_with_their_rules() {
    let tape = Tape::new(DType::F32);
    let twice = Custom::new(Twice);
    zeros(&tape, [2]).apply_custom(&twice, &[]);
    let dump = tape.dump();
    let read = parse_with(&dump, &[twice]).unwrap_or_else(|error| panic!("{error}\n{dump}"));
    assert!(read.graph == *tape.graph());
    let error = parse(&dump).expect_err("without its rule the name means nothing");
    assert_eq!(error.to_string(), "line 2: expected an operation, found `twice`");
}

const SCAN: &str = "\
    %0 = input 0                f64[2, 3]
    %1 = input 1                f64[3, 3]
    %2 = scan steps=4x2 f64 {
        %0 = input 0 state of %0     f64[n, 3]
        %1 = input 1 constant of %1  f64[3, 3]
        %2 = dot %0 %1               f64[n, 3]
        next %2
    }
    %3 = final %2 state=0       f64[2, 3]
    %4 = slice %3 axis=1 start=0 len=2  f64[2, 2]
    outputs %4";

#[test]
fn an_error_names_the_line_and_what_was_expected() {
    assert!(parse(SCAN).is_ok());
    let check = |replaced: &str, by: &str, message: &str| {
        assert!(SCAN.contains(replaced), "{replaced}");
        let error = parse(&SCAN.replace(replaced, by)).expect_err(message);
        assert_eq!(error.to_string(), message);
    };
    check("%1 = input 1      ", "%2 = input 1 ", "line 2: expected `%1`, found `%2`");
    check("%1 = input 1      ", "%1 = input 2 ", "line 2: expected `1`, found `2`");
    check("f64[3, 3]", "f64[3, x]", "line 2: expected a type such as f32[2, 3], found `f64[3,`");
    check("dot %0", "dot %7", "line 6: expected a node above such as `%0`, found `%7`");
    check("dot %0 %1", "dot %0", "line 6: dot takes 2 operands, not 1");
    check("dot %0 %1", "dit %0 %1", "line 6: expected an operation, found `dit`");
    check("dot %0 %1", "dot %0 %1 up=t", "line 6: dot has no attribute `up=t`");
    check("dot %0 %1", "dot %1 %0", "line 6: dot of [3, 3] and [n, 3]: the inner extents 3 and n differ");
    check(
        "axis=1 start=0 len=2  f64[2, 2]",
        "axis=1 start=0 len=2  f64[2, 1]",
        "line 10: slice gives f64[2, 2], not f64[2, 1]",
    );
    check("axis=1 start", "start", "line 10: slice needs `axis=` with a number, found none");
    check("axis=1", "axis=-1", "line 10: slice needs `axis=` with a number, found `axis=-1`");
    check("slice %3", "slice %2", "line 10: %2 is a scan, which has parts but no value");
    check("final %2 state=0", "final %1 state=0", "line 9: final is taken from a scan, not from input");
    check("final %2 state=0", "final %2 state=1", "line 9: the scan has no final state=1");
    check(
        "state of %0",
        "stale of %0",
        "line 4: expected `state`, `sequence`, `rows` or `constant`, found `stale`",
    );
    check(
        "state of %0",
        "sequence of %0",
        "line 4: scan of [2, 3]: the leading axis of a sequence must be 8, as the packing 4x2 says",
    );
    check(
        "f64[n, 3]\n        %1",
        "f64[n, 4]\n        %1",
        "line 4: this input gives f64[n, 3], not f64[n, 4]",
    );
    check("next %2", "next", "line 7: expected `next` with 1 values for the states, found 0");
    check(
        "next %2",
        "next %1",
        "line 7: the next value f64[3, 3] cannot take the place of a state f64[n, 3]",
    );
    check("next %2", "", "line 8: expected `next` with 1 values for the states, found 0");
    check("    }\n", "", "line 8: expected `}`, found `%3`");
    check("4x2", "4", "line 3: expected `steps=` with a packing such as 4x50 or {3, 2, 1}, found `steps=4`");
    check("4x2 f64", "4x2", "line 3: expected f32 or f64, found `{`");
    check("outputs %4", "outputs %2", "line 11: %2 is a scan, which has parts but no value");
    check("outputs %4", "outputs %4\n%5", "line 12: expected nothing after `outputs`, found `%5`");
    check(
        "outputs %4",
        "results",
        "line 11: expected a node such as `%0 = …`, or `outputs`, found `results`",
    );
    let unfinished = SCAN.lines().take(5).collect::<Vec<&str>>().join("\n");
    let error = parse(&unfinished).expect_err("the body has no end");
    assert_eq!(error.to_string(), "line 5: expected `}`, found nothing");
}

#[test]
fn an_empty_text_is_an_empty_program() {
    for text in ["", "\n\n", "# nothing"] {
        assert!(parse(text).expect("an empty program") == Program::default());
    }
}

#[test]
fn scans_do_not_nest_without_end() {
    let deep = "%0 = scan steps=1x1 f32 {\n".repeat(100_000);
    let error = parse(&deep).expect_err("too deep");
    assert_eq!(error.to_string(), "line 33: scans nest deeper than 32");
}

/// A generator of numbers below a bound, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// The text with a few of its words, lines or characters changed.
    fn mutate(&mut self, text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        for _ in 0..=self.below(3) {
            let (at, other) = (self.below(lines.len()), self.below(lines.len()));
            match self.below(6) {
                0 => lines.swap(at, other),
                1 => lines.insert(at, lines[other].clone()),
                2 if lines.len() > 1 => drop(lines.remove(at)),
                3 => {
                    let mut characters: Vec<char> = lines[at].chars().collect();
                    let place = self.below(characters.len() + 1);
                    characters
                        .insert(place, ['[', ']', '{', '}', ',', '%', '=', '#', 'é', '9'][self.below(10)]);
                    lines[at] = characters.into_iter().collect();
                }
                _ => {
                    // A word changes and what separates it from the next one stays.
                    let pieces: Vec<&str> = lines[at].split_inclusive(SEPARATORS).collect();
                    let place = self.below(pieces.len());
                    let mut line = pieces[..place].concat();
                    line += self.pick(WORDS);
                    line.extend(pieces.get(place).and_then(|piece| piece.matches(SEPARATORS).next_back()));
                    lines[at] = line + &pieces[pieces.len().min(place + 1)..].concat();
                }
            }
        }
        lines.join("\n")
    }
}

const SEPARATORS: [char; 6] = [' ', '=', '[', ',', ']', 'x'];

const WORDS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "n",
    "2n",
    "0n",
    "-1",
    "31",
    "32",
    "255",
    "65535",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999",
    "%0",
    "%1",
    "%2",
    "%3",
    "%4",
    "%4294967295",
    "f32",
    "f64",
    "i32",
    "",
    "scan",
    "input",
    "state",
    "sequence",
    "rows",
    "constant",
    "reverse",
    "steps",
    "next",
    "outputs",
    "{",
    "}",
    "{2, 1} of 3",
    "concat",
    "reshape",
    "expand",
    "sum",
    "max",
    "transpose",
    "pad",
    "slice",
    "gather",
    "scatter_add",
    "pick",
    "place",
    "softmax",
    "unfold",
    "fold",
    "dot",
    "add",
    "tanh",
    "scalar",
    "final",
    "stacked",
    "summed",
    "axes",
    "order",
    "axis",
];

/// One line of every operation that has attributes.
const OPERATIONS: &str = "\
    %0 = input 0  f32[2, 3]
    %1 = input 1  i32[2]
    %2 = input 2  f32[1, 4, 4, 2]
    %3 = scalar 0.5  f32[]
    %4 = dot %0 %0 right=t  f32[2, 2]
    %5 = sum %0 axes=0,1  f32[]
    %6 = max %0 axes=1  f32[2]
    %7 = reshape %0  f32[3, 2]
    %8 = expand %3  f32[4, 5]
    %9 = transpose %0 order=1,0  f32[3, 2]
    %10 = slice %0 axis=1 start=1 len=2  f32[2, 2]
    %11 = pad %0 axis=0 before=1 after=2  f32[5, 3]
    %12 = concat %0 %0 axis=1  f32[2, 6]
    %13 = gather %0 %1  f32[2, 3]
    %14 = scatter_add %0 %1 rows=5  f32[5, 3]
    %15 = pick %0 %1  f32[2]
    %16 = place %15 %1 width=3  f32[2, 3]
    %17 = unfold %2 size=3 stride=1 padding=1  f32[1, 4, 4, 18]
    %18 = fold %17 size=3 stride=1 padding=1 height=4 width=4  f32[1, 4, 4, 2]
    outputs %18 %16";

#[test]
fn no_text_makes_the_parser_panic() {
    let mut texts = vec![SCAN.to_string(), OPERATIONS.to_string()];
    texts.extend(programs().iter().take(9).map(|tape| tape.graph().dump()));
    texts.push(programs().last().expect("programs").graph().dump());
    for text in &texts {
        parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    let mut dice = Dice(1);
    let mut read = 0;
    for round in 0..20_000 {
        let text = dice.mutate(&texts[round % texts.len()]);
        // What is still a program is one that can be written and read.
        if let Ok(program) = parse(&text) {
            read += 1;
            let again = parse(&program.to_string()).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(again == program, "{text}");
        }
    }
    assert!(read > 100, "only {read} mutations are programs: they are too wild to reach the rules");
}
