//! Multi-head attention and the transformer decoder against plain loops, PyTorch's numbers and one another.

use std::collections::HashMap;

use nn::{
    Adam, Affine, AnyCell, Cell, DecoderSettings, Embedding, FeedForward, Layout, Memory, MultiHeadAttention,
    NormPlace, Param, Params, PositionalEncoding, Sequence, TemporalAffine, Trainer, TransformerDecoder,
    temporal_softmax, unroll, unroll_from,
};
use tape::{DType, Engine, Tape, Tensor, Var, concat, grad};

use crate::layers::affine_loop;
use crate::support::{Draw, close, compute, input, layer, linspace, of, scatter};

/// What PyTorch gives: `tests/fixtures/transformer/make.py` says how.
fn pytorch(name: &str) -> Vec<f64> {
    let text = include_str!("../fixtures/transformer/numbers.txt");
    let lines: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    lines[name].split(' ').map(|number| number.parse().expect("a number")).collect()
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
