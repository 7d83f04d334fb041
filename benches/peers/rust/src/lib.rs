//! What the peers share: sizes, raw inputs, the clock, and the line of JSON that each prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The parameters in the order of the line, with the names of their files.
pub const PARAMETERS: [&str; 8] = ["W_proj", "b_proj", "W_embed", "Wx", "Wh", "b", "W_vocab", "b_vocab"];

/// What is to be measured, from `--inputs DIR --size S --cell rnn --threads 1 --seconds 3`.
pub struct Case {
    folder: PathBuf,
    pub size: String,
    pub cell: String,
    pub threads: usize,
    seconds: f64,
    /// N, T, F, D, H, V as everywhere.
    pub n: usize,
    pub t: usize,
    pub f: usize,
    pub d: usize,
    pub h: usize,
    pub v: usize,
}

impl Case {
    /// Reads the command line.
    pub fn from_arguments() -> Case {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let mut options: BTreeMap<&str, &str> = BTreeMap::new();
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { panic!("{} needs a value", pair[0]) };
            options.insert(name, value);
        }
        let get = |name: &str| *options.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let size = get("--size").to_uppercase();
        let [n, t, f, d, h, v] = match size.as_str() {
            "XS" => [4, 64, 16, 16, 16, 32],
            "S" => [50, 16, 512, 256, 512, 1004],
            "L" => [128, 20, 2048, 512, 512, 10_000],
            other => panic!("there is no size {other}"),
        };
        Case {
            folder: get("--inputs").into(),
            cell: get("--cell").into(),
            threads: get("--threads").parse().expect("a number of threads"),
            seconds: options.get("--seconds").unwrap_or(&"3").parse().expect("seconds"),
            size,
            n,
            t,
            f,
            d,
            h,
            v,
        }
    }

    /// The blocks of H columns of the cell's weights, G.
    pub fn blocks(&self) -> usize {
        match self.cell.as_str() {
            "rnn" => 1,
            "mgu" => 2,
            "lstm" => 4,
            other => panic!("there is no cell {other}"),
        }
    }

    /// The shape of each of [`PARAMETERS`]; a vector is a matrix of one row.
    pub fn shapes(&self) -> [[usize; 2]; 8] {
        let gh = self.blocks() * self.h;
        [
            [self.f, self.h],
            [1, self.h],
            [self.v, self.d],
            [self.d, gh],
            [self.h, gh],
            [1, gh],
            [self.h, self.v],
            [1, self.v],
        ]
    }

    /// The parameters, row-major.
    pub fn parameters(&self) -> Vec<Vec<f32>> {
        let read = |name: &&str| numbers(&self.folder.join(format!("{name}.f32")), f32::from_le_bytes);
        let parameters: Vec<Vec<f32>> = PARAMETERS.iter().map(read).collect();
        for ((values, [rows, columns]), name) in parameters.iter().zip(self.shapes()).zip(PARAMETERS) {
            assert_eq!(values.len(), rows * columns, "{name}");
        }
        parameters
    }

    /// Features (N, F).
    pub fn features(&self) -> Vec<f32> {
        numbers(&self.folder.join("features.f32"), f32::from_le_bytes)
    }

    /// What is read and what is to be predicted, each time-major (T, N).
    pub fn words(&self) -> (Vec<i32>, Vec<i32>) {
        let captions = numbers(&self.folder.join("captions.i32"), i32::from_le_bytes);
        let shifted = |by: usize| {
            let word = |t: usize, n: usize| captions[n * (self.t + 1) + t + by];
            (0..self.t).flat_map(|t| (0..self.n).map(move |n| (t, n))).map(|(t, n)| word(t, n)).collect()
        };
        (shifted(0), shifted(1))
    }

    /// Times steps and prints the line; a step returns its loss, `finish` the gradients of the last one.
    pub fn measure(&self, peer: &str, mut step: impl FnMut() -> f32, finish: impl FnOnce() -> Vec<Vec<f32>>) {
        (0..2).for_each(|_| _ = step());
        let (start, mut times, mut loss) = (Instant::now(), Vec::new(), 0.0);
        while times.len() < 5 || start.elapsed() < Duration::from_secs_f64(self.seconds) {
            let begin = Instant::now();
            loss = step();
            times.push(begin.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let square = |values: &Vec<f32>| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let norms: BTreeMap<&str, f64> =
            PARAMETERS.into_iter().zip(finish().iter().map(|gradient| square(gradient).sqrt())).collect();
        let Case { n, t, f, d, h, v, .. } = *self;
        let flops = 4 * n * f * h + 6 * n * t * (self.blocks() * (d * h + h * h) + h * v);
        let median = times[times.len() / 2];
        println!(
            "{}",
            serde_json::json!({
                "peer": peer,
                "size": self.size,
                "cell": self.cell,
                "threads": self.threads,
                "med_ms": 1e3 * median,
                "min_ms": 1e3 * times[0],
                "loss": loss,
                "grad_norm": norms,
                "gflops": 1e-9 * flops as f64 / median,
                "peak_bytes": peak_bytes(),
            })
        );
    }
}

fn numbers<T>(path: &Path, decode: fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks::<4>().0.iter().map(|bytes| decode(*bytes)).collect()
}

fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}
