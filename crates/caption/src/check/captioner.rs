//! The whole captioner: its loss and the gradients of all eight parameters.

use nn::{AnyCell, Lstm, Params, VanillaRnn};
use rand::RngExt;
use tape::{RunError, Tape, Tensor, Var};

use super::formula::{Bench, Formula, Number};
use crate::data::NULL;
use crate::data::batch::Batch;
use crate::handwritten::{Captioning, CaptioningSizes, Cell, PerParameter, Witness};
use crate::model::{Captioner, Input, ModelSettings, batch_of};

pub(super) fn compare(bench: &mut Bench<'_>) -> Result<(), RunError> {
    for cell in [Cell::Rnn, Cell::Lstm] {
        bench.compare(|bench| {
            let [n, d, w, h, v, t] = [4, 4, 4, 5, 5, 6].map(|most| 1 + bench.size(most));
            let sizes = CaptioningSizes { n, d, w, h, v, t };
            // Rounded to f32, so that both types start from the same features.
            let features = bench.numbers(n * d).into_iter().map(|x| f64::from(x as f32)).collect();
            let mut captions = bench.words(n * t, v);
            // Captions of all lengths: from a random place on there are no more words.
            for row in captions.chunks_exact_mut(t) {
                let end = bench.random.random_range(1..=t);
                row[end..].fill(NULL);
            }
            CaptioningFormula { cell, sizes, features, captions }
        })?;
    }
    Ok(())
}

/// The captioning loss as a function of its eight parameters.
pub(super) struct CaptioningFormula {
    pub cell: Cell,
    pub sizes: CaptioningSizes,
    pub features: Vec<f64>,
    pub captions: Vec<i32>,
}

/// The parameters in the order of [`PerParameter::named`], by the names of the model.
const NAMES: [&str; 8] =
    ["project/w", "project/b", "embed/w", "rnn/wx", "rnn/wh", "rnn/b", "scores/w", "scores/b"];

impl CaptioningFormula {
    fn batch(&self) -> Batch {
        batch_of(&self.captions.chunks_exact(self.sizes.t).map(<[i32]>::to_vec).collect::<Vec<_>>())
    }
}

impl Formula for CaptioningFormula {
    type Layer = Captioner<AnyCell>;

    fn name(&self) -> &'static str {
        match self.cell {
            Cell::Rnn => "captioning_loss (rnn)",
            Cell::Lstm => "captioning_loss (lstm)",
        }
    }

    fn sizes(&self) -> String {
        let CaptioningSizes { n, d, w, h, v, t } = self.sizes;
        format!("N{n} D{d} W{w} H{h} V{v} T{t}")
    }

    fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        let CaptioningSizes { d, w, h, v, .. } = self.sizes;
        let g = self.cell.blocks() * h;
        let shapes = [vec![d, h], vec![h], vec![v, w], vec![w, g], vec![h, g], vec![g], vec![h, v], vec![v]];
        NAMES.into_iter().zip(shapes).collect()
    }

    fn declare(&self, params: &mut Params) -> Captioner<AnyCell> {
        let CaptioningSizes { d, w, h, v, .. } = self.sizes;
        let settings = ModelSettings {
            input: Input::Features { width: d },
            cell: String::new(),
            embedding: w,
            hidden: h,
            vocabulary: v,
            ..ModelSettings::default()
        };
        Captioner::with_cell(params, &settings, |params| {
            let scope = params.scope("rnn");
            match self.cell {
                Cell::Rnn => AnyCell::new(VanillaRnn::new(scope, w, h)),
                Cell::Lstm => AnyCell::new(Lstm::new(scope, w, h)),
            }
        })
    }

    fn record<'t>(
        &self,
        model: &Captioner<AnyCell>,
        tape: &'t Tape,
        _: &dyn Fn(&str) -> Var<'t>,
    ) -> Vec<Var<'t>> {
        let CaptioningSizes { n, d, .. } = self.sizes;
        let features = tape.input(Tensor::from_f64(tape.dtype(), [n, d], &self.features));
        vec![model.loss_of_features(features, &self.batch()).per_sequence()]
    }

    fn by_hand<F: Number>(
        &self,
        witness: &dyn Witness<F>,
        arrays: &[Vec<F>],
        _: &[Vec<F>],
    ) -> (Vec<Vec<F>>, Vec<Vec<F>>) {
        let [w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab] = arrays else {
            unreachable!("eight arrays are listed")
        };
        let features: Vec<F> = self.features.iter().map(|x| <F as Number>::of(*x)).collect();
        let inputs = Captioning {
            cell: self.cell,
            sizes: self.sizes,
            features: &features,
            captions: &self.captions,
            parameters: PerParameter { w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab }
                .map(|array| array.as_slice()),
        };
        let found = witness.captioning_loss(&inputs);
        let gradients = found.gradients.named().map(|(_, gradient)| gradient.clone());
        (vec![vec![found.loss]], gradients.into())
    }
}
