//! Convolution and pooling against plain loops.

use nn::{Conv2d, Params, global_average, max_pool};
use tape::{DType, Tape, Windows};

use crate::support::{Draw, input, layer, of, scatter};

#[test]
fn convolution_weighs_the_window_around_each_pixel() {
    for (seed, (size, stride, padding)) in
        [(3, 1, 1), (2, 2, 0), (3, 2, 1), (1, 1, 0)].into_iter().enumerate()
    {
        let mut draw = Draw::new(seed as u64);
        let [n, channels, filters] = draw.sizes();
        let (height, width) = (4, 6);
        let windows = Windows { size, stride, padding };
        let mut params = Params::new(DType::F64);
        let conv = Conv2d::new(params.scope("conv"), windows, channels, filters);
        let x = input(&mut params, "x", &[n, height, width, channels]);
        scatter(&mut params, &mut draw);
        let [pixels, w, b] = ["input/x", "conv/w", "conv/b"].map(|name| of(&params, name));
        let [size, stride, padding] = [size, stride, padding].map(usize::from);
        let down = (height + 2 * padding - size) / stride + 1;
        let across = (width + 2 * padding - size) / stride + 1;
        let mut expected = Vec::new();
        for place in 0..n * down * across {
            let (picture, i, j) = (place / (down * across), place / across % down, place % across);
            for f in 0..filters {
                let mut sum = b[f];
                for (u, v) in (0..size).flat_map(|u| (0..size).map(move |v| (u, v))) {
                    let (row, column) = (stride * i + u, stride * j + v);
                    let inside = (padding..height + padding).contains(&row)
                        && (padding..width + padding).contains(&column);
                    for c in (0..channels).filter(|_| inside) {
                        let pixel = (picture * height + row - padding) * width + column - padding;
                        sum +=
                            pixels[pixel * channels + c] * w[((u * size + v) * channels + c) * filters + f];
                    }
                }
                expected.push(sum);
            }
        }
        layer(&params, &expected, |tape| conv.apply(x.on(tape)));
    }
}

#[test]
fn pooling_takes_the_largest_of_each_window() {
    let mut params = Params::new(DType::F64);
    let x = input(&mut params, "x", &[2, 4, 6, 3]);
    let pixels = of(&params, "input/x");
    let mut expected = Vec::new();
    for place in 0..2 * 2 * 3 * 3 {
        let (n, i, j, c) = (place / 18, place / 9 % 2, place / 3 % 3, place % 3);
        let at = |u: usize, v: usize| pixels[((n * 4 + 2 * i + u) * 6 + 2 * j + v) * 3 + c];
        expected.push(at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1)));
    }
    layer(&params, &expected, |tape| max_pool(x.on(tape), 2));
}

#[test]
fn averages_are_taken_over_all_pixels() {
    let mut params = Params::new(DType::F64);
    let x = input(&mut params, "x", &[2, 2, 3, 2]);
    let pixels = of(&params, "input/x");
    let mean = |n: usize, c: usize| (0..6).map(|pixel| pixels[(n * 6 + pixel) * 2 + c]).sum::<f64>() / 6.0;
    layer(&params, &[mean(0, 0), mean(0, 1), mean(1, 0), mean(1, 1)], |tape| global_average(x.on(tape)));
}

#[test]
#[should_panic(
    expected = "max_pool of [1, 4, 5, 1]: windows of 2 by 2 pixels do not cover the pictures exactly"
)]
fn windows_must_cover_the_pictures() {
    let tape = Tape::new(DType::F32);
    max_pool(tape.number(0.0).expand([1, 4, 5, 1]), 2);
}
