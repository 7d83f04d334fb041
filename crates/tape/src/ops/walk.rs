//! Walking over arrays in row-major order while following another layout.

use smallvec::SmallVec;

use crate::shape::Shape;

/// Distances between neighbours along each axis.
pub(crate) type Strides = SmallVec<[usize; 6]>;

/// The strides of a contiguous array.
pub(crate) fn contiguous(sizes: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(1, sizes.len());
    for axis in (1..sizes.len()).rev() {
        strides[axis - 1] = strides[axis] * sizes[axis];
    }
    strides
}

/// The strides that repeat an array of shape `narrow` over `wide`: 0 along the repeated axes.
pub(crate) fn broadcast(narrow: &Shape, wide: &Shape) -> Strides {
    let own = contiguous(&narrow.sizes());
    let missing = wide.rank() - narrow.rank();
    (0..wide.rank())
        .map(|axis| match axis.checked_sub(missing) {
            Some(inner) if narrow.dim(inner) != 1 => own[inner],
            _ => 0,
        })
        .collect()
}

/// Visits the elements of an array of the given sizes in row-major order, one innermost run at a time:
/// `visit(start, stride, count)` stands for the offsets `start, start + stride, …`, `count` of them.
pub(crate) fn runs(sizes: &[usize], strides: &[usize], mut visit: impl FnMut(usize, usize, usize)) {
    if sizes.contains(&0) {
        return;
    }
    let Some((count, outer_sizes)) = sizes.split_last() else {
        return visit(0, 1, 1);
    };
    let (stride, outer_strides) = (strides[sizes.len() - 1], &strides[..outer_sizes.len()]);
    let mut index: Strides = SmallVec::from_elem(0, outer_sizes.len());
    let mut start = 0;
    loop {
        visit(start, stride, *count);
        // Advance the outer index like an odometer; the innermost outer axis turns fastest.
        let mut axis = outer_sizes.len();
        loop {
            let Some(turning) = axis.checked_sub(1) else { return };
            axis = turning;
            index[axis] += 1;
            start += outer_strides[axis];
            if index[axis] < outer_sizes[axis] {
                break;
            }
            start -= outer_strides[axis] * outer_sizes[axis];
            index[axis] = 0;
        }
    }
}

/// The offsets that [`runs`] visits, one by one.
pub(crate) fn each(sizes: &[usize], strides: &[usize], mut visit: impl FnMut(usize)) {
    runs(sizes, strides, |start, stride, count| (0..count).for_each(|i| visit(start + i * stride)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_follows_strides_in_row_major_order() {
        let check = |sizes: &[usize], strides: &[usize], expected: &[usize]| {
            let mut seen = Vec::new();
            each(sizes, strides, |offset| seen.push(offset));
            assert_eq!(seen, expected);
        };
        check(&[2, 3], &[3, 1], &[0, 1, 2, 3, 4, 5]);
        check(&[3, 2], &[1, 3], &[0, 3, 1, 4, 2, 5]);
        check(&[2, 2], &[0, 1], &[0, 1, 0, 1]);
        check(&[], &[], &[0]);
        check(&[2, 0], &[0, 1], &[]);
    }
}
