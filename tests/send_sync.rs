//! What may be sent to another thread and shared with it, as ARCHITECTURE.md says under "Threads". The compiler is the test.

use std::error::Error;

use unspool::tape::{self, plan::Plan, program::Program, tensor};
use unspool::{caption, lab, nn};

/// Whoever has one may send it and share it.
fn shared<T: Send + Sync>() {}

/// Whoever has one may send it.
fn sent<T: Send>() {}

/// An error that `?` turns into any other, also one that comes from another thread.
fn error<T: Error + Send + Sync + 'static>() {}

#[test]
fn values_programs_and_plans_are_shared() {
    shared::<tape::Tensor>();
    shared::<tensor::Slice<'_>>();
    shared::<tape::Shape>();
    shared::<tape::Packing>();
    shared::<tape::Graph>();
    shared::<Program>();
    shared::<Plan>();
    shared::<tape::Profile>();
    shared::<tape::PackedMatrix<f32>>();
    shared::<tape::Custom>();
    // What runs programs has an arena of its own, and goes to the thread that it runs on.
    sent::<tape::Engine>();
}

#[test]
fn weights_and_models_are_shared() {
    shared::<nn::Params>();
    shared::<nn::Param>();
    shared::<nn::Layout>();
    shared::<nn::AnyCell>();
    shared::<nn::NamedCell>();
    shared::<nn::Lstm>();
    shared::<nn::TransformerDecoder>();
    sent::<nn::Trainer<nn::Adam>>();
    shared::<lab::sequence_model::SequenceModel>();
    shared::<caption::model::Captioner<nn::AnyCell>>();
}

#[test]
fn data_tasks_and_results_are_shared() {
    shared::<Box<dyn lab::tasks::Task>>();
    shared::<lab::compare::Comparison>();
    shared::<lab::compare::Record>();
    shared::<caption::data::Dataset>();
    shared::<caption::data::Vocabulary>();
    shared::<caption::training::Recipe>();
    sent::<lab::run_dir::RunDir>();
    sent::<caption::training::Training>();
}

#[test]
fn errors_are_errors_everywhere() {
    error::<tape::ShapeError>();
    error::<tape::RunError>();
    error::<tape::text::ParseError>();
    error::<tape::check::CheckError>();
    error::<nn::ParamError>();
    error::<nn::TrainError>();
    error::<nn::PyTorchError>();
    error::<nn::CellFault>();
    error::<nn::check::CheckError>();
    error::<lab::files::FileError>();
    error::<lab::tasks::TaskError>();
    error::<lab::behaviour::BehaviourError>();
    error::<lab::compare::CompareError>();
    error::<caption::data::DataError>();
    error::<caption::error::Error>();
}
