//! Where no gradient flows it is said: an operation without one, ways that end in flat functions or in integers.

use smallvec::{SmallVec, smallvec};
use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::{Custom, DType, Packing, Shape, ShapeError, Tape, Tensor, Var, grad, scan, try_grad, why_severed};

/// Twice the operand, with a gradient or without.
struct Twice {
    gradient: bool,
    flat: bool,
}

impl Rule for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let from = io.get::<f64>(0);
        io.out::<f64>().iter_mut().zip(from).for_each(|(to, from)| *to = 2.0 * from);
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        if self.gradient { smallvec![Some(2.0 * at.upstream())] } else { SmallVec::new() }
    }

    fn flat(&self, _: usize) -> bool {
        self.flat
    }

    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }
}

/// The nearest whole number of each element, as an index.
struct Nearest;

impl Rule for Nearest {
    fn name(&self) -> &'static str {
        "nearest"
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), DType::I32))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let from = io.get::<f64>(0);
        io.out::<i32>().iter_mut().zip(from).for_each(|(to, from)| *to = from.round() as i32);
        Ok(())
    }

    fn grad<'t>(&self, _: &Adjoint<'_, 't>) -> Gradients<'t> {
        SmallVec::new()
    }
}

fn vector(tape: &Tape, numbers: [f64; 2]) -> Var<'_> {
    tape.input(Tensor::new([2, 1], numbers.to_vec()))
}

#[test]
fn an_operation_without_a_gradient_is_an_error_that_names_it_and_its_line() {
    let none = Custom::new(Twice { gradient: false, flat: false });
    let tape = Tape::new(DType::F64);
    let (w, x) = (vector(&tape, [0.5, 1.0]), vector(&tape, [3.0, 4.0]));
    let line = line!() + 1;
    let y = (w * x).apply_custom(&none, &[]);
    let error = try_grad(y.sum(), &[w]).unwrap_err().to_string();
    let expected = format!("`twice` recorded at {}:{line}:", file!());
    assert!(error.contains(&expected) && error.contains("with respect to its operand 0"), "{error}");
    // The tape is as good as before, and what does not pass there has its gradient.
    assert_eq!(grad((w * x).sum(), &[w])[0].value().to_f64(), [3.0, 4.0]);
    // Another way around it does not make it right.
    assert!(try_grad((y + w).sum(), &[w]).is_err());
    // Where no gradient is asked for, none is missed.
    let (fixed, v) = (x.apply_custom(&none, &[]), vector(&tape, [1.0, 2.0]));
    assert_eq!(grad((fixed * v).sum(), &[v])[0].value().to_f64(), [6.0, 8.0]);
}

#[test]
fn it_is_an_error_in_a_loop_too() {
    let of = |op: Twice| {
        let op = Custom::new(op);
        let tape = Tape::new(DType::F64);
        let (w, start) = (vector(&tape, [0.5, 1.0]), vector(&tape, [0.0, 0.0]));
        let (last, ()) =
            scan(&Packing::uniform(3, 2), start, (), |h, ()| (h + w.rows().apply_custom(&op, &[]), ()));
        let result = try_grad(last.sum(), &[w]).map(|gradients| gradients[0].map(|g| g.value().to_f64()));
        (result, why_severed(last.sum(), w))
    };
    let (result, _) = of(Twice { gradient: false, flat: false });
    assert!(result.unwrap_err().to_string().contains("`twice` recorded at"));
    let (result, why) = of(Twice { gradient: false, flat: true });
    assert_eq!(result, Ok(None));
    assert!(why.starts_with("every way from it ends: in twice recorded at"), "{why}");
    assert_eq!(of(Twice { gradient: true, flat: false }).0, Ok(Some(vec![6.0, 6.0])));
}

#[test]
fn flat_functions_integers_and_values_that_are_not_used_are_told_apart() {
    let tape = Tape::new(DType::F64);
    let (w, table) = (vector(&tape, [0.5, 1.0]), vector(&tape, [3.0, 4.0]));
    let line = line!() + 1;
    let flat = w.sign() + w.detach() + w.greater(table);
    let why = why_severed(flat.sum(), w);
    let at = format!("recorded at {}:{line}:", file!());
    for op in ["sign", "detach", "greater"] {
        assert!(why.contains(&format!("in {op} {at}")), "{op} is missing in {why}");
    }
    assert_eq!(try_grad(flat.sum(), &[w]).unwrap().as_slice().len(), 1);
    assert!(try_grad(flat.sum(), &[w]).unwrap()[0].is_none());

    let rounded = (0.5 * w).apply_custom(&Custom::new(Nearest), &[]).reshape([2]);
    let chosen = table.gather(rounded).sum();
    assert!(try_grad(chosen, &[w]).unwrap()[0].is_none());
    assert!(why_severed(chosen, w).contains("in nearest recorded at"), "{}", why_severed(chosen, w));
    assert_eq!(why_severed(table.sum(), w), "nothing that it is computed from uses it");
}

#[test]
#[should_panic(expected = "the value does not depend on the input of [2, 1] recorded at")]
fn grad_panics_and_says_why() {
    let tape = Tape::new(DType::F64);
    let w = vector(&tape, [0.5, 1.0]);
    grad(w.sign().sum(), &[w]);
}
