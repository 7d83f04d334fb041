//! Declaring parameters: a [`Scope`] puts its name before theirs.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape::{Shape, Tensor};

use crate::init::Init;
use crate::param::{Param, hash};
use crate::params::{Params, Role};

/// A place in a store under which a layer declares its parameters.
///
/// ```
/// use nn::{Params, init};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let mut decoder = params.scope("decoder");
/// let mut rnn = decoder.scope("rnn");
/// let wx = rnn.weight("wx", [4, 5], init::fan_in());
/// let b = rnn.weight("b", [5], init::zeros());
/// assert_eq!(params.name(wx), "decoder/rnn/wx");
/// assert_eq!(params[b].to_f64(), [0.0; 5]);
/// ```
#[derive(Debug)]
pub struct Scope<'p> {
    params: &'p mut Params,
    path: String,
}

impl Params {
    /// A scope for the parameters of a layer; `""` puts nothing before their names.
    pub fn scope(&mut self, name: &str) -> Scope<'_> {
        Scope { params: self, path: name.into() }
    }
}

impl Scope<'_> {
    /// A scope within this one.
    pub fn scope(&mut self, name: &str) -> Scope<'_> {
        let path = self.name(name);
        Scope { params: self.params, path }
    }

    /// Declares a trained parameter: its name, shape and initial value.
    ///
    /// # Panics
    /// If there is a parameter of the same name, or the initialiser does not fit the shape.
    #[track_caller]
    pub fn weight(&mut self, name: &str, shape: impl Into<Shape>, init: impl Init) -> Param {
        self.declare(name, shape.into(), init, Role::Weight)
    }

    /// Declares a parameter that is not trained, such as the weights of a network trained elsewhere.
    ///
    /// # Panics
    /// If there is a parameter of the same name, or the initialiser does not fit the shape.
    #[track_caller]
    pub fn frozen(&mut self, name: &str, shape: impl Into<Shape>, init: impl Init) -> Param {
        self.declare(name, shape.into(), init, Role::Frozen)
    }

    /// The present value of a parameter, for the start of others that depends on it.
    #[track_caller]
    pub fn value(&self, param: Param) -> &Tensor {
        &self.params[param]
    }

    fn name(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}/{name}", self.path) }
    }

    #[track_caller]
    fn declare(&mut self, name: &str, shape: Shape, init: impl Init, role: Role) -> Param {
        let name = self.name(name);
        let mut generator = ChaCha8Rng::seed_from_u64(self.params.seed());
        generator.set_stream(hash(&name));
        let numbers = init.draw(&shape.sizes(), &mut generator);
        self.params.insert(name, Tensor::from_f64(self.params.dtype(), shape, &numbers), role)
    }
}
