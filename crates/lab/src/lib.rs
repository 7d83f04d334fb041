//! Runs, checkpoints and progress of unspool, and the laboratory of cells.
//!
//! The modules in the order to read them:
//!
//! 1. [`files`]: a file is there whole or not at all, and every error names its path.
//! 2. [`tensors`]: named tensors as the bytes of a `safetensors` file, and back.
//! 3. [`weights`]: the tensors of a model as one such file, for other programs and from them.
//! 4. [`checkpoint`]: tensors and the state of a run as a pair of files that cannot be torn apart.
//! 5. [`checkpoints`]: the newest checkpoints of a run, and the way back when the last one is damaged.
//! 6. [`metrics`]: metrics under flat names, as a table for spreadsheets, and as numbers again.
//! 7. [`events`]: the same as event files for TensorBoard.
//! 8. [`run_dir`]: the folder of one run: its settings, its metrics, its checkpoints.
//! 9. [`progress`]: what a person sees while it runs.
//! 10. [`tasks`]: problems about sequences, each with what is reached without understanding it.
//! 11. [`sequence_model`]: a cell between a task's inputs and its answers.
//! 12. [`behaviour`]: why a cell behaves as it does.
//! 13. [`timing`]: how fast cells are, in turns.
//! 14. [`ranks`]: the processes that one command line has started, and what they agree on.
//! 15. [`compare`]: cells side by side on tasks.
//! 16. [`report`]: what a comparison has shown, as one page and as tables.
//! 17. [`statistics`]: means, deviations, ranges, Welch's t-test, Holm's correction.
//! 18. [`program`]: all of it from a command line, for cells of one's own too.
#![deny(missing_docs)]

pub mod behaviour;
pub mod checkpoint;
pub mod checkpoints;
pub mod compare;
pub mod events;
pub mod files;
pub mod metrics;
pub mod program;
pub mod progress;
pub mod ranks;
pub mod report;
pub mod run_dir;
pub mod sequence_model;
pub mod statistics;
pub mod tasks;
pub mod tensors;
pub mod timing;
pub mod weights;
