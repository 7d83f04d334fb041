//! Dropout (Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014), in the inverted
//! form, which leaves nothing to do in evaluation.
//!
//! ```text
//! y = x m        m = 0 with probability p, else 1 / (1 - p), for each element by itself
//! ```
//!
//! The mask m is drawn from the tape's noise (see [`Tape::with_noise`](tape::Tape::with_noise)), which a
//! [`Trainer`](crate::Trainer) gives to the tape of each step. On a tape without noise y is x.

use rand::SeedableRng;
use rand::distr::{Bernoulli, Distribution};
use rand::rngs::ChaCha8Rng;
use tape::{Shape, Tape, Var};

/// Sets elements to zero at a rate, and scales the others so that the mean stays.
///
/// ```
/// use nn::Dropout;
/// use tape::{DType, Tape};
///
/// let dropout = Dropout::new(0.5);
/// let count_zeros = |tape: Tape| {
///     let x = tape.number(1.0).expand([1000]);
///     dropout.apply(x).value().to_f64().into_iter().filter(|y| *y == 0.0).count()
/// };
/// assert_eq!(count_zeros(Tape::new(DType::F32)), 0);
/// assert!((400..600).contains(&count_zeros(Tape::new(DType::F32).with_noise(7))));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Dropout of each element with this probability, p.
    ///
    /// # Panics
    /// Unless `0 <= rate < 1`.
    #[track_caller]
    pub fn new(rate: f64) -> Dropout {
        assert!((0.0..1.0).contains(&rate), "a dropout rate of {rate}: it is at least 0 and less than 1");
        Dropout { rate }
    }

    /// The probability of zero, p.
    pub fn rate(self) -> f64 {
        self.rate
    }

    /// From any shape to the same. Inside the step of a scan, rows (n, …) have a mask of their own at each step.
    ///
    /// # Panics
    /// In the step of a scan that is itself within a step, if the rows are its own.
    #[track_caller]
    pub fn apply<'t>(self, x: Var<'t>) -> Var<'t> {
        let Some(generator) = self.generator(x.tape()) else { return x };
        let shape = x.shape();
        match x.tape().packing() {
            Some(packing) if shape.leads_with_rows() => {
                x * self.mask(x.tape(), shape.with_leading(packing.total()), generator).at_step()
            }
            _ => x * self.mask(x.tape(), shape, generator),
        }
    }

    /// Inside the step of a scan, rows (n, …) with one mask for all steps of a sequence (Gal and Ghahramani, "A
    /// theoretically grounded application of dropout in recurrent neural networks", 2016,
    /// <https://arxiv.org/abs/1512.05287>).
    ///
    /// # Panics
    /// Where there is noise: outside a scan, and as [`apply`](Dropout::apply) does.
    #[track_caller]
    pub fn apply_by_sequence<'t>(self, x: Var<'t>) -> Var<'t> {
        let Some(generator) = self.generator(x.tape()) else { return x };
        let Some(packing) = x.tape().packing() else {
            panic!("a mask for all steps of a sequence is drawn in the step of a scan: use apply() outside")
        };
        x * self.mask(x.tape(), x.shape().with_leading(packing.sequences()), generator).rows()
    }

    /// The source of the next mask; none where every element stays.
    fn generator(self, tape: &Tape) -> Option<ChaCha8Rng> {
        if self.rate == 0.0 {
            return None;
        }
        let (seed, draw) = tape.noise()?;
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(draw);
        Some(generator)
    }

    #[track_caller]
    fn mask(self, tape: &Tape, shape: Shape, mut generator: ChaCha8Rng) -> Var<'_> {
        assert!(
            !shape.has_rows(),
            "no mask can be drawn for {shape}: its rows are those of a scan in a scan"
        );
        let kept = Bernoulli::new(1.0 - self.rate).expect("a rate was checked to be a probability");
        let scale = 1.0 / (1.0 - self.rate);
        let count = shape.len();
        let numbers = (0..count).map(|_| if kept.sample(&mut generator) { scale } else { 0.0 });
        tape.input_numbers(shape, numbers)
    }
}
