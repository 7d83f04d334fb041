//! Captioners that have learned of rendered scenes for a moment, and one that is made to look where there is light.

use caption::data::encoder::{Card, Origin};
use caption::data::picture::Fit;
use caption::data::scenes::Scenes;
use caption::data::{Captions, Dataset, END, Pictures, START, Source, Split};
use caption::model::{Architecture, Decoding, Input, ModelSettings, longest};
use caption::report::Described;
use caption::training::{Model, Recipe, SavedState, Training};
use lab::checkpoint::Checkpoint;
use tape::{DType, Tensor};

/// A cell that looks at the places of the picture.
pub const ATTENTION: Architecture = Architecture::Attention { width: 16 };

/// A transformer with as many positions as the longest caption has steps.
pub fn transformer() -> Architecture {
    let data = data();
    let positions = longest(&data.train.captions).max(longest(&data.val.captions));
    Architecture::Transformer { layers: 1, heads: 2, positions, norm_first: true }
}

pub fn data() -> Dataset {
    Scenes::small().load().unwrap()
}

/// The settings of a small captioner of some data.
pub fn small(data: &Dataset) -> ModelSettings {
    ModelSettings {
        input: Input::of(&data.train),
        embedding: 8,
        hidden: 12,
        vocabulary: data.vocabulary.len(),
        picture_at_every_step: true,
        ..ModelSettings::default()
    }
}

/// A captioner of scenes after so many steps.
pub fn trained(architecture: Architecture, steps: u64) -> Training {
    let data = data();
    let settings = ModelSettings {
        cell: "gru".into(),
        embedding: 16,
        hidden: 32,
        picture_at_every_step: architecture == Architecture::Recurrent,
        architecture,
        ..small(&data)
    };
    let recipe = Recipe { steps: steps.max(1), batch: 32, learning_rate: 5e-3, ..Recipe::default() };
    let captions = data.train.captions.len();
    let mut training = Training::new(settings, recipe, data.vocabulary, captions).unwrap();
    while training.step < steps {
        training.take_step(&data.train).unwrap();
    }
    training
}

/// A model that has learned nothing yet of what an encoder makes of pictures of 32 by 32 pixels.
pub fn untrained(input: Input, architecture: Architecture, fit: Fit) -> Model {
    let card = Card { size: Some([32, 32]), fit, ..Card::default() };
    let origin = Some(Origin { file: "encoder.onnx".into(), sha256: "0".repeat(64), card });
    let data = data();
    let settings =
        ModelSettings { input, origin, picture_at_every_step: false, architecture, ..small(&data) };
    model(&Training::new(settings, Recipe::default(), data.vocabulary, 1).unwrap())
}

/// A training, as it is read from a file.
pub fn saved(training: &Training) -> Checkpoint<SavedState> {
    let folder = tempfile::tempdir().unwrap();
    let (tensors, state) = training.saved();
    let path = folder.path().join("model.json");
    lab::checkpoint::save(&path, &tensors, &state).unwrap();
    lab::checkpoint::load(&path).unwrap()
}

/// The model of a training, as it is read from a file.
pub fn model(training: &Training) -> Model {
    Model::from_checkpoint(&saved(training)).unwrap()
}

/// Gives each number of a parameter, by its row and column, another value.
pub fn write(model: &mut Model, name: &str, value: impl Fn(usize, usize) -> f64) {
    let shape = model.params.get(name).unwrap().shape().clone();
    let columns = *shape.sizes().last().unwrap();
    let numbers: Vec<f64> = (0..shape.len()).map(|at| value(at / columns, at % columns)).collect();
    model.params.set(name, Tensor::from_f64(DType::F32, &shape, &numbers)).unwrap();
}

/// A model that looks where a pixel at the corner of a place is light. Of each window its net keeps the first channel of the
/// pixel in the middle, which is at twice the window's own place, so that after three nets of stride 2 a place of the map is that
/// of each eighth pixel; and attention scores by nothing else: 10 tanh(10) against 0.
pub fn attending_to_light() -> Model {
    let mut model = model(&trained(ATTENTION, 0));
    for (number, channels) in [3, 16, 32].into_iter().enumerate() {
        let kept = |row, column| f64::from(u8::from(row == 4 * channels && column == 0));
        write(&mut model, &format!("vision/conv{number}/w"), kept);
        write(&mut model, &format!("vision/conv{number}/b"), |_, _| 0.0);
    }
    let first = |row, column| if (row, column) == (0, 0) { 10.0 } else { 0.0 };
    write(&mut model, "attention/wk", first);
    write(&mut model, "attention/v", first);
    write(&mut model, "attention/wq", |_, _| 0.0);
    model
}

/// A black picture of 32 rows and so many columns, in whose middle square the place at a row and column of 4 by 4 is white.
pub fn light(columns: usize, [row, column]: [usize; 2]) -> Vec<u8> {
    let left = (columns - 32) / 2 + 8 * column;
    let white = |at: usize| {
        (8 * row..8 * row + 8).contains(&(at / columns)) && (left..left + 8).contains(&(at % columns))
    };
    (0..32 * columns).flat_map(|at| [if white(at) { 255 } else { 0 }; 3]).collect()
}

/// Makes a model go on until it is cut off.
pub fn never_ending(mut model: Model) -> Model {
    let end = END as usize;
    write(&mut model, "scores/b", |_, word| if word == end { -1e3 } else { 0.0 });
    model
}

/// A split of pictures of 32 by 32 pixels, each with one caption of one word.
pub fn of_one_word(pictures: &[Vec<u8>]) -> Split {
    let count = pictures.len();
    Split {
        pictures: Pictures::Pixels { height: 32, width: 32, data: pictures.concat() },
        names: (0..count).map(|number| number.to_string()).collect(),
        captions: Captions { width: 3, ids: [START, 4, END].repeat(count) },
        picture_of: (0..count).collect(),
        references: vec![vec![vec!["a".into()]]; count],
    }
}

/// What a model says of a split, with where it looked.
pub fn described_with_attention(model: &mut Model, split: &Split, decoding: &Decoding) -> Described {
    let Model { engine, params, captioner, vocabulary, .. } = model;
    let mut described = Described::of(engine, params, captioner, vocabulary, split, decoding, &[]).unwrap();
    let all: Vec<usize> = (0..split.pictures.len()).collect();
    described.add_attention(engine, params, captioner, vocabulary, split, &all).unwrap();
    described
}
