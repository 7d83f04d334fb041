//! How the sum of a bucket over all parts comes about; runs beside the program, on the thread that speaks with the other ranks.

use std::ops::Range;

use tape::tensor::Slice;
use tape::{DType, Tensor};

use super::bytes::{from_bytes, to_bytes};
use super::collective::Collective;
use super::tree::{Blocks, held};

/// How parts are shared out and added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sharing {
    pub parts: usize,
    pub ranks: usize,
    /// Whether the order of additions depends on the number of parts alone.
    pub fixed: bool,
}

impl Sharing {
    /// The parts of a rank.
    pub fn of(&self, rank: usize) -> Range<usize> {
        rank * self.parts / self.ranks..(rank + 1) * self.parts / self.ranks
    }

    /// The share of `len` numbers that a rank adds up for all.
    fn chunk(&self, rank: usize, len: usize) -> Range<usize> {
        rank * len / self.ranks..(rank + 1) * len / self.ranks
    }
}

/// Rows that a part adds to a table.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub indices: Vec<i32>,
    /// (N, width), flat.
    pub rows: Tensor,
}

/// Numbers of one's own, flat.
pub(super) fn copied(numbers: Slice<'_>) -> Tensor {
    let mut copy = Tensor::zeros(numbers.dtype(), [numbers.len()]);
    copy.slice_mut().copy_from(numbers);
    copy
}

/// Adds numbers to others.
pub(super) fn add(left: &mut Tensor, right: Tensor) {
    left.slice_mut().add_from(right.slice());
}

/// The sums of a rank's own parts.
fn own_blocks(sharing: Sharing, parts: Vec<Tensor>, rank: usize) -> Blocks<Tensor> {
    let mut blocks = Blocks::new(sharing.parts);
    sharing.of(rank).zip(parts).for_each(|(part, numbers)| blocks.put((0, part), numbers, add));
    blocks
}

/// The sum of `len` numbers over all parts, and the bytes that this rank was sent for it.
pub(super) fn sum_numbers(
    collective: &mut dyn Collective,
    sharing: Sharing,
    own: Blocks<Tensor>,
    (len, dtype): (usize, DType),
) -> Result<(Tensor, u64), String> {
    let (ranks, rank) = (sharing.ranks, collective.rank());
    if ranks == 1 || !sharing.fixed {
        // Of a rank without parts there is nothing, and of one with several perhaps no single sum.
        let sum = own.into_sums().map(|(_, sum)| sum).reduce(|mut left, right| {
            add(&mut left, right);
            left
        });
        let mut sum = sum.unwrap_or_else(|| Tensor::zeros(dtype, [len]));
        collective.sum(&mut sum)?;
        // Each number comes once as a share and once as a sum, but for those that a rank adds up itself.
        return Ok((sum, (2 * len * dtype.bytes() * (ranks - 1) / ranks) as u64));
    }
    let own: Vec<Tensor> = own.into_sums().map(|(_, sum)| sum).collect();
    let share = |rank| {
        let chunk = sharing.chunk(rank, len);
        own.iter().flat_map(|sum| to_bytes(sum.slice().part(chunk.start, chunk.len()))).collect()
    };
    let dealt = collective.deal((0..ranks).map(share).collect())?;
    let chunk = sharing.chunk(rank, len);
    let mut all = Blocks::new(sharing.parts);
    for (from, bytes) in dealt.iter().enumerate() {
        let numbers = from_bytes(dtype, bytes);
        for (place, key) in held(sharing.parts, sharing.of(from)).into_iter().enumerate() {
            if numbers.slice().len() < (place + 1) * chunk.len() {
                return Err(format!("rank {from} has sent too little; start all ranks by the same program"));
            }
            let block = numbers.slice().part(place * chunk.len(), chunk.len());
            all.put(key, copied(block), add);
        }
    }
    let summed = all.into_sums().map(|(_, sum)| sum).next().unwrap_or_else(|| Tensor::zeros(dtype, [0]));
    let gathered = collective.gather(to_bytes(summed.slice()))?;
    let of_others = |(from, bytes): (usize, &Vec<u8>)| if from == rank { 0 } else { bytes.len() };
    let bytes =
        [&dealt, &gathered].iter().flat_map(|all| all.iter().enumerate().map(of_others)).sum::<usize>();
    let sum = from_bytes(dtype, &gathered.concat());
    if sum.shape().len() != len {
        return Err(format!(
            "a sum has {} numbers, not {len}; start all ranks by the same program",
            sum.shape().len()
        ));
    }
    Ok((sum, bytes as u64))
}

/// The table of zeros to which the rows of all parts are added, in the order of the parts, and the bytes that this rank was sent
/// for it. Where rows are no less than the table, tables are summed.
pub(super) fn sum_rows(
    collective: &mut dyn Collective,
    sharing: Sharing,
    own: Vec<Rows>,
    (table, width): (usize, usize),
    dtype: DType,
) -> Result<(Tensor, u64), String> {
    let count = |rows: &[Rows]| rows.iter().map(|one| one.indices.len()).sum::<usize>();
    let (ranks, rank) = (sharing.ranks, collective.rank());
    let counts = collective.gather((count(&own) as u64).to_le_bytes().to_vec())?;
    let counts =
        counts.iter().map(|bytes| bytes.as_slice().try_into().map_or(0, u64::from_le_bytes) as usize);
    let counts: Vec<usize> = counts.collect();
    // What each rank is sent: the rows of the others once, against a table twice. All have the same figures here, and those do
    // not depend on the number of ranks.
    if counts.iter().sum::<usize>() * (width + 1) >= 2 * table * width {
        let scattered = own.iter().map(|rows| scatter([rows], table, width, dtype));
        let parts = scattered.collect::<Result<Vec<Tensor>, String>>()?;
        let own = own_blocks(sharing, parts, rank);
        return sum_numbers(collective, sharing, own, (table * width, dtype));
    }
    if ranks == 1 {
        return Ok((scatter(&own, table, width, dtype)?, 0));
    }
    let indices = own.iter().flat_map(|rows| to_bytes(Slice::I32(&rows.indices)));
    let bytes = indices.chain(own.iter().flat_map(|rows| to_bytes(rows.rows.slice()))).collect();
    let gathered = collective.gather(bytes)?;
    let mut all = Vec::new();
    for (from, (bytes, count)) in gathered.iter().zip(&counts).enumerate() {
        let (indices, rows) = bytes.split_at_checked(4 * count).unwrap_or((bytes, &[]));
        let rows = Rows {
            indices: from_bytes(DType::I32, indices).as_slice::<i32>().to_vec(),
            rows: from_bytes(dtype, rows),
        };
        if rows.rows.shape().len() != count * width {
            return Err(format!(
                "rank {from} has sent rows of another width; start all ranks by the same program"
            ));
        }
        all.push(rows);
    }
    let of_others =
        gathered.iter().enumerate().filter(|(from, _)| *from != rank).map(|(_, bytes)| bytes.len());
    let received = of_others.sum::<usize>();
    Ok((scatter(&all, table, width, dtype)?, received as u64))
}

/// Rows added to a table of zeros, (table, width) flat.
fn scatter<'a>(
    all: impl IntoIterator<Item = &'a Rows>,
    table: usize,
    width: usize,
    dtype: DType,
) -> Result<Tensor, String> {
    let mut sums = Tensor::zeros(dtype, [table * width]);
    let mut to = sums.slice_mut();
    for Rows { indices, rows } in all {
        for (place, index) in indices.iter().enumerate() {
            let row = usize::try_from(*index).ok().filter(|row| *row < table);
            let row = row.ok_or_else(|| format!("index {index} is not in 0..{table}"))?;
            to.part(row * width, width).add_from(rows.slice().part(place * width, width));
        }
    }
    Ok(sums)
}
