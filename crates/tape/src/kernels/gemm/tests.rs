//! Products against plain loops, and equal bits however they are computed.

use super::product::{Product, Right};
use super::{add_product, pack, packed_len, product, product_packed, share};
use crate::dtype::Real;
use crate::kernels::Threads;
use crate::kernels::simd::Level;
use crate::ops::{Dot, ProductSize};

/// Sizes that end everywhere inside tiles, panels and vectors, and go over bands, depths and strips.
const SIZES: [[usize; 3]; 14] = [
    [1, 1, 1],
    [3, 5, 2],
    [4, 16, 16],
    [1, 40, 77],
    [77, 40, 1],
    [14, 3, 32],
    [15, 64, 31],
    [29, 513, 33],
    [6, 30, 130],
    [130, 7, 49],
    [70, 1024, 520],
    [300, 20, 65],
    [257, 600, 20],
    [66, 9, 1100],
];

fn dots() -> impl Iterator<Item = Dot> {
    (0..4).map(|flags| Dot { transpose_left: flags & 1 == 1, transpose_right: flags & 2 == 2 })
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| *level <= Level::of_processor())
}

fn spread<T: Real>(len: usize, step: f64) -> Vec<T> {
    (0..len).map(|i| T::from_f64(((i + 1) as f64 * step).fract() - 0.5)).collect()
}

/// Operands, and what is in the result before.
struct Case<T> {
    dot: Dot,
    size: [usize; 3],
    left: Vec<T>,
    right: Vec<T>,
    before: Vec<T>,
}

impl<T: Real> Case<T> {
    fn new(dot: Dot, [m, k, n]: [usize; 3]) -> Self {
        let (left, right) = (spread(m * k, 0.618), spread(k * n, 0.755));
        Case { dot, size: [m, k, n], left, right, before: spread(m * n, 0.414) }
    }

    /// The elements of a chain of multiply-adds in the order of the inner index, which is the law.
    fn chains(&self, fresh: bool, multiply_add: impl Fn(T, T, T) -> T) -> Vec<T> {
        let [m, k, n] = self.size;
        let left =
            |i: usize, l: usize| self.left[if self.dot.transpose_left { l * m + i } else { i * k + l }];
        let right =
            |l: usize, j: usize| self.right[if self.dot.transpose_right { j * k + l } else { l * n + j }];
        let element = |at: usize| {
            let start = if fresh { T::zero() } else { self.before[at] };
            (0..k).fold(start, |sum, l| multiply_add(left(at / n, l), right(l, at % n), sum))
        };
        (0..m * n).map(element).collect()
    }

    fn product(&self, level: Level, fresh: bool) -> Product<'_, T> {
        let [m, k, n] = self.size;
        let (kernels, left_transposed) = (T::kernels(level), self.dot.transpose_left);
        let right = Right::plain(&self.right, self.dot.transpose_right);
        Product { kernels, m, k, n, left: &self.left, left_transposed, right, fresh }
    }

    fn compute(&self, level: Level, fresh: bool) -> Vec<T> {
        let mut out = self.before.clone();
        share::compute(&self.product(level, fresh), &mut out, Threads::One);
        out
    }
}

fn check_chains<T: Real>() {
    for (dot, size) in SIZES.iter().flat_map(|size| dots().map(move |dot| (dot, *size))) {
        let case = Case::<T>::new(dot, size);
        for fresh in [true, false] {
            let fused = case.chains(fresh, |a, b, sum| a.mul_add(b, sum));
            let rounded = case.chains(fresh, |a, b, sum| a * b + sum);
            for level in levels() {
                let fuses =
                    level > Level::Baseline || cfg!(any(target_arch = "aarch64", target_feature = "fma"));
                let expected = if fuses { &fused } else { &rounded };
                assert!(case.compute(level, fresh) == *expected, "{level:?} {dot:?} {size:?} {fresh}");
            }
        }
    }
}

#[test]
fn every_element_is_the_chain_of_its_multiply_adds_by_all_instructions() {
    check_chains::<f32>();
    check_chains::<f64>();
}

#[test]
fn the_functions_of_the_engine_agree_with_plain_sums() {
    for (dot, size) in SIZES.iter().flat_map(|size| dots().map(move |dot| (dot, *size))) {
        let case = Case::<f64>::new(dot, size);
        let [m, k, n] = size;
        let (mut out, mut sum) = (vec![f64::NAN; m * n], case.before.clone());
        let (left, right) = (&case.left, &case.right);
        product(dot, ProductSize { batch: 1, m, k, n }, left, right, &mut out, Threads::All);
        add_product(dot, size, left, right, &mut sum);
        let expected = case.chains(true, |a, b, sum| a * b + sum);
        for (at, expected) in expected.into_iter().enumerate() {
            assert!((out[at] - expected).abs() < 1e-12, "{dot:?} {size:?}");
            assert!((sum[at] - case.before[at] - expected).abs() < 1e-12, "{dot:?} {size:?}");
        }
    }
}

#[test]
fn a_packed_operand_gives_the_same_bits() {
    for (dot, size) in SIZES.iter().flat_map(|size| dots().map(move |dot| (dot, *size))) {
        let case = Case::<f32>::new(dot, size);
        let [m, k, n] = size;
        let mut packed = vec![f32::NAN; packed_len::<f32>(k, n)];
        pack(k, n, &case.right, dot.transpose_right, &mut packed);
        let mut out = vec![f32::NAN; m * n];
        product_packed(dot.transpose_left, size, &case.left, &packed, &mut out, Threads::One);
        assert!(out == case.compute(Level::of_processor(), true), "{dot:?} {size:?}");
    }
}

#[test]
fn some_rows_are_the_rows_of_the_whole() {
    let [m, k, n] = [61, 530, 75];
    let plain = Dot { transpose_left: false, transpose_right: true };
    let whole = Case::<f32>::new(plain, [m, k, n]);
    for level in levels() {
        let expected = whole.compute(level, true);
        for (first, rows) in [(0, 1), (3, 25), (60, 1), (10, 51), (5, 4)] {
            let left = whole.left[first * k..][..rows * k].to_vec();
            let (right, before) = (whole.right.clone(), vec![0.0; rows * n]);
            let some = Case { dot: plain, size: [rows, k, n], left, right, before };
            assert!(
                some.compute(level, true) == expected[first * n..][..rows * n],
                "{level:?} {first} {rows}"
            );
        }
    }
}

#[test]
fn threads_and_the_way_parts_are_cut_do_not_change_bits() {
    for dot in dots() {
        let case = Case::<f32>::new(dot, [301, 150, 205]);
        let [m, k, n] = case.size;
        let expected = case.compute(Level::of_processor(), true);
        let size = ProductSize { batch: 1, m, k, n };
        for threads in [1, 2, 3, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut out = vec![f32::NAN; m * n];
            pool.install(|| product(dot, size, &case.left, &case.right, &mut out, Threads::All));
            assert!(out == expected, "{dot:?}, {threads} threads");
        }
        for level in levels() {
            for parts in [[1, 1], [7, 1], [1, 3], [4, 2], [301, 4]] {
                let mut out = vec![f32::NAN; m * n];
                share::shared(&case.product(level, true), &mut out, parts);
                assert!(out == case.compute(level, true), "{dot:?} {level:?} {parts:?}");
            }
        }
    }
}

#[test]
fn a_batch_is_its_products_for_any_number_of_threads() {
    let dot = Dot { transpose_left: true, transpose_right: false };
    // The second is enough work to be shared out.
    for (batch, [m, k, n]) in [(4, [5, 7, 3]), (150, [31, 30, 29])] {
        let (left, right) = (spread::<f32>(batch * m * k, 0.618), spread::<f32>(batch * k * n, 0.755));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut out = vec![f32::NAN; batch * m * n];
            let size = ProductSize { batch, m, k, n };
            pool.install(|| product(dot, size, &left, &right, &mut out, Threads::All));
            for p in 0..batch {
                let (left, right) = (&left[p * m * k..][..m * k], &right[p * k * n..][..k * n]);
                let mut one = vec![0.0; m * n];
                add_product(dot, [m, k, n], left, right, &mut one);
                assert_eq!(out[p * m * n..][..m * n], one);
            }
        }
    }
}

#[test]
fn empty_products_are_zero_or_leave_what_is_there() {
    let dot = Dot { transpose_left: false, transpose_right: false };
    let mut out = [f32::NAN; 6];
    product(dot, ProductSize { batch: 1, m: 2, k: 0, n: 3 }, &[], &[], &mut out, Threads::All);
    assert_eq!(out, [0.0; 6]);
    let mut out = [1.5_f64; 6];
    add_product(dot, [2, 0, 3], &[], &[], &mut out);
    assert_eq!(out, [1.5; 6]);
    product_packed::<f32>(false, [0, 4, 3], &[], &vec![0.0; packed_len::<f32>(4, 3)], &mut [], Threads::All);
    add_product::<f32>(dot, [3, 4, 0], &[0.0; 12], &[], &mut []);
}

#[test]
#[should_panic(expected = "do not fit a product")]
fn a_packed_operand_of_another_size_is_refused() {
    product_packed::<f32>(false, [1, 2, 3], &[0.0; 2], &[0.0; 5], &mut [0.0; 3], Threads::One);
}
