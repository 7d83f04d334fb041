//! Programs with their gradients are read as they are written.

use tape::program::Program;
use tape::text::parse;
use tape::{DType, Tape, try_grad};

use crate::each_sample;
use crate::samples::Sample;

#[test]
fn programs_with_their_gradients_are_read_as_they_are_written() {
    // A user's operation is a name in a dump, and nothing that can be read.
    let known = |sample: &Sample| !sample.label.contains("cube");
    each_sample(|sample| {
        for dtype in [DType::F32, DType::F64] {
            let tape = Tape::new(dtype);
            let (inputs, result) = sample.on(&tape);
            let gradients = try_grad(result.sum(), &sample.real(&inputs)).expect("a single number");
            let outputs =
                [result].into_iter().chain(gradients.into_iter().flatten()).map(|var| var.id()).collect();
            let program = Program { graph: tape.graph().clone(), outputs };
            let text = program.to_string();
            let read = parse(&text);
            if known(sample) {
                let read = read.unwrap_or_else(|error| panic!("{}: {error}\n{text}", sample.label));
                assert!(read == program, "{}\n{text}", sample.label);
            }
        }
    });
}
