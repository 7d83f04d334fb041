//! Arrays of `f64` that are read and written by index, for loops that share no code with the tape.

use tape::{DType, Shape, Tensor};

/// Numbers in row-major order.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    pub sizes: Vec<usize>,
    pub numbers: Vec<f64>,
}

impl Array {
    /// The array whose element at each index is what `element` says.
    pub fn build(sizes: &[usize], mut element: impl FnMut(&[usize]) -> f64) -> Array {
        Array { sizes: sizes.to_vec(), numbers: indices(sizes).iter().map(|index| element(index)).collect() }
    }

    /// The element at an index.
    pub fn at(&self, index: &[usize]) -> f64 {
        self.numbers[place(&self.sizes, index)]
    }

    /// The element that broadcasting puts at an index of a wider array.
    pub fn wide(&self, index: &[usize]) -> f64 {
        let own = &index[index.len() - self.sizes.len()..];
        let own: Vec<usize> = own.iter().zip(&self.sizes).map(|(at, size)| at % size).collect();
        self.at(&own)
    }

    /// The element at an index as the number of a row.
    pub fn row(&self, index: &[usize]) -> usize {
        self.at(index) as usize
    }

    /// The index of a whole array without its last axis.
    pub fn outer(&self) -> &[usize] {
        &self.sizes[..self.sizes.len() - 1]
    }

    /// The last extent.
    pub fn width(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    pub fn tensor(&self, dtype: DType) -> Tensor {
        let shape = Shape::from(&self.sizes[..]);
        match dtype {
            DType::I32 => Tensor::new(shape, self.numbers.iter().map(|x| *x as i32).collect::<Vec<i32>>()),
            real => Tensor::from_f64(real, shape, &self.numbers),
        }
    }

    pub fn of(tensor: &Tensor) -> Array {
        Array { sizes: tensor.shape().sizes().to_vec(), numbers: tensor.to_f64() }
    }
}

/// The indices of an array of these sizes, the last axis fastest.
pub fn indices(sizes: &[usize]) -> Vec<Vec<usize>> {
    let Some((last, outer)) = sizes.split_last() else { return vec![Vec::new()] };
    indices(outer).iter().flat_map(|index| (0..*last).map(|at| joined(index, &[at]))).collect()
}

/// One index after another.
pub fn joined(first: &[usize], second: &[usize]) -> Vec<usize> {
    [first, second].concat()
}

/// An index or list of sizes with another entry at an axis.
pub fn with(index: &[usize], axis: usize, entry: usize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[axis] = entry;
    index
}

fn place(sizes: &[usize], index: &[usize]) -> usize {
    assert_eq!(sizes.len(), index.len());
    assert!(index.iter().zip(sizes).all(|(at, size)| at < size), "{index:?} of {sizes:?}");
    index.iter().zip(sizes).fold(0, |place, (at, size)| place * size + at)
}
