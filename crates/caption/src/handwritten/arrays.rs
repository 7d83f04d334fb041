//! The few things that all formulas do with their arrays.

use super::Real;

/// Panics unless an array has as many elements as its shape says.
#[track_caller]
pub(super) fn expect_len<T>(name: &str, array: &[T], shape: &[usize]) {
    let needed: usize = shape.iter().product();
    assert!(
        array.len() == needed,
        "`{name}` has {} elements where shape {shape:?} needs {needed}",
        array.len()
    );
}

/// Panics unless every index is one of `count` rows.
#[track_caller]
pub(super) fn expect_indices(name: &str, indices: &[i32], count: usize) {
    for index in indices {
        let fits = usize::try_from(*index).is_ok_and(|index| index < count);
        assert!(fits, "`{name}` holds the index {index}, which is none of {count} rows");
    }
}

/// An array of zeros.
pub(super) fn zeros<F: Real>(len: usize) -> Vec<F> {
    vec![F::zero(); len]
}

/// `n` copies of a row, one below another.
pub(super) fn repeat_row<F: Real>(row: &[F], n: usize) -> Vec<F> {
    row.repeat(n)
}

/// The sum over rows of an array of (n, columns); the gradient of [`repeat_row`].
pub(super) fn sum_rows<F: Real>(array: &[F], columns: usize) -> Vec<F> {
    let mut sum = zeros(columns);
    for row in array.chunks_exact(columns.max(1)) {
        add(&mut sum, row);
    }
    sum
}

/// `sum += term`, element by element.
pub(super) fn add<F: Real>(sum: &mut [F], term: &[F]) {
    for (sum, term) in sum.iter_mut().zip(term) {
        *sum += *term;
    }
}

/// `x[:, step, :]`: from (n, t, width) the vectors of one time step, (n, width).
pub(super) fn time_step<F: Real>(x: &[F], [n, t, width]: [usize; 3], step: usize) -> Vec<F> {
    (0..n).flat_map(|row| x[(row * t + step) * width..][..width].iter().copied()).collect()
}

/// `x[:, step, :] = value`: puts (n, width) into its place in (n, t, width).
pub(super) fn set_time_step<F: Real>(x: &mut [F], [n, t, width]: [usize; 3], step: usize, value: &[F]) {
    for row in 0..n {
        x[(row * t + step) * width..][..width].copy_from_slice(&value[row * width..][..width]);
    }
}
