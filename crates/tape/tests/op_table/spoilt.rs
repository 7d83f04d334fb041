//! Rules that are wrong are found: the gradient rule of every operation, spoilt in every way that there is here, for
//! each of its operands. So it is held that the samples are such that no mistake of these kinds hides in them.

use std::rc::Rc;

use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Op, Rule};
use tape::{Custom, DType, Shape, ShapeError, Tape, Var, concat, try_grad};

use crate::gradients::hold;
use crate::samples::{self, Sample};

/// A way to be wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// There is no gradient.
    Missing,
    /// Its sign is wrong.
    Negated,
    /// It is wrong by a factor close to one.
    Scaled,
    /// It has a term too much.
    Moved,
    /// Its elements are those of their neighbours.
    Turned,
    /// It is right and has no gradient of its own.
    Detached,
}

const FAULTS: [Fault; 6] =
    [Fault::Missing, Fault::Negated, Fault::Scaled, Fault::Moved, Fault::Turned, Fault::Detached];

/// An operation whose gradient by one operand is wrong.
struct Spoilt {
    op: Op,
    operand: usize,
    fault: Fault,
}

impl Spoilt {
    fn rule(&self) -> &dyn Rule {
        self.op.rule().expect("samples of operations have rules")
    }
}

impl Rule for Spoilt {
    fn name(&self) -> &'static str {
        self.rule().name()
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn attributes(&self) -> String {
        format!("{} {:?} of {}", self.rule().attributes(), self.fault, self.operand)
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        self.rule().infer(inputs)
    }

    fn eval(&self, io: Io<'_>) -> Result<(), String> {
        self.rule().eval(io)
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let mut gradients = self.rule().grad(at);
        if let Some(gradient) = &mut gradients[self.operand] {
            let right: Var<'t> = *gradient;
            *gradient = match self.fault {
                Fault::Missing => right * 0.0,
                Fault::Negated => -right,
                Fault::Scaled => right * 1.0001,
                Fault::Moved => right + 0.01,
                Fault::Turned => turned(right),
                Fault::Detached => right.detach(),
            };
        }
        gradients
    }
}

/// The elements in the same shape, each in the place of the next one.
fn turned(x: Var<'_>) -> Var<'_> {
    let (shape, len) = (x.shape(), x.shape().len());
    let flat = x.reshape([len]);
    concat(&[flat.slice(0, 1..len), flat.slice(0, 0..1)], 0).reshape(shape)
}

/// The operands whose gradients there are and that are not zero everywhere, so that there is something to be wrong,
/// each with whether its elements differ, so that it matters which is where.
fn differentiable(sample: &Sample) -> Vec<(usize, bool)> {
    let tape = Tape::new(DType::F64);
    let (inputs, result) = sample.on(&tape);
    let of = |operand: usize| {
        let gradient = try_grad(result.square().sum(), &[inputs[operand]]).expect("a number").remove(0)?;
        let numbers = gradient.value().to_f64();
        let differ = numbers.iter().any(|x| *x != numbers[0]);
        numbers.iter().any(|x| *x != 0.0).then_some((operand, differ))
    };
    (0..inputs.len()).filter(|operand| sample.operands[*operand].is_real()).filter_map(of).collect()
}

#[test]
fn wrong_rules_are_found() {
    let (mut spoilt, mut missed) = (0, Vec::new());
    for sample in samples::all() {
        let Some(op) = sample.op.clone() else { continue };
        for (operand, differ) in differentiable(&sample) {
            for fault in FAULTS.into_iter().filter(|fault| differ || !matches!(fault, Fault::Turned)) {
                let custom = Custom::new(Spoilt { op: op.clone(), operand, fault });
                let wrong = Sample::new(custom, sample.operands.clone(), |_| unreachable!("it is replaced"));
                let wrong = Sample { plain: Rc::clone(&sample.plain), ..wrong };
                spoilt += 1;
                if hold(&wrong).is_ok() {
                    missed.push(format!("{}: operand {operand}, {fault:?}", sample.label));
                }
            }
        }
    }
    println!("{} of {spoilt} wrong rules are found", spoilt - missed.len());
    assert!(
        spoilt > 800 && missed.is_empty(),
        "{} of {spoilt} are not found:\n{}",
        missed.len(),
        missed.join("\n")
    );
}
