//! Decoding held against exhaustive search, exact probabilities and naive loops.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;

use caption::data::batch::Batch;
use caption::data::{Captions, END, NULL, Pictures, START, Split, UNKNOWN};
use caption::model::{Beam, Caption, Captioner, Decoding, Input, Method, ModelSettings, Sample};
use nn::{AnyCell, Cell, Params, cells};
use tape::{DType, Engine, Tensor, Var};

const A: i32 = 4;
const B: i32 = 5;
const C: i32 = 6;

fn settings(
    width: usize,
    embedding: usize,
    hidden: usize,
    vocabulary: usize,
    every_step: bool,
) -> ModelSettings {
    ModelSettings {
        input: Input::Features { width },
        cell: "lstm".into(),
        embedding,
        hidden,
        vocabulary,
        picture_at_every_step: every_step,
        ..ModelSettings::default()
    }
}

/// A model with random weights, large enough that words differ in probability.
fn random(cell: &str, dtype: DType, sizes: [usize; 3], every_step: bool) -> (Captioner<AnyCell>, Params) {
    let [width, hidden, vocabulary] = sizes;
    let mut params = Params::seeded(dtype, 5);
    let settings = settings(width, 6, hidden, vocabulary, every_step);
    let model = Captioner::new(&mut params, &settings, &cells::named(cell).unwrap());
    let scores = model.scores.affine.w;
    let larger: Vec<f64> = params[scores].to_f64().iter().map(|weight| 4.0 * weight).collect();
    params.set(scores, Tensor::from_f64(dtype, [hidden, vocabulary], &larger)).unwrap();
    (model, params)
}

fn features(pictures: usize, width: usize) -> Vec<f32> {
    (0..pictures * width).map(|i| ((i * i * 37 + i * 11) % 101) as f32 / 25.0 - 2.0).collect()
}

fn decode<M: Cell>(
    model: &(Captioner<M>, Params),
    pictures: &[f32],
    count: usize,
    how: &Decoding,
) -> Vec<Vec<Caption>> {
    let streams: Vec<u64> = (0..count as u64).collect();
    model.0.decode(&mut Engine::new(), &model.1, &streams, pictures, how).unwrap()
}

fn by(method: Method) -> Decoding {
    Decoding { method, ..Decoding::default() }
}

fn beam(width: usize) -> Decoding {
    by(Method::Beam(Beam { width, ..Beam::default() }))
}

/// The scores of the next word depend on the last word, by a table, and on the picture, whose features are added.
struct Bigrams;

impl Cell for Bigrams {
    type State<'t> = Var<'t>;
    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        (h, h + x)
    }
}

/// A model of seven words; `table` gives what is not zero: after which word (any where there is none) which one has
/// which score.
fn bigrams(table: &[(Option<i32>, i32, f64)]) -> (Captioner<Bigrams>, Params) {
    const V: usize = 7;
    let mut params = Params::seeded(DType::F64, 1);
    let model = Captioner::with_cell(&mut params, &settings(V, V, V, V, false), |_| Bigrams);
    let mut scores = [0.0; V * V];
    for (after, word, score) in table {
        for before in 0..V {
            if after.is_none_or(|after| after as usize == before) {
                scores[before * V + *word as usize] = *score;
            }
        }
    }
    let same: Vec<f64> = (0..V * V).map(|i| if i / V == i % V { 1.0 } else { 0.0 }).collect();
    for (param, values) in
        [(model.embed.w, scores.as_slice()), (model.project.w, &same), (model.scores.affine.w, &same)]
    {
        params.set(param, Tensor::from_f64(DType::F64, [V, V], values)).unwrap();
    }
    (model, params)
}

/// What such a model says of one picture whose features are zero.
fn said(model: &(Captioner<Bigrams>, Params), how: &Decoding) -> Vec<Caption> {
    decode(model, &[0.0; 7], 1, how).remove(0)
}

fn words(captions: &[Caption]) -> Vec<Vec<i32>> {
    captions.iter().map(|caption| caption.words.clone()).collect()
}

fn repeats(words: &[i32], run: usize) -> bool {
    let runs: Vec<&[i32]> = words.windows(run).collect();
    (0..runs.len()).any(|n| runs[..n].contains(&runs[n]))
}

/// The logarithm of the probability of some words, and of `<END>` after them where it is said, by the training loss.
fn by_loss(model: &(Captioner<AnyCell>, Params), picture: &[f32], words: &[i32], ended: bool) -> f64 {
    let ids = [&[START][..], words, if ended { &[END] } else { &[] }].concat();
    let captions = Captions { width: ids.len(), ids };
    let pictures = Pictures::Features { width: picture.len(), data: picture.to_vec() };
    let split = Split { pictures, names: vec![], captions, picture_of: vec![0], references: vec![] };
    let mut batch = Batch::default();
    batch.fill(&split, &[0]).unwrap();
    let tape = model.1.tape();
    let loss = model.0.loss(&tape, &batch).sum;
    -Engine::new().run(&[loss]).unwrap().number(0)
}

/// All captions of at most `longest` words of A, B, C with the logarithm of their probability, those that end first,
/// the best first.
fn exhaustive(
    model: &(Captioner<AnyCell>, Params),
    picture: &[f32],
    longest: usize,
    power: f64,
) -> Vec<(Vec<i32>, f64)> {
    let mut all: Vec<Vec<i32>> = vec![vec![]];
    let mut from = 0;
    for _ in 0..longest {
        let to = all.len();
        for n in from..to {
            all.extend([A, B, C].map(|word| [all[n].as_slice(), &[word]].concat()));
        }
        from = to;
    }
    let mut scored: Vec<(bool, f64, Vec<i32>, f64)> = all
        .into_iter()
        .map(|words| {
            let ended = words.len() < longest;
            let tokens = words.len() + usize::from(ended);
            let log_probability = by_loss(model, picture, &words, ended);
            (ended, log_probability / (tokens as f64).powf(power), words, log_probability)
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    scored.into_iter().map(|(_, _, words, log_probability)| (words, log_probability)).collect()
}

#[test]
fn a_beam_as_wide_as_everything_finds_what_exhaustive_search_finds() {
    for (cell, every_step, power, no_repeat) in [
        ("lstm", true, 0.0, None),
        ("rnn", false, 1.0, None),
        ("gru", true, 0.7, Some(1)),
        ("lstm", false, 2.0, Some(2)),
    ] {
        let model = random(cell, DType::F64, [3, 5, 7], every_step);
        let pictures = features(3, 3);
        // Three words or <END> in three places.
        let method = Method::Beam(Beam { width: 64, length_penalty: power, ..Beam::default() });
        let how = Decoding { method, longest: 3, no_repeat, say_unknown: false };
        for (picture, found) in pictures.chunks(3).zip(decode(&model, &pictures, 3, &how)) {
            let mut expected = exhaustive(&model, picture, 3, power);
            expected.retain(|(words, _)| no_repeat.is_none_or(|run| !repeats(words, run)));
            let sure: Vec<_> = expected.iter().map(|(words, _)| words.clone()).collect();
            assert_eq!(words(&found), sure, "{cell}");
            for (found, (_, log_probability)) in found.iter().zip(&expected) {
                assert!(
                    (found.log_probability - log_probability).abs() < 1e-9,
                    "{found:?}: {log_probability}"
                );
                let product: f64 = found.probabilities.iter().product();
                assert!((product.ln() - log_probability).abs() < 1e-9);
                assert_eq!(found.ended, found.words.len() < 3);
            }
        }
    }
}

#[test]
fn narrow_searches_are_greedy_with_any_cell() {
    for cell in cells::all() {
        let model = random(&cell.name, DType::F32, [4, 8, 30], true);
        let pictures = features(6, 4);
        let greedy = decode(&model, &pictures, 6, &Decoding::default());
        assert_eq!(decode(&model, &pictures, 6, &beam(1)), greedy, "{}", cell.name);
        for sample in [
            Sample { top_k: Some(1), ..Sample::default() },
            Sample { top_p: Some(1e-9), ..Sample::default() },
            Sample { temperature: 1e-3, ..Sample::default() },
        ] {
            assert_eq!(
                decode(&model, &pictures, 6, &by(Method::Sample(sample))),
                greedy,
                "{}: {sample:?}",
                cell.name
            );
        }
    }
}

#[test]
fn neither_threads_nor_neighbours_change_a_caption() {
    let model = random("lstm", DType::F32, [16, 128, 1000], true);
    let pictures = features(12, 16);
    let diverse = Beam { width: 6, groups: 3, ..Beam::default() };
    for how in
        [Decoding::default(), by(Method::Sample(Sample::default())), beam(5), by(Method::Beam(diverse))]
    {
        let together = decode(&model, &pictures, 12, &how);
        for threads in [1, 2, 3] {
            let mut engine = Engine::with_threads(threads).unwrap();
            let streams: Vec<u64> = (0..12).collect();
            let again = model.0.decode(&mut engine, &model.1, &streams, &pictures, &how).unwrap();
            assert_eq!(again, together, "{how:?} with {threads} threads");
        }
        for size in [1, 5] {
            let mut apart = Vec::new();
            let streams: Vec<u64> = (0..12).collect();
            for (streams, some) in streams.chunks(size).zip(pictures.chunks(16 * size)) {
                apart.extend(model.0.decode(&mut Engine::new(), &model.1, streams, some, &how).unwrap());
            }
            assert_eq!(apart, together, "{how:?} by {size}");
        }
    }
}

#[test]
fn few_plans_serve_all_steps() {
    let model = random("gru", DType::F32, [4, 8, 30], true);
    let mut engine = Engine::new();
    let streams: Vec<u64> = (0..40).collect();
    let captions = model.0.decode(&mut engine, &model.1, &streams, &features(40, 4), &beam(4)).unwrap();
    let steps = captions.iter().flatten().map(|caption| caption.probabilities.len()).max().unwrap();
    // One looks at the pictures, one takes the first step; then the number of rows is 160, 80, 40, 20, 10, 5, 3, 2, 1.
    assert!(steps > 12 && engine.plans() <= 11, "{} plans for {steps} steps", engine.plans());
}

#[test]
fn words_are_drawn_with_their_probabilities() {
    // <UNK> 3/10 is never drawn, which leaves <END> 1/7, A 4/7, B 3/14, C 1/14 of what is left.
    let table = [(NULL, 0.0), (START, 0.0), (END, 0.1), (UNKNOWN, 0.3), (A, 0.4), (B, 0.15), (C, 0.05)];
    let table = table.map(|(word, p): (i32, f64)| (None, word, p.max(1e-300).ln()));
    let model = bigrams(&table);
    let check = |sample: Sample, weights: [f64; 4]| {
        const DRAWS: usize = 20_000;
        let how = Decoding { longest: 1, ..by(Method::Sample(sample)) };
        let captions = decode(&model, &vec![0.0; 7 * DRAWS], DRAWS, &how);
        let first = |caption: &Caption| caption.words.first().copied().unwrap_or(END);
        let count = |word| captions.iter().filter(|all| first(&all[0]) == word).count() as f64;
        let total: f64 = weights.iter().sum();
        for (word, weight) in [END, A, B, C].into_iter().zip(weights) {
            let p = weight / total;
            let (found, expected) = (count(word), p * DRAWS as f64);
            let sigma = (expected * (1.0 - p)).sqrt();
            assert!(
                (found - expected).abs() <= 4.0 * sigma,
                "{sample:?}: {word} {found} times, not {expected}"
            );
        }
        // What is reported is the model's own probability.
        let reported = captions.iter().find(|all| first(&all[0]) == A).unwrap()[0].probabilities[0];
        assert!((reported - 0.4).abs() < 1e-12, "{reported}");
    };
    let plain = Sample::default();
    check(plain, [0.1, 0.4, 0.15, 0.05]);
    check(Sample { temperature: 0.5, ..plain }, [0.01, 0.16, 0.0225, 0.0025]);
    check(Sample { temperature: 2.0, seed: 9, ..plain }, [0.1, 0.4, 0.15, 0.05].map(f64::sqrt));
    check(Sample { top_k: Some(2), ..plain }, [0.0, 0.4, 0.15, 0.0]);
    check(Sample { top_k: Some(3), ..plain }, [0.1, 0.4, 0.15, 0.0]);
    check(Sample { top_k: Some(100), top_p: Some(1.0), ..plain }, [0.1, 0.4, 0.15, 0.05]);
    // 4/7 = 0.571 is enough for 0.57 and not for 0.58; A and B have 0.786.
    check(Sample { top_p: Some(0.57), ..plain }, [0.0, 0.4, 0.0, 0.0]);
    check(Sample { top_p: Some(0.58), ..plain }, [0.0, 0.4, 0.15, 0.0]);
    check(Sample { top_p: Some(0.79), ..plain }, [0.1, 0.4, 0.15, 0.0]);
    // Of the two that top-k leaves A has 0.727, which the nucleus takes alone; the square of it is 0.877.
    check(Sample { top_k: Some(2), top_p: Some(0.72), ..plain }, [0.0, 0.4, 0.0, 0.0]);
    check(Sample { temperature: 0.5, top_k: Some(2), top_p: Some(0.9), ..plain }, [0.0, 0.16, 0.0225, 0.0]);
}

#[test]
fn seed_and_stream_decide_what_is_drawn() {
    let model = random("gru", DType::F32, [4, 8, 30], true);
    let one = features(1, 4);
    let drawn = |seed, streams: &[u64]| {
        let how = by(Method::Sample(Sample { seed, ..Sample::default() }));
        let pictures = one.repeat(streams.len());
        model.0.decode(&mut Engine::new(), &model.1, streams, &pictures, &how).unwrap()
    };
    let [seventh, third] = drawn(1, &[7, 3]).try_into().unwrap();
    assert_ne!(seventh, third);
    assert_eq!(drawn(1, &[3, 7]), [third.clone(), seventh]);
    assert_ne!(drawn(2, &[3]), [third]);
}

/// Every way to decode, with the same rules.
fn all_ways(rules: Decoding) -> Vec<Decoding> {
    let methods = [
        Method::Greedy,
        Method::Sample(Sample::default()),
        Method::Sample(Sample { top_k: Some(3), top_p: Some(0.9), temperature: 1.5, seed: 3 }),
        Method::Beam(Beam::default()),
        Method::Beam(Beam { width: 6, groups: 3, ..Beam::default() }),
        Method::Beam(Beam { width: 40, length_penalty: 0.0, ..Beam::default() }),
    ];
    methods.into_iter().map(|method| Decoding { method, ..rules }).collect()
}

#[test]
fn a_model_that_never_ends_is_cut_off() {
    for how in all_ways(Decoding { longest: 9, ..Decoding::default() }) {
        let captions = said(&bigrams(&[(None, END, -1e9), (Some(A), A, 2.0)]), &how);
        assert!(
            captions.iter().all(|caption| caption.words.len() == 9 && !caption.ended),
            "{how:?}: {captions:?}"
        );
    }
    // Every word is forbidden after it was said once, and <END> is impossible: nothing is left to say.
    for how in all_ways(Decoding { no_repeat: Some(1), ..Decoding::default() }) {
        let captions = said(&bigrams(&[(None, END, -1e9)]), &how);
        assert!(
            captions.iter().all(|caption| caption.words.len() == 3 && !caption.ended),
            "{how:?}: {captions:?}"
        );
    }
}

#[test]
fn a_model_that_knows_nothing_says_nothing() {
    for how in all_ways(Decoding::default()) {
        let captions = said(&bigrams(&[(None, A, f64::NAN)]), &how);
        assert!(captions.iter().all(|caption| *caption == Caption::default()), "{how:?}: {captions:?}");
    }
}

#[test]
fn unknown_words_are_not_said_unless_that_is_allowed() {
    let model = bigrams(&[(None, UNKNOWN, 3.0), (None, END, -1.0)]);
    for how in all_ways(Decoding::default()) {
        for caption in said(&model, &how) {
            assert!(!caption.words.contains(&UNKNOWN), "{how:?}: {caption:?}");
            assert_eq!(caption.unknown_likeliest, caption.probabilities.len());
        }
    }
    let how = Decoding { say_unknown: true, longest: 4, ..Decoding::default() };
    assert_eq!(words(&said(&model, &how)), [[UNKNOWN; 4]]);
    assert_eq!(said(&bigrams(&[(None, UNKNOWN, -1.0)]), &Decoding::default())[0].unknown_likeliest, 0);
}

#[test]
fn no_run_of_words_comes_twice() {
    let model = random("lstm", DType::F32, [4, 8, 9], false);
    for run in [1, 2, 3] {
        let mut met = 0;
        for how in all_ways(Decoding { no_repeat: Some(run), longest: 20, ..Decoding::default() }) {
            for caption in decode(&model, &features(8, 4), 8, &how).iter().flatten() {
                assert!(!repeats(&caption.words, run), "{how:?}: {caption:?}");
                met += usize::from(caption.words.len() > run);
            }
            let free = Decoding { no_repeat: None, ..how };
            met += decode(&model, &features(8, 4), 8, &free)
                .iter()
                .flatten()
                .filter(|c| repeats(&c.words, run))
                .count();
        }
        assert!(met > 0, "no caption was long enough for runs of {run}");
    }
}

#[test]
fn of_equals_the_first_is_taken() {
    let even = bigrams(&[]);
    assert!(said(&even, &Decoding::default())[0].words.is_empty());
    let endless = bigrams(&[(None, END, -1e9)]);
    let two = |how| Decoding { longest: 2, ..how };
    assert_eq!(said(&endless, &two(Decoding::default()))[0].words, [A, A]);
    assert_eq!(words(&said(&endless, &two(beam(2)))), [[A, A], [A, B]]);
    assert_eq!(words(&said(&endless, &two(beam(4)))), [[A, A], [A, B], [A, C], [B, A]]);
    let sample = Sample { top_k: Some(1), ..Sample::default() };
    assert_eq!(said(&endless, &two(by(Method::Sample(sample))))[0].words, [A, A]);
}

#[test]
fn the_length_penalty_chooses_between_short_and_long() {
    // "A": 0.6 · 0.6. "B C C": 0.4 · 0.9 · 0.9 · 0.9, of log -1.23 to -1.02, but of mean -0.31 to -0.51.
    let table = [
        (START, A, 0.6),
        (START, B, 0.4),
        (A, END, 0.6),
        (A, C, 0.4),
        (B, C, 0.9),
        (B, A, 0.1),
        (C, C, 0.5),
        (C, END, 0.5),
    ];
    let mut scores: Vec<(Option<i32>, i32, f64)> = (0..7).map(|word| (None, word, -1e9)).collect();
    scores.extend(table.map(|(after, word, p): (i32, i32, f64)| (Some(after), word, p.ln())));
    let model = bigrams(&scores);
    let best = |length_penalty| {
        let how = by(Method::Beam(Beam { width: 8, length_penalty, ..Beam::default() }));
        said(&model, &how).swap_remove(0)
    };
    // log 0.36 = -1.02 against log 0.18 = -1.71 of "B C"; by tokens -0.51 against -0.57.
    assert_eq!(best(0.0).words, [A]);
    assert_eq!(best(1.0).words, [A]);
    // Divided by the square of tokens: -0.255 against -0.19, and longer is better still.
    assert!(best(2.0).words.len() > 2);
    assert!((best(0.0).log_probability - 0.36_f64.ln()).abs() < 1e-12);
}

/// Beam search as the definition says, all continuations sorted in every step.
fn naive_beam(
    model: &(Captioner<AnyCell>, Params),
    picture: &[f32],
    beam: &Beam,
    longest: usize,
) -> Vec<Vec<i32>> {
    let score = |tokens: usize, value: f64| value / (tokens as f64).powf(beam.length_penalty);
    let mut live: Vec<(Vec<i32>, f64)> = vec![(vec![], 0.0)];
    let mut finished: Vec<(Vec<i32>, f64)> = Vec::new();
    for step in 1..=longest {
        let mut all: Vec<(Vec<i32>, bool, f64)> = Vec::new();
        for (words, _) in &live {
            all.push((words.clone(), true, by_loss(model, picture, words, true)));
            for word in [A, B, C] {
                let longer = [words.as_slice(), &[word]].concat();
                let value = by_loss(model, picture, &longer, false);
                all.push((longer, false, value));
            }
        }
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        let ends = all.iter().take(beam.width).filter(|(_, ended, _)| *ended);
        finished.extend(ends.map(|(words, _, value)| (words.clone(), score(step, *value))));
        finished.sort_by(|a, b| b.1.total_cmp(&a.1));
        finished.truncate(beam.width);
        let goes_on = all.into_iter().filter(|(_, ended, _)| !ended).take(beam.width);
        live = goes_on.map(|(words, _, value)| (words, score(step, value))).collect();
        let full = finished.len() == beam.width;
        if full && live.iter().all(|(_, score)| *score <= finished[beam.width - 1].1) {
            break;
        }
    }
    // What goes on is in order already, as all of it is as long.
    finished.into_iter().chain(live).map(|(words, _)| words).take(beam.width).collect()
}

#[test]
fn a_narrow_beam_finds_what_its_definition_says() {
    let model = random("lstm", DType::F64, [3, 5, 7], true);
    let pictures = features(8, 3);
    for (width, length_penalty) in [(1, 0.7), (2, 0.0), (2, 0.7), (3, 1.0), (5, 2.0)] {
        let beam = Beam { width, length_penalty, ..Beam::default() };
        let how = Decoding { longest: 8, ..by(Method::Beam(beam)) };
        for (picture, found) in pictures.chunks(3).zip(decode(&model, &pictures, 8, &how)) {
            assert_eq!(words(&found), naive_beam(&model, picture, &beam, 8), "{beam:?}");
        }
    }
}

/// Groups of one caption each, as the definition says, from the table of scores.
fn naive_groups(table: &[[f64; 7]; 7], groups: usize, diversity: f64, longest: usize) -> Vec<Vec<i32>> {
    let mut all = vec![(vec![], false); groups];
    for _ in 0..longest {
        let mut chosen = [0.0; 7];
        for (words, ended) in all.iter_mut().filter(|(_, ended)| !ended) {
            let row = &table[words.last().copied().unwrap_or(START) as usize];
            // What all scores share decides nothing.
            let value = |word: i32| row[word as usize] - diversity * chosen[word as usize];
            let best =
                [END, A, B, C].into_iter().reduce(|a, b| if value(b) > value(a) { b } else { a }).unwrap();
            chosen[best as usize] += 1.0;
            if best == END { *ended = true } else { words.push(best) }
        }
    }
    let mut found: Vec<Vec<i32>> = all.into_iter().map(|(words, _)| words).collect();
    found.sort();
    found
}

#[test]
fn groups_keep_away_from_each_other() {
    let found = |model: &(Captioner<Bigrams>, Params), groups, diversity| {
        let beam = Beam { width: groups, length_penalty: 0.0, groups, diversity };
        let mut found = words(&said(model, &Decoding { longest: 6, ..by(Method::Beam(beam)) }));
        found.sort();
        found
    };
    for shift in 0..20 {
        let mut table = [[0.0; 7]; 7];
        let mut scores = Vec::new();
        for (before, row) in table.iter_mut().enumerate() {
            for (word, score) in row.iter_mut().enumerate() {
                *score = 2.0 * ((before * 31 + word * 17 + before * word * 3 + shift * 7) as f64).sin();
                scores.push((Some(before as i32), word as i32, *score));
            }
        }
        let model = bigrams(&scores);
        for diversity in [0.0, 0.3, 1.0, 50.0] {
            let expected = naive_groups(&table, 4, diversity, 6);
            assert_eq!(found(&model, 4, diversity), expected, "table {shift}, diversity {diversity}");
        }
        let alike = found(&model, 4, 0.0);
        assert!(alike.iter().all(|words| *words == alike[0]), "{alike:?}");
        // There are four ways to begin: three words and none.
        let mut begun: Vec<Option<i32>> =
            found(&model, 4, 50.0).iter().map(|words| words.first().copied()).collect();
        begun.dedup();
        assert_eq!(begun, [None, Some(A), Some(B), Some(C)]);
    }
}

#[test]
#[should_panic(expected = "decoding: the beam's width is 0; give 1 to 1000")]
fn settings_that_cannot_be_followed_are_a_mistake() {
    said(&bigrams(&[]), &beam(0));
}

#[test]
fn who_watches_sees_captions_grow_and_can_end_them() {
    let (model, params) = random("lstm", DType::F64, [3, 8, 30], true);
    let picture = features(1, 3);
    let drawn = by(Method::Sample(Sample { temperature: 0.7, ..Sample::default() }));
    for how in [Decoding::default(), drawn, beam(4)] {
        let whole = model.decode(&mut Engine::new(), &params, &[0], &picture, &how).unwrap().remove(0);
        let watched = |most: usize| {
            let mut seen: Vec<Vec<Caption>> = Vec::new();
            let engine = &mut Engine::new();
            let captions = model.decode_one(engine, &params, 0, &picture, &how, |captions| {
                seen.push(captions.to_vec());
                if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (captions.unwrap(), seen)
        };
        let (captions, seen) = watched(usize::MAX);
        assert_eq!(captions, whole, "{}", how.describe());
        // Every step is shown, and in each the captions that go on are one token longer.
        let longest = |captions: &[Caption]| captions.iter().map(|caption| caption.probabilities.len()).max();
        let lengths: Vec<Option<usize>> = seen.iter().map(|captions| longest(captions)).collect();
        assert_eq!(lengths, (1..=seen.len()).map(Some).collect::<Vec<_>>(), "{}", how.describe());
        assert!(seen.len() > 3, "{} steps are too few to tell", seen.len());
        if how.rows() == 1 {
            assert_eq!(seen.last(), Some(&whole));
            for captions in &seen {
                let so_far = &captions[0].probabilities;
                assert_eq!(*so_far, whole[0].probabilities[..so_far.len()]);
            }
        }
        let (captions, seen) = watched(2);
        assert_eq!((seen.len(), longest(&captions)), (2, Some(2)), "{}", how.describe());
    }
}
