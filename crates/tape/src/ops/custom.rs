//! An operation that a user defines outside this crate: anything that implements [`Rule`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Gradients, Io, Kind, Meta, Op, Parse, Rule};
use crate::dtype::DType;
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// A user's operation. Two with the same name and attributes are taken to compute the same.
#[derive(Clone)]
pub struct Custom(Arc<dyn Rule + Send + Sync>);

impl Custom {
    /// Wraps a rule for [`apply_custom`](Var::apply_custom).
    pub fn new(rule: impl Rule + Send + Sync + 'static) -> Custom {
        Custom(Arc::new(rule))
    }
}

impl<'t> Var<'t> {
    /// Applies a user's operation to this and other operands.
    #[track_caller]
    pub fn apply_custom(self, op: &Custom, others: &[Var<'t>]) -> Var<'t> {
        let operands: Vec<Var<'t>> = std::iter::once(self).chain(others.iter().copied()).collect();
        self.tape().push(op.clone(), &operands)
    }
}

impl Rule for Custom {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }

    fn view(&self, operands: &[Meta<'_>]) -> Option<usize> {
        self.0.view(operands)
    }

    fn row_wise(&self, operands: &[Meta<'_>]) -> bool {
        self.0.row_wise(operands)
    }

    fn sums_rows(&self, operands: &[Meta<'_>]) -> bool {
        self.0.sums_rows(operands)
    }

    fn linear(&self, varying: &[bool]) -> bool {
        self.0.linear(varying)
    }

    fn adds_rows(&self) -> bool {
        self.0.adds_rows()
    }

    fn begins(&self) -> bool {
        self.0.begins()
    }

    fn with_rows(&self, rows: Dim) -> Option<Op> {
        self.0.with_rows(rows)
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        self.0.infer(inputs)
    }

    fn eval(&self, io: Io<'_>) -> Result<(), String> {
        self.0.eval(io)
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        self.0.grad(at)
    }

    fn flat(&self, operand: usize) -> bool {
        self.0.flat(operand)
    }
}

impl Parse for Custom {
    fn parse(line: &Line<'_>) -> Parsed<Custom> {
        Ok(line.custom())
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.name() == other.name() && self.attributes() == other.attributes())
    }
}

impl Eq for Custom {}

impl Hash for Custom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name(), self.attributes()).hash(state);
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.attributes())
    }
}
