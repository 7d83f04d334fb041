//! A sum over parts in an order that depends on their number alone: a tree of pairs.
//!
//! ```text
//! 0   1   2   3   4        block i of level l is the sum of the parts i 2^l .. (i+1) 2^l
//!  \ /     \ /    |
//! (1,0)   (1,1) (1,2)      a block without a neighbour on the right is that of the next level too
//!    \     /      |
//!     (2,0)     (2,1)
//!        \_______/
//!          (3,0)
//! ```
//!
//! Whoever has neighbouring parts adds up the blocks that lie within them; whoever has the blocks of all adds up these. Either way
//! the same pairs are added.

use std::collections::BTreeMap;
use std::ops::Range;

/// A block by its level and number.
pub(super) type Key = (u32, usize);

/// Sums of some blocks of parts.
#[derive(Clone, Debug)]
pub(super) struct Blocks<T> {
    parts: usize,
    sums: BTreeMap<Key, T>,
}

impl<T> Blocks<T> {
    /// No sums yet, of so many parts.
    pub fn new(parts: usize) -> Blocks<T> {
        Blocks { parts, sums: BTreeMap::new() }
    }

    /// Takes a block and adds up what can be.
    pub fn put(&mut self, key: Key, sum: T, mut add: impl FnMut(&mut T, T)) {
        let (mut key, mut sum) = (key, sum);
        loop {
            let (level, index) = key;
            let count = self.parts.div_ceil(1 << level);
            let neighbour = (level, index ^ 1);
            if count <= 1 {
                break;
            } else if neighbour.1 < count {
                let Some(other) = self.sums.remove(&neighbour) else { break };
                // The left one first: sums of two are the same either way, but NaNs need not be.
                let (mut left, right) = if index < neighbour.1 { (sum, other) } else { (other, sum) };
                add(&mut left, right);
                sum = left;
            }
            key = (level + 1, index / 2);
        }
        self.sums.insert(key, sum);
    }

    /// The sums there are, in the order of their keys.
    pub fn into_sums(self) -> impl Iterator<Item = (Key, T)> {
        self.sums.into_iter()
    }
}

/// The blocks that whoever has some neighbouring parts holds.
pub(super) fn held(parts: usize, range: Range<usize>) -> Vec<Key> {
    let mut blocks = Blocks::new(parts);
    range.for_each(|part| blocks.put((0, part), (), |_, ()| ()));
    blocks.into_sums().map(|(key, ())| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(left: &mut String, right: String) {
        *left = format!("({left}{right})");
    }

    fn sum(parts: usize, ranks: usize) -> String {
        let mut all = Blocks::new(parts);
        for rank in 0..ranks {
            let range = rank * parts / ranks..(rank + 1) * parts / ranks;
            let mut own = Blocks::new(parts);
            range.clone().for_each(|part| own.put((0, part), part.to_string(), add));
            let keys: Vec<Key> = own.clone().into_sums().map(|(key, _)| key).collect();
            assert_eq!(keys, held(parts, range));
            own.into_sums().for_each(|(key, sum)| all.put(key, sum, add));
        }
        let sums: Vec<String> = all.into_sums().map(|(_, sum)| sum).collect();
        assert_eq!(sums.len(), 1, "{parts} parts of {ranks} ranks: {sums:?}");
        sums.concat()
    }

    #[test]
    fn the_same_pairs_are_added_however_many_add_them() {
        assert_eq!(sum(5, 1), "(((01)(23))4)");
        assert_eq!(sum(6, 1), "(((01)(23))(45))");
        for parts in 1..14 {
            for ranks in 2..16 {
                assert_eq!(sum(parts, ranks), sum(parts, 1), "{parts} parts, {ranks} ranks");
            }
        }
    }
}
