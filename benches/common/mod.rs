//! What the benches, the example `step_time` and the tests of cost share: the sizes that are measured, a captioner
//! with a batch for each and a cell of one's choice, its gradients from the tape and by hand, and its products alone.
//! All multiply with the same kernel.
#![allow(dead_code, unused_imports, reason = "each program uses a part of it")]

mod by_hand;
mod cells;
mod chain;
mod measure;
mod products;
mod record;

use std::path::Path;
use std::sync::Arc;

use unspool::caption::data::batch::Batch;
use unspool::caption::data::{Captions, END, NULL, Pictures, START, Split};
use unspool::caption::model::{Captioner, Input, ModelSettings};
use unspool::nn::{AnyCell, Cell, Param, Params, Scope};
use unspool::tape::graph::Node;
use unspool::tape::ops::Op;
use unspool::tape::plan::Plan;
use unspool::tape::{DType, Engine, Graph, NodeId, Run, Shape, Tape, Tensor, Var, Vars, grad};

pub use by_hand::ByHand;
pub use cells::{Mgu, declare_any, declare_gru, declare_gru_after, declare_mgu};
pub use chain::{Chain, Form, LINKS, VALUES};
pub use measure::{peak_bytes, repeat, square};
pub use products::Step;
pub use record::Wish;

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

/// The names that CS231n gives the parameters, which are those of their files.
pub const PARAMETERS: [&str; 8] = ["W_proj", "b_proj", "W_embed", "Wx", "Wh", "b", "W_vocab", "b_vocab"];

impl Workload {
    /// Floating-point operations of the products of a step, forward and backward, padding included:
    /// `4 N F H + 6 N T (G (D H + H H) + H V)`, where a cell has G blocks of weights.
    pub fn flops(&self, blocks: usize) -> u64 {
        let Workload { n, t, f, d, h, v, .. } = *self;
        (4 * n * f * h + 6 * n * t * (blocks * (d * h + h * h) + h * v)) as u64
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

    /// Features (N, F) and captions (N, T + 1), one for each picture, as data to train on.
    pub fn split(&self, features: Vec<f32>, captions: Vec<i32>) -> Split {
        Split {
            pictures: Pictures::Features { width: self.f, data: features },
            names: Vec::new(),
            captions: Captions { width: self.t + 1, ids: captions },
            picture_of: (0..self.n).collect(),
            references: Vec::new(),
        }
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
pub struct Case<C = AnyCell> {
    pub workload: Workload,
    pub params: Params,
    pub model: Captioner<C>,
    pub batch: Batch,
    pub weights: Weights,
    /// (N, T + 1).
    captions: Vec<i32>,
}

/// What a cell declares, by the blocks of columns that its files are made of.
pub struct Declared<C> {
    pub cell: C,
    /// The columns of Wx, from left to right.
    pub wx: Vec<Param>,
    /// The columns of Wh.
    pub wh: Vec<Param>,
    /// The entries of b.
    pub b: Vec<Param>,
    /// For each product that a step repeats one after the other, its blocks of H columns.
    pub recurrent: &'static [usize],
}

/// The parameters of a captioner, in the order of [`PARAMETERS`].
pub struct Weights {
    /// All of them. A cell may keep the blocks of one file as several parameters, side by side here.
    pub all: Vec<Param>,
    /// How many of them each of [`PARAMETERS`] is.
    pub parts: [usize; 8],
    /// See [`Declared::recurrent`].
    pub recurrent: &'static [usize],
}

impl Weights {
    /// The blocks of H columns that a cell's weights have, G.
    pub fn blocks(&self) -> usize {
        self.recurrent.iter().sum()
    }

    /// Of something for each parameter, all that belongs to one of [`PARAMETERS`], with its name.
    pub fn grouped<T>(&self, each: impl IntoIterator<Item = T>) -> Vec<(&'static str, Vec<T>)> {
        let mut each = each.into_iter();
        let group = |(name, parts): (&&'static str, &usize)| (*name, each.by_ref().take(*parts).collect());
        PARAMETERS.iter().zip(&self.parts).map(group).collect()
    }
}

impl Case {
    /// With captions of T / 2 to T steps.
    pub fn ragged(workload: Workload, cell: &str) -> Case {
        Case::ragged_with(workload, |scope| declare_any(scope, workload, cell))
    }

    /// With captions of T steps, so that there is no padding that one form computes and the other does not.
    pub fn full(workload: Workload, cell: &str) -> Case {
        let captions = workload.draw_captions(workload.t..=workload.t);
        Case::new(workload, workload.draw_features(), captions, |scope| declare_any(scope, workload, cell))
    }
}

impl<C: Cell> Case<C> {
    /// With captions of T / 2 to T steps.
    pub fn ragged_with(workload: Workload, declare: impl FnOnce(Scope<'_>) -> Declared<C>) -> Case<C> {
        let captions = workload.draw_captions(workload.t / 2..=workload.t);
        Case::new(workload, workload.draw_features(), captions, declare)
    }

    /// With the given features (N, F) and captions (N, T + 1).
    pub fn new(
        workload: Workload,
        features: Vec<f32>,
        captions: Vec<i32>,
        declare: impl FnOnce(Scope<'_>) -> Declared<C>,
    ) -> Case<C> {
        let settings = ModelSettings {
            input: Input::Features { width: workload.f },
            // Not looked at where the cell is given.
            cell: String::new(),
            embedding: workload.d,
            hidden: workload.h,
            vocabulary: workload.v,
            picture_at_every_step: false,
            ..ModelSettings::default()
        };
        let mut params = Params::seeded(DType::F32, 231);
        let (mut wx, mut wh, mut b, mut recurrent) = (Vec::new(), Vec::new(), Vec::new(), [].as_slice());
        let model = Captioner::with_cell(&mut params, &settings, |params| {
            let declared = declare(params.scope("rnn"));
            (wx, wh, b, recurrent) = (declared.wx, declared.wh, declared.b, declared.recurrent);
            declared.cell
        });
        let Captioner { project, embed, scores, .. } = &model;
        let one = |param| vec![param];
        let groups = [
            one(project.w),
            one(project.b),
            one(embed.w),
            wx,
            wh,
            b,
            one(scores.affine.w),
            one(scores.affine.b),
        ];
        let weights = Weights { parts: groups.each_ref().map(Vec::len), all: groups.concat(), recurrent };
        let split = workload.split(features, captions.clone());
        let mut batch = Batch::default();
        batch.fill(&split, &split.picture_of).expect("they are in memory");
        Case { workload, params, model, batch, weights, captions }
    }

    /// With features, captions and parameters from a folder of raw little-endian elements, a file each.
    pub fn read(
        folder: &Path,
        workload: Workload,
        declare: impl FnOnce(Scope<'_>) -> Declared<C>,
    ) -> Result<Case<C>, String> {
        let Workload { n, t, f, v, .. } = workload;
        let features = read(&folder.join("features.f32"), n * f, f32::from_le_bytes)?;
        let path = folder.join("captions.i32");
        let captions = read(&path, n * (t + 1), i32::from_le_bytes)?;
        if let Some(word) = captions.iter().find(|word| !(0..v as i32).contains(*word)) {
            return Err(format!("{}: {word} is none of {v} words", path.display()));
        }
        let mut case = Case::new(workload, features, captions, declare);
        for (name, parts) in case.weights.grouped(case.weights.all.iter().copied()) {
            let shapes: Vec<Shape> = parts.iter().map(|part| case.params[*part].shape().clone()).collect();
            let elements: usize = shapes.iter().map(Shape::len).sum();
            let elements = read(&folder.join(format!("{name}.f32")), elements, f32::from_le_bytes)?;
            // A part has some of the columns of every row.
            let columns = |shape: &Shape| shape.dim(shape.rank() - 1).at(0);
            let (all, mut first) = (shapes.iter().map(columns).sum(), 0);
            for (part, shape) in parts.into_iter().zip(shapes) {
                let width = columns(&shape);
                let rows = elements.chunks_exact(all);
                let own: Vec<f32> = rows.flat_map(|row| &row[first..first + width]).copied().collect();
                case.params.set(part, Tensor::new(shape, own)).map_err(|error| error.to_string())?;
                first += width;
            }
        }
        Ok(case)
    }

    /// Floating-point operations of the products of a step, forward and backward, padding included.
    pub fn flops(&self) -> u64 {
        self.workload.flops(self.weights.blocks())
    }

    /// Records the loss.
    pub fn loss<'t>(&self, tape: &'t Tape) -> Var<'t> {
        self.model.loss(tape, &self.batch).per_sequence()
    }

    /// Records the gradients with respect to all parameters.
    pub fn gradients<'t>(&self, tape: &'t Tape, loss: Var<'t>) -> Vars<'t> {
        let weights: Vars<'t> = self.weights.all.iter().map(|weight| weight.on(tape)).collect();
        grad(loss, &weights)
    }

    /// Records the loss and the gradients.
    pub fn outputs<'t>(&self, tape: &'t Tape) -> Vars<'t> {
        let loss = self.loss(tape);
        [loss].into_iter().chain(self.gradients(tape, loss)).collect()
    }

    /// Records and computes the loss and all gradients: what a training does in every step before its update.
    pub fn autodiff<'e>(&self, engine: &'e mut Engine) -> Run<'e> {
        engine.run(&self.outputs(&self.params.tape())).expect("words of the vocabulary")
    }

    /// The plan that [`Case::autodiff`] runs.
    pub fn plan(&self, engine: &mut Engine) -> Arc<Plan> {
        let tape = self.params.tape();
        let outputs: Vec<NodeId> = self.outputs(&tape).iter().map(|var| var.id()).collect();
        engine.plan(&tape.graph(), &outputs)
    }

    /// The elements of a parameter, by its place in [`Weights::all`].
    pub fn elements(&self, index: usize) -> &[f32] {
        self.params[self.weights.all[index]].as_slice()
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
