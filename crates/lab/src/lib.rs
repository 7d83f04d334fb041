//! Runs, checkpoints and progress of unspool, and the laboratory of cells.
//!
//! The modules in the order to read them:
//!
//! 1. [`files`]: a file is there whole or not at all, and every error names its path.
//! 2. [`tensors`]: named tensors as the bytes of a `safetensors` file, and back.
//! 3. [`checkpoint`]: tensors and the state of a run as a pair of files that cannot be torn apart.
//! 4. [`checkpoints`]: the newest checkpoints of a run, and the way back when the last one is damaged.
//! 5. [`run_dir`]: the folder of one run: its settings, its metrics, its checkpoints.
//! 6. [`progress`]: what a person sees while it runs.
//! 7. [`tasks`]: problems about sequences, each with what is reached without understanding it.
//! 8. [`sequence_model`]: a cell between a task's inputs and its answers.
//! 9. [`behaviour`]: why a cell behaves as it does.
//! 10. [`compare`]: cells side by side on tasks.
//! 11. [`report`]: what a comparison has shown, as one page and as tables.
#![deny(missing_docs)]

pub mod behaviour;
pub mod checkpoint;
pub mod checkpoints;
pub mod compare;
pub mod files;
pub mod progress;
pub mod report;
pub mod run_dir;
pub mod sequence_model;
pub mod tasks;
pub mod tensors;
