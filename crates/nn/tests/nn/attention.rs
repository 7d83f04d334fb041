//! Attention against plain loops, alone and within a cell.

use nn::{
    AdditiveAttention, AnyCell, Attention, Attentive, Layout, Lstm, LstmState, Memory, MultiHeadAttention,
    Params, ScaledDotAttention, Scope, Sequence, VanillaRnn, masked_softmax, output_width,
    scaled_dot_weights, unroll, unroll_from, zero_state,
};
use tape::{Bundle, DType, Engine, Tape, Tensor, Var, Vars, check, concat, grad, interpret};

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
    let mut engine = Engine::new();
    let run = engine.run(&wanted).expect("the program runs");
    println!("{}", run.plan().explain());
    run.plan().products_in_loops()
}

#[test]
fn what_is_made_of_the_memory_alone_leaves_the_loop() {
    assert_eq!(products_in_loops(declare_scaled_dot), [4, 4]);
    assert_eq!(products_in_loops(declare_additive), [4, 4]);
}
