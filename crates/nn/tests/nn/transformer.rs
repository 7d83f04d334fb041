//! Multi-head attention and the transformer decoder against plain loops, PyTorch's numbers and one another.

use std::collections::HashMap;

use nn::{
    Adam, Affine, AnyCell, Cell, DecoderSettings, Embedding, FeedForward, Layout, Memory, MultiHeadAttention,
    NormPlace, Param, Params, PositionalEncoding, Sequence, TemporalAffine, Trainer, TransformerDecoder,
    temporal_softmax, unroll, unroll_from,
};
use tape::{Bundle, DType, Engine, Tape, Tensor, Var, grad};

use crate::layers::affine_loop;
use crate::support::{Draw, close, compute, input, layer, linspace, of, scatter};

/// What PyTorch gives: `tests/fixtures/transformer/make.py` says how.
fn pytorch(name: &str) -> Vec<f64> {
    let text = include_str!("../fixtures/transformer/numbers.txt");
    let lines: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    lines[name].split(' ').map(|number| number.parse().expect("a number")).collect()
}

/// A closure that records on any tape.
fn recorder<F: for<'t> Fn(&'t Tape) -> Var<'t>>(record: F) -> F {
    record
}

fn set(params: &mut Params, name: &str, numbers: Vec<f64>) {
    let shape = params.get(name).expect("a parameter").shape().clone();
    params.set(name, Tensor::new(shape, numbers)).expect("the same shape");
}

/// Multi-head attention of one sequence: each step over the first entries, as many as `seen` says. Outputs, and weights
/// (h, T, L).
fn heads_loop(
    params: &Params,
    heads: usize,
    x: &[f64],
    entries: &[f64],
    seen: impl Fn(usize) -> usize,
) -> (Vec<f64>, Vec<f64>) {
    let get = |name: &str| of(params, &format!("attention/{name}"));
    let width = get("q/b").len();
    let map = |name: &str, rows: &[f64]| {
        let (w, b) = (get(&format!("{name}/w")), get(&format!("{name}/b")));
        affine_loop(rows, &w, &b, w.len() / b.len())
    };
    let (q, k, v) = (map("q", x), map("k", entries), map("v", entries));
    let (part, steps, count) = (width / heads, x.len() / width, k.len() / width);
    let mut mixed = vec![0.0; steps * width];
    let mut weights = vec![0.0; heads * steps * count];
    for head in 0..heads {
        for t in 0..steps {
            let score = |l: usize| {
                let dot: f64 =
                    (head * part..(head + 1) * part).map(|j| q[t * width + j] * k[l * width + j]).sum();
                (dot / (part as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = (0..seen(t)).map(score).collect();
            for (l, score) in scores.iter().enumerate() {
                let weight = score / scores.iter().sum::<f64>();
                weights[(head * steps + t) * count + l] = weight;
                for j in head * part..(head + 1) * part {
                    mixed[t * width + j] += weight * v[l * width + j];
                }
            }
        }
    }
    (map("out", &mixed), weights)
}

#[test]
fn heads_are_their_loops_in_batches_of_any_lengths() {
    for seed in 0..5 {
        let mut draw = Draw::new(seed + 300);
        let [n, t, entries, heads, part] = draw.sizes();
        let [memory] = draw.sizes();
        let width = heads * part;
        let (lengths, seen) = (draw.lengths(n, t), draw.lengths(n, entries));
        let layout = Layout::new(t, &lengths);
        for cross in [false, true] {
            let mut params = Params::new(DType::F64);
            let memory = if cross { memory } else { width };
            let attention = MultiHeadAttention::new(params.scope("attention"), width, memory, heads, 0.5);
            let x = input(&mut params, "x", &[n, t, width]);
            let m = input(&mut params, "m", &[n, entries, memory]);
            scatter(&mut params, &mut draw);
            let (xs, ms) = (of(&params, "input/x"), of(&params, "input/m"));
            let mut expected = vec![0.0; n * t * width];
            for (n, length) in lengths.iter().enumerate() {
                let x = &xs[n * t * width..][..length * width];
                let (y, _) = if cross {
                    let entries = &ms[n * entries * memory..][..entries * memory];
                    heads_loop(&params, heads, x, entries, |_| seen[n])
                } else {
                    heads_loop(&params, heads, x, x, |t| t + 1)
                };
                expected[n * t * width..][..y.len()].copy_from_slice(&y);
            }
            layer(&params, &expected, |tape| {
                let x = Sequence::pack(x.on(tape), &layout);
                let memory = Memory::with_lengths(m.on(tape), &seen);
                if cross { attention.over(&x, memory).0 } else { attention.causal(&x).0 }.to_padded()
            });
        }
    }
}

#[test]
fn heads_show_their_weights() {
    let mut params = Params::seeded(DType::F64, 4);
    let attention = MultiHeadAttention::new(params.scope("attention"), 6, 6, 3, 0.0);
    let x = input(&mut params, "x", &[1, 4, 6]);
    let m = input(&mut params, "m", &[1, 5, 6]);
    let (xs, ms) = (of(&params, "input/x"), of(&params, "input/m"));
    let tape = params.tape();
    let steps = Sequence::pack(x.on(&tape), &Layout::full(1, 4));
    let causal = attention.causal(&steps).1.value().to_f64();
    close(&causal, &heads_loop(&params, 3, &xs, &xs, |t| t + 1).1, 1e-13);
    let over = attention.over(&steps, Memory::with_lengths(m.on(&tape), &[2])).1.value().to_f64();
    close(&over, &heads_loop(&params, 3, &xs, &ms, |_| 2).1, 1e-13);
}

#[test]
#[should_panic(expected = "3 heads do not share a width of 8 evenly")]
fn heads_that_do_not_divide_the_width_are_refused() {
    MultiHeadAttention::new(Params::new(DType::F32).scope("attention"), 8, 8, 3, 0.0);
}

#[test]
fn cs231n_multi_head_attention() {
    let mut params = Params::new(DType::F64);
    let attention = MultiHeadAttention::new(params.scope("attention"), 8, 8, 2, 0.1);
    for map in ["q", "k", "v", "out"] {
        for part in ["w", "b"] {
            let name = format!("attention/{map}/{part}");
            set(&mut params, &name, pytorch(&name));
        }
    }
    let tape = params.tape();
    let given = |name: &str| tape.input(Tensor::new([1, 3, 8], pytorch(name)));
    let x = Sequence::pack(given("attention/x"), &Layout::full(1, 3));
    let check = |y: Sequence<'_>, name: &str| close(&y.rows.value().to_f64(), &pytorch(name), 1e-12);
    check(attention.over(&x, Memory::of(&x)).0, "attention/self");
    check(attention.causal(&x).0, "attention/causal");
    check(attention.over(&x, Memory::new(given("attention/other"))).0, "attention/cross");
}

#[test]
fn cs231n_positional_encoding() {
    let mut params = Params::new(DType::F64);
    let positions = PositionalEncoding::sinusoidal(params.scope("positions"), 5, 6);
    let tape = params.tape();
    let x = tape.input(Tensor::new([1, 2, 6], pytorch("positions/x")));
    let y = positions.apply(&Sequence::pack(x, &Layout::full(1, 2))).rows.value().to_f64();
    close(&y, &pytorch("positions/y"), 1e-12);
    // What the notebook prints, with one entry dropped and the others scaled.
    let printed =
        [-1.2340, 1.1127, 1.6978, -0.0865, 0.0, 1.2728, 0.9028, -0.4781, 0.5535, 0.8133, 1.2644, 1.7034];
    for (entry, (y, printed)) in y.iter().zip(printed).enumerate() {
        assert!(entry == 4 || (y / 0.9 - printed).abs() < 5.1e-5, "entry {entry}: {}, {printed}", y / 0.9);
    }
}

#[test]
fn positions_are_rows_of_a_table() {
    let layout = Layout::new(4, &[2, 0, 3]);
    let mut params = Params::new(DType::F64);
    let positions = PositionalEncoding::learned(params.scope("positions"), 5, 2);
    let x = input(&mut params, "x", &[3, 4, 2]);
    scatter(&mut params, &mut Draw::new(1));
    let (xs, table) = (of(&params, "input/x"), of(&params, "positions/table"));
    let inside = |k: usize| k / 2 % 4 < layout.lengths()[k / 8];
    let expected: Vec<f64> = (0..24).map(|k| if inside(k) { xs[k] + table[k % 8] } else { 0.0 }).collect();
    layer(&params, &expected, |tape| positions.apply(&Sequence::pack(x.on(tape), &layout)).to_padded());
}

#[test]
#[should_panic(expected = "a sequence of 4 steps, but there are 3 positions")]
fn a_sequence_longer_than_the_table_is_refused() {
    let mut params = Params::new(DType::F64);
    let positions = PositionalEncoding::sinusoidal(params.scope("positions"), 3, 2);
    let tape = params.tape();
    let x = Sequence::pack(tape.number(0.0).expand([1, 5, 2]), &Layout::new(5, &[4]));
    positions.apply(&x);
}

#[test]
fn feed_forward_is_its_loop() {
    let mut params = Params::new(DType::F64);
    let network = FeedForward::new(params.scope("network"), 3, 5, 0.5);
    let x = input(&mut params, "x", &[4, 3]);
    scatter(&mut params, &mut Draw::new(2));
    let get = |name: &str| of(&params, &format!("network/{name}"));
    let mut inner = affine_loop(&of(&params, "input/x"), &get("inner/w"), &get("inner/b"), 3);
    inner.iter_mut().for_each(|a| *a = a.max(0.0));
    let expected = affine_loop(&inner, &get("outer/w"), &get("outer/b"), 5);
    layer(&params, &expected, |tape| network.apply(x.on(tape)));
}

#[test]
fn cs231n_captioning_transformer() {
    let mut params = Params::new(DType::F64);
    let project = Affine::new(params.scope("project"), 20, 30);
    let embed = Embedding::new(params.scope("embed"), 3, 30);
    let positions = PositionalEncoding::sinusoidal(params.scope("positions"), 30, 30);
    let settings = DecoderSettings { width: 30, memory: 30, heads: 2, ..DecoderSettings::default() };
    let decoder = TransformerDecoder::new(params.scope("decoder"), positions, &settings);
    let output = TemporalAffine::new(params.scope("output"), 30, 3);
    for param in params.weights().collect::<Vec<Param>>() {
        let shape = params[param].shape().sizes();
        // PyTorch's matrices map from the last axis to the first; words are not multiplied.
        let value = if shape.len() == 2 && param != embed.w {
            let across = linspace(-1.4, 1.3, &[shape[1], shape[0]]);
            let tape = Tape::new(DType::F64);
            tape.input(across).t().value()
        } else {
            linspace(-1.4, 1.3, &shape)
        };
        params.set(param, value).expect("the same shape");
    }
    let captions: Vec<i32> = (0..12).map(|k| k % 3).collect();
    let scores = compute(&params, |tape| {
        let memory = Memory::row(project.apply(tape.input(linspace(-1.5, 0.3, &[4, 20]))));
        let words = embed.apply_sequence(&Sequence::words(tape, &captions, &Layout::full(4, 3)));
        output.apply(&decoder.apply(&words, memory)).to_padded()
    });
    close(&scores, &pytorch("captioner/scores"), 1e-10);
}

/// What `make.py` calls sines.
fn sines(number: usize, shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    let numbers = (0..len).map(|k| 0.5 * (1.0 + 0.37 * number as f64 + 0.9 * k as f64).sin());
    Tensor::new(tape::Shape::from(shape), numbers.collect::<Vec<_>>())
}

/// A decoder of two layers for sequences of 4, 2 and 3 steps over memories of 5, 3 and 1 entries.
struct Small {
    params: Params,
    decoder: TransformerDecoder,
    x: Param,
    memory: Param,
    layout: Layout,
    entries: Vec<usize>,
}

impl Small {
    fn new(norm: NormPlace) -> Small {
        let mut params = Params::new(DType::F64);
        let positions = PositionalEncoding::sinusoidal(params.scope("positions"), 6, 8);
        let settings =
            DecoderSettings { width: 8, memory: 8, heads: 2, hidden: 12, layers: 2, dropout: 0.3, norm };
        let decoder = TransformerDecoder::new(params.scope("decoder"), positions, &settings);
        for (number, param) in params.weights().collect::<Vec<Param>>().into_iter().enumerate() {
            let value = sines(number, &params[param].shape().sizes());
            params.set(param, value).expect("the same shape");
        }
        let [x, memory] = [("x", 1000, 4), ("memory", 1001, 5)].map(|(name, number, steps)| {
            let param = input(&mut params, name, &[3, steps, 8]);
            let value = sines(number, &[3, steps, 8]).to_f64().into_iter().map(|x| 3.0 * x);
            params.set(param, Tensor::new([3, steps, 8], value.collect::<Vec<_>>())).expect("the same shape");
            param
        });
        let (layout, entries) = (Layout::new(4, &[4, 2, 3]), vec![5, 3, 1]);
        Small { params, decoder, x, memory, layout, entries }
    }

    fn given<'t>(&self, tape: &'t Tape) -> (Sequence<'t>, Memory<'t>) {
        let x = Sequence::pack(self.x.on(tape), &self.layout);
        (x, Memory::with_lengths(self.memory.on(tape), &self.entries))
    }

    /// All steps at once.
    fn whole<'t>(&self, tape: &'t Tape) -> Var<'t> {
        let (x, memory) = self.given(tape);
        self.decoder.apply(&x, memory).to_padded()
    }

    /// One step after another, as a cell.
    fn steps<'t>(&self, tape: &'t Tape) -> Var<'t> {
        let (x, memory) = self.given(tape);
        unroll_from(&self.decoder, &x, self.decoder.start_over(memory)).0.to_padded()
    }
}

#[test]
fn decoders_are_those_of_pytorch() {
    for (norm, name) in [(NormPlace::After, "decoder/after"), (NormPlace::Before, "decoder/before")] {
        let small = Small::new(norm);
        close(&compute(&small.params, |tape| small.whole(tape)), &pytorch(name), 1e-12);
        close(&compute(&small.params, |tape| small.steps(tape)), &pytorch(name), 1e-12);
    }
}

#[test]
fn both_forms_have_the_same_gradients() {
    for norm in [NormPlace::After, NormPlace::Before] {
        let small = Small::new(norm);
        let tape = small.params.tape();
        let weights: Vec<Var<'_>> = small.params.weights().map(|param| param.on(&tape)).collect();
        let of = |value: Var<'_>| {
            let wanted = grad(value.square().sum(), &weights);
            let mut engine = Engine::new();
            let run = engine.run(&wanted).expect("the program runs");
            (0..wanted.len()).map(|index| run.tensor(index).to_f64()).collect::<Vec<_>>()
        };
        for (whole, steps) in of(small.whole(&tape)).iter().zip(&of(small.steps(&tape))) {
            close(steps, whole, 1e-10);
        }
    }
}

#[test]
fn a_layer_has_the_gradients_of_differences() {
    for norm in [NormPlace::After, NormPlace::Before] {
        let mut params = Params::new(DType::F64);
        let settings =
            DecoderSettings { width: 4, memory: 3, heads: 2, hidden: 3, layers: 1, dropout: 0.0, norm };
        let positions = PositionalEncoding::learned(params.scope("positions"), 3, 4);
        let decoder = TransformerDecoder::new(params.scope("decoder"), positions, &settings);
        let (x, memory) = (input(&mut params, "x", &[2, 3, 4]), input(&mut params, "memory", &[2, 2, 3]));
        scatter(&mut params, &mut Draw::new(6));
        let layout = Layout::new(3, &[2, 3]);
        // The second sequence has nothing to look at.
        let whole = recorder(|tape| {
            let memory = Memory::with_lengths(memory.on(tape), &[2, 0]);
            decoder.apply(&Sequence::pack(x.on(tape), &layout), memory).to_padded()
        });
        let steps = compute(&params, |tape| {
            let memory = Memory::with_lengths(memory.on(tape), &[2, 0]);
            let start = decoder.start_over(memory);
            unroll_from(&decoder, &Sequence::pack(x.on(tape), &layout), start).0.to_padded()
        });
        layer(&params, &steps, whole);
    }
}

#[test]
fn a_batch_gives_what_each_sequence_gives_alone() {
    let small = Small::new(NormPlace::Before);
    let together = compute(&small.params, |tape| small.whole(tape));
    for (n, (length, entries)) in small.layout.lengths().iter().zip(&small.entries).enumerate() {
        let alone = compute(&small.params, |tape| {
            let row = |param: Param, steps: usize| param.on(tape).slice(0, n..n + 1).slice(1, 0..steps);
            let x = Sequence::pack(row(small.x, *length), &Layout::full(1, *length));
            small.decoder.apply(&x, Memory::new(row(small.memory, *entries))).to_padded()
        });
        close(&together[n * 4 * 8..][..length * 8], &alone, 1e-13);
    }
}

#[test]
fn steps_are_taken_one_program_at_a_time() {
    let small = Small::new(NormPlace::After);
    let any = AnyCell::new(small.decoder.clone());
    let whole = compute(&small.params, |tape| small.whole(tape));
    let begin = small.params.tape();
    let (_, memory) = small.given(&begin);
    let parts = small.decoder.start_over(memory).parts();
    let mut state: Vec<Tensor> = parts.iter().map(|part| part.value()).collect();
    // The first sequence has four steps; there are six positions.
    let mut programs = Vec::new();
    for t in 0..7 {
        let tape = small.params.tape();
        let given = state.iter().map(|part| tape.input(part.clone())).collect();
        let (next, y) = any.step(given, tape.input(x_at(&small, t.min(3))));
        let y = y.value().to_f64();
        match t {
            0..4 => close(&y[..8], &whole[t * 8..][..8], 1e-12),
            4 | 5 => assert!(y.iter().all(|y| y.is_finite())),
            _ => assert!(y.iter().all(|y| y.is_nan()), "a step beyond the last position"),
        }
        state = next.iter().map(|part| part.value()).collect();
        programs.push(tape.graph().clone());
    }
    assert!(programs.windows(2).all(|pair| pair[0] == pair[1]));
}

/// The inputs (N, D) of a step of [`Small`].
fn x_at(small: &Small, t: usize) -> Tensor {
    let tape = small.params.tape();
    small.x.on(&tape).slice(1, t..t + 1).reshape([3, 8]).value()
}

#[test]
fn a_row_is_a_memory_for_a_decoder_as_a_cell() {
    let small = Small::new(NormPlace::After);
    let features = recorder(|tape| small.memory.on(tape).slice(1, 0..1).reshape([3, 8]));
    let whole = compute(&small.params, |tape| {
        let (x, _) = small.given(tape);
        small.decoder.apply(&x, Memory::row(features(tape))).to_padded()
    });
    let steps = compute(&small.params, |tape| {
        let (x, _) = small.given(tape);
        unroll(&AnyCell::new(small.decoder.clone()), &x, features(tape)).0.to_padded()
    });
    close(&steps, &whole, 1e-12);
}

#[test]
fn dropout_is_where_there_is_noise() {
    let small = Small::new(NormPlace::After);
    let quiet = compute(&small.params, |tape| small.whole(tape));
    let noisy = |seed: u64| {
        let tape = small.params.tape().with_noise(seed);
        let value = small.whole(&tape).value().to_f64();
        (value, tape.graph().clone())
    };
    let ((one, program), (again, _), (other, other_program)) = (noisy(1), noisy(1), noisy(2));
    assert_eq!(one, again);
    assert_eq!(program, other_program);
    assert!(one != other && one != quiet);
}

#[test]
fn a_decoder_learns_to_turn_sequences_round() {
    // Words 2 to 7; 1 begins what is written. What is to be turned round is the memory.
    const WORDS: usize = 8;
    const STEPS: usize = 6;
    let lengths = [6, 3, 5, 4];
    let layout = Layout::new(STEPS, &lengths);
    let words: Vec<i32> = {
        let mut draw = Draw::new(9);
        draw.words(lengths.len() * STEPS, WORDS - 2).into_iter().map(|word| word + 2).collect()
    };
    let (mut given, mut wanted) = (vec![0; words.len()], vec![0; words.len()]);
    for (n, length) in lengths.into_iter().enumerate() {
        let row = n * STEPS..n * STEPS + length;
        wanted[row.clone()].copy_from_slice(&words[row.clone()]);
        wanted[row.clone()].reverse();
        given[row.start] = 1;
        given[row.start + 1..row.end].copy_from_slice(&wanted[row.start..row.end - 1]);
    }
    let mask: Vec<bool> = (0..words.len()).map(|k| k % STEPS < lengths[k / STEPS]).collect();

    let mut params = Params::seeded(DType::F32, 1);
    let embed = Embedding { w: params.scope("embed").weight("w", [WORDS, 16], nn::init::normal(0.3)) };
    let positions = PositionalEncoding::sinusoidal(params.scope("positions"), STEPS, 16);
    let settings =
        DecoderSettings { width: 16, memory: 16, heads: 2, hidden: 32, ..DecoderSettings::default() };
    let decoder = TransformerDecoder::new(params.scope("decoder"), positions, &settings);
    let scores = TemporalAffine::new(params.scope("scores"), 16, WORDS);
    let loss = recorder(|tape| {
        let of = |words: &[i32]| embed.apply_sequence(&Sequence::words(tape, words, &layout));
        let memory = Memory::of(&positions.apply(&of(&words)));
        let outputs = decoder.apply(&of(&given), memory);
        temporal_softmax(&scores.apply(&outputs), &wanted, &mask).per_word()
    });
    let quiet = |params: &Params| {
        let tape = params.tape();
        loss(&tape).value().number()
    };
    let before = quiet(&params);
    let mut trainer = Trainer::new(&mut params, Adam::new(5e-3));
    for _ in 0..300 {
        trainer.step(&mut params, loss).expect("finite");
    }
    let after = quiet(&params);
    assert!(before > 1.5 && after < 0.05, "from {before} to {after}");
}
