//! What `explain` says of cells: every product is accounted for, by the line that wrote it.

use tape::{DType, Engine, Packing, Tape, Tensor, Var, grad, scan};

/// The explanation of a minimal gated unit and its gradient, lines of this file as `:line`.
fn explained() -> (String, u32) {
    let tape = Tape::new(DType::F64);
    let zeros = |shape: &[usize]| tape.input(Tensor::zeros(DType::F64, tape::Shape::from(shape)));
    let (h0, x) = (zeros(&[2, 4]), zeros(&[6, 3]));
    let weights: Vec<Var<'_>> = [[3, 4], [4, 4], [3, 4], [4, 4], [4, 5]].iter().map(|s| zeros(s)).collect();
    let [wf, uf, wg, ug, out] = weights[..] else { panic!("five weights") };
    let first = line!();
    let (_, y) = tape.scope("mgu", || {
        scan(&Packing::uniform(3, 2), h0, x, |h, x| {
            let f = (x.dot(wf) + h.dot(uf)).sigmoid();
            let g = (x.dot(wg) + (f * h).dot(ug)).tanh();
            let h = h + f * (g - h);
            (h, h.dot(out))
        })
    });
    let loss = y.square().sum();
    let wanted: Vec<Var<'_>> = std::iter::once(loss).chain(grad(loss, &weights)).collect();
    let mut engine = Engine::new();
    let run = engine.run(&wanted).expect("the program runs");
    let text = run.plan().explain().with_scopes(tape.scopes().clone()).to_string();
    (text.replace(concat!(file!(), ":"), ":"), first)
}

#[test]
fn each_product_of_a_step_is_accounted_for() {
    let (text, first) = explained();
    let at = |line: u32| format!("dot at :{}", first + line);
    let forward: Vec<&str> = text.split("loop of ").nth(1).expect("a loop").lines().map(str::trim).collect();
    let expected = [
        format!("3x2 steps, in mgu, at :{}", first + 2),
        format!("before it, for all rows at once: {}", at(3)),
        format!("before it, for all rows at once: {}", at(4)),
        format!(
            "in every step: {}: it needs state 0 of the step before, and the next state 0 needs it through",
            at(3)
        ),
        format!(
            "in every step: {}: it needs state 0 of the step before through mul at :{}",
            at(4),
            first + 4
        ),
        format!("after it, for all rows at once: {}", at(6)),
    ];
    for start in &expected[1..] {
        assert!(forward.iter().any(|line| line.starts_with(start)), "{start}\n{text}");
    }
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    // Two each way, as `products_in_loops` counts.
    assert_eq!(lines("in every step: dot"), 4, "{text}");
    // The gradients of five weights.
    assert_eq!(lines("after it, as one sum over all steps: dot"), 5, "{text}");
}

#[test]
fn merged_products_are_named() {
    let tape = Tape::new(DType::F64);
    let zeros = |shape: [usize; 2]| tape.input(Tensor::zeros(DType::F64, shape));
    let (h0, a, b) = (zeros([2, 4]), zeros([4, 4]), zeros([4, 4]));
    let (last, ()) = scan(&Packing::uniform(3, 2), h0, (), |h, ()| (h.dot(a).tanh() * h.dot(b), ()));
    let mut engine = Engine::new();
    let text = engine.run(&[last]).expect("it runs").plan().explain().to_string();
    let line = text.lines().find(|line| line.contains("merged: ")).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(line.matches("dot at ").count(), 2, "{text}");
    assert!(line.ends_with("become one"), "{text}");
}
