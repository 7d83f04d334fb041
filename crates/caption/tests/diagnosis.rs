//! Captioners that are broken on purpose are found out, and sound ones are left in peace.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the server and reports are tested with others of these models")]
mod trained;

use caption::data::{Captions, END, Pictures, START, Split, UNKNOWN, Vocabulary};
use caption::diagnosis::{Observed, Symptom};
use caption::evaluate::{best, decode_pictures, losses, losses_of_exchanged};
use caption::model::{Captioner, Decoding, Input, ModelSettings};
use nn::{AnyCell, Cell, Params, cells};
use tape::{DType, Engine, Tensor, Var};

/// A captioner of small scenes with the weights that it starts from.
struct Broken {
    split: Split,
    vocabulary: Vocabulary,
    params: Params,
    model: Captioner<AnyCell>,
}

impl Broken {
    fn new() -> Broken {
        let data = trained::data();
        let settings =
            ModelSettings { cell: "gru".into(), picture_at_every_step: false, ..trained::small(&data) };
        let mut params = Params::seeded(DType::F32, 2);
        let model = Captioner::new(&mut params, &settings, &cells::named("gru").unwrap());
        // Pictures are told apart before anything is learned, so that only what is broken shows.
        let weights: Vec<f64> = params[model.project.w].to_f64().iter().map(|w| 30.0 * w).collect();
        let shape = params[model.project.w].shape().clone();
        params.set(model.project.w, Tensor::from_f64(DType::F32, &shape, &weights)).unwrap();
        Broken { split: data.val, vocabulary: data.vocabulary, params, model }
    }

    /// Gives a word another score everywhere.
    fn bias(mut self, word: i32, score: f32) -> Broken {
        let bias = self.model.scores.affine.b;
        let mut scores: Vec<f64> = self.params[bias].to_f64();
        scores[word as usize] = f64::from(score);
        self.params.set(bias, Tensor::from_f64(DType::F32, [scores.len()], &scores)).unwrap();
        self
    }

    #[track_caller]
    fn symptoms(&self, decoding: &Decoding) -> Vec<Symptom> {
        symptoms(&self.model, &self.params, &self.vocabulary, &self.split, decoding)
    }
}

/// What is found when a model describes a split.
#[track_caller]
fn symptoms<C: Cell>(
    model: &Captioner<C>,
    params: &Params,
    vocabulary: &Vocabulary,
    split: &Split,
    decoding: &Decoding,
) -> Vec<Symptom> {
    let mut engine = Engine::new();
    let pictures: Vec<usize> = (0..split.pictures.len()).collect();
    let decoded = decode_pictures(&mut engine, params, model, split, &pictures, decoding).unwrap();
    let captions: Vec<_> = best(&decoded).map(|caption| vocabulary.decode(&caption.words)).collect();
    let (_, loss) = losses(&mut engine, params, model, split, 100).unwrap();
    let exchanged = losses_of_exchanged(&mut engine, params, model, split, 100).unwrap();
    let observed = Observed {
        loss: Some(loss),
        loss_of_exchanged: exchanged.map(|(_, loss)| loss),
        ..Observed::of(&captions, &split.references, best(&decoded))
    };
    let findings = observed.diagnose();
    for finding in &findings {
        let text = finding.to_string();
        let advised = ["likely cause: ", "what to do: ", finding.symptom.name()];
        assert!(advised.iter().all(|part| text.contains(part)), "{text}");
    }
    findings.into_iter().map(|finding| finding.symptom).collect()
}

#[test]
fn a_model_that_does_not_see_says_the_same_of_all_pictures() {
    let mut broken = Broken::new();
    let shape = broken.params[broken.model.project.w].shape().clone();
    broken.params.set(broken.model.project.w, Tensor::zeros(DType::F32, &shape)).unwrap();
    let symptoms = broken.symptoms(&Decoding::default());
    assert!(symptoms.contains(&Symptom::SameCaption), "{symptoms:?}");
    assert!(symptoms.contains(&Symptom::PicturesIgnored), "{symptoms:?}");
}

#[test]
fn a_model_that_wants_unknown_words_is_found_out_whether_it_may_say_them_or_not() {
    let broken = Broken::new().bias(UNKNOWN, 20.0);
    for say_unknown in [false, true] {
        let symptoms = broken.symptoms(&Decoding { say_unknown, ..Decoding::default() });
        assert!(symptoms.contains(&Symptom::Unknown), "{symptoms:?}");
    }
}

#[test]
fn a_model_that_ends_at_once_or_never_is_named() {
    let symptoms = Broken::new().bias(END, 50.0).symptoms(&Decoding::default());
    assert!(symptoms.contains(&Symptom::TooShort), "{symptoms:?}");
    let symptoms = Broken::new().bias(END, -50.0).symptoms(&Decoding::default());
    assert!(symptoms.contains(&Symptom::TooLong), "{symptoms:?}");
}

#[test]
fn a_model_that_is_in_love_with_a_word_stutters() {
    let symptoms = Broken::new().bias(5, 50.0).symptoms(&Decoding::default());
    for expected in [Symptom::Stuttering, Symptom::PoorWords, Symptom::SameCaption, Symptom::TooLong] {
        assert!(symptoms.contains(&expected), "{expected:?} is missing in {symptoms:?}");
    }
}

#[test]
fn weights_that_are_not_finite_are_named_first() {
    let symptoms = Broken::new().bias(5, f32::NAN).symptoms(&Decoding::default());
    assert_eq!(symptoms[0], Symptom::NotFinite, "{symptoms:?}");
}

/// What is found in captions alone, all of one picture's references being `reference`.
#[track_caller]
fn check(captions: &[&str], reference: &str, expected: &[Symptom]) {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(String::from).collect();
    let captions: Vec<Vec<String>> = captions.iter().map(|text| words(text)).collect();
    let references = vec![vec![words(reference)]; captions.len()];
    let observed = Observed::of(&captions, &references, std::iter::empty());
    let found: Vec<Symptom> = observed.diagnose().into_iter().map(|finding| finding.symptom).collect();
    assert_eq!(found, expected, "{captions:?}");
}

#[test]
fn captions_alone_show_what_they_can() {
    let sound = ["a dog runs", "two dogs sit", "a man jumps high", "birds fly over trees", "a red car"];
    check(&sound, "a cat sits there", &[]);
    check(&[], "", &[]);
    check(&["a dog runs"; 4], "a cat sits there", &[]);
    check(&["a dog runs"; 6], "a cat sits there", &[Symptom::SameCaption]);
    check(&["a <UNK> runs", "<UNK> sits down"], "a cat sits there", &[Symptom::Unknown]);
    check(&["", "a"], "a cat sits there", &[Symptom::TooShort]);
    check(&["a b c d e f g h i"], "a cat sits there", &[Symptom::TooLong]);
    check(&["a dog a dog runs", "a cat"], "a cat sits there", &[Symptom::Stuttering]);
    // References that stutter themselves make it no fault.
    check(&["very very big cat"], "a very very big cat", &[]);
}

/// Says of a picture the word that its features name, and then ends.
struct Naming;

impl Cell for Naming {
    type State<'t> = Var<'t>;
    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        (h, h + x)
    }
}

#[test]
fn a_model_that_looks_is_sound_and_loses_by_an_exchange_of_pictures() {
    // Seven pictures, each of which names one of the words from 4 on.
    const V: usize = 11;
    let rows =
        |entry: fn(usize, usize) -> f64| -> Vec<f64> { (0..V * V).map(|i| entry(i / V, i % V)).collect() };
    let same = rows(|a, b| if a == b { 1.0 } else { 0.0 });
    let end_after_words = rows(|word, next| if word > 3 && next == END as usize { 20.0 } else { 0.0 });
    let settings = ModelSettings {
        input: Input::Features { width: V },
        cell: "naming".into(),
        embedding: V,
        hidden: V,
        vocabulary: V,
        picture_at_every_step: false,
        ..ModelSettings::default()
    };
    let mut params = Params::seeded(DType::F32, 1);
    let model = Captioner::with_cell(&mut params, &settings, |_| Naming);
    for (param, values) in
        [(model.embed.w, &end_after_words), (model.project.w, &same), (model.scores.affine.w, &same)]
    {
        params.set(param, Tensor::from_f64(DType::F32, [V, V], values)).unwrap();
    }
    let vocabulary = Vocabulary::new(["a", "b", "c", "d", "e", "f", "g"].map(String::from));
    let data = (4..V).flat_map(|word| (0..V).map(move |i| if i == word { 10.0 } else { 0.0 })).collect();
    let ids: Vec<i32> = (4..11).flat_map(|word| [START, word, END]).collect();
    let captions = Captions { width: 3, ids };
    let references = captions.words(&vocabulary).into_iter().map(|words| vec![words]).collect();
    let pictures = Pictures::Features { width: V, data };
    let mut split = Split { pictures, names: vec![], captions, picture_of: (0..7).collect(), references };

    assert_eq!(symptoms(&model, &params, &vocabulary, &split, &Decoding::default()), []);
    let mut engine = Engine::new();
    let (_, own) = losses(&mut engine, &params, &model, &split, 3).unwrap();
    let (_, exchanged) = losses_of_exchanged(&mut engine, &params, &model, &split, 3).unwrap().unwrap();
    // Of two tokens one is wrong by ten nats in every caption; no picture keeps its place.
    assert!(own < 1e-3 && (exchanged - 5.0).abs() < 1e-3, "{own} and {exchanged}");

    split.pictures = Pictures::Features { width: V, data: vec![0.0; V] };
    assert_eq!(losses_of_exchanged(&mut engine, &params, &model, &split, 3).unwrap(), None);
}
