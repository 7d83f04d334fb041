//! Every operation as a plain loop over indices in `f64`: no code is shared with the tape, and what is known of an
//! operation's fast form is not used here.

use tape::Windows;
use tape::ops::{Binary, Dot, Unary};

use crate::arrays::{Array, indices, joined, with};

/// The function of each element.
pub fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Negate => 0.0 - x,
        Unary::Exp => x.exp(),
        Unary::Ln => x.ln(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Relu if x.is_nan() => x,
        Unary::Relu => x.max(0.0),
        Unary::Step => f64::from(u8::from(x > 0.0)),
        // The logarithm of 1 + e^x overflows where it is x.
        Unary::Softplus if x > 700.0 => x,
        Unary::Softplus => x.exp().ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Recip => 1.0 / x,
        Unary::Abs => x.abs(),
        Unary::Sign if x.is_nan() => x,
        Unary::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Detach => x,
    }
}

/// The function of each pair of elements.
pub fn binary(op: Binary, x: f64, y: f64) -> f64 {
    match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Pow => x.powf(y),
        Binary::Maximum | Binary::Minimum if x.is_nan() || y.is_nan() => f64::NAN,
        Binary::Maximum => x.max(y),
        Binary::Minimum => x.min(y),
        Binary::Greater => f64::from(u8::from(x > y)),
        Binary::Equal => f64::from(u8::from(x == y)),
        Binary::TanhGrad => x * (1.0 - y * y),
        Binary::SigmoidGrad => x * (y * (1.0 - y)),
    }
}

pub fn map(x: &Array, f: impl Fn(f64) -> f64) -> Array {
    Array::build(&x.sizes, |i| f(x.at(i)))
}

/// A function of pairs, where the operands repeat along axes of extent one and along missing ones.
pub fn pairs(x: &Array, y: &Array, f: impl Fn(f64, f64) -> f64) -> Array {
    let rank = x.sizes.len().max(y.sizes.len());
    let aligned = |array: &Array, axis: usize| {
        let missing = rank - array.sizes.len();
        if axis < missing { 1 } else { array.sizes[axis - missing] }
    };
    let wide = |axis| if aligned(x, axis) == 1 { aligned(y, axis) } else { aligned(x, axis) };
    let sizes: Vec<usize> = (0..rank).map(wide).collect();
    Array::build(&sizes, |i| f(x.wide(i), y.wide(i)))
}

pub fn dot(op: Dot, x: &Array, y: &Array) -> Array {
    let rank = x.sizes.len();
    let turned = |turn: bool, [row, column]: [usize; 2]| if turn { [column, row] } else { [row, column] };
    let [m, k] = turned(op.transpose_left, [x.sizes[rank - 2], x.sizes[rank - 1]]);
    let [_, n] = turned(op.transpose_right, [y.sizes[rank - 2], y.sizes[rank - 1]]);
    Array::build(&joined(&x.sizes[..rank - 2], &[m, n]), |index| {
        let (batch, i, j) = (&index[..rank - 2], index[rank - 2], index[rank - 1]);
        (0..k)
            .map(|l| {
                x.at(&joined(batch, &turned(op.transpose_left, [i, l])))
                    * y.at(&joined(batch, &turned(op.transpose_right, [l, j])))
            })
            .sum()
    })
}

/// Elements taken together along axes, which are then gone.
pub fn reduce(axes: &[usize], x: &Array, start: f64, f: impl Fn(f64, f64) -> f64) -> Array {
    let kept = |list: &[usize]| -> Vec<usize> {
        list.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, at)| *at).collect()
    };
    Array::build(&kept(&x.sizes), |index| {
        let all = indices(&x.sizes).into_iter().filter(|inner| kept(inner) == index);
        all.fold(start, |sum, inner| f(sum, x.at(&inner)))
    })
}

pub fn sum(axes: &[usize], x: &Array) -> Array {
    reduce(axes, x, 0.0, |sum, x| sum + x)
}

pub fn max(axes: &[usize], x: &Array) -> Array {
    reduce(axes, x, f64::NEG_INFINITY, |a, b| binary(Binary::Maximum, a, b))
}

pub fn reshape(to: &[usize], x: &Array) -> Array {
    Array { sizes: to.to_vec(), numbers: x.numbers.clone() }
}

pub fn expand(to: &[usize], x: &Array) -> Array {
    Array::build(to, |i| x.wide(i))
}

pub fn transpose(order: &[usize], x: &Array) -> Array {
    let sizes: Vec<usize> = order.iter().map(|axis| x.sizes[*axis]).collect();
    Array::build(&sizes, |index| {
        let mut from = vec![0; order.len()];
        order.iter().zip(index).for_each(|(axis, at)| from[*axis] = *at);
        x.at(&from)
    })
}

pub fn slice(axis: usize, start: usize, len: usize, x: &Array) -> Array {
    Array::build(&with(&x.sizes, axis, len), |i| x.at(&with(i, axis, start + i[axis])))
}

pub fn pad(axis: usize, before: usize, after: usize, x: &Array) -> Array {
    let extent = x.sizes[axis];
    Array::build(&with(&x.sizes, axis, before + extent + after), |i| {
        let inside = i[axis] >= before && i[axis] < before + extent;
        if inside { x.at(&with(i, axis, i[axis] - before)) } else { 0.0 }
    })
}

pub fn concat(axis: usize, parts: &[Array]) -> Array {
    let extent = parts.iter().map(|part| part.sizes[axis]).sum();
    Array::build(&with(&parts[0].sizes, axis, extent), |i| {
        let mut at = i[axis];
        for part in parts {
            if at < part.sizes[axis] {
                return part.at(&with(i, axis, at));
            }
            at -= part.sizes[axis];
        }
        unreachable!("the extents add up")
    })
}

pub fn gather(table: &Array, rows: &Array) -> Array {
    let rank = rows.sizes.len();
    Array::build(&joined(&rows.sizes, &table.sizes[1..]), |i| {
        table.at(&joined(&[rows.row(&i[..rank])], &i[rank..]))
    })
}

pub fn scatter_add(count: usize, x: &Array, rows: &Array) -> Array {
    let rank = rows.sizes.len();
    Array::build(&joined(&[count], &x.sizes[rank..]), |i| {
        let from = indices(&rows.sizes).into_iter().filter(|at| rows.row(at) == i[0]);
        from.map(|at| x.at(&joined(&at, &i[1..]))).sum()
    })
}

pub fn pick(x: &Array, entries: &Array) -> Array {
    Array::build(x.outer(), |i| x.at(&joined(i, &[entries.row(i)])))
}

pub fn place(width: usize, x: &Array, entries: &Array) -> Array {
    Array::build(&joined(&x.sizes, &[width]), |i| {
        let (outer, at) = i.split_at(x.sizes.len());
        if entries.row(outer) == at[0] { x.at(outer) } else { 0.0 }
    })
}

/// The largest element of the row that an index is in, and the sum of the exponentials of its elements less that.
fn row_of(x: &Array, outer: &[usize]) -> (f64, f64) {
    let row: Vec<f64> = (0..x.width()).map(|k| x.at(&joined(outer, &[k]))).collect();
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
    (largest, row.iter().map(|x| (x - largest).exp()).sum())
}

pub fn softmax(x: &Array) -> Array {
    Array::build(&x.sizes, |i| {
        let (largest, sum) = row_of(x, &i[..i.len() - 1]);
        (x.at(i) - largest).exp() / sum
    })
}

pub fn log_softmax(x: &Array) -> Array {
    Array::build(&x.sizes, |i| {
        let (largest, sum) = row_of(x, &i[..i.len() - 1]);
        x.at(i) - (largest + sum.ln())
    })
}

pub fn cross_entropy(x: &Array, entries: &Array) -> Array {
    Array::build(x.outer(), |i| {
        let (largest, sum) = row_of(x, i);
        largest + sum.ln() - x.at(&joined(i, &[entries.row(i)]))
    })
}

pub fn cross_entropy_gradient(x: &Array, entries: &Array, upstream: &Array) -> Array {
    let p = softmax(x);
    Array::build(&x.sizes, |i| {
        let (outer, at) = i.split_at(i.len() - 1);
        let right = if entries.row(outer) == at[0] { upstream.at(outer) } else { 0.0 };
        p.at(i) * upstream.at(outer) - right
    })
}

/// The pixel that an entry of a window lies on, if it lies on the picture: its row and column.
fn pixel(windows: Windows, window: [usize; 2], entry: [usize; 2], sizes: [usize; 2]) -> Option<[usize; 2]> {
    let along = |axis: usize| {
        let at = window[axis] * usize::from(windows.stride) + entry[axis];
        at.checked_sub(usize::from(windows.padding)).filter(|at| *at < sizes[axis])
    };
    Some([along(0)?, along(1)?])
}

fn count(windows: Windows, extent: usize) -> usize {
    (extent + 2 * usize::from(windows.padding) - usize::from(windows.size)) / usize::from(windows.stride) + 1
}

pub fn unfold(windows: Windows, x: &Array) -> Array {
    let [pictures, height, width, channels] = x.sizes[..] else { panic!("four axes") };
    let size = usize::from(windows.size);
    let sizes = [pictures, count(windows, height), count(windows, width), size * size * channels];
    Array::build(&sizes, |i| {
        let (entry, channel) = (i[3] / channels, i[3] % channels);
        let pixel = pixel(windows, [i[1], i[2]], [entry / size, entry % size], [height, width]);
        pixel.map_or(0.0, |[y, x_at]| x.at(&[i[0], y, x_at, channel]))
    })
}

pub fn fold(windows: Windows, height: usize, width: usize, x: &Array) -> Array {
    let size = usize::from(windows.size);
    let channels = x.sizes[3] / (size * size);
    let mut picture = Array::build(&[x.sizes[0], height, width, channels], |_| 0.0);
    for i in indices(&x.sizes) {
        let (entry, channel) = (i[3] / channels, i[3] % channels);
        if let Some([row, column]) =
            pixel(windows, [i[1], i[2]], [entry / size, entry % size], [height, width])
        {
            picture.numbers[((i[0] * height + row) * width + column) * channels + channel] += x.at(&i);
        }
    }
    picture
}
