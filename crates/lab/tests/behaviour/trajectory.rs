//! What counts as the state of a cell, whatever type hides it.

use lab::behaviour::{Trajectory, gates, gradient_norms, jacobian, jacobians, lyapunov};
use nn::{AnyCell, Cell, Layout, Lstm, Params};
use tape::{DType, Tensor, Var, bundle};

use crate::{Linear, close, shown};

#[test]
fn a_hidden_type_changes_nothing() {
    let mut params = Params::seeded(DType::F32, 6);
    let cell = Lstm::new(params.scope("lstm"), 2, 3);
    let layout = Layout::full(2, 9);
    let any = AnyCell::new(cell);
    let mut typed = Trajectory::follow(&cell, &params, 3, shown(&layout, 2)).unwrap();
    let mut hidden = Trajectory::follow(&any, &params, 3, shown(&layout, 2)).unwrap();
    assert_eq!(jacobians(&mut typed, 1, &[1, 9]), jacobians(&mut hidden, 1, &[1, 9]));
    assert_eq!(lyapunov(&mut typed, 1), lyapunov(&mut hidden, 1));
    assert_eq!(gates(&mut typed), gates(&mut hidden));
}

/// A state with a memory that is only looked at.
#[derive(Clone)]
struct Reading<'t> {
    h: Var<'t>,
    memory: Var<'t>,
}

bundle!(Reading { h, memory });

struct Reader {
    linear: Linear,
}

impl Cell for Reader {
    type State<'t> = Reading<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> Reading<'t> {
        let rows = h0.shape().dim(0).at(0);
        Reading { h: h0, memory: h0.tape().number(0.5).expand([rows, 4, 5]) }
    }

    fn step<'t>(&self, state: Reading<'t>, x: Var<'t>) -> (Reading<'t>, Var<'t>) {
        let (h, _) = self.linear.step(state.h, x);
        let read = state.memory.slice(1, 0..1).slice(2, 0..1).reshape([h.shape().dim(0), 1.into()]);
        let h = h * read;
        (Reading { h, memory: state.memory }, h)
    }
}

#[test]
fn what_is_handed_on_as_it_was_is_no_part_of_the_state() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Reader { linear: Linear::new(params.scope(""), 1, 2) };
    params.set("w", Tensor::new([2, 2], vec![0.5, 0.0, 0.0, -2.0])).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, 2, shown(&Layout::full(2, 60), 1)).unwrap();
    assert_eq!(trajectory.state_size(), 2);
    close(&jacobian(&mut trajectory, 1, 0..2).unwrap(), &[0.0625, 0.0, 0.0, 1.0], 1e-15);
    close(&[lyapunov(&mut trajectory, 25).unwrap()], &[0.0], 1e-12);
    let norms = gradient_norms(&mut trajectory, |outputs| outputs.rows.sum()).unwrap();
    assert_eq!(norms.hidden, norms.state);
    close(&norms.hidden[60..], &[2f64.sqrt()], 1e-15);
}
