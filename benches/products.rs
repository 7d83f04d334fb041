//! Matrix products of the shapes that recurrent captioners have: GFLOP/s, and the share of what one core's
//! multiply-adds reach in registers alone.
//!
//! `cargo bench --bench products`; with `-- --quick` in a few seconds; with a word, the shapes whose name has it.
//! The smallest of many times counts, taken in turns, so that what else the machine does weighs little.

use std::hint::black_box;
use std::time::{Duration, Instant};

use unspool::tape::ops::Dot;
use unspool::tape::{PackedMatrix, add_product, multiply_in_registers};

/// A product of (m, k) by (k, n), with the letter of the operand that is taken transposed.
struct Shape(&'static str, [usize; 3], &'static str);

/// By sizes of captioners. R is the rows of a packed batch: 600 at S, 1900 at L.
const SHAPES: [Shape; 29] = [
    Shape("S input", [600, 256, 512], ""),
    Shape("S loop", [50, 512, 512], ""),
    Shape("S loop", [25, 512, 512], ""),
    Shape("S loop", [10, 512, 512], ""),
    Shape("S loop", [1, 512, 512], ""),
    Shape("S loop back", [50, 512, 512], "B"),
    Shape("S loop back", [25, 512, 512], "B"),
    Shape("S words", [600, 512, 1004], ""),
    Shape("S words back", [600, 1004, 512], "B"),
    Shape("S words dW", [512, 600, 1004], "A"),
    Shape("S hidden dW", [512, 600, 512], "A"),
    Shape("S input dW", [256, 600, 512], "A"),
    Shape("S input back", [600, 512, 256], "B"),
    Shape("S pictures dW", [512, 50, 512], "A"),
    Shape("S lstm loop", [50, 512, 2048], ""),
    Shape("S lstm loop back", [50, 2048, 512], "B"),
    Shape("S lstm dW", [512, 600, 2048], "A"),
    Shape("L pictures", [128, 2048, 512], ""),
    Shape("L input", [1900, 512, 512], ""),
    Shape("L loop", [128, 512, 512], ""),
    Shape("L words", [1900, 512, 10000], ""),
    Shape("L words back", [1900, 10000, 512], "B"),
    Shape("L words dW", [512, 1900, 10000], "A"),
    Shape("XS loop", [4, 16, 16], ""),
    Shape("XS loop back", [4, 16, 16], "B"),
    Shape("XS input", [256, 16, 16], ""),
    Shape("XS words", [256, 16, 32], ""),
    Shape("XS words back", [256, 32, 16], "B"),
    Shape("XS words dW", [16, 256, 32], "A"),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick" || word == "--test");
    let filter = words.iter().find(|word| !word.starts_with("--"));
    let time = if quick { Duration::from_millis(20) } else { Duration::from_secs(1) };

    let mut roof = [f64::INFINITY];
    let mut flops = 0;
    smallest(time, &mut roof, |_| flops = multiply_in_registers::<f32>(2000));
    let roof = flops as f64 / roof[0];
    println!("f32 in registers: {:.1} GFLOP/s a core\n", roof / 1e9);
    println!("|  | m,k,n | 1 thread | of the roof | packed | of the roof | 2 threads |");
    println!("|---|---|---|---|---|---|---|");
    let pools = [1, 2].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads"));
    for shape in SHAPES.iter().filter(|shape| filter.is_none_or(|word| shape.0.contains(word.as_str()))) {
        let Shape(name, [m, k, n], transposed) = *shape;
        if quick && m * k * n > 1 << 28 {
            continue;
        }
        let dot = Dot { transpose_left: transposed == "A", transpose_right: transposed == "B" };
        let spread =
            |len: usize| -> Vec<f32> { (0..len).map(|i| (i as f32 * 0.618).fract() - 0.5).collect() };
        let (left, right, mut out) = (spread(m * k), spread(k * n), vec![0.0; m * n]);
        let packed = PackedMatrix::new([k, n], &right, dot.transpose_right);
        let times_each = (20_000_000 / (m * k * n)).max(1);
        let mut times = [f64::INFINITY; 3];
        smallest(time, &mut times, |form| {
            // A thread of the pool does it all, often enough for sending it there to weigh little.
            pools[form / 2].install(|| {
                for _ in 0..times_each {
                    match form {
                        1 => packed.product(m, black_box(&left), &mut out),
                        _ => add_product(dot, [m, k, n], black_box(&left), &right, &mut out),
                    }
                }
            });
        });
        let rates = times.map(|time| (2 * m * k * n * times_each) as f64 / time);
        let [plain, packed, two] = rates.map(|rate| format!("{:.1}", rate / 1e9));
        let share = |rate: f64| format!("{:.0} %", 100.0 * rate / roof);
        let packed = if dot.transpose_left { "| ".into() } else { format!("{packed} | {}", share(rates[1])) };
        let mark = if transposed.is_empty() { String::new() } else { format!(", {transposed} transposed") };
        println!("| {name} | {m},{k},{n}{mark} | {plain} | {} | {packed} | {two} |", share(rates[0]));
    }
}

/// The smallest time of each form, in seconds, taken in turns for about as long as said.
fn smallest<const FORMS: usize>(time: Duration, least: &mut [f64; FORMS], mut run: impl FnMut(usize)) {
    let start = Instant::now();
    while start.elapsed() < time {
        for (form, least) in least.iter_mut().enumerate() {
            let start = Instant::now();
            run(form);
            *least = least.min(start.elapsed().as_secs_f64());
        }
    }
}
