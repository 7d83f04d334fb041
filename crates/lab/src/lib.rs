//! Runs, checkpoints and progress of unspool.
//!
//! The modules in the order to read them:
//!
//! 1. [`files`]: a file is there whole or not at all, and every error names its path.
//! 2. [`tensors`]: named tensors as the bytes of a `safetensors` file, and back.
//! 3. [`weights`]: the tensors of a model as one such file, for other programs and from them.
//! 4. [`checkpoint`]: tensors and the state of a run as a pair of files that cannot be torn apart.
//! 5. [`checkpoints`]: the newest checkpoints of a run, and the way back when the last one is damaged.
//! 6. [`run_dir`]: the folder of one run: its settings, its metrics, its checkpoints.
//! 7. [`progress`]: what a person sees while it runs.
#![deny(missing_docs)]

pub mod checkpoint;
pub mod checkpoints;
pub mod files;
pub mod progress;
pub mod run_dir;
pub mod tensors;
pub mod weights;
