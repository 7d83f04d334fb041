//! A step whose batch is computed in parts, by one rank or by several: what each [`Exchange`] of the ranks sums.

use std::panic::Location;
use std::sync::Arc;

use tape::{RunError, Shape, Tape, Var};

use super::{Gradients, StepReport, TrainError, Trainer, checked, gradients, settle};
use crate::exchange::{Exchange, Form};
use crate::optim::Optimizer;
use crate::param::Param;
use crate::params::Params;

/// How a step is cut into parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// How many there are: the same at all ranks, which share them out evenly.
    pub count: usize,
    /// Whether sums are taken in an order that depends on `count` alone, so that the bits do not depend on the number of ranks.
    pub fixed_order: bool,
    /// Gradients are exchanged as soon as there are so many bytes of them.
    pub bucket_bytes: usize,
}

impl Parts {
    /// So many parts, their sums in whichever order is the fastest, in buckets of a megabyte.
    pub fn new(count: usize) -> Parts {
        Parts { count, fixed_order: false, bucket_bytes: 1 << 20 }
    }
}

/// The buckets of the gradients of a program.
struct Buckets {
    /// For each the places of its gradients. In the first the loss stands before them.
    members: Vec<(Form, Vec<usize>)>,
}

impl Buckets {
    /// Gradients in the order in which they are computed, so that each bucket can begin early.
    fn of(used: &Gradients<'_>, bytes: usize) -> Buckets {
        let mut order: Vec<usize> = (0..used.len()).collect();
        order.sort_by_key(|index| used[*index].1.id());
        let (mut members, mut rows) = (vec![(Form::Numbers(1), Vec::new())], Vec::new());
        for index in order {
            let gradient = used[index].1;
            let shape = gradient.shape();
            if gradient.added_rows().is_some() && shape.rank() > 0 {
                let width = shape.without_leading().len();
                rows.push((Form::Rows(shape.dim(0).at(0), width), vec![index]));
                continue;
            }
            match members.last_mut() {
                Some((Form::Numbers(len), members)) if *len * gradient.dtype().bytes() < bytes => {
                    *len += shape.len();
                    members.push(index);
                }
                _ => members.push((Form::Numbers(shape.len()), vec![index])),
            }
        }
        members.extend(rows);
        Buckets { members }
    }

    fn forms(&self) -> Vec<Form> {
        self.members.iter().map(|(form, _)| *form).collect()
    }

    /// Records that each bucket begins.
    fn begin<'t>(&self, exchange: &Arc<Exchange>, loss: Var<'t>, used: &Gradients<'t>) -> Vec<Var<'t>> {
        let begin = |(bucket, (form, members)): (usize, &(Form, Vec<usize>))| {
            let gradients = members.iter().map(|index| used[*index].1);
            let operands: Vec<Var<'t>> = match form {
                Form::Numbers(_) => (bucket == 0).then_some(loss).into_iter().chain(gradients).collect(),
                Form::Rows(..) => {
                    let (rows, indices) = used[members[0]].1.added_rows().expect("it was asked before");
                    vec![rows, indices]
                }
            };
            exchange.begin(bucket, *form, &operands)
        };
        self.members.iter().enumerate().map(begin).collect()
    }
}

impl<O: Optimizer> Trainer<O> {
    /// Takes one step together with the other ranks of an exchange, as [`step`](Trainer::step) does alone. `record` puts the
    /// share of a part on a tape of the parameters; the loss is the sum over all parts. Each part has noise of its own.
    ///
    /// Weights stay the same at all ranks, if they were at the start: all see the same sums, and so all leave out a step, or
    /// refuse it, for what they show. Where a part cannot be computed, its rank alone hears of it.
    ///
    /// ```
    /// use nn::exchange::{Exchange, among_threads};
    /// use nn::{Affine, Params, Parts, Sgd, Trainer};
    /// use tape::{DType, Tensor};
    ///
    /// let (xs, ys) = ([-1.0f32, 0.0, 1.0], [-1.0f32, 1.0, 3.0]);
    /// let ranks: Vec<_> = among_threads(2).into_iter().map(|rank| std::thread::spawn(move || {
    ///     let exchange = Exchange::start(move || Ok(Box::new(rank))).unwrap();
    ///     let mut params = Params::seeded(DType::F32, 1);
    ///     let line = Affine::new(params.scope("line"), 1, 1);
    ///     let mut trainer = Trainer::new(&mut params, Sgd::new(0.1));
    ///     for _ in 0..200 {
    ///         trainer.step_in_parts(&mut params, &exchange, &Parts::new(2), |tape, part| {
    ///             let rows = if part == 0 { 0..1 } else { 1..3 };
    ///             let x = tape.input(Tensor::new([rows.len(), 1], &xs[rows.clone()]));
    ///             let y = tape.input(Tensor::new([rows.len(), 1], &ys[rows]));
    ///             (line.apply(x) - y).square().sum() / 3.0
    ///         }).unwrap();
    ///     }
    ///     params[line.w].number()
    /// })).collect();
    /// for rank in ranks {
    ///     assert!((rank.join().unwrap() - 2.0).abs() < 1e-3);
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`step`](Trainer::step), and if the other ranks cannot be reached, which is a [`TrainError::Run`].
    ///
    /// # Panics
    /// As [`step`](Trainer::step) does, and if there is no part.
    #[track_caller]
    pub fn step_in_parts(
        &mut self,
        params: &mut Params,
        exchange: &Arc<Exchange>,
        parts: &Parts,
        mut record: impl for<'t> FnMut(&'t Tape, usize) -> Var<'t>,
    ) -> Result<StepReport, TrainError> {
        assert!(parts.count > 0, "a step has one part or more");
        let own = exchange.parts_of(parts.count);
        let location = Location::caller();
        let lost = |reason| RunError { op: "exchange".into(), location, reason };
        let mut layout = None;
        // Without a part of its own a rank looks at the first, to know what the others exchange.
        for part in if own.is_empty() { 0..1 } else { own.clone() } {
            let tape = self.tape(params, part);
            let loss = record(&tape, part);
            let used = gradients(params, &tape, loss);
            self.check_severed(params, loss, &used)?;
            let (buckets, _) = match &layout {
                Some(known) => known,
                None => {
                    let buckets = Buckets::of(&used, parts.bucket_bytes);
                    exchange
                        .open(parts.count, parts.fixed_order, &buckets.forms(), tape.dtype())
                        .map_err(lost)?;
                    layout.insert((buckets, used.iter().map(|(param, _)| *param).collect::<Vec<_>>()))
                }
            };
            if own.is_empty() {
                break;
            }
            if self.check_numbers {
                let looked_at: Vec<Var<'_>> =
                    [loss].into_iter().chain(used.iter().map(|(_, var)| *var)).collect();
                self.check_finite(&looked_at)?;
            }
            exchange.turn_to(part);
            self.engine.run(&buckets.begin(exchange, loss, &used))?;
        }
        let (buckets, weights) = layout.expect("there was one part or more");
        let checked = {
            let tape = params.tape();
            let (loss, used) = sums(&buckets, &weights, exchange, params, &tape);
            let program = self.program(params, &tape, loss, used);
            match checked(&mut self.engine, params, &program) {
                Err(TrainError::Gradient { loss, .. }) => {
                    Err(self.name_gradients(params, loss, &program.used)?)
                }
                checked => checked,
            }
        };
        let (targets, report, run) = checked?;
        Ok(settle(&mut self.steps, &mut self.outliers, params, targets, report, &run))
    }
}

/// Records what the exchange has summed: the loss, and the weights with their gradients.
fn sums<'t>(
    buckets: &Buckets,
    weights: &[Param],
    exchange: &Arc<Exchange>,
    params: &Params,
    tape: &'t Tape,
) -> (Var<'t>, Gradients<'t>) {
    let mut loss = None;
    let mut gradients: Vec<Option<Var<'t>>> = vec![None; weights.len()];
    tape.scope("exchange", || {
        for (bucket, (form, members)) in buckets.members.iter().enumerate() {
            match form {
                Form::Numbers(len) => {
                    let flat = exchange.sum(tape, bucket, [*len].into());
                    let mut start = 0;
                    let mut take = |shape: &Shape| {
                        let part = flat.slice(0, start..start + shape.len());
                        start += shape.len();
                        part.reshape(shape.clone())
                    };
                    if bucket == 0 {
                        loss = Some(take(&Shape::scalar()));
                    }
                    for index in members {
                        gradients[*index] = Some(take(params[weights[*index]].shape()));
                    }
                }
                Form::Rows(..) => {
                    let shape = params[weights[members[0]]].shape().clone();
                    gradients[members[0]] = Some(exchange.sum(tape, bucket, shape));
                }
            }
        }
    });
    let gradients = gradients.into_iter().map(|gradient| gradient.expect("each is in a bucket"));
    (loss.expect("the first bucket has it"), weights.iter().copied().zip(gradients).collect())
}

#[cfg(test)]
mod tests {
    use tape::{DType, Engine, NodeId};

    use super::*;
    use crate::exchange::Alone;
    use crate::{Embedding, Lstm, Sequence, TemporalAffine, temporal_softmax, unroll, zero_state};

    /// The instructions of a plan by their names, in their order, those of loops left out.
    fn instructions(dump: &str) -> Vec<&str> {
        let outer = dump.lines().filter(|line| !line.starts_with(' '));
        let work = outer.map(|line| line.split_once(" = ").map_or(line, |(_, work)| work));
        work.map(|work| work.split(['(', ':']).next().unwrap_or(work).trim()).collect()
    }

    #[test]
    fn an_exchange_begins_while_the_backward_sweep_goes_on() {
        let mut params = Params::seeded(DType::F32, 1);
        let embed = Embedding::new(params.scope("embed"), 50, 4);
        let cell = Lstm::new(params.scope("lstm"), 4, 4);
        let scores = TemporalAffine::new(params.scope("scores"), 4, 50);
        let exchange = Exchange::start(|| Ok(Box::new(Alone))).expect("one rank");
        let tape = params.tape();
        let layout = crate::Layout::new(3, &[3, 2]);
        let words = [1, 2, 3, 4, 5, 0];
        let inputs = embed.apply_sequence(&Sequence::words(&tape, &words, &layout));
        let (outputs, _) = unroll(&cell, &inputs, zero_state(&tape, 2, 4));
        let mask = [true, true, true, true, true, false];
        let loss = temporal_softmax(&scores.apply(&outputs), &words, &mask).per_word();
        let used = gradients(&params, &tape, loss);
        let buckets = Buckets::of(&used, 1);
        let begins = buckets.begin(&exchange, loss, &used);
        let wanted: Vec<NodeId> = begins.iter().map(|begin| begin.id()).collect();
        let plan = Engine::new().plan(&tape.graph(), &wanted);
        let dump = plan.dump();
        let names = instructions(&dump);
        let begun = |bucket: usize| {
            let begins = format!("bucket={bucket} ");
            names
                .iter()
                .position(|name| name.contains(&begins))
                .unwrap_or_else(|| panic!("{bucket} in\n{dump}"))
        };
        let loops: Vec<usize> = (0..names.len()).filter(|place| names[*place].starts_with("scan")).collect();
        let [_, backward] = loops[..] else { panic!("two loops in\n{dump}") };
        // The scores' gradients go while the cell's are computed, and what a bucket waits for stands right before it.
        let of_scores = |bucket: &usize| {
            let (_, members) = &buckets.members[*bucket];
            members.iter().any(|index| params.name(used[*index].0).starts_with("scores/"))
        };
        // The first is the loss alone, as no bucket holds more than one gradient.
        let (early, late): (Vec<usize>, Vec<usize>) = (1..begins.len()).partition(of_scores);
        assert!(!early.is_empty() && early.iter().all(|bucket| begun(*bucket) < backward), "in\n{dump}");
        assert!(begun(0) < backward && late.iter().all(|bucket| begun(*bucket) > backward), "in\n{dump}");
        let last = names.iter().rposition(|name| name.starts_with("dot")).expect("products");
        assert!(late.iter().any(|bucket| begun(*bucket) < last), "in\n{dump}");
        // All are there, once each, and the last is the table of words, as rows.
        assert_eq!(names.iter().filter(|name| name.starts_with("begin_exchange")).count(), begins.len());
        assert_eq!(buckets.members.last().map(|(form, _)| *form), Some(Form::Rows(50, 4)));
        assert!(!names.iter().any(|name| name.starts_with("scatter_add")), "in\n{dump}");
    }

    #[test]
    fn sums_are_taken_apart_without_a_copy() {
        let mut params = Params::seeded(DType::F32, 1);
        let line = crate::Affine::new(params.scope("line"), 3, 2);
        let exchange = Exchange::start(|| Ok(Box::new(Alone))).expect("one rank");
        let record = params.tape();
        let loss = line.apply(record.number(1.0).expand([1, 3])).sum();
        let used = gradients(&params, &record, loss);
        let (buckets, weights) = (Buckets::of(&used, 1 << 20), [line.w, line.b]);
        let tape = params.tape();
        let (loss, sums) = sums(&buckets, &weights, &exchange, &params, &tape);
        let doubled = sums.iter().map(|(_, sum)| *sum * 2.0);
        let wanted: Vec<NodeId> = [loss].into_iter().chain(doubled).map(|var| var.id()).collect();
        let plan = Engine::new().plan(&tape.graph(), &wanted);
        let names: Vec<String> = instructions(&plan.dump()).into_iter().map(String::from).collect();
        let moved = |name: &&String| ["copy", "slice", "reshape"].iter().any(|word| name.starts_with(word));
        assert_eq!(names.iter().filter(moved).count(), 0, "in\n{}", plan.dump());
    }
}
