//! The loss and its gradients by formulas that are written out by hand, over the tape's products.

use unspool::caption::data::NULL;
use unspool::caption::handwritten::{
    Affine, Captioning, CaptioningLoss, CaptioningSizes, Cell, PerParameter, Products, TemporalAffine,
    TemporalSoftmax, WordEmbedding, affine_backward, affine_forward, captioning_loss,
    temporal_affine_backward, temporal_affine_forward, temporal_softmax_loss, word_embedding_backward,
    word_embedding_forward,
};
use unspool::tape::add_product;

use super::products::{LEFT, PLAIN, RIGHT};
use super::{Case, Mgu, Workload};

/// The loss, and the gradients in the order of [`Weights::all`](super::Weights::all).
pub struct ByHand {
    pub loss: f32,
    pub gradients: Vec<Vec<f32>>,
}

impl Case {
    /// Computes what [`Case::autodiff`] does by the formulas of CS231n.
    pub fn by_hand(&self) -> ByHand {
        let Workload { n, t, f, d, h, v, .. } = self.workload;
        let parameters = PerParameter {
            w_proj: self.elements(0),
            b_proj: self.elements(1),
            w_embed: self.elements(2),
            wx: self.elements(3),
            wh: self.elements(4),
            b: self.elements(5),
            w_vocab: self.elements(6),
            b_vocab: self.elements(7),
        };
        let inputs = Captioning {
            cell: if self.weights.blocks() == 1 { Cell::Rnn } else { Cell::Lstm },
            sizes: CaptioningSizes { n, d: f, w: d, h, v, t: t + 1 },
            features: &self.batch.pictures,
            captions: &self.captions,
            parameters,
        };
        let CaptioningLoss { loss, gradients } = captioning_loss(&TapeProducts, &inputs);
        let PerParameter { w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab } = gradients;
        ByHand { loss, gradients: vec![w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab] }
    }
}

impl Case<Mgu> {
    /// The same for the minimal gated unit, composed in the same way.
    pub fn by_hand(&self) -> ByHand {
        let Workload { n, t, f, d, h, v, .. } = self.workload;
        let [w_proj, b_proj, w_embed, wf, wg, uf, ug, bf, bg, w_vocab, b_vocab] =
            std::array::from_fn(|index| self.elements(index));
        let words = |from: usize| self.captions.chunks(t + 1).flat_map(move |caption| &caption[from..][..t]);
        let (read, predict): (Vec<i32>, Vec<i32>) =
            (words(0).copied().collect(), words(1).copied().collect());
        let mask: Vec<bool> = predict.iter().map(|word| *word != NULL).collect();

        let project = Affine { n, d: f, m: h, x: &self.batch.pictures, w: w_proj, b: b_proj };
        let h0 = affine_forward(&TapeProducts, &project);
        let embed = WordEmbedding { n, t, v, d, x: &read, w: w_embed };
        let x = word_embedding_forward(&embed);
        let mgu = MguByHand { sizes: [n, t, d, h], x: &x, h0: &h0, wf, wg, uf, ug, bf, bg };
        let steps = mgu.forward();
        let mut states = vec![0.0; n * t * h];
        steps.iter().enumerate().for_each(|(step, at)| put_step(&mut states, [n, t, h], step, &at.next));
        let vocab = TemporalAffine { n, t, d: h, m: v, x: &states, w: w_vocab, b: b_vocab };
        let scores = temporal_affine_forward(&TapeProducts, &vocab);
        let loss = temporal_softmax_loss(&TemporalSoftmax { n, t, v, x: &scores, y: &predict, mask: &mask });

        let dvocab = temporal_affine_backward(&TapeProducts, &vocab, &loss.dx);
        let Gradients { dx, dh0, wf, wg, uf, ug, bf, bg } = mgu.backward(&steps, &dvocab.dx);
        let dembed = word_embedding_backward(&embed, &dx);
        let dproject = affine_backward(&TapeProducts, &project, &dh0);
        let gradients = vec![dproject.dw, dproject.db, dembed, wf, wg, uf, ug, bf, bg, dvocab.dw, dvocab.db];
        ByHand { loss: loss.loss, gradients }
    }
}

/// What a minimal gated unit reads through time: sizes N, T, D, H; x (N, T, D), h0 (N, H).
struct MguByHand<'a> {
    sizes: [usize; 4],
    x: &'a [f32],
    h0: &'a [f32],
    wf: &'a [f32],
    wg: &'a [f32],
    uf: &'a [f32],
    ug: &'a [f32],
    bf: &'a [f32],
    bg: &'a [f32],
}

/// What a step yields, each (N, H).
struct MguStep {
    f: Vec<f32>,
    g: Vec<f32>,
    /// f h.
    kept: Vec<f32>,
    next: Vec<f32>,
}

/// The gradients of all inputs, each of its shape.
struct Gradients {
    dx: Vec<f32>,
    dh0: Vec<f32>,
    wf: Vec<f32>,
    wg: Vec<f32>,
    uf: Vec<f32>,
    ug: Vec<f32>,
    bf: Vec<f32>,
    bg: Vec<f32>,
}

impl MguByHand<'_> {
    /// `f = σ(x Wf + h Uf + bf)`, `g = tanh(x Wg + (f h) Ug + bg)`, `h' = h + f (g - h)`.
    fn forward(&self) -> Vec<MguStep> {
        let [n, t, d, h] = self.sizes;
        let mut steps: Vec<MguStep> = Vec::with_capacity(t);
        for step in 0..t {
            let (x, state) = (take_step(self.x, [n, t, d], step), self.before(&steps, step));
            let (mut f, mut g) = (self.bf.repeat(n), self.bg.repeat(n));
            TapeProducts.ab(n, d, h, &x, self.wf, &mut f);
            TapeProducts.ab(n, h, h, state, self.uf, &mut f);
            f.iter_mut().for_each(|f| *f = 1.0 / (1.0 + (-*f).exp()));
            let kept: Vec<f32> = f.iter().zip(state).map(|(f, h)| f * h).collect();
            TapeProducts.ab(n, d, h, &x, self.wg, &mut g);
            TapeProducts.ab(n, h, h, &kept, self.ug, &mut g);
            g.iter_mut().for_each(|g| *g = g.tanh());
            let next = (0..n * h).map(|k| state[k] + f[k] * (g[k] - state[k])).collect();
            steps.push(MguStep { f, g, kept, next });
        }
        steps
    }

    /// The states before a step.
    fn before<'s>(&'s self, steps: &'s [MguStep], step: usize) -> &'s [f32] {
        step.checked_sub(1).map_or(self.h0, |before| &steps[before].next)
    }

    /// With `dag = dh' f (1 - g²)`, `dk = dag Ugᵀ` and `daf = (dh' (g - h) + dk h) f (1 - f)`:
    /// `dh = dh' (1 - f) + dk f + daf Ufᵀ`, `dx = daf Wfᵀ + dag Wgᵀ`, and sums over steps for the weights.
    fn backward(&self, steps: &[MguStep], dstates: &[f32]) -> Gradients {
        let [n, t, d, h] = self.sizes;
        let zeros = |len: usize| vec![0.0_f32; len];
        let mut sums = Gradients {
            dx: zeros(n * t * d),
            dh0: zeros(n * h),
            wf: zeros(d * h),
            wg: zeros(d * h),
            uf: zeros(h * h),
            ug: zeros(h * h),
            bf: zeros(h),
            bg: zeros(h),
        };
        for (step, MguStep { f, g, kept, .. }) in steps.iter().enumerate().rev() {
            let (x, state) = (take_step(self.x, [n, t, d], step), self.before(steps, step));
            let above = take_step(dstates, [n, t, h], step);
            let dnext: Vec<f32> = sums.dh0.iter().zip(&above).map(|(a, b)| a + b).collect();
            let dag: Vec<f32> = (0..n * h).map(|k| dnext[k] * f[k] * (1.0 - g[k] * g[k])).collect();
            let mut dkept = zeros(n * h);
            TapeProducts.abt(n, h, h, &dag, self.ug, &mut dkept);
            let daf = |k: usize| (dnext[k] * (g[k] - state[k]) + dkept[k] * state[k]) * f[k] * (1.0 - f[k]);
            let daf: Vec<f32> = (0..n * h).map(daf).collect();
            sums.dh0 = (0..n * h).map(|k| dnext[k] * (1.0 - f[k]) + dkept[k] * f[k]).collect();
            TapeProducts.abt(n, h, h, &daf, self.uf, &mut sums.dh0);
            let mut dx = zeros(n * d);
            TapeProducts.abt(n, h, d, &daf, self.wf, &mut dx);
            TapeProducts.abt(n, h, d, &dag, self.wg, &mut dx);
            put_step(&mut sums.dx, [n, t, d], step, &dx);
            TapeProducts.atb(d, n, h, &x, &daf, &mut sums.wf);
            TapeProducts.atb(d, n, h, &x, &dag, &mut sums.wg);
            TapeProducts.atb(h, n, h, state, &daf, &mut sums.uf);
            TapeProducts.atb(h, n, h, kept, &dag, &mut sums.ug);
            for (row_f, row_g) in daf.chunks_exact(h).zip(dag.chunks_exact(h)) {
                sums.bf.iter_mut().zip(row_f).for_each(|(sum, one)| *sum += one);
                sums.bg.iter_mut().zip(row_g).for_each(|(sum, one)| *sum += one);
            }
        }
        sums
    }
}

/// `x[:, step, :]` of (n, t, width).
fn take_step(x: &[f32], [n, t, width]: [usize; 3], step: usize) -> Vec<f32> {
    (0..n).flat_map(|row| x[(row * t + step) * width..][..width].iter().copied()).collect()
}

/// `x[:, step, :] = value`.
fn put_step(x: &mut [f32], [n, t, width]: [usize; 3], step: usize, value: &[f32]) {
    for row in 0..n {
        x[(row * t + step) * width..][..width].copy_from_slice(&value[row * width..][..width]);
    }
}

/// The tape's products under the formulas, so that what differs is not the products.
struct TapeProducts;

impl Products<f32> for TapeProducts {
    fn ab(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(PLAIN, [m, k, n], a, b, c);
    }

    fn atb(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(LEFT, [m, k, n], a, b, c);
    }

    fn abt(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(RIGHT, [m, k, n], a, b, c);
    }
}
