//! How long a step takes, how large its gradients are, and what memory the process has held.

use std::time::{Duration, Instant};

/// The seconds that each of at least so many steps takes, as many as fit into a time; sorted.
pub fn repeat<T>(least: usize, seconds: f64, mut step: impl FnMut() -> T) -> Vec<f64> {
    let long = Duration::from_secs_f64(seconds.max(0.0));
    // What is planned, allocated and paged in once is not part of a step.
    (0..2).for_each(|_| _ = step());
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < least || start.elapsed() < long {
        let begin = Instant::now();
        std::hint::black_box(step());
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

/// The sum of the squares.
pub fn square(elements: &[f32]) -> f64 {
    elements.iter().map(|x| f64::from(*x).powi(2)).sum()
}

/// The most memory that this process has held, where the system tells.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}
