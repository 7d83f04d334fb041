//! From a scene to its pixels: a textured background, objects with soft edges, noise over everything.
//!
//! Only `+`, `*`, `/` and comparisons are used, which give the same bits on every machine; a sine would not.

use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::scene::{Colour, Kind, Object, Scene, between};

/// Sample points along one side of a pixel; the share of them inside an object is how much of the pixel it covers.
const SUPERSAMPLING: usize = 4;
/// Cells of the background texture along one side of the picture.
const CELLS: usize = 4;
/// How far, at most, a channel of an object's colour is from that colour as written here.
const LIGHT: f32 = 16.0;
/// How far, at most, the noise moves a channel of a pixel.
const NOISE: f32 = 10.0;

/// RGB pixels of a scene, (side, side, 3), row-major. Texture, light and noise come from `rng`.
pub fn render(scene: &Scene, side: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut canvas = background(side, rng);
    for object in &scene.objects {
        draw(object, side, &mut canvas, rng);
    }
    canvas.chunks_exact(3).flat_map(|pixel| add_noise([pixel[0], pixel[1], pixel[2]], rng)).collect()
}

/// A dull, slightly tinted ground with soft patches: a coarse lattice of brightnesses, interpolated.
fn background(side: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let base = between(60.0, 110.0, rng);
    let tint = [(); 3].map(|()| between(-10.0, 10.0, rng));
    let lattice = [[(); CELLS + 1]; CELLS + 1].map(|row| row.map(|()| between(-24.0, 24.0, rng)));

    let mut canvas = Vec::with_capacity(side * side * 3);
    let in_lattice = |pixel: usize| {
        let at = pixel as f32 / side as f32 * CELLS as f32;
        let cell = (at as usize).min(CELLS - 1);
        (cell, at - cell as f32)
    };
    for y in 0..side {
        let (row, down) = in_lattice(y);
        for x in 0..side {
            let (column, across) = in_lattice(x);
            let along = |row: usize| mix(lattice[row][column], lattice[row][column + 1], across);
            let brightness = base + mix(along(row), along(row + 1), down);
            canvas.extend(tint.map(|tint| brightness + tint));
        }
    }
    canvas
}

/// Blends an object into the canvas, each pixel as far as the object covers it.
fn draw(object: &Object, side: usize, canvas: &mut [f32], rng: &mut ChaCha8Rng) {
    let paint = paint(object.look.colour).map(|channel| channel + between(-LIGHT, LIGHT, rng));
    let [columns, rows] = object.centre.map(|at| {
        let (low, high) = (at - object.reach(), at + object.reach());
        let pixel = |at: f32| (at.max(0.0) * side as f32) as usize;
        pixel(low)..(pixel(high) + 1).min(side)
    });
    for y in rows {
        for x in columns.clone() {
            let share = coverage(object, side, x, y);
            for (old, new) in canvas[(y * side + x) * 3..][..3].iter_mut().zip(paint) {
                *old = mix(*old, new, share);
            }
        }
    }
}

/// The share of a pixel that lies inside an object.
fn coverage(object: &Object, side: usize, x: usize, y: usize) -> f32 {
    let scale = 1.0 / (side as f32 * object.radius);
    let along = |pixel: usize, sample: usize, centre: f32| {
        (pixel as f32 + (sample as f32 + 0.5) / SUPERSAMPLING as f32 - centre * side as f32) * scale
    };
    let mut inside = 0;
    for down in 0..SUPERSAMPLING {
        let v = along(y, down, object.centre[1]);
        for across in 0..SUPERSAMPLING {
            let u = along(x, across, object.centre[0]);
            inside += usize::from(contains(object.look.kind, u, v));
        }
    }
    inside as f32 / (SUPERSAMPLING * SUPERSAMPLING) as f32
}

/// Whether a point lies inside an outline; the centre is the origin, the unit is the radius, `v` grows downwards.
fn contains(kind: Kind, u: f32, v: f32) -> bool {
    match kind {
        Kind::Circle => u * u + v * v <= 1.0,
        Kind::Square => u.abs().max(v.abs()) <= 1.0,
        // The apex is at (0, -1.2), the base at v = 0.9 is 2.4 wide.
        Kind::Triangle => v <= 0.9 && u.abs() <= (v + 1.2) * (1.2 / 2.1),
        Kind::Cross => u.abs().min(v.abs()) <= 0.38 && u.abs().max(v.abs()) <= 1.15,
    }
}

/// A colour's channels in plain light, far enough apart that light and noise leave no doubt.
fn paint(colour: Colour) -> [f32; 3] {
    match colour {
        Colour::Red => [215.0, 40.0, 40.0],
        Colour::Green => [45.0, 175.0, 60.0],
        Colour::Blue => [45.0, 85.0, 225.0],
        Colour::Yellow => [230.0, 205.0, 40.0],
        Colour::Purple => [165.0, 50.0, 190.0],
        Colour::White => [232.0, 232.0, 232.0],
    }
}

/// A pixel with each channel moved a little, from one word of the generator.
fn add_noise(pixel: [f32; 3], rng: &mut ChaCha8Rng) -> [u8; 3] {
    let [a, b, c, _] = rng.next_u32().to_le_bytes();
    let noise = [a, b, c].map(|byte| (f32::from(byte) / 127.5 - 1.0) * NOISE);
    // A cast from `f32` to `u8` stops at 0 and 255.
    [pixel[0] + noise[0] + 0.5, pixel[1] + noise[1] + 0.5, pixel[2] + noise[2] + 0.5].map(|at| at as u8)
}

/// The point between `from` and `to` that is `share` of the way.
fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::scene::{Look, Size};
    use super::*;

    const SIDE: usize = 32;

    fn draw_alone(kind: Kind, colour: Colour) -> Vec<u8> {
        let look = Look { size: Size::Large, colour, kind };
        let scene = Scene { objects: vec![Object { look, centre: [0.5, 0.5], radius: 0.2 }] };
        render(&scene, SIDE, &mut ChaCha8Rng::seed_from_u64(3))
    }

    #[test]
    fn an_object_has_its_colour_and_the_ground_has_none() {
        for &kind in Kind::ALL {
            for &colour in Colour::ALL {
                let pixels = draw_alone(kind, colour);
                for (found, expected) in pixels[(16 * SIDE + 16) * 3..][..3].iter().zip(paint(colour)) {
                    assert!(
                        (f32::from(*found) - expected).abs() <= LIGHT + NOISE + 1.0,
                        "{colour:?} {kind:?}"
                    );
                }
                let (low, high) =
                    pixels[..3].iter().fold((255, 0), |(low, high), &at| (at.min(low), at.max(high)));
                assert!(high - low <= 20 + 2 * NOISE as u8 + 1, "a corner is coloured: {:?}", &pixels[..3]);
            }
        }
    }

    #[test]
    fn kinds_differ_in_outline_and_little_in_area() {
        let areas: Vec<f32> = Kind::ALL
            .iter()
            .map(|&kind| {
                let look = Look { size: Size::Large, colour: Colour::Red, kind };
                let object = Object { look, centre: [0.5, 0.5], radius: 0.2 };
                let pixels = (0..SIDE * SIDE).map(|at| coverage(&object, SIDE, at % SIDE, at / SIDE));
                pixels.sum::<f32>() / (0.2 * SIDE as f32).powi(2)
            })
            .collect();
        // Circle, square, triangle and cross of radius one, from school geometry.
        let expected = [std::f32::consts::PI, 4.0, 2.4 * 2.1 / 2.0, 2.0 * 2.3 * 0.76 - 0.76 * 0.76];
        for (area, expected) in areas.iter().zip(expected) {
            assert!((area / expected - 1.0).abs() < 0.05, "{areas:?}, expected {expected:?}");
        }
    }

    #[test]
    fn edges_are_soft() {
        let look = Look { size: Size::Large, colour: Colour::Red, kind: Kind::Circle };
        let object = Object { look, centre: [0.5, 0.5], radius: 0.2 };
        let soft = (0..SIDE * SIDE).map(|at| coverage(&object, SIDE, at % SIDE, at / SIDE));
        assert!(soft.filter(|share| (0.1..0.9).contains(share)).count() > 10);
    }
}
