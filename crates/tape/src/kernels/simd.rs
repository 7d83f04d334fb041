//! Compiles a loop for the widest vectors that the machine at hand has, chosen when it runs.
//!
//! A method that is inlined into a function with a target feature is compiled with that feature. So a
//! plain loop over slices is written once, and becomes AVX-512, AVX2 or baseline code. It is a method
//! of a [`Job`] and not a closure, since only a method can be told to be inlined always.
#![allow(unsafe_code, reason = "functions with target features are called after asking the processor")]

use std::sync::OnceLock;

/// Which instructions a loop was compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Width {
    /// What every machine of the target has.
    Baseline,
    /// Fused multiply-add and vectors of 128 bits or more.
    Wide,
}

/// Instructions that kernels with intrinsics are written for, each with all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// What every machine of the target has.
    Baseline,
    /// Vectors of 256 bits and fused multiply-add.
    Avx2,
    /// Vectors of 512 bits.
    Avx512,
}

impl Level {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];

    /// The most that the processor has. It is asked once: small kernels run for less time than the questions take.
    pub(crate) fn of_processor() -> Level {
        static FOUND: OnceLock<Level> = OnceLock::new();
        *FOUND.get_or_init(Level::asked)
    }

    fn asked() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Baseline
    }
}

/// A loop that is to be compiled for several widths; `run` must be `#[inline(always)]`.
pub(crate) trait Job {
    /// Runs the loop. It is told whether there is more than the baseline, where a fused multiply-add would
    /// be a call.
    fn run(self, width: Width);
}

/// Runs a loop, compiled for the widest vectors there are.
pub(crate) fn widest(job: impl Job) {
    run_at(Level::of_processor(), job);
}

/// Runs a loop, compiled for these vectors, or for what there is if the processor has less.
pub(crate) fn run_at(level: Level, job: impl Job) {
    #[cfg(target_arch = "x86_64")]
    match level.min(Level::of_processor()) {
        // SAFETY: the processor has just said that it has these instructions.
        Level::Avx512 => return unsafe { avx512(job) },
        // SAFETY: the processor has just said that it has these instructions.
        Level::Avx2 => return unsafe { avx2(job) },
        Level::Baseline => {}
    }
    let _ = level;
    // Every 64-bit ARM processor has vectors and a fused multiply-add.
    job.run(if cfg!(target_arch = "aarch64") { Width::Wide } else { Width::Baseline });
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn avx512(job: impl Job) {
    job.run(Width::Wide);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(job: impl Job) {
    job.run(Width::Wide);
}
