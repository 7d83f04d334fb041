//! The check of gradients itself.

use nn::{Params, check, init};
use tape::DType;

#[test]
fn a_wrong_gradient_is_named() {
    let mut params = Params::new(DType::F32);
    let w = params.scope("layer").weight("w", [2], init::constant(0.5));
    // The second factor is cut off, so that half of the gradient is missing.
    let error = check::gradients(&params, |tape| w.on(tape) * w.on(tape).detach());
    let message = error.expect_err("the gradient is wrong").to_string();
    assert!(message.starts_with("`layer/w`, entry 0: the gradient is "), "{message}");
}

#[test]
fn a_weight_that_is_not_used_has_no_gradient() {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", [2], init::constant(0.5));
    params.scope("").weight("spare", [2], init::constant(0.5));
    check::gradients(&params, |tape| w.on(tape).tanh()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_point_without_a_value_does_not_pass() {
    let mut params = Params::new(DType::F64);
    let w = params.scope("").weight("w", [1], init::constant(-1.0));
    assert!(check::gradients(&params, |tape| w.on(tape).sqrt()).is_err());
}
