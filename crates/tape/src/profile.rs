//! Where the time of a run goes: for each instruction how long it took, what it computed and moved, and how
//! near that is to what the machine can do.
//!
//! [`Engine::profile`](crate::Engine::profile) measures; the result prints as a table, and
//! [`Profile::chrome_trace`] is for the viewers of that format (`chrome://tracing`, Perfetto).

use std::fmt;
use std::time::Instant;

use crate::kernels::clock::Event;
use crate::kernels::multiply_in_registers;
use crate::plan::{Instruction, Plan, Work};

/// The times of a run.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The instructions in the order of the plan; those of a loop follow the loop.
    pub rows: Vec<ProfileRow>,
    /// What the machine can do.
    pub roof: Roof,
    /// When each ran: thread by thread, in order.
    runs: Vec<Vec<Event>>,
}

/// One instruction of a profile, all its runs together.
#[derive(Clone, PartialEq, Debug)]
pub struct ProfileRow {
    /// What it does: the name of the operation with its attributes.
    pub name: String,
    /// The shape of its result; empty for a loop.
    pub shape: String,
    /// The line of the user's program that recorded it.
    pub location: String,
    /// How many loops are around it.
    pub depth: usize,
    /// How often it ran.
    pub runs: usize,
    /// How long all runs took, on all threads together. A loop counts what it does beside its instructions.
    pub seconds: f64,
    /// Floating-point operations of all runs.
    pub flops: f64,
    /// Bytes of operands and results of all runs.
    pub bytes: f64,
}

/// The most that one thread of a machine can do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Roof {
    /// Floating-point operations a second: multiply-adds of `f32` that never leave the registers.
    pub flops: f64,
    /// Bytes a second, in a copy that does not.
    pub bytes: f64,
}

impl Roof {
    /// Measures the machine, which takes some hundredths of a second.
    pub fn measure() -> Roof {
        const BYTES: usize = 32 << 20;
        let mut operations = 0;
        let multiplying = fastest(10, || operations = multiply_in_registers::<f32>(200_000));
        let (from, mut to) = (vec![1u8; BYTES], vec![0u8; BYTES]);
        let copy = fastest(5, || std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from)));
        Roof { flops: operations as f64 / multiplying, bytes: 2.0 * BYTES as f64 / copy }
    }

    /// The least time for some work.
    fn seconds(&self, row: &ProfileRow) -> f64 {
        (row.flops / self.flops).max(row.bytes / self.bytes)
    }
}

/// The seconds of the fastest of some runs.
fn fastest(runs: usize, mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    };
    (0..runs).map(time).fold(f64::INFINITY, f64::min)
}

impl Profile {
    pub(crate) fn new(plan: &Plan, roof: Roof, runs: Vec<Vec<Event>>) -> Profile {
        let listing = plan.listing();
        let row = |(depth, instruction): &(usize, &Instruction)| {
            let result = instruction.results.first();
            ProfileRow {
                name: instruction.name(),
                shape: result.map(|result| result.shape.to_string()).unwrap_or_default(),
                location: instruction.location.to_string(),
                depth: *depth,
                runs: 0,
                seconds: 0.0,
                flops: 0.0,
                bytes: 0.0,
            }
        };
        let mut rows: Vec<ProfileRow> = listing.iter().map(row).collect();
        for event in runs.iter().flatten() {
            let (row, instruction) = (&mut rows[event.instruction], listing[event.instruction].1);
            row.runs += 1;
            row.seconds += 1e-9 * event.nanoseconds as f64;
            row.flops += instruction.flops(event.rows);
            row.bytes += instruction.bytes(event.rows);
        }
        // A loop ran while its instructions did.
        for (index, (depth, instruction)) in listing.iter().enumerate() {
            if matches!(instruction.work, Work::Loop(_)) {
                let inside = listing[index + 1..].iter().take_while(|(inner, _)| inner > depth).count();
                let direct = (index + 1..=index + inside).filter(|inner| listing[*inner].0 == depth + 1);
                let seconds: f64 = direct.map(|inner| rows[inner].seconds).sum();
                rows[index].seconds = (rows[index].seconds - seconds).max(0.0);
            }
        }
        Profile { rows, roof, runs }
    }

    /// The seconds of all instructions, on all threads together.
    pub fn seconds(&self) -> f64 {
        self.rows.iter().map(|row| row.seconds).sum()
    }

    /// The runs as text in the Trace Event Format: a bar for each, a track for each thread.
    pub fn chrome_trace(&self) -> String {
        let mut events = Vec::new();
        for (thread, runs) in self.runs.iter().enumerate() {
            for event in runs {
                let row = &self.rows[event.instruction];
                let (begin, long) = (event.begin as f64 / 1e3, event.nanoseconds as f64 / 1e3);
                events.push(format!(
                    r#"{{"name":{},"ph":"X","pid":0,"tid":{thread},"ts":{begin:.3},"dur":{long:.3},"args":{{"shape":{},"line":{},"rows":{}}}}}"#,
                    quoted(&row.name),
                    quoted(&row.shape),
                    quoted(&row.location),
                    event.rows
                ));
            }
        }
        format!("{{\"traceEvents\":[\n{}\n]}}\n", events.join(",\n"))
    }
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    let one = |character: char| match character {
        '"' | '\\' => format!("\\{character}"),
        character if character.is_control() => format!("\\u{:04x}", character as u32),
        character => character.to_string(),
    };
    format!("\"{}\"", text.chars().map(one).collect::<String>())
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.seconds();
        writeln!(
            f,
            "{:>6} {:>9} {:>6} {:>9} {:>9} {:>5}  instruction, of {:.3} ms; roof {:.0} GFLOP/s and {:.1} GB/s a thread",
            "share",
            "µs",
            "runs",
            "GFLOP/s",
            "GB/s",
            "roof",
            1e3 * total,
            1e-9 * self.roof.flops,
            1e-9 * self.roof.bytes
        )?;
        for row in self.rows.iter().filter(|row| row.runs > 0) {
            let rate = |work: f64| if row.seconds > 0.0 { 1e-9 * work / row.seconds } else { 0.0 };
            let roof = if row.seconds > 0.0 { 100.0 * self.roof.seconds(row) / row.seconds } else { 0.0 };
            writeln!(
                f,
                "{:>5.1}% {:>9.1} {:>6} {:>9.1} {:>9.1} {:>4.0}%  {}{} {}  {}",
                100.0 * row.seconds / total.max(f64::MIN_POSITIVE),
                1e6 * row.seconds,
                row.runs,
                rate(row.flops),
                rate(row.bytes),
                roof,
                "  ".repeat(row.depth),
                row.name,
                row.shape,
                row.location
            )?;
        }
        Ok(())
    }
}
