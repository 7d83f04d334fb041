//! The store of parameters.

use nn::{Params, Role, init};
use tape::tensor::Slice;
use tape::{DType, Tensor};

#[test]
fn parameters_are_found_by_name_and_by_handle() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("outer").scope("inner").weight("w", [2, 3], init::constant(1.0));
    let table = params.scope("").frozen("table", [4], init::zeros());
    assert_eq!(params.name(w), "outer/inner/w");
    assert_eq!(params.find("outer/inner/w"), Ok(w));
    assert_eq!(params.get("table").unwrap(), &params[table]);
    assert_eq!((params.role(w), params.role(table)), (Role::Weight, Role::Frozen));
    assert_eq!((params.len(), params.weight_count()), (2, 6));
    params.set_role(table, Role::Weight);
    assert_eq!(params.weights().collect::<Vec<_>>(), [w, table]);
}

#[test]
fn values_from_outside_are_checked_and_rounded() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("rnn").weight("w", [2], init::zeros());
    assert_eq!(params.set("rnn/w", Tensor::new([2], vec![0.1f64, 2.0])), Ok(()));
    assert_eq!(params[w].as_slice::<f32>(), [0.1f32, 2.0]);
    assert_eq!(params.set(w, Tensor::new([2], vec![3.0f32, 4.0])), Ok(()));
    let mut refuse = |name: &str, value: Tensor, message: &str| {
        assert_eq!(params.set(name, value).unwrap_err().to_string(), message);
    };
    refuse("rnn/v", Tensor::new([2], vec![0.0; 2]), "there is no parameter `rnn/v`");
    refuse(
        "rnn/w",
        Tensor::new([1, 2], vec![0.0; 2]),
        "parameter `rnn/w` has the shape [2] and cannot take a value of [1, 2]",
    );
    refuse(
        "rnn/w",
        Tensor::new([2], vec![1, 2]),
        "parameter `rnn/w` is floating point and cannot take integers",
    );
    assert_eq!(params[w].as_slice::<f32>(), [3.0, 4.0]);
}

#[test]
#[should_panic(expected = "parameter `rnn/w` is declared twice")]
fn a_name_is_given_once() {
    let mut params = Params::new(DType::F32);
    params.scope("rnn").weight("w", [2], init::zeros());
    params.scope("").weight("rnn/w", [2], init::zeros());
}

#[test]
#[should_panic(expected = "the handle of a parameter was given to a store that did not declare it")]
fn a_handle_of_another_store_is_refused() {
    let (mut first, mut second) = (Params::new(DType::F32), Params::new(DType::F32));
    first.scope("a").weight("w", [2], init::zeros());
    let other = second.scope("b").weight("w", [2], init::zeros());
    let _ = &first[other];
}

#[test]
fn a_cast_store_answers_to_the_same_handles() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("a").weight("w", [1], init::constant(0.1));
    let double = params.cast(DType::F64);
    assert_eq!(double[w].as_slice::<f64>(), [f64::from(0.1f32)]);
    assert_eq!(double.tape().dtype(), DType::F64);
}

#[test]
fn slots_are_declared_once_and_keep_what_they_hold() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("rnn").weight("w", [2], init::constant(1.0));
    let slot = params.declare_slot("adam/m", w);
    assert_eq!((params.name(slot), params.role(slot)), ("adam/m/rnn/w", Role::Slot));
    assert_eq!(params[slot].as_slice::<f32>(), [0.0, 0.0]);
    params.write(slot, Slice::F32(&[1.0, 2.0]));
    assert_eq!((params.declare_slot("adam/m", w), params.slot("adam/m", w)), (slot, slot));
    assert_eq!(params[slot].as_slice::<f32>(), [1.0, 2.0]);
    assert_eq!(params.weight_count(), 2);
}

#[test]
fn a_tape_keeps_the_values_it_was_made_with() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("").weight("w", [1], init::constant(1.0));
    let place = |params: &Params| params[w].as_slice::<f32>().as_ptr();
    let before = place(&params);
    {
        let tape = params.tape();
        let doubled = w + w.on(&tape);
        params.write(w, Slice::F32(&[5.0]));
        assert_eq!(doubled.value().as_slice::<f32>(), [2.0]);
    }
    // That write had to copy; without a tape it happens in place.
    let copied = place(&params);
    assert_ne!(copied, before);
    params.write(w, Slice::F32(&[6.0]));
    assert_eq!(place(&params), copied);
    assert_eq!(params[w].as_slice::<f32>(), [6.0]);
}
