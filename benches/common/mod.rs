//! What the benches, the example `step_time` and the tests of cost share: the sizes that are measured, a captioner
//! with a batch for each, and its gradients in two forms that multiply matrices with the same kernel.
#![allow(dead_code, reason = "each program uses a part of it")]

use std::path::Path;

use unspool::caption::data::batch::Batch;
use unspool::caption::data::{Captions, END, NULL, Pictures, START, Split};
use unspool::caption::handwritten::{
    Captioning, CaptioningLoss, CaptioningSizes, Cell, PerParameter, Products, captioning_loss,
};
use unspool::caption::model::{AnyCell, Captioner, CellKind, Input, ModelSettings};
use unspool::nn::{Param, Params};
use unspool::tape::graph::Node;
use unspool::tape::ops::{Dot, Op};
use unspool::tape::{DType, Engine, Graph, Run, Tape, Tensor, Var, Vars, add_product, grad};

/// The sizes of a captioner and its batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workload {
    pub name: &'static str,
    /// Captions, N.
    pub n: usize,
    /// Steps of the longest caption that there can be, T.
    pub t: usize,
    /// Entries of a picture's features, F.
    pub f: usize,
    /// Entries of a word's vector, D.
    pub d: usize,
    /// Entries of the state, H.
    pub h: usize,
    /// Words of the vocabulary, V.
    pub v: usize,
}

/// Many small steps: here bookkeeping is most of the time.
pub const XS: Workload = Workload { name: "XS", n: 4, t: 64, f: 16, d: 16, h: 16, v: 32 };

/// The sizes of CS231n's notebook.
pub const S: Workload = Workload { name: "S", n: 50, t: 16, f: 512, d: 256, h: 512, v: 1004 };

/// COCO with raw features and ten thousand words: here products are nearly all of the time.
pub const L: Workload = Workload { name: "L", n: 128, t: 20, f: 2048, d: 512, h: 512, v: 10_000 };

/// Each parameter's name in CS231n and in the captioner.
pub const PARAMETERS: [(&str, &str); 8] = [
    ("W_proj", "project/w"),
    ("b_proj", "project/b"),
    ("W_embed", "embed/w"),
    ("Wx", "rnn/wx"),
    ("Wh", "rnn/wh"),
    ("b", "rnn/b"),
    ("W_vocab", "scores/w"),
    ("b_vocab", "scores/b"),
];

impl Workload {
    /// Floating-point operations of the products of a step, forward and backward, padding included:
    /// `4 N F H + 6 N T (G (D H + H H) + H V)`, where a cell has G blocks of weights.
    pub fn flops(&self, cell: CellKind) -> u64 {
        let Workload { n, t, f, d, h, v, .. } = *self;
        (4 * n * f * h + 6 * n * t * (by_hand(cell).blocks() * (d * h + h * h) + h * v)) as u64
    }

    /// Features (N, F) from -1 to 1.
    pub fn draw_features(&self) -> Vec<f32> {
        let mut draw = Draw(1);
        (0..self.n * self.f).map(|_| (draw.below(20_001) as f32 - 10_000.0) / 10_000.0).collect()
    }

    /// Captions (N, T + 1) of random words whose steps are spread evenly over `steps`.
    pub fn draw_captions(&self, steps: std::ops::RangeInclusive<usize>) -> Vec<i32> {
        let mut draw = Draw(2);
        let mut captions = vec![NULL; self.n * (self.t + 1)];
        for caption in captions.chunks_exact_mut(self.t + 1) {
            let length = steps.start() + draw.below(steps.end() - steps.start() + 1);
            // The first four entries of a vocabulary are no words.
            caption[..length].fill_with(|| 4 + draw.below(self.v - 4) as i32);
            (caption[0], caption[length]) = (START, END);
        }
        captions
    }
}

/// Numbers that look random and are the same everywhere (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % count as u64) as usize
    }
}

/// A captioner that is shown the picture by its first state, with a batch of captions.
pub struct Case {
    pub workload: Workload,
    pub cell: CellKind,
    pub params: Params,
    pub model: Captioner<AnyCell>,
    pub batch: Batch,
    /// In the order of [`PARAMETERS`].
    pub weights: Vec<Param>,
    /// (N, T + 1).
    captions: Vec<i32>,
}

impl Case {
    /// With captions of T / 2 to T steps.
    pub fn ragged(workload: Workload, cell: CellKind) -> Case {
        let captions = workload.draw_captions(workload.t / 2..=workload.t);
        Case::new(workload, cell, workload.draw_features(), captions)
    }

    /// With captions of T steps, so that there is no padding that one form computes and the other does not.
    pub fn full(workload: Workload, cell: CellKind) -> Case {
        let captions = workload.draw_captions(workload.t..=workload.t);
        Case::new(workload, cell, workload.draw_features(), captions)
    }

    /// With the given features (N, F) and captions (N, T + 1).
    pub fn new(workload: Workload, cell: CellKind, features: Vec<f32>, captions: Vec<i32>) -> Case {
        let settings = ModelSettings {
            input: Input::Features { width: workload.f },
            cell,
            embedding: workload.d,
            hidden: workload.h,
            vocabulary: workload.v,
            picture_at_every_step: false,
        };
        let mut params = Params::seeded(DType::F32, 231);
        let model = Captioner::new(&mut params, &settings);
        let weight = |(_, name): (&str, &str)| params.find(name).expect("a captioner has this parameter");
        let weights = PARAMETERS.map(weight).to_vec();
        let split = Split {
            pictures: Pictures::Features { width: workload.f, data: features },
            names: Vec::new(),
            captions: Captions { width: workload.t + 1, ids: captions.clone() },
            picture_of: (0..workload.n).collect(),
            references: Vec::new(),
        };
        let mut batch = Batch::default();
        batch.fill(&split, &split.picture_of);
        Case { workload, cell, params, model, batch, weights, captions }
    }

    /// With features, captions and parameters from a folder of raw little-endian elements, a file each.
    pub fn read(folder: &Path, workload: Workload, cell: CellKind) -> Result<Case, String> {
        let Workload { n, t, f, v, .. } = workload;
        let features = read(&folder.join("features.f32"), n * f, f32::from_le_bytes)?;
        let path = folder.join("captions.i32");
        let captions = read(&path, n * (t + 1), i32::from_le_bytes)?;
        if let Some(word) = captions.iter().find(|word| !(0..v as i32).contains(*word)) {
            return Err(format!("{}: {word} is none of {v} words", path.display()));
        }
        let mut case = Case::new(workload, cell, features, captions);
        for ((name, _), param) in PARAMETERS.into_iter().zip(&case.weights) {
            let shape = case.params[*param].shape().clone();
            let elements = read(&folder.join(format!("{name}.f32")), shape.len(), f32::from_le_bytes)?;
            case.params.set(*param, Tensor::new(shape, elements)).map_err(|error| error.to_string())?;
        }
        Ok(case)
    }

    /// Records the loss.
    pub fn loss<'t>(&self, tape: &'t Tape) -> Var<'t> {
        self.model.loss(tape, &self.batch).per_sequence()
    }

    /// Records the gradients with respect to all parameters.
    pub fn gradients<'t>(&self, tape: &'t Tape, loss: Var<'t>) -> Vars<'t> {
        let weights: Vars<'t> = self.weights.iter().map(|weight| weight.on(tape)).collect();
        grad(loss, &weights)
    }

    /// Records and computes the loss and all gradients: what a training does in every step before its update.
    pub fn autodiff<'e>(&self, engine: &'e mut Engine) -> Run<'e> {
        let tape = self.params.tape();
        let loss = self.loss(&tape);
        let outputs: Vars<'_> = [loss].into_iter().chain(self.gradients(&tape, loss)).collect();
        engine.run(&outputs).expect("words of the vocabulary")
    }

    /// Computes the same by the formulas that are written out by hand, with the tape's products.
    pub fn by_hand(&self) -> CaptioningLoss<f32> {
        let Workload { n, t, f, d, h, v, .. } = self.workload;
        let of = |index: usize| self.params[self.weights[index]].as_slice::<f32>();
        let parameters = PerParameter {
            w_proj: of(0),
            b_proj: of(1),
            w_embed: of(2),
            wx: of(3),
            wh: of(4),
            b: of(5),
            w_vocab: of(6),
            b_vocab: of(7),
        };
        let inputs = Captioning {
            cell: by_hand(self.cell),
            sizes: CaptioningSizes { n, d: f, w: d, h, v, t: t + 1 },
            features: &self.batch.pictures,
            captions: &self.captions,
            parameters,
        };
        captioning_loss(&TapeProducts, &inputs)
    }
}

/// The elements of a file, four bytes each.
fn read<T>(path: &Path, elements: usize, decode: fn([u8; 4]) -> T) -> Result<Vec<T>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (found, expected) = (bytes.len(), 4 * elements);
    if found != expected {
        return Err(format!("{}: {found} bytes, where the sizes need {expected}", path.display()));
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| decode(*bytes)).collect())
}

/// The nodes of a program and of the bodies of its loops.
pub fn nodes(graph: &Graph) -> usize {
    let inner = |node: &Node| if let Op::Scan(scan) = &node.op { nodes(&scan.body) } else { 0 };
    graph.nodes.iter().map(|node| 1 + inner(node)).sum()
}

/// The cell by its name among the formulas.
fn by_hand(cell: CellKind) -> Cell {
    match cell {
        CellKind::Rnn => Cell::Rnn,
        CellKind::Lstm => Cell::Lstm,
    }
}

/// The tape's products under the formulas, so that what differs is not the products.
struct TapeProducts;

impl Products<f32> for TapeProducts {
    fn ab(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(Dot { transpose_left: false, transpose_right: false }, [m, k, n], a, b, c);
    }

    fn atb(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(Dot { transpose_left: true, transpose_right: false }, [m, k, n], a, b, c);
    }

    fn abt(&self, m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        add_product(Dot { transpose_left: false, transpose_right: true }, [m, k, n], a, b, c);
    }
}
