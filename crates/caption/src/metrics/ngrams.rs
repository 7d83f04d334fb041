//! Runs of words and how often they occur.

use std::collections::BTreeMap;

/// The longest runs that any metric here looks at.
pub(super) const ORDERS: usize = 4;

/// How often each run of `order` words occurs; sorted, so that sums over it come out the same every time.
pub(super) fn count_ngrams(words: &[String], order: usize) -> BTreeMap<&[String], usize> {
    let mut counts = BTreeMap::new();
    for ngram in words.windows(order) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}
