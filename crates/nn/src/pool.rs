//! Pooling of pictures: fewer pixels from many.

use tape::{Shape, Var};

/// The largest element of each channel in windows of `size` by `size` pixels that lie side by side: from
/// (N, H, W, C) to (N, H / size, W / size, C).
///
/// ```text
/// y[n, i, j, c] = max over u, v < size of x[n, size i + u, size j + v, c]
/// ```
///
/// # Panics
/// If the windows do not cover the pictures exactly.
#[track_caller]
pub fn max_pool(pictures: Var<'_>, size: usize) -> Var<'_> {
    let shape = pictures.shape();
    let [pictures_in, height, width, channels] = *shape.dims() else {
        panic!("max_pool of {shape}: pictures need the axes (N, H, W, C)");
    };
    let windows = |extent: tape::Dim| {
        extent.known().filter(|extent| size > 0 && extent % size == 0).map(|extent| extent / size)
    };
    let (Some(down), Some(across)) = (windows(height), windows(width)) else {
        panic!("max_pool of {shape}: windows of {size} by {size} pixels do not cover the pictures exactly");
    };
    let split = [pictures_in, down.into(), size.into(), across.into(), size.into(), channels];
    pictures.reshape(Shape::from(split)).max_along(&[2, 4])
}

/// The mean of each channel over all pixels: from (N, H, W, C) to (N, C).
///
/// # Panics
/// If there are not four axes.
#[track_caller]
pub fn global_average(pictures: Var<'_>) -> Var<'_> {
    let shape = pictures.shape();
    assert!(shape.rank() == 4, "global_average of {shape}: pictures need the axes (N, H, W, C)");
    pictures.mean_along(&[1, 2])
}
