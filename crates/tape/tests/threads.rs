//! One thread or many: the same bits.

use tape::{DType, Engine, Packing, Tape, Tensor, Var, grad, scan};

fn leaf<'t>(tape: &'t Tape, shape: &[usize], salt: f64) -> Var<'t> {
    let len = shape.iter().product::<usize>();
    let numbers: Vec<f32> = (0..len).map(|i| ((i + 1) as f64 * salt).fract() as f32 - 0.5).collect();
    tape.input(Tensor::new(shape, numbers))
}

/// The bits of a recurrent network's loss and gradients, of a size whose products are shared out.
fn bits(threads: usize) -> Vec<Vec<u32>> {
    let lengths: Vec<usize> = (0..160).map(|n| 12 - n / 20).collect();
    let packing = Packing::ragged(&lengths);
    let (rows, hidden) = (lengths.iter().sum(), 96);
    let tape = Tape::new(DType::F32);
    let h0 = leaf(&tape, &[lengths.len(), hidden], 0.618);
    let x = leaf(&tape, &[rows, 64], 0.755);
    let wx = leaf(&tape, &[64, hidden], 0.414) * 0.2;
    let wh = leaf(&tape, &[hidden, hidden], 0.732) * 0.2;
    let out = leaf(&tape, &[hidden, 70], 0.236);
    let (_, h) = scan(&packing, h0, x, |h, x| {
        let h = (x.dot(wx) + h.dot(wh)).tanh();
        (h, h)
    });
    let loss = -h.dot(out).log_softmax().sum();
    let wanted: Vec<Var<'_>> = [loss].into_iter().chain(grad(loss, &[h0, x, wx, wh, out])).collect();
    let mut engine = Engine::with_threads(threads).expect("the system gives threads");
    let run = engine.run(&wanted).expect("the program runs");
    let bits = |index| run.tensor(index).as_slice::<f32>().iter().map(|x| x.to_bits()).collect();
    (0..wanted.len()).map(bits).collect()
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(one == bits(threads), "{threads} threads give other bits than one");
    }
}
