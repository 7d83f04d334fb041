//! Changed copies of seeds: what a fuzzer does without looking at what is reached, from a fixed seed.

/// Draws changed copies of seeds.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

/// Numbers that headers are wrong with.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX];

/// Texts that formats are wrong with: extents of a terabyte and more, ends, openings, and bytes that are no UTF-8.
const TEXTS: [&[u8]; 12] = [
    b"1000000000000",
    b"18446744073709551615",
    b"4611686018427387904",
    b"-1",
    b"0",
    b"[[[[[[[[",
    b"{}",
    b"\"",
    b"null",
    b"../../../etc/passwd",
    b"\r\n",
    b"\xff\xfe\xf0\x9f",
];

impl Mutator {
    /// Changed copies of some seeds, always the same ones for a number.
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Mutator {
        Mutator { state: number, seeds }
    }

    /// A number below a bound that is not 0: a step of SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            3 => {
                let text = TEXTS[self.below(TEXTS.len())];
                let end = if self.below(2) == 0 { at } else { end };
                bytes.splice(at..end, text.iter().copied());
            }
            4 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                let width = (1 << self.below(4)).min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            5 if at < bytes.len() => bytes[at] = self.below(256) as u8,
            6 => {
                // The end of another seed.
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&self.seeds[other][from..]);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            _ => bytes.push(self.below(256) as u8),
        }
    }
}

impl Iterator for Mutator {
    type Item = Vec<u8>;

    /// The next copy, changed in one to four ways; there is always one.
    fn next(&mut self) -> Option<Vec<u8>> {
        let chosen = self.below(self.seeds.len());
        let mut bytes = self.seeds[chosen].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}
