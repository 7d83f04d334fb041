//! What several of the test programs share.

#![allow(dead_code, reason = "each test program uses some of it")]

pub mod agreement;
pub mod programs;
pub mod user_line;

use std::path::Path;

use tape::{DType, Shape, Tensor};

/// Numbers between -0.5 and 0.5, spread evenly and without pattern, other ones for each salt.
pub fn spread(shape: &[usize], salt: usize, dtype: DType) -> Tensor {
    let len = shape.iter().product::<usize>();
    let numbers: Vec<f64> =
        (0..len).map(|i| ((i + 31 * salt + 1) as f64 * 0.618_033_988_749_895).fract() - 0.5).collect();
    Tensor::from_f64(dtype, Shape::from(shape), &numbers)
}

/// Compares a text with the file of that name in `tests/golden`, which `cargo xtask bless` rewrites.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UNSPOOL_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if expected == actual {
        return;
    }
    let same =
        expected.lines().zip(actual.lines()).take_while(|(expected, actual)| expected == actual).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_string();
    panic!(
        "tests/golden/{name} is not what the program gives, from line {} on:\n  file     {}\n  program  {}\n\
         `cargo xtask bless` rewrites it; read the difference before it is committed",
        same + 1,
        line(&expected),
        line(actual),
    );
}
