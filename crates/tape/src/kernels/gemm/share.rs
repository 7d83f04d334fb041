//! Rows and columns of products, shared out to threads.

use rayon::prelude::*;

use super::product::{Parts, Product};
use crate::dtype::Real;
use crate::kernels::Threads;

/// Products of fewer multiplications than this are not worth a second thread.
pub(super) const SERIAL_BELOW: usize = 4_000_000;

/// A result that threads write disjoint parts of.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: whoever shares it sees to it that no element is touched by two threads.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn start(&self) -> *mut T {
        self.0
    }
}

/// Computes a product, on several threads where that is allowed and worth it.
///
/// # Panics
/// If a slice has not as many elements as its matrix.
pub(super) fn compute<T: Real>(product: &Product<'_, T>, out: &mut [T], threads: Threads) {
    product.check(out.len());
    let Product { m, k, n, .. } = *product;
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if product.fresh {
            out.fill(T::zero());
        }
        return;
    }
    let threads = match threads {
        Threads::All if m * k * n >= SERIAL_BELOW => rayon::current_num_threads(),
        _ => 1,
    };
    if threads == 1 {
        // SAFETY: lengths were checked, the result is borrowed mutably, and the kernels were chosen by asking
        // the processor.
        return unsafe { product.compute(out.as_mut_ptr(), 0..m, 0..n) };
    }
    shared(product, out, grid(threads, m, n, product.kernels.panel()));
}

/// Computes a product in so many parts of rows and of columns, which threads take. Lengths have been checked.
pub(super) fn shared<T: Real>(product: &Product<'_, T>, out: &mut [T], [down, across]: [usize; 2]) {
    let (n, panel) = (product.n, product.kernels.panel());
    let (rows, panels) = (Parts::new(product.m, down), Parts::new(n.div_ceil(panel), across));
    let out = Shared(out.as_mut_ptr());
    (0..down * across).into_par_iter().with_max_len(1).for_each(|cell| {
        let columns = panels.range(cell % across);
        let columns = columns.start * panel..n.min(columns.end * panel);
        // SAFETY: lengths were checked; cells have no element in common; the kernels were chosen by asking
        // the processor.
        unsafe { product.compute(out.start(), rows.range(cell / across), columns) }
    });
}

/// Into how many parts rows and columns are cut for so many threads. Of the ways that keep most of them busy it
/// is the one in which a thread reads least.
fn grid(threads: usize, m: usize, n: usize, panel: usize) -> [usize; 2] {
    (1..=threads)
        .map(|down| [down.min(m), (threads / down).min(n.div_ceil(panel))])
        .min_by_key(|[down, across]| {
            (m.div_ceil(*down) * n.div_ceil(panel).div_ceil(*across) * panel, m / down + n / across)
        })
        .expect("there is a thread")
}
