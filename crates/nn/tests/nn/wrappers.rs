//! Dropout, and cells made of cells.

use nn::{
    AnyCell, Cell, Dropout, GruResetAfter, Layout, Lstm, Params, Residual, Sequence, Sgd, Stack, StepDropout,
    Trainer, VanillaRnn, VariationalDropout, bidirectional, output_width, unroll, unroll_in_segments,
    zero_state,
};
use tape::{Bundle, DType, Engine, Segments, Tape, Tensor, Var, concat, grad};

use crate::support::{Draw, close, compute, input, layer, of, scatter};

/// What dropout at a rate makes of ones.
fn mask(rate: f64, seed: u64, count: usize) -> Vec<f64> {
    let tape = Tape::new(DType::F64).with_noise(seed);
    Dropout::new(rate).apply(tape.number(1.0).expand([count])).value().to_f64()
}

#[test]
fn dropout_keeps_the_mean() {
    for rate in [0.1, 0.5, 0.9] {
        let mask = mask(rate, 3, 100_000);
        assert!(mask.iter().all(|m| *m == 0.0 || (*m - 1.0 / (1.0 - rate)).abs() < 1e-15));
        // Four deviations of the mean of so many.
        let mean = mask.iter().sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 4.0 * (rate / (1.0 - rate) / 1e5).sqrt(), "{rate}: {mean}");
    }
}

#[test]
fn dropout_repeats_itself_by_its_seed() {
    assert_eq!(mask(0.5, 3, 1000), mask(0.5, 3, 1000));
    assert_ne!(mask(0.5, 3, 1000), mask(0.5, 4, 1000));
    // Each use on a tape has a mask of its own.
    let tape = Tape::new(DType::F32).with_noise(3);
    let x = tape.number(1.0).expand([1000]);
    let [first, second] = [(); 2].map(|()| Dropout::new(0.5).apply(x).value().to_f64());
    assert_eq!(first, mask(0.5, 3, 1000));
    assert_ne!(first, second);
}

#[test]
fn dropout_is_nothing_without_noise_or_rate() {
    let quiet = Tape::new(DType::F64);
    let x = quiet.number(1.0).expand([4]);
    assert_eq!(Dropout::new(0.5).apply(x).id(), x.id());
    let noisy = Tape::new(DType::F64).with_noise(1);
    let x = noisy.number(1.0).expand([4]);
    assert_eq!(Dropout::new(0.0).apply(x).id(), x.id());
}

#[test]
fn gradients_pass_where_elements_passed() {
    let tape = Tape::new(DType::F64).with_noise(5);
    let x = tape.input(Draw::new(1).tensor(&[20, 3]));
    let w = tape.input(Draw::new(2).tensor(&[20, 3]));
    let loss = (Dropout::new(0.3).apply(x) * w).sum();
    let mask = mask(0.3, 5, 60);
    let expected: Vec<f64> = w.value().to_f64().iter().zip(mask).map(|(w, m)| w * m).collect();
    close(&grad(loss, &[x])[0].value().to_f64(), &expected, 1e-15);
}

#[test]
fn a_step_outside_of_scans_is_quiet_where_there_is_no_noise() {
    let mut params = Params::seeded(DType::F64, 5);
    let cell = VanillaRnn::new(params.scope("rnn"), 3, 4);
    let dropped = VariationalDropout::new(cell, 0.5, 0.5);
    assert_eq!(output_width(&params, &dropped, 3, 4), 4);
}

#[test]
#[should_panic(expected = "a mask for all steps of a sequence is drawn in the step of a scan")]
fn a_mask_for_a_sequence_outside_of_scans_is_refused() {
    let tape = Tape::new(DType::F32).with_noise(1);
    Dropout::new(0.5).apply_by_sequence(tape.number(1.0).expand([2, 3]));
}

#[test]
#[should_panic(expected = "a dropout rate of 1: it is at least 0 and less than 1")]
fn a_rate_of_one_is_refused() {
    Dropout::new(1.0);
}

#[test]
#[should_panic(expected = "a dropout rate of NaN")]
fn a_rate_that_is_no_number_is_refused() {
    Dropout::new(f64::NAN);
}

/// A cell that shows what it is given: the output is input and state side by side, and the state stays.
struct Window;

impl Cell for Window {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        (h * 0.0 + 1.0, concat(&[x, h], 1))
    }
}

const WIDTH: usize = 40;
const LENGTHS: [usize; 3] = [2, 5, 4];

/// The masks of inputs and state that a cell around [`Window`] applies, padded (N, T, 2 · `WIDTH`).
fn masks<C: Cell>(cell: &C, seed: Option<u64>) -> Vec<f64> {
    let tape = Tape::new(DType::F64);
    let tape = if let Some(seed) = seed { tape.with_noise(seed) } else { tape };
    let inputs = Sequence::pack(tape.number(1.0).expand([3, 5, WIDTH]), &Layout::new(5, &LENGTHS));
    let ones = tape.number(1.0).expand([3, WIDTH]);
    unroll(cell, &inputs, ones).0.to_padded().value().to_f64()
}

/// The mask of each step that a sequence has.
fn steps(masks: &[f64], sequence: usize) -> Vec<&[f64]> {
    masks.chunks(2 * WIDTH).skip(5 * sequence).take(LENGTHS[sequence]).collect()
}

#[test]
fn masks_by_sequence_stay_for_all_its_steps() {
    let masks = masks(&VariationalDropout::new(Window, 0.5, 0.5), Some(9));
    for sequence in 0..3 {
        let steps = steps(&masks, sequence);
        assert!(steps.iter().all(|step| step == &steps[0]));
        let dropped = steps[0].iter().filter(|m| **m == 0.0).count();
        assert!((20..60).contains(&dropped), "{dropped} of {} are dropped", 2 * WIDTH);
    }
    assert_ne!(steps(&masks, 0)[0], steps(&masks, 1)[0]);
}

#[test]
fn masks_by_step_are_new_at_every_step() {
    let masks = masks(&StepDropout::new(Window, 0.5, 0.5), Some(9));
    let all: Vec<&[f64]> = (0..3).flat_map(|sequence| steps(&masks, sequence)).collect();
    for (number, step) in all.iter().enumerate() {
        assert!(all[..number].iter().all(|other| other != step));
    }
}

#[test]
fn inputs_and_state_have_rates_of_their_own() {
    let only_state = masks(&StepDropout::new(Window, 0.0, 0.5), Some(1));
    for step in (0..3).flat_map(|sequence| steps(&only_state, sequence)) {
        assert!(step[..WIDTH].iter().all(|m| *m == 1.0) && step[WIDTH..].contains(&0.0));
    }
    for quiet in [
        masks(&StepDropout::new(Window, 0.5, 0.5), None),
        masks(&VariationalDropout::new(Window, 0.5, 0.5), None),
    ] {
        assert!((0..3).all(|sequence| steps(&quiet, sequence).concat().iter().all(|m| *m == 1.0)));
    }
}

/// Outputs and gradients of a cell with dropout, on as many threads.
fn with_noise<C: Cell>(cell: &C, params: &Params, segments: Option<Segments>, threads: usize) -> Vec<f64> {
    let tape = params.tape().with_noise(11);
    let x = params.find("input/x").expect("declared").on(&tape);
    let inputs = Sequence::pack(x, &Layout::new(5, &LENGTHS));
    let h0 = zero_state(&tape, 3, 4);
    let (outputs, _) = match segments {
        None => unroll(cell, &inputs, h0),
        Some(segments) => unroll_in_segments(cell, &inputs, h0, segments),
    };
    let weights: Vec<Var<'_>> = params.weights().map(|param| param.on(&tape)).collect();
    let wanted: Vec<Var<'_>> =
        [outputs.to_padded()].into_iter().chain(grad(outputs.rows.square().sum(), &weights)).collect();
    let mut engine = Engine::with_threads(threads).expect("threads");
    let run = engine.run(&wanted).expect("the program runs");
    (0..wanted.len()).flat_map(|index| run.tensor(index).to_f64()).collect()
}

#[test]
fn segments_of_time_have_the_masks_of_the_whole() {
    let mut params = Params::seeded(DType::F64, 2);
    let cell = Lstm::new(params.scope("lstm"), 3, 4);
    input(&mut params, "x", &[3, 5, 3]);
    let check = |cell: AnyCell| {
        let whole = with_noise(&cell, &params, None, 1);
        for length in 1..=5 {
            let segments = Segments { length, recompute: true, truncate: false };
            close(&with_noise(&cell, &params, Some(segments), 1), &whole, 1e-13);
        }
        for threads in [2, 3] {
            assert_eq!(with_noise(&cell, &params, None, threads), whole);
        }
        assert_ne!(compute(&params, |tape| unrolled(tape, &params, &cell)), whole[..60]);
    };
    check(AnyCell::new(StepDropout::new(cell, 0.3, 0.4)));
    check(AnyCell::new(VariationalDropout::new(cell, 0.3, 0.4)));
}

/// The outputs of a cell on a tape, padded.
fn unrolled<'t>(tape: &'t Tape, params: &Params, cell: &AnyCell) -> Var<'t> {
    let x = params.find("input/x").expect("declared").on(tape);
    unroll(cell, &Sequence::pack(x, &Layout::new(5, &LENGTHS)), zero_state(tape, 3, 4)).0.to_padded()
}

/// A number of the outputs of a cell for two sequences of ones.
fn loss<'t>(tape: &'t Tape, cell: &impl Cell) -> Var<'t> {
    let inputs = Sequence::pack(tape.number(1.0).expand([2, 4, 3]), &Layout::full(2, 4));
    unroll(cell, &inputs, zero_state(tape, 2, 4)).0.rows.square().sum()
}

#[test]
fn training_with_noise_repeats_itself_and_records_one_program() {
    let run = || {
        let mut params = Params::seeded(DType::F32, 6);
        let cell = StepDropout::new(VanillaRnn::new(params.scope("rnn"), 3, 4), 0.5, 0.5);
        let mut trainer = Trainer::new(&mut params, Sgd::new(0.0));
        let mut step = |_| trainer.step(&mut params, |tape| loss(tape, &cell)).expect("finite").loss;
        let losses = [(); 4].map(&mut step);
        let programs = [1, 2].map(|seed| {
            let tape = params.tape().with_noise(seed);
            loss(&tape, &cell);
            tape.graph().clone()
        });
        assert_eq!(programs[0], programs[1]);
        losses
    };
    let losses = run();
    assert_eq!(losses, run());
    // With a learning rate of zero it is the masks that make the difference.
    assert!(losses.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn a_stack_is_its_layers_one_after_another() {
    let mut params = Params::seeded(DType::F64, 5);
    let stack = Stack::new(params.scope("deep"), 3, 2, 4, Lstm::new);
    let (x, h0) = (input(&mut params, "x", &[3, 5, 2]), input(&mut params, "h0", &[3, 4]));
    let layout = Layout::new(5, &LENGTHS);
    let by_hand = compute(&params, |tape| {
        let first = Sequence::pack(x.on(tape), &layout);
        let top = stack.layers.iter().fold(first, |below, cell| unroll(cell, &below, h0.on(tape)).0);
        top.to_padded()
    });
    layer(&params, &by_hand, |tape| {
        unroll(&stack, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
    });
    // A state of two parts for each layer, the lowest first.
    let tape = params.tape();
    let (_, last) = unroll(&stack, &Sequence::pack(x.on(&tape), &layout), h0.on(&tape));
    let parts = last.parts();
    assert_eq!(parts.len(), 6);
    let (_, lowest) = unroll(&stack.layers[0], &Sequence::pack(x.on(&tape), &layout), h0.on(&tape));
    close(&parts[1].value().to_f64(), &lowest.c.value().to_f64(), 1e-14);
}

#[test]
fn layers_of_several_kinds_are_a_cell() {
    let mut params = Params::seeded(DType::F64, 5);
    let stack = Stack::of(vec![
        AnyCell::new(Lstm::new(params.scope("lstm"), 2, 4)),
        AnyCell::new(Residual::new(GruResetAfter::new(params.scope("gru"), 4, 4))),
        AnyCell::new(VariationalDropout::new(VanillaRnn::new(params.scope("rnn"), 4, 4), 0.5, 0.5)),
    ]);
    let (x, h0) = (input(&mut params, "x", &[2, 3, 2]), input(&mut params, "h0", &[2, 4]));
    let layout = Layout::full(2, 3);
    let by_hand = compute(&params, |tape| {
        let first = Sequence::pack(x.on(tape), &layout);
        let top = stack.layers.iter().fold(first, |below, cell| unroll(cell, &below, h0.on(tape)).0);
        top.to_padded()
    });
    layer(&params, &by_hand, |tape| {
        unroll(&stack, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
    });
}

#[test]
#[should_panic(expected = "a stack needs a layer at least")]
fn a_stack_of_nothing_is_refused() {
    Stack::<Lstm>::of(Vec::new());
}

#[test]
fn a_residual_cell_adds_its_input() {
    let mut params = Params::seeded(DType::F64, 5);
    let cell = VanillaRnn::new(params.scope("rnn"), 3, 3);
    let (x, h0) = (input(&mut params, "x", &[2, 4, 3]), input(&mut params, "h0", &[2, 3]));
    let layout = Layout::full(2, 4);
    let plain = compute(&params, |tape| {
        unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
    });
    let expected: Vec<f64> = plain.iter().zip(of(&params, "input/x")).map(|(y, x)| x + y).collect();
    layer(&params, &expected, |tape| {
        let cell = Residual::new(cell);
        unroll(&cell, &Sequence::pack(x.on(tape), &layout), h0.on(tape)).0.to_padded()
    });
}

#[test]
#[should_panic(expected = "a residual connection adds an input of [2, 3] to an output of [2, 4]")]
fn a_residual_cell_of_other_widths_is_refused() {
    let mut params = Params::new(DType::F32);
    let cell = Residual::new(VanillaRnn::new(params.scope("rnn"), 3, 4));
    let tape = params.tape();
    cell.step(zero_state(&tape, 2, 4), zero_state(&tape, 2, 3));
}

#[test]
fn both_directions_are_two_loops() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed);
        let [n, t, width, ahead, back] = draw.sizes();
        let layout = Layout::new(t, &draw.lengths(n, t));
        let mut params = Params::new(DType::F64);
        let forward = VanillaRnn::new(params.scope("forward"), width, ahead);
        let backward = VanillaRnn::new(params.scope("backward"), width, back);
        let x = input(&mut params, "x", &[n, t, width]);
        let h0s = [("f0", ahead), ("b0", back)].map(|(name, hidden)| input(&mut params, name, &[n, hidden]));
        scatter(&mut params, &mut draw);

        // Each sequence by itself, and for the way back with its steps in the other order.
        let mut expected = vec![0.0; n * t * (ahead + back)];
        for (row, length) in layout.lengths().iter().enumerate() {
            let xs = &of(&params, "input/x")[row * t * width..][..length * width];
            let turned: Vec<f64> = xs.chunks(width).rev().flatten().copied().collect();
            let run = |cell: &VanillaRnn, h0: &str, xs: &[f64], hidden: usize| {
                let h0 = of(&params, h0)[row * hidden..][..hidden].to_vec();
                compute(&params, |tape| {
                    let inputs = tape.input(Tensor::new([1, *length, width], xs.to_vec()));
                    let h0 = tape.input(Tensor::new([1, hidden], h0));
                    unroll(cell, &Sequence::pack(inputs, &Layout::full(1, *length)), h0).0.to_padded()
                })
            };
            let (there, and_back) =
                (run(&forward, "input/f0", xs, ahead), run(&backward, "input/b0", &turned, back));
            for step in 0..*length {
                let to = &mut expected[(row * t + step) * (ahead + back)..][..ahead + back];
                to[..ahead].copy_from_slice(&there[step * ahead..][..ahead]);
                to[ahead..].copy_from_slice(&and_back[(length - 1 - step) * back..][..back]);
            }
        }
        layer(&params, &expected, |tape| {
            let inputs = Sequence::pack(x.on(tape), &layout);
            bidirectional(&forward, &backward, &inputs, h0s.map(|h0| h0.on(tape))).0.to_padded()
        });
    }
}
