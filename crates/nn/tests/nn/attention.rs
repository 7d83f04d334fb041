//! Attention against plain loops, alone and within a cell.

use nn::{
    AdditiveAttention, AnyCell, Attention, Attentive, Layout, Lstm, LstmState, Memory, Params,
    ScaledDotAttention, Scope, Sequence, masked_softmax, output_width, scaled_dot_weights, unroll,
    unroll_from,
};
use tape::{Bundle, DType, Engine, Tape, Tensor, Var, check, concat, grad};

use crate::cells::{Weights, add, lstm_step, mix, times};
use crate::support::{Draw, close, compute, input, layer, of, scatter};

/// What a kind of attention makes of a query and one entry.
#[derive(Clone, Copy)]
struct Kind {
    score: fn(Weights<'_>, &[f64], &[f64]) -> f64,
    value: fn(Weights<'_>, &[f64]) -> Vec<f64>,
}

const SCALED_DOT: Kind = Kind {
    score: |w, query, entry| {
        let (q, k) = (times(query, &w("wq")), times(entry, &w("wk")));
        dot(&q, &k) / (q.len() as f64).sqrt()
    },
    value: |w, entry| times(entry, &w("wv")),
};

const ADDITIVE: Kind = Kind {
    score: |w, query, entry| {
        let both = add(&times(query, &w("wq")), &times(entry, &w("wk")));
        dot(&both.into_iter().map(f64::tanh).collect::<Vec<_>>(), &w("v"))
    },
    value: |_, entry| entry.to_vec(),
};

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Weights that fall off exponentially with the scores.
fn shares(scores: &[f64]) -> Vec<f64> {
    let sum: f64 = scores.iter().map(|score| score.exp()).sum();
    scores.iter().map(|score| score.exp() / sum).collect()
}

/// The sum of rows by weights.
fn mean(weights: &[f64], rows: &[Vec<f64>], width: usize) -> Vec<f64> {
    (0..width).map(|j| weights.iter().zip(rows).map(|(w, row)| w * row[j]).sum()).collect()
}

impl Kind {
    /// Context and weights of a query over as many entries as are given.
    fn attend(self, w: Weights<'_>, query: &[f64], entries: &[&[f64]], width: usize) -> (Vec<f64>, Vec<f64>) {
        let scores: Vec<f64> = entries.iter().map(|entry| (self.score)(w, query, entry)).collect();
        let values: Vec<Vec<f64>> = entries.iter().map(|entry| (self.value)(w, entry)).collect();
        let weights = shares(&scores);
        (mean(&weights, &values, width), weights)
    }
}

/// Declares a kind for widths of query and memory, and says how wide its contexts are.
type Declare<A> = fn(Scope<'_>, usize, usize) -> (A, usize);

fn declare_scaled_dot(scope: Scope<'_>, query: usize, memory: usize) -> (ScaledDotAttention, usize) {
    (ScaledDotAttention::new(scope, query, memory, 3, 2), 2)
}

fn declare_additive(scope: Scope<'_>, query: usize, memory: usize) -> (AdditiveAttention, usize) {
    (AdditiveAttention::new(scope, query, memory, 3), memory)
}

/// The first rows of a padded sequence.
fn rows(padded: &[f64], n: usize, steps: usize, width: usize, length: usize) -> Vec<&[f64]> {
    padded[n * steps * width..][..length * width].chunks(width).collect()
}

#[test]
fn a_query_sees_the_entries_there_are() {
    fn check<A: Attention>(declare: Declare<A>, kind: Kind) {
        for seed in 0..5 {
            let mut draw = Draw::new(seed + 200);
            let [n, entries, query, width] = draw.sizes();
            let lengths = draw.lengths(n, entries);
            let mut params = Params::new(DType::F64);
            let (attention, context) = declare(params.scope("attention"), query, width);
            let queries = input(&mut params, "query", &[n, query]);
            let memory = input(&mut params, "memory", &[n, entries, width]);
            scatter(&mut params, &mut draw);
            let weights: Weights<'_> = &|name| of(&params, &format!("attention/{name}"));
            let (mut contexts, mut looks) = (Vec::new(), Vec::new());
            for (row, query) in of(&params, "input/query").chunks(query).enumerate() {
                let all = of(&params, "input/memory");
                let seen = rows(&all, row, entries, width, lengths[row]);
                let (mean, mut look) = kind.attend(weights, query, &seen, context);
                look.resize(entries, 0.0);
                contexts.extend(mean);
                looks.extend(look);
            }
            layer(&params, &contexts, |tape| {
                attention.attend(queries.on(tape), Memory::with_lengths(memory.on(tape), &lengths)).0
            });
            layer(&params, &looks, |tape| {
                attention.attend(queries.on(tape), Memory::with_lengths(memory.on(tape), &lengths)).1
            });
        }
    }
    check(declare_scaled_dot, SCALED_DOT);
    check(declare_additive, ADDITIVE);
}

#[test]
fn masked_scores_have_no_share() {
    for seed in 0..4 {
        let mut draw = Draw::new(seed + 260);
        let [n, entries, width] = draw.sizes();
        let seen = draw.marks(n * entries);
        let mut params = Params::new(DType::F64);
        let scores = input(&mut params, "scores", &[n, entries]);
        let queries = input(&mut params, "queries", &[n, 1, width]);
        let keys = input(&mut params, "keys", &[n, entries, width]);
        scatter(&mut params, &mut draw);
        // Over the scores of what is seen, and nothing elsewhere or where nothing is.
        let masked = |scores: &[f64]| -> Vec<f64> {
            let rows = scores.chunks(entries).zip(seen.chunks(entries));
            rows.flat_map(|(scores, seen)| {
                let pairs = || scores.iter().zip(seen);
                let sum: f64 = pairs().filter(|(_, seen)| **seen).map(|(score, _)| score.exp()).sum();
                pairs().map(|(score, seen)| if *seen { score.exp() / sum } else { 0.0 }).collect::<Vec<_>>()
            })
            .collect()
        };
        let mask = || seen.iter().map(|seen| f64::from(u8::from(*seen)));
        let expected = masked(&of(&params, "input/scores"));
        layer(&params, &expected, |tape| {
            masked_softmax(scores.on(tape), tape.input_numbers([n, entries], mask()))
        });
        let [q, k] = ["input/queries", "input/keys"].map(|name| of(&params, name));
        let products = k
            .chunks(width)
            .enumerate()
            .map(|(row, key)| dot(&q[row / entries * width..][..width], key) / (width as f64).sqrt());
        layer(&params, &masked(&products.collect::<Vec<_>>()), |tape| {
            let mask = tape.input_numbers([n, 1, entries], mask());
            scaled_dot_weights(queries.on(tape), keys.on(tape), mask)
        });
    }
}

/// Three sequences over a memory of which the second has nothing, as weights of a store.
struct Batch {
    params: Params,
    layout: Layout,
    lengths: Vec<usize>,
}

type Looking<'t> = (LstmState<'t>, Memory<'t>);

const WIDTH: usize = 3;
const HIDDEN: usize = 4;
const MEMORY: usize = 2;
const ENTRIES: usize = 5;

impl Batch {
    fn new() -> Batch {
        let mut params = Params::new(DType::F64);
        input(&mut params, "x", &[3, 4, WIDTH]);
        input(&mut params, "h0", &[3, HIDDEN]);
        input(&mut params, "memory", &[3, ENTRIES, MEMORY]);
        Batch { params, layout: Layout::new(4, &[2, 4, 3]), lengths: vec![5, 0, 2] }
    }

    fn cell<A: Attention>(&mut self, declare: Declare<A>) -> Attentive<Lstm, A> {
        let (attention, context) = declare(self.params.scope("attention"), HIDDEN, MEMORY);
        let cell = Lstm::new(self.params.scope("cell"), WIDTH + context, HIDDEN);
        scatter(&mut self.params, &mut Draw::new(7));
        Attentive::new(cell, attention)
    }

    fn given<'t>(&self, name: &str, tape: &'t Tape) -> Var<'t> {
        self.params.find(name).expect("declared").on(tape)
    }

    fn inputs<'t>(&self, tape: &'t Tape) -> Sequence<'t> {
        Sequence::pack(self.given("input/x", tape), &self.layout)
    }

    fn start<'t, A: Attention>(&self, cell: &Attentive<Lstm, A>, tape: &'t Tape) -> Looking<'t> {
        let memory = Memory::with_lengths(self.given("input/memory", tape), &self.lengths);
        cell.start_over(self.given("input/h0", tape), memory)
    }

    fn run<'t, A: Attention>(
        &self,
        cell: &Attentive<Lstm, A>,
        tape: &'t Tape,
    ) -> (Sequence<'t>, Looking<'t>) {
        unroll_from(cell, &self.inputs(tape), self.start(cell, tape))
    }
}

#[test]
fn an_attentive_cell_is_its_loop() {
    fn check<A: Attention>(declare: Declare<A>, kind: Kind) {
        let mut batch = Batch::new();
        let cell = batch.cell(declare);
        let Batch { params, layout, lengths } = &batch;
        let all = |name: &str| of(params, name);
        let (xs, h0s, memory) = (all("input/x"), all("input/h0"), all("input/memory"));
        let context = all("cell/wx").len() / (4 * HIDDEN) - WIDTH;
        let (mut outputs, mut looks, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for (n, length) in layout.lengths().iter().enumerate() {
            let mut state = vec![h0s[n * HIDDEN..][..HIDDEN].to_vec(), vec![0.0; HIDDEN]];
            let entries = rows(&memory, n, ENTRIES, MEMORY, lengths[n]);
            for x in rows(&xs, n, 4, WIDTH, *length) {
                let attention: Weights<'_> = &|name| all(&format!("attention/{name}"));
                let (mean, mut look) = kind.attend(attention, &state[0], &entries, context);
                let cell: Weights<'_> = &|name| all(&format!("cell/{name}"));
                let gates = mix(cell, &[x, &mean].concat(), &state[0]);
                outputs.extend(lstm_step(&gates, &mut state, <[f64]>::to_vec));
                look.resize(ENTRIES, 0.0);
                looks.extend(look);
            }
            outputs.resize((n + 1) * 4 * HIDDEN, 0.0);
            looks.resize((n + 1) * 4 * ENTRIES, 0.0);
            last.extend(state.concat());
        }
        layer(params, &outputs, |tape| batch.run(&cell, tape).0.to_padded());
        layer(params, &last, |tape| {
            let (state, _) = batch.run(&cell, tape).1;
            concat(&[state.h, state.c], 1)
        });
        let (start, inputs) = (Batch::start, Batch::inputs);
        layer(params, &looks, |tape| {
            cell.unroll_with_weights(&inputs(&batch, tape), &start(&batch, &cell, tape)).1.to_padded()
        });
        let watched = compute(params, |tape| {
            cell.unroll_with_weights(&inputs(&batch, tape), &start(&batch, &cell, tape)).0.to_padded()
        });
        close(&watched, &outputs, 1e-12);
        // The memory comes back in the order of the batch.
        close(&compute(params, |tape| batch.run(&cell, tape).1.1.values), &memory, 0.0);
    }
    check(declare_scaled_dot, SCALED_DOT);
    check(declare_additive, ADDITIVE);
}

/// The products that the loops of an attentive cell repeat at every step, forward and backward.
fn products_in_loops<A: Attention>(declare: Declare<A>) -> Vec<usize> {
    let mut batch = Batch::new();
    let cell = batch.cell(declare);
    let tape = batch.params.tape();
    let (outputs, _) = batch.run(&cell, &tape);
    let weights: Vec<Var<'_>> = batch.params.weights().map(|param| param.on(&tape)).collect();
    let wanted = grad(outputs.rows.square().sum(), &weights);
    Engine::new().run(&wanted).expect("the program runs").plan().products_in_loops()
}

#[test]
fn what_is_made_of_the_memory_alone_leaves_the_loop() {
    // Forward: gates and query of h, scores, context, gates of inputs and context. Backward those of h, inputs and
    // context, one each for what gives scores and context, and where it was a product the query, keys and values.
    assert_eq!(products_in_loops(declare_scaled_dot), [4, 6]);
    assert_eq!(products_in_loops(declare_additive), [4, 5]);
}

#[test]
fn a_memory_of_nothing_gives_nothing_and_gets_no_gradient() {
    for dtype in [DType::F32, DType::F64] {
        let tape = Tape::new(dtype);
        let mut draw = Draw::new(3);
        let mut given = |shape: &[usize]| tape.input(draw.tensor(shape).cast(dtype));
        let (queries, keys, values) = (given(&[2, 3, 4]), given(&[2, 5, 4]), given(&[2, 5, 2]));
        // All is padding in the first, and nothing in the second.
        let mask = tape.input_numbers([2, 1, 5], (0..10).map(|k| f64::from(u8::from(k > 4))));
        let weights = scaled_dot_weights(queries, keys, mask);
        let context = weights.dot(values);
        let gradients = grad(context.square().sum() + weights.square().sum(), &[queries, keys, values]);
        let mut engine = Engine::new();
        let wanted = [&[weights, context][..], &gradients].concat();
        let run = engine.run(&wanted).expect("the program runs");
        for index in 0..wanted.len() {
            let found = run.tensor(index).to_f64();
            let (nothing, all) = found.split_at(found.len() / 2);
            assert!(nothing.iter().all(|x| *x == 0.0), "{index}: {nothing:?}");
            assert!(all.iter().all(|x| x.is_finite() && *x != 0.0), "{index}: {all:?}");
        }
    }
}

#[test]
fn padding_does_not_change_a_bit() {
    let tape = Tape::new(DType::F32);
    let scores = tape.input(Draw::new(4).tensor(&[1, 3]).cast(DType::F32)) * 50.0;
    // What stands in padding may be as large as it likes.
    let padded = concat(&[scores, tape.number(1e9).expand([1, 2])], 1);
    let mask = tape.input(Tensor::from_f64(DType::F32, [1, 5], &[1.0, 1.0, 1.0, 0.0, 0.0]));
    let weights = masked_softmax(padded, mask).value().to_f64();
    assert_eq!(weights[..3], scores.softmax().value().to_f64());
    assert_eq!(weights[3..], [0.0, 0.0]);
}

#[test]
fn attention_has_second_derivatives() {
    let mut draw = Draw::new(5);
    let operands = [&[2, 3, 4][..], &[2, 5, 4], &[2, 5, 2]].map(|shape| draw.tensor(shape));
    let largest = check::second_order(&operands, |v| {
        let mask = v[0].tape().input_numbers([2, 1, 5], (0..10).map(|k| f64::from(u8::from(k != 3))));
        scaled_dot_weights(v[0], v[1], mask).dot(v[2])
    });
    largest.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn second_derivatives_pass_through_an_attentive_cell() {
    let mut batch = Batch::new();
    let cell = batch.cell(declare_additive);
    let names = ["input/x", "input/h0", "input/memory"];
    let result = nn::check::gradients(&batch.params, |tape| {
        let number = batch.run(&cell, tape).0.rows.square().sum();
        let gradients = grad(number, &names.map(|name| batch.given(name, tape)));
        gradients.into_iter().fold(tape.number(0.0), |sum, gradient| sum + gradient.square().sum())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn from_a_hidden_state_alone_the_context_is_zero() {
    let mut batch = Batch::new();
    let cell = batch.cell(declare_scaled_dot);
    assert_eq!(output_width(&batch.params, &cell, WIDTH, HIDDEN), HIDDEN);
    let any = AnyCell::new(cell);
    let params = &batch.params;
    let found = compute(params, |tape| {
        let inputs = batch.inputs(tape);
        unroll(&any, &inputs, batch.given("input/h0", tape)).0.to_padded()
    });
    let plain = compute(params, |tape| {
        let Sequence { rows, layout } = batch.inputs(tape);
        let inputs = Sequence::new(concat(&[rows, tape.number(0.0).expand([9, 2])], 1), &layout);
        unroll(&cell.cell, &inputs, batch.given("input/h0", tape)).0.to_padded()
    });
    close(&found, &plain, 1e-14);
    // With a memory behind one type, too.
    let over = compute(params, |tape| {
        let state = batch.start(&cell, tape).parts();
        unroll_from(&any, &batch.inputs(tape), state).0.to_padded()
    });
    close(&over, &compute(params, |tape| batch.run(&cell, tape).0.to_padded()), 1e-14);
}

#[test]
fn the_steps_of_a_sequence_are_a_memory() {
    let tape = Tape::new(DType::F64);
    let steps = tape.input(Tensor::new([2, 3, 1], vec![1.0, 2.0, 9.0, 4.0, 5.0, 6.0]));
    let Memory { values, mask } = Memory::of(&Sequence::pack(steps, &Layout::new(3, &[2, 3])));
    assert_eq!(values.value().to_f64(), [1.0, 2.0, 0.0, 4.0, 5.0, 6.0]);
    assert_eq!(mask.value().to_f64(), [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(Memory::row(steps.slice(1, 0..1).reshape([2, 1])).mask.value().to_f64(), [1.0, 1.0]);
}

#[test]
#[should_panic(expected = "a memory of [2, 3, 1] with lengths [2, 4]")]
fn a_length_beyond_the_entries_is_refused() {
    let tape = Tape::new(DType::F32);
    Memory::with_lengths(tape.number(0.0).expand([2, 3, 1]), &[2, 4]);
}

#[test]
#[should_panic(
    expected = "a memory of [2, 0, 1]: its axes must be sequences, one or more entries, and a width"
)]
fn a_memory_without_entries_is_refused() {
    let tape = Tape::new(DType::F32);
    Memory::new(tape.number(0.0).expand([2, 0, 1]));
}
