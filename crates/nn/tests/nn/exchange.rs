//! Steps that several ranks take together, which are threads here.

use std::sync::Arc;
use std::thread;

use nn::exchange::{Alone, Collective, Exchange, Traffic, among_threads};
use nn::{
    Adam, Dropout, Embedding, Layout, Lstm, Params, Parts, Sequence, Sgd, TemporalAffine, TrainError,
    Trainer, init, temporal_softmax, unroll, zero_state,
};
use tape::{DType, Engine, Tape, Var};

use crate::support::close;

/// Predicts the next word of seven sentences of different lengths.
struct Speaker {
    words: usize,
    embed: Embedding,
    cell: Lstm,
    scores: TemporalAffine,
    dropout: Dropout,
}

const STEPS: usize = 5;
const LENGTHS: [usize; 7] = [5, 2, 4, 3, 5, 1, 4];
const TAKEN: usize = 5;

impl Speaker {
    fn new(params: &mut Params, words: usize, dropout: f64) -> Speaker {
        Speaker {
            words,
            embed: Embedding::new(params.scope("embed"), words, 6),
            cell: Lstm::new(params.scope("lstm"), 6, 8),
            scores: TemporalAffine::new(params.scope("scores"), 8, words),
            dropout: Dropout::new(dropout),
        }
    }

    /// The share of the loss that is that of a part of the sentences.
    fn share<'t>(&self, tape: &'t Tape, part: usize, parts: usize) -> Var<'t> {
        let range = part * LENGTHS.len() / parts..(part + 1) * LENGTHS.len() / parts;
        let lengths = &LENGTHS[range.clone()];
        let layout = Layout::new(STEPS, lengths);
        let word =
            |sentence: usize, step: usize| ((7 * sentence + 3 * step * step + step) % self.words) as i32;
        let padded = |shift: usize| {
            range.clone().flat_map(move |sentence| (0..STEPS).map(move |step| word(sentence, step + shift)))
        };
        let mask: Vec<bool> =
            lengths.iter().flat_map(|len| (0..STEPS).map(move |step| step < *len)).collect();
        let fed: Vec<i32> = padded(0).collect();
        let inputs = self.embed.apply_sequence(&Sequence::words(tape, &fed, &layout));
        let (outputs, _) = unroll(&self.cell, &inputs, zero_state(tape, lengths.len(), 8));
        let outputs = outputs.map(|rows| self.dropout.apply(rows));
        let loss = temporal_softmax(&self.scores.apply(&outputs), &padded(1).collect::<Vec<_>>(), &mask);
        loss.sum / LENGTHS.len() as f64
    }
}

/// What a rank has to show: losses, norms, all numbers of its store, and what was moved.
type Shown = (Vec<(f64, f64)>, Vec<f64>, Traffic);

fn train(exchange: &Arc<Exchange>, parts: Parts, words: usize, dropout: f64) -> Result<Shown, TrainError> {
    let mut params = Params::seeded(DType::F64, 3);
    let model = Speaker::new(&mut params, words, dropout);
    let mut trainer = Trainer::new(&mut params, Adam::new(0.05)).with_clip(1.0);
    trainer.engine = Engine::with_threads(1).expect("the calling thread is there");
    let mut shown = Vec::new();
    for _ in 0..TAKEN {
        let report = trainer.step_in_parts(&mut params, exchange, &parts, |tape, part| {
            model.share(tape, part, parts.count)
        })?;
        shown.push((report.loss, report.gradient_norm));
    }
    let numbers = params.iter().flat_map(|entry| entry.value.to_f64()).collect();
    Ok((shown, numbers, exchange.traffic()))
}

/// What so many ranks show; all of them have the same numbers.
fn together(ranks: usize, parts: Parts, words: usize, dropout: f64) -> Shown {
    let rank = |rank| {
        thread::spawn(move || {
            let exchange = Exchange::start(move || Ok(Box::new(rank))).expect("a thread");
            train(&exchange, parts, words, dropout).expect("steps")
        })
    };
    let ranks: Vec<_> = among_threads(ranks).into_iter().map(rank).collect();
    let all: Vec<Shown> = ranks.into_iter().map(|rank| rank.join().expect("a rank")).collect();
    for other in &all[1..] {
        assert_eq!((&all[0].0, &all[0].1), (&other.0, &other.1), "ranks differ");
    }
    all.into_iter().next().expect("one rank or more")
}

/// What a trainer shows that knows of no ranks.
fn plain(words: usize) -> (Vec<(f64, f64)>, Vec<f64>) {
    let mut params = Params::seeded(DType::F64, 3);
    let model = Speaker::new(&mut params, words, 0.0);
    let mut trainer = Trainer::new(&mut params, Adam::new(0.05)).with_clip(1.0);
    let step = |_| {
        let report = trainer.step(&mut params, |tape| model.share(tape, 0, 1)).expect("a step");
        (report.loss, report.gradient_norm)
    };
    let shown = (0..TAKEN).map(step).collect();
    (shown, params.iter().flat_map(|entry| entry.value.to_f64()).collect())
}

#[test]
fn any_number_of_ranks_takes_the_steps_of_one() {
    // With many words the gradient of the table goes as rows, with few as a table.
    for words in [9, 200] {
        let (expected, numbers) = plain(words);
        for ranks in [1, 2, 3] {
            for bucket_bytes in [1, 1 << 20] {
                let parts = Parts { bucket_bytes, ..Parts::new(ranks) };
                let (shown, found, _) = together(ranks, parts, words, 0.0);
                let flat =
                    |pairs: &[(f64, f64)]| pairs.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>();
                close(&flat(&shown), &flat(&expected), 1e-9);
                close(&found, &numbers, 1e-9);
            }
        }
    }
}

#[test]
fn in_a_fixed_order_the_bits_do_not_depend_on_the_number_of_ranks() {
    for (words, count) in [(9, 4), (200, 5)] {
        let parts = Parts { fixed_order: true, bucket_bytes: 512, ..Parts::new(count) };
        let (expected, numbers, _) = together(1, parts, words, 0.4);
        // Some divide the parts and some do not; of seven, some have none.
        for ranks in [2, 3, 4, 7] {
            let (shown, found, _) = together(ranks, parts, words, 0.4);
            assert_eq!((shown, found), (expected.clone(), numbers.clone()), "{ranks} ranks, {count} parts");
        }
    }
}

#[test]
fn ranks_without_a_part_follow() {
    let (expected, _) = plain(9);
    let (shown, ..) = together(3, Parts::new(2), 9, 0.0);
    for (shown, expected) in shown.iter().zip(&expected) {
        close(&[shown.0, shown.1], &[expected.0, expected.1], 1e-9);
    }
}

#[test]
fn an_infinite_gradient_of_one_part_is_named_at_every_rank_and_taken_by_none() {
    let rank = |rank| {
        thread::spawn(move || {
            let exchange = Exchange::start(move || Ok(Box::new(rank))).expect("a thread");
            let mut params = Params::new(DType::F64);
            let flat = params.scope("layer").weight("flat", [2], init::constant(1.0));
            let steep = params.scope("layer").weight("steep", [2], init::zeros());
            let mut trainer = Trainer::new(&mut params, Sgd::new(0.5));
            // The slope of a root at 0 is infinite.
            let mut step = |params: &mut Params, rooted: usize| {
                trainer.step_in_parts(params, &exchange, &Parts::new(2), |tape, part| {
                    let steep = steep.on(tape);
                    (flat.on(tape) + if part == rooted { steep.sqrt() } else { steep }).sum()
                })
            };
            let error = step(&mut params, 1).unwrap_err();
            assert_eq!(error, TrainError::Gradient { loss: 4.0, names: vec!["layer/steep".into()] });
            assert_eq!([flat, steep].map(|param| params[param].to_f64()), [[1.0, 1.0], [0.0, 0.0]]);
            // All go on together.
            assert_eq!(step(&mut params, 2).expect("a step").loss, 4.0);
            assert_eq!([flat, steep].map(|param| params[param].to_f64()), [[0.0, 0.0], [-1.0, -1.0]]);
        })
    };
    let ranks: Vec<_> = among_threads(2).into_iter().map(rank).collect();
    ranks.into_iter().for_each(|rank| rank.join().expect("a rank"));
}

#[test]
fn rows_are_moved_where_they_are_less_than_their_table() {
    let words = 400;
    let (.., traffic) = together(2, Parts::new(2), words, 0.0);
    // Each step: the other half of the sum and of the shares of it, in f64, of all but the table of 400 x 6; and of that at most 15
    // rows of the other rank, each with an index.
    let numbers = 1 + (6 + 8 + 1) * 32 + (8 + 1) * words;
    let rows = traffic.bytes as usize / TAKEN - 8 * numbers;
    assert!(rows > 0 && rows <= 15 * (6 * 8 + 4), "{rows} bytes of rows");
    assert_eq!(traffic.buckets as usize, 2 * TAKEN);
}

#[test]
fn what_one_rank_ends_the_others_hear_of() {
    let mut ranks = among_threads(2).into_iter();
    let (first, second) = (ranks.next().unwrap(), ranks.next().unwrap());
    let other = thread::spawn(move || {
        let exchange = Exchange::start(move || Ok(Box::new(second))).unwrap();
        exchange.call(|all| all.gather(vec![1])).unwrap().unwrap();
    });
    let exchange = Exchange::start(move || Ok(Box::new(first))).unwrap();
    exchange.call(|all| all.gather(vec![0])).unwrap().unwrap();
    other.join().unwrap();
    let error = train(&exchange, Parts::new(2), 9, 0.0).unwrap_err().to_string();
    assert!(error.contains("rank 1 has ended"), "{error}");
}

#[test]
fn messages_come_as_long_as_their_sender_is_there() {
    let mut ranks = among_threads(3);
    let (last, mut second) = (ranks.pop().unwrap(), ranks.pop().unwrap());
    let first = &mut ranks[0];
    // That another has ended is no reason not to wait.
    drop(last);
    assert_eq!(first.receive(1, 7), Ok(None));
    second.send(0, 7, vec![1]).unwrap();
    second.send(0, 7, vec![2]).unwrap();
    assert_eq!(first.receive(1, 7), Ok(Some(vec![1])));
    drop(second);
    assert_eq!(first.receive(1, 7), Ok(Some(vec![2])));
    assert_eq!(first.receive(1, 7), Err("rank 1 has ended".into()));
    // An end of all is one of those that are still there too.
    let mut ranks = among_threads(2);
    ranks[1].abort(1);
    assert_eq!(ranks[1].receive(0, 0), Err("rank 0 has ended".into()));
    assert_eq!(ranks[0].gather(Vec::new()), Err("rank 1 has ended".into()));
}

#[test]
fn an_exchange_that_has_ended_is_an_error() {
    let exchange = Exchange::start(|| Ok(Box::new(Alone))).unwrap();
    exchange.end();
    let error = train(&exchange, Parts::new(1), 9, 0.0).unwrap_err().to_string();
    assert!(error.contains("the exchange with the other ranks has ended"), "{error}");
    let refused = Exchange::start(|| Err("nobody is there".into())).unwrap_err();
    assert_eq!(refused, "nobody is there");
}
