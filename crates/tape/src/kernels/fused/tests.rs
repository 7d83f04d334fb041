//! The kernel against the naive interpreter: every layout, sizes around those of tiles and pieces, results in
//! place of inputs, and the same bits for any number of threads.
#![allow(unsafe_code, reason = "what kernels read is put into an arena")]

use super::{Kernel, Source, Target};
use crate::dtype::DType;
use crate::fused::Fused;
use crate::graph::NodeId;
use crate::interpret::{Nobody, evaluate};
use crate::kernels::Threads;
use crate::kernels::arena::{ALIGNMENT, Arena};
use crate::passes::fuse;
use crate::program::Program;
use crate::record::Tape;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::var::Var;

use crate::ops::{Op, Part};

fn spread(shape: &Shape, salt: usize, dtype: DType) -> Tensor {
    let at = |i: usize| ((i + 31 * salt + 1) as f64 * 0.618_033_988_749_895).fract() - 0.5;
    let numbers: Vec<f64> = (0..shape.len()).map(at).collect();
    Tensor::from_f64(dtype, shape, &numbers)
}

/// Where a value lies in an arena.
#[derive(Clone, Copy)]
struct Region {
    offset: usize,
    len: usize,
    dtype: DType,
}

impl Region {
    fn start(self, arena: &mut Arena) -> *mut u8 {
        assert!(self.offset + self.len * self.dtype.bytes() <= arena.bytes());
        arena.start().wrapping_add(self.offset)
    }

    fn source(self, arena: &mut Arena) -> Source {
        Source::at(self.start(arena), self.len, self.dtype)
    }

    fn target(self, arena: &mut Arena) -> Target {
        Target::at(self.start(arena), self.len, self.dtype)
    }

    fn write(self, arena: &mut Arena, tensor: &Tensor) {
        let from = tensor.slice().start();
        // SAFETY: both hold the tensor's elements, and lie apart.
        unsafe { std::ptr::copy_nonoverlapping(from, self.start(arena), self.len * self.dtype.bytes()) }
    }
}

/// One kernel with what it is fed.
struct Case {
    fused: Fused,
    wanted: Vec<NodeId>,
    inputs: Vec<Tensor>,
}

/// Records work on inputs of the given shapes, which must become one group.
#[track_caller]
fn case(
    dtype: DType,
    shapes: &[&[usize]],
    indices: &[i32],
    record: impl for<'t> Fn(&[Var<'t>]) -> Vec<Var<'t>>,
) -> Case {
    let tape = Tape::new(dtype);
    let real = shapes.iter().enumerate().map(|(salt, shape)| spread(&Shape::from(*shape), salt, dtype));
    let index = (!indices.is_empty()).then(|| Tensor::new([indices.len()], indices));
    let mut inputs: Vec<Tensor> = real.chain(index).collect();
    let vars: Vec<Var<'_>> = inputs.iter().map(|input| tape.input(input.clone())).collect();
    let outputs: Vec<NodeId> = record(&vars).iter().map(|var| var.id()).collect();
    let plain =
        evaluate(&tape.graph(), &inputs, &outputs, 0, &mut Nobody).expect("indices within the scores");
    let program = fuse(Program { graph: tape.graph().clone(), outputs });
    let interpreted = evaluate(&program.graph, &inputs, &program.outputs, 0, &mut Nobody).expect("as before");
    assert!(interpreted == plain, "the interpreter computes bodies as it does what they were made of");
    let find = |node: &&crate::graph::Node| matches!(node.op, Op::Fused(_));
    let mut groups = program.graph.nodes.iter().filter(find);
    let (group, none) = (groups.next().expect("a group"), groups.next());
    assert!(none.is_none(), "more than one group:\n{program}");
    let Op::Fused(fused) = &group.op else { unreachable!("it was found as such") };
    let feeds: Vec<Tensor> = group
        .inputs
        .iter()
        .map(|input| match program.graph.node(*input).op {
            Op::Input(slot) => inputs[slot as usize].clone(),
            _ => panic!("an input of the group is computed:\n{program}"),
        })
        .collect();
    inputs = feeds;
    let wanted = program.outputs.iter().map(|output| match program.graph.node(*output).op {
        Op::Part(Part::Result(node)) => node,
        _ => panic!("an output is none of the group:\n{program}"),
    });
    Case { fused: Fused::clone(fused), wanted: wanted.collect(), inputs }
}

impl Case {
    fn plain(&self) -> Vec<Tensor> {
        evaluate(&self.fused.body, &self.inputs, &self.wanted, 0, &mut Nobody)
            .expect("indices within the scores")
    }

    /// Runs the kernel with inputs in an arena, each result in the place of the first input of its shape if
    /// `in_place`.
    fn run(&self, in_place: bool, threads: Threads) -> Vec<Tensor> {
        let mut arena = Arena::default();
        let mut end = 0;
        let mut region = |tensor: &Tensor| {
            let region = Region { offset: end, len: tensor.shape().len(), dtype: tensor.dtype() };
            end = (end + region.len * region.dtype.bytes()).next_multiple_of(ALIGNMENT);
            region
        };
        let inputs: Vec<Region> = self.inputs.iter().map(&mut region).collect();
        let plain = self.plain();
        let mut free: Vec<bool> = vec![in_place; inputs.len()];
        let results: Vec<Region> = plain
            .iter()
            .map(|result| {
                let same = |(place, input): (usize, &Tensor)| {
                    free[place] && (input.shape(), input.dtype()) == (result.shape(), result.dtype())
                };
                match self.inputs.iter().enumerate().position(same) {
                    Some(place) => {
                        free[place] = false;
                        inputs[place]
                    }
                    None => region(result),
                }
            })
            .collect();
        arena.reserve(end);
        for (input, region) in self.inputs.iter().zip(&inputs) {
            region.write(&mut arena, input);
        }
        let sources: Vec<Source> = inputs.iter().map(|region| region.source(&mut arena)).collect();
        let mut targets: Vec<Target> = results.iter().map(|region| region.target(&mut arena)).collect();
        let kernel = Kernel::new(&self.fused, &self.wanted);
        kernel.run(0, &sources, &mut targets, threads).expect("indices within the scores");
        let read = |(region, plain): (&Region, &Tensor)| {
            let mut found = Tensor::zeros(region.dtype, plain.shape());
            found.slice_mut().copy_from(arena.read(region.offset, region.len, region.dtype));
            found
        };
        results.iter().zip(&plain).map(read).collect()
    }

    #[track_caller]
    fn check(&self, label: &str) {
        let plain = self.plain();
        for in_place in [false, true] {
            for (found, plain) in self.run(in_place, Threads::One).iter().zip(&plain) {
                assert_eq!(found.shape(), plain.shape(), "{label}");
                let limit = if found.dtype() == DType::F64 { 1e-12 } else { 2e-5 };
                for (a, b) in found.to_f64().iter().zip(plain.to_f64()) {
                    let near = (a - b).abs() <= limit * (1.0 + b.abs());
                    assert!(
                        near,
                        "{label}, in place: {in_place}: {a} is not {b}\n{}",
                        self.fused.body.dump()
                    );
                }
            }
        }
    }
}

/// Rows and widths at and around the sizes of tiles, the lanes of sums, and pieces.
const SIZES: [[usize; 2]; 14] = [
    [1, 1],
    [3, 5],
    [4, 16],
    [7, 100],
    [50, 512],
    [2, 513],
    [3, 1024],
    [2, 1030],
    [5, 1537],
    [2, 3000],
    [300, 3],
    [1, 40_000],
    [0, 4],
    [600, 128],
];

#[test]
fn operands_of_all_layouts_agree_with_the_interpreter() {
    for dtype in [DType::F64, DType::F32] {
        for [rows, width] in SIZES {
            let shapes: [&[usize]; 5] = [&[rows, width], &[rows, width], &[width], &[rows, 1], &[]];
            let case = case(dtype, &shapes, &[], |v| {
                let a = (v[0] * v[2] + v[1]).tanh();
                let b = (v[3] - a) * v[4];
                let c = (b.sigmoid() + v[4].expand(v[0].shape()) * 2.0)
                    / (v[2].expand(v[0].shape()).square() + 1.0);
                vec![a, c, (a * c).sum(), (b * c).sum_along(&[0]), c.exp()]
            });
            case.check(&format!("{dtype:?} {rows} {width}"));
        }
    }
}

#[test]
fn tables_and_numbers_alone_are_one_long_row() {
    for dtype in [DType::F64, DType::F32] {
        for [rows, width] in SIZES {
            let shapes: [&[usize]; 4] = [&[rows, width], &[rows, width], &[rows, width], &[]];
            // Adam: three results from four tables.
            let case = case(dtype, &shapes, &[], |v| {
                let m = v[1] * 0.9 + v[0] * 0.1;
                let s = v[2].square() * 0.999 + v[0].square() * 0.001;
                vec![m, s, v[0] - v[3] * m / (s.sqrt() + 1e-3)]
            });
            case.check(&format!("{dtype:?} {rows} {width}"));
        }
    }
}

#[test]
fn gates_are_cut_and_joined_in_place() {
    for dtype in [DType::F64, DType::F32] {
        for [rows, width] in SIZES {
            let shapes: [&[usize]; 4] =
                [&[rows, 4 * width], &[4 * width], &[rows, width], &[rows, 4 * width]];
            let case = case(dtype, &shapes, &[], |v| {
                let [i, f, o, g] = (v[0] + v[1] + v[3]).split();
                let c = f.sigmoid() * v[2] + i.sigmoid() * g.tanh();
                let h = o.sigmoid() * c.tanh();
                let joined = crate::ops::concat(&[i * c, f, h, g - h], 1);
                vec![c, h, joined]
            });
            case.check(&format!("{dtype:?} {rows} {width}"));
        }
    }
}

#[test]
fn parts_of_a_table_may_change_places_in_it() {
    for [rows, width] in SIZES {
        let shapes: [&[usize]; 1] = [&[rows, 3 * width]];
        let case = case(DType::F64, &shapes, &[], |v| {
            let [a, b, c] = v[0].split();
            vec![crate::ops::concat(&[b, c, a + b], 1)]
        });
        case.check(&format!("{rows} {width}"));
    }
}

#[test]
fn cross_entropy_and_its_gradient_are_one_pass() {
    for dtype in [DType::F64, DType::F32] {
        for [rows, width] in SIZES {
            if rows == 0 {
                continue;
            }
            let indices: Vec<i32> = (0..rows).map(|row| (row * 7 % width) as i32).collect();
            let shapes: [&[usize]; 3] = [&[rows, width], &[width], &[rows]];
            let case = case(dtype, &shapes, &indices, |v| {
                let scores = (v[0] + v[1]) * 3.0;
                let gradient = |upstream| {
                    scores.tape().push(crate::ops::CrossEntropyGradient, &[scores, v[3], upstream])
                };
                vec![scores.cross_entropy(v[3]), gradient(v[2]), gradient(v[2]).sum_along(&[0])]
            });
            case.check(&format!("{dtype:?} {rows} {width}"));
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let shapes: [&[usize]; 3] = [&[700, 300], &[300], &[700, 300]];
    let case = case(DType::F32, &shapes, &[], |v| {
        let a = (v[0] * v[1]).tanh();
        vec![a, (a - v[2]).sum_along(&[0]), (a * v[2]).sum(), v[2].exp() + a]
    });
    let bits = |tensors: Vec<Tensor>| -> Vec<u32> {
        tensors.iter().flat_map(|tensor| tensor.as_slice::<f32>()).map(|x| x.to_bits()).collect()
    };
    let serial = bits(case.run(false, Threads::One));
    for threads in [1, 2, 3, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        for in_place in [false, true] {
            assert!(bits(pool.install(|| case.run(in_place, Threads::All))) == serial, "{threads} threads");
        }
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "lies over another value")]
fn a_result_that_lies_half_over_an_input_is_refused() {
    let case = case(DType::F64, &[&[8]], &[], |v| vec![v[0].tanh()]);
    let mut arena = Arena::default();
    arena.reserve(256);
    let region = |offset| Region { offset, len: 8, dtype: DType::F64 };
    let kernel = Kernel::new(&case.fused, &case.wanted);
    let (source, target) = (region(0).source(&mut arena), region(32).target(&mut arena));
    let run = kernel.run(0, &[source], &mut [target], Threads::One);
    assert!(run.is_ok());
}
