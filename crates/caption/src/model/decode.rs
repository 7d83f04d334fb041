//! Captions word by word: from `<START>`, the likeliest next word, until `<END>`.

use nn::{Cell, Params, zero_state};
use tape::{Bundle, Engine, RunError, Tape, Tensor, Var, Vars};

use super::Captioner;
use crate::data::{END, NULL, START};

/// What a step of decoding is given and gives back, outside any tape.
struct Standing {
    /// The parts of the cell's state.
    state: Vec<Tensor>,
    /// What every step is shown of the pictures, where it is.
    seen: Option<Tensor>,
}

impl<C: Cell> Captioner<C> {
    /// A caption for each of `count` pictures, each next word the likeliest after those before it, of at most
    /// `longest` words.
    ///
    /// `<NULL>` and `<START>` are never chosen. The result holds neither `<START>` nor `<END>`.
    ///
    /// # Errors
    /// If the network cannot be evaluated.
    pub fn describe(
        &self,
        engine: &mut Engine,
        params: &Params,
        count: usize,
        pictures: &[f32],
        longest: usize,
    ) -> Result<Vec<Vec<i32>>, RunError> {
        let mut standing = self.begin(engine, params, count, pictures)?;
        let mut captions: Vec<Vec<i32>> = vec![Vec::new(); count];
        let mut words = vec![START; count];
        let mut ended = vec![false; count];
        for _ in 0..longest {
            let scores = self.advance(engine, params, &mut standing, &words)?;
            for (n, row) in scores.chunks_exact(scores.len() / count.max(1)).enumerate() {
                words[n] = likeliest(row);
                ended[n] |= words[n] == END;
                if !ended[n] {
                    captions[n].push(words[n]);
                }
            }
            if ended.iter().all(|ended| *ended) {
                break;
            }
        }
        Ok(captions)
    }

    fn begin(
        &self,
        engine: &mut Engine,
        params: &Params,
        count: usize,
        pictures: &[f32],
    ) -> Result<Standing, RunError> {
        let tape = params.tape();
        let features = self.vision.look(&tape, count, pictures);
        let state = self.cell.start(self.project.apply(features));
        let parts = flat(&state);
        let wanted: Vec<Var<'_>> = parts.iter().copied().chain(self.seen(features)).collect();
        let run = engine.run(&wanted)?;
        let state = (0..parts.len()).map(|part| run.tensor(part)).collect();
        Ok(Standing { state, seen: self.look.map(|_| run.tensor(parts.len())) })
    }

    /// Takes one step with the given words, and returns the scores (N, V) of the next.
    fn advance(
        &self,
        engine: &mut Engine,
        params: &Params,
        standing: &mut Standing,
        words: &[i32],
    ) -> Result<Vec<f64>, RunError> {
        let tape: Tape = params.tape();
        let parts: Vec<Var<'_>> = standing.state.iter().map(|part| tape.input(part.clone())).collect();
        let words = tape.input(Tensor::new([words.len()], words));
        let mut input = self.embed.apply(words);
        if let Some(seen) = &standing.seen {
            input = input + tape.input(seen.clone());
        }
        // Any state of the cell says how its parts are put together.
        let hidden = params[self.project.b].shape().len();
        let form = self.cell.start(zero_state(&tape, words.dim(0).at(0), hidden));
        let state = form.rebuild(&mut parts.iter().copied());
        let (state, output) = self.cell.step(state, input);
        let wanted: Vec<Var<'_>> =
            std::iter::once(self.scores.affine.apply(output)).chain(flat(&state)).collect();
        let run = engine.run(&wanted)?;
        standing.state = (1..wanted.len()).map(|part| run.tensor(part)).collect();
        Ok(run.tensor(0).to_f64())
    }
}

fn flat<'t>(state: &impl Bundle<'t>) -> Vars<'t> {
    let mut parts = Vars::new();
    state.flatten(&mut parts);
    parts
}

/// The word with the highest score; of equal ones the first. `<NULL>` and `<START>` are no words.
fn likeliest(scores: &[f64]) -> i32 {
    let allowed = (0..).zip(scores).filter(|(word, _)| *word != NULL && *word != START);
    allowed
        .fold(
            (END, f64::NEG_INFINITY),
            |best, (word, score)| if *score > best.1 { (word, *score) } else { best },
        )
        .0
}
