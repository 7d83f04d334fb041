//! All numbers that a training run changes, by name: one flat store.
//!
//! The weights of a model, what is frozen in it, and the state of the optimiser lie side by side, so
//! that a checkpoint is the whole store. A tape shares the store's tensors without copying; once the
//! tape is gone, new values are written in place. What a tape has recorded, the next one need not record
//! again (see [`Recorder`]).

use std::collections::HashMap;
use std::ops::Index;
use std::sync::Arc;

use smallvec::SmallVec;
use tape::tensor::Slice;
use tape::{DType, Leaf, Recorder, Shape, Tape, Tensor};

use crate::key::{Key, ParamError};
use crate::param::Param;

/// What a parameter is to a training run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Trained.
    Weight,
    /// Part of the model, but left as it is.
    Frozen,
    /// State of an optimiser, such as `adam/m/rnn/wx`.
    Slot,
}

/// A flat, named store of parameters.
///
/// ```
/// use nn::{Params, VanillaRnn};
/// use tape::{DType, Shape};
///
/// let mut params = Params::seeded(DType::F32, 231);
/// let rnn = VanillaRnn::new(params.scope("rnn"), 4, 5);
///
/// let names: Vec<&str> = params.iter().map(|entry| entry.name).collect();
/// assert_eq!(names, ["rnn/wx", "rnn/wh", "rnn/b"]);
/// assert_eq!(params[rnn.wx].shape(), &Shape::from([4, 5]));
/// assert_eq!(params.weight_count(), 4 * 5 + 5 * 5 + 5);
/// ```
#[derive(Clone, Debug)]
pub struct Params {
    recorder: Recorder,
    seed: u64,
    leaves: Arc<Vec<Leaf>>,
    handles: Vec<Param>,
    roles: Vec<Role>,
    places: HashMap<String, usize>,
}

/// A parameter as [`Params::iter`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'p> {
    /// The handle.
    pub param: Param,
    /// The full name.
    pub name: &'p str,
    /// The present value.
    pub value: &'p Tensor,
    /// What it is to a training run.
    pub role: Role,
}

impl Params {
    /// An empty store of `f32` or `f64` values, seeded with 0.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn new(dtype: DType) -> Params {
        Params::seeded(dtype, 0)
    }

    /// An empty store whose initial values are drawn from `seed`.
    ///
    /// Each parameter draws from a stream of its own, given by the seed and its name. So it starts from
    /// the same numbers whatever else the model declares, and in both element types.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn seeded(dtype: DType, seed: u64) -> Params {
        assert!(dtype.is_real(), "parameters are f32 or f64, not {}", dtype.name());
        Params {
            recorder: Recorder::new(dtype),
            seed,
            leaves: Arc::default(),
            handles: Vec::new(),
            roles: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// The type of all values.
    pub fn dtype(&self) -> DType {
        self.recorder.dtype()
    }

    /// The seed of the initial values.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A tape on which the parameters can be used. It shares their values as they are now, and follows
    /// what former tapes of this store have recorded.
    pub fn tape(&self) -> Tape {
        self.recorder.tape_with_leaves(Arc::clone(&self.leaves))
    }

    /// How many parameters there are, of all roles.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether nothing has been declared.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// How many numbers are trained.
    pub fn weight_count(&self) -> usize {
        self.weights().map(|param| self[param].shape().len()).sum()
    }

    /// All parameters in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.leaves.iter().zip(&self.handles).zip(&self.roles).map(|((leaf, param), role)| Entry {
            param: *param,
            name: &leaf.name,
            value: &leaf.value,
            role: *role,
        })
    }

    /// The trained parameters in the order of their declaration.
    pub fn weights(&self) -> impl Iterator<Item = Param> {
        self.iter().filter(|entry| entry.role == Role::Weight).map(|entry| entry.param)
    }

    /// The full name of a parameter.
    #[track_caller]
    pub fn name(&self, param: Param) -> &str {
        self.check(param);
        &self.leaves[param.index()].name
    }

    /// What a parameter is to a training run.
    #[track_caller]
    pub fn role(&self, param: Param) -> Role {
        self.check(param);
        self.roles[param.index()]
    }

    /// Freezes a weight, or lets a frozen one be trained again.
    #[track_caller]
    pub fn set_role(&mut self, param: Param, role: Role) {
        self.check(param);
        self.roles[param.index()] = role;
    }

    /// The handle of a parameter by its name.
    ///
    /// # Errors
    /// If there is none of this name.
    #[track_caller]
    pub fn find(&self, key: impl Key) -> Result<Param, ParamError> {
        key.param_of(self)
    }

    /// The value of a parameter by name or handle.
    ///
    /// # Errors
    /// If there is none of this name.
    #[track_caller]
    pub fn get(&self, key: impl Key) -> Result<&Tensor, ParamError> {
        Ok(&self[self.find(key)?])
    }

    /// Replaces the value of a parameter by name or handle, rounding it to the type of the store.
    ///
    /// The error names the parameter, for values that come from a file.
    ///
    /// # Errors
    /// If there is none of this name, or the value has another shape or no floating-point type.
    #[track_caller]
    pub fn set(&mut self, key: impl Key, value: Tensor) -> Result<(), ParamError> {
        let param = self.find(key)?;
        let name = || self.name(param).to_string();
        let expected = self[param].shape();
        if value.shape() != expected {
            let (expected, given) = (expected.clone(), value.shape().clone());
            return Err(ParamError::Shape { name: name(), expected, given });
        }
        if !value.dtype().is_real() {
            return Err(ParamError::Integers { name: name() });
        }
        let value = value.cast(self.dtype());
        Arc::make_mut(&mut self.leaves)[param.index()].value = value;
        Ok(())
    }

    /// Overwrites the elements of a parameter; in place, if no tape and no clone shares them.
    ///
    /// # Panics
    /// If their number or type is not that of the parameter.
    #[track_caller]
    pub fn write(&mut self, param: Param, elements: Slice<'_>) {
        self.check(param);
        Arc::make_mut(&mut self.leaves)[param.index()].value.slice_mut().copy_from(elements);
    }

    /// The same parameters in another floating-point type, under the same handles.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Params {
        let cast = |leaf: &Leaf| Leaf { name: leaf.name.clone(), value: leaf.value.cast(dtype) };
        let leaves = Arc::new(self.leaves.iter().map(cast).collect());
        Params { recorder: Recorder::new(dtype), leaves, ..self.clone() }
    }

    /// Declares the slot of an optimiser for a parameter: zeros of the parameter's shape, under the name
    /// of the state followed by that of the parameter. A slot that is there keeps what it holds.
    #[track_caller]
    pub fn declare_slot(&mut self, state: &str, param: Param) -> Param {
        let (name, shape) = (self.name(param), self[param].shape().clone());
        self.declare_own_slot(format!("{state}/{name}"), shape)
    }

    /// Declares a slot of an optimiser that belongs to no parameter, such as a count of steps.
    #[track_caller]
    pub fn declare_own_slot(&mut self, name: String, shape: Shape) -> Param {
        if let Some(known) = self.by_name(&name)
            && self.role(known) == Role::Slot
        {
            let is = self[known].shape();
            assert!(*is == shape, "slot `{name}` is there with the shape {is}, not {shape}");
            return known;
        }
        let zeros = Tensor::zeros(self.dtype(), shape);
        self.insert(name, zeros, Role::Slot)
    }

    /// The slot of an optimiser for a parameter.
    ///
    /// # Panics
    /// If it is not declared.
    #[track_caller]
    pub fn slot(&self, state: &str, param: Param) -> Param {
        let name = self.name(param);
        // Every step asks for every slot, and no step allocates.
        let path: SmallVec<[u8; 128]> = [state, "/", name].iter().flat_map(|part| part.bytes()).collect();
        let found = std::str::from_utf8(&path).ok().and_then(|path| self.by_name(path));
        let Some(found) = found else {
            panic!("there is no slot `{state}` for `{name}`: declare slots after all parameters")
        };
        found
    }

    /// Adds a parameter.
    ///
    /// # Panics
    /// If there is one of the same name.
    #[track_caller]
    pub(crate) fn insert(&mut self, name: String, value: Tensor, role: Role) -> Param {
        let index = self.leaves.len();
        let param = Param::new(index, &name);
        let known = self.places.insert(name.clone(), index);
        assert!(known.is_none(), "parameter `{name}` is declared twice: give one of them a scope of its own");
        Arc::make_mut(&mut self.leaves).push(Leaf { name, value });
        self.handles.push(param);
        self.roles.push(role);
        param
    }

    /// The handle of the parameter with exactly this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Param> {
        self.places.get(name).map(|index| self.handles[*index])
    }

    /// Panics unless the store has declared what the handle stands for.
    #[track_caller]
    pub(crate) fn check(&self, param: Param) {
        let known = self.handles.get(param.index()) == Some(&param);
        assert!(known, "the handle of a parameter was given to a store that did not declare it");
    }
}

impl Index<Param> for Params {
    type Output = Tensor;

    #[track_caller]
    fn index(&self, param: Param) -> &Tensor {
        self.check(param);
        &self.leaves[param.index()].value
    }
}
