//! The handle of a parameter: what a layer keeps instead of numbers.
//!
//! A [`Param`] says where in a [`Params`](crate::Params) store its value lies, and stands in formulas
//! wherever a [`Var`] can: `x.dot(self.wx) + self.b`.

use tape::{Operand, Tape, Var};

/// A parameter of a model: a small handle that is copied freely.
///
/// ```
/// use nn::{Params, init};
/// use tape::{DType, Tensor};
///
/// let mut params = Params::new(DType::F64);
/// let scale = params.scope("layer").weight("scale", [2], init::constant(3.0));
///
/// let tape = params.tape();
/// let x = tape.input(Tensor::new([2], vec![1.0, 2.0]));
/// assert_eq!((scale * x).value().as_slice::<f64>(), [3.0, 6.0]);
/// assert_eq!((x - scale).value().as_slice::<f64>(), [-2.0, -1.0]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    index: u32,
    mark: u32,
}

impl Param {
    pub(crate) fn new(index: usize, name: &str) -> Param {
        let index = u32::try_from(index).expect("fewer than 2^32 parameters");
        Param { index, mark: mark(name) }
    }

    /// The number of the parameter in its store, and of its leaf on the store's tapes.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// The parameter as a value of a tape that its store has made.
    #[track_caller]
    pub fn on<'t>(self, tape: &'t Tape) -> Var<'t> {
        tape.leaf(self.index())
    }
}

impl<'t> Operand<'t> for Param {
    #[track_caller]
    fn on(self, tape: &'t Tape) -> Var<'t> {
        Param::on(self, tape)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<'t> std::ops::$trait<Var<'t>> for Param {
            type Output = Var<'t>;

            #[track_caller]
            fn $method(self, other: Var<'t>) -> Var<'t> {
                std::ops::$trait::$method(self.on(other.tape()), other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

/// The 64-bit FNV-1a hash of a name: the same on every machine and with every compiler.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn mark(name: &str) -> u32 {
    let hash = hash(name);
    (hash ^ hash >> 32) as u32
}
