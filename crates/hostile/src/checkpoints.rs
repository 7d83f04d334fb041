//! Checkpoints: their records, and what is made of states and tensors.

use std::sync::OnceLock;

use caption::data::Vocabulary;
use caption::model::{Input, ModelSettings};
use caption::training::{Draw, Model, Recipe, SavedState, Schedule, Training};

use crate::{halves, place};

/// A small captioner that sees pixels and has learned nothing.
fn training() -> Training {
    let vocabulary = Vocabulary::new(["a", "dog", "runs"].map(String::from));
    let settings = ModelSettings {
        input: Input::Pixels { height: 4, width: 4 },
        embedding: 2,
        hidden: 3,
        vocabulary: vocabulary.len(),
        ..ModelSettings::default()
    };
    let recipe = Recipe {
        steps: 1,
        batch: 1,
        learning_rate: 1e-3,
        schedule: Schedule::Constant,
        clip: None,
        seed: 1,
        draw: Draw::Epochs,
        ..Recipe::default()
    };
    Training::new(settings, recipe, vocabulary, 2).expect("the settings fit each other")
}

/// The files of its checkpoint: the record, and the tensors.
fn checkpoint_files() -> &'static [Vec<u8>; 2] {
    static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let training = training();
        let (tensors, state) = training.saved();
        let path = folder.path().join("model.json");
        lab::checkpoint::save(&path, &tensors, &state).expect("it can be saved");
        let names = lab::files::list_folder(folder.path()).expect("it is a folder");
        let file = names.iter().find(|name| name.ends_with(".safetensors")).expect("tensors were saved");
        [path.clone(), folder.path().join(file)].map(|path| std::fs::read(path).expect("it was written"))
    })
}

/// The captioner as it is loaded.
pub fn model() -> Model {
    let [record, tensors] = checkpoint_files();
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let path = folder.path().join("model.json");
    std::fs::write(&path, record).expect("there is space");
    std::fs::write(folder.path().join(tensors_name(record)), tensors).expect("there is space");
    Model::load(&path).expect("it is as it was saved")
}

/// The file of tensors that a record names.
fn tensors_name(record: &[u8]) -> String {
    let record: serde_json::Value = serde_json::from_slice(record).expect("a record is JSON");
    record["tensors"]["file"].as_str().expect("a record names its tensors").to_string()
}

/// Loads a checkpoint. The bytes are its state, an empty line, and its tensors; the checksums are made to fit, or nothing
/// else would ever be read.
pub fn checkpoint(bytes: &[u8]) {
    let (state, tensors) = halves(bytes);
    let crc32 = |bytes: &[u8]| format!("{:08x}", crc32fast::hash(bytes));
    let head = format!(
        "{{\"format\":1,\"tensors\":{{\"file\":\"model.safetensors\",\"bytes\":{},\"crc32\":\"{}\"}},\"state_crc32\":\"{}\",\"state\":",
        tensors.len(),
        crc32(tensors),
        crc32(state.trim_ascii())
    );
    place::file("model.safetensors", tensors);
    let path = place::file("model.json", &[head.as_bytes(), state, b"}"].concat());
    if let Ok(found) = lab::checkpoint::load::<SavedState>(&path) {
        let _ = Model::from_checkpoint(&found);
        let _ = Training::resumed(&found);
    }
}

/// The state and the tensors of a captioner.
pub fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let [record, tensors] = checkpoint_files();
    let record: serde_json::Value = serde_json::from_slice(record).expect("a record is JSON");
    vec![[record["state"].to_string().as_bytes(), b"\n\n", tensors].concat()]
}

/// Loads bytes as the record of a checkpoint whose tensors lie beside it.
pub fn record(bytes: &[u8]) {
    let [written, tensors] = checkpoint_files();
    place::file(&tensors_name(written), tensors);
    let path = place::file("record.json", bytes);
    let _ = lab::checkpoint::load::<SavedState>(&path);
}

/// The record of a captioner.
pub fn record_seeds() -> Vec<Vec<u8>> {
    vec![checkpoint_files()[0].clone()]
}
