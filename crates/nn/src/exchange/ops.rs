//! The exchange as operations of a program: one that hands a bucket over, one that waits for its sum.

use std::sync::Arc;

use smallvec::SmallVec;
use tape::error::ShapeError;
use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::{DType, Shape};

use super::Exchange;

/// Hands over this rank's share of a bucket, its operands; or rows and their indices. The result is a number without meaning.
pub(super) struct Begin {
    pub exchange: Arc<Exchange>,
    pub bucket: usize,
    pub rows: bool,
}

/// Waits for the sum of a bucket over all parts.
pub(super) struct Finish {
    pub exchange: Arc<Exchange>,
    pub bucket: usize,
    pub shape: Shape,
    pub dtype: DType,
}

impl Rule for Begin {
    fn name(&self) -> &'static str {
        "begin_exchange"
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn attributes(&self) -> String {
        format!("exchange={} bucket={} rows={}", self.exchange.id, self.bucket, self.rows)
    }

    fn begins(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = inputs[0].dtype;
        let numbers = if self.rows { &inputs[..1] } else { inputs };
        if numbers.iter().any(|input| input.dtype != dtype || !dtype.is_real()) {
            return Err(self.error(inputs, "what is exchanged shares one floating-point type"));
        }
        Ok((Shape::scalar(), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        match io.inputs {
            [rows, indices] if self.rows => {
                self.exchange.begin_rows(self.bucket, indices.data.typed(), rows.data)?;
            }
            numbers => {
                let numbers: SmallVec<[_; 16]> = numbers.iter().map(|value| value.data).collect();
                self.exchange.begin_numbers(self.bucket, &numbers)?;
            }
        }
        io.out.reborrow().clear();
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        SmallVec::from_elem(None, at.inputs())
    }
}

impl Rule for Finish {
    fn name(&self) -> &'static str {
        "finish_exchange"
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn attributes(&self) -> String {
        format!(
            "exchange={} bucket={} shape={} {}",
            self.exchange.id,
            self.bucket,
            self.shape,
            self.dtype.name()
        )
    }

    fn infer(&self, _: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((self.shape.clone(), self.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        self.exchange.finish(self.bucket, io.out.reborrow())
    }

    fn grad<'t>(&self, _: &Adjoint<'_, 't>) -> Gradients<'t> {
        SmallVec::new()
    }
}
