//! Figures with the machine that they were measured on, as `benches/record/NAME.json`.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// What a bench is asked for: `--test`, as `cargo test` does, to run once and short; `--record`, to keep the figures.
pub struct Wish {
    pub short: bool,
    record: bool,
}

impl Wish {
    /// From the command line.
    pub fn read() -> Wish {
        let has = |name| std::env::args().any(|argument| argument == name);
        Wish { short: has("--test"), record: has("--record") && !has("--test") }
    }

    /// Writes the figures where that was asked for.
    pub fn keep(&self, name: &str, figures: Value) {
        if !self.record {
            return;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record");
        let path = folder.join(format!("{name}.json"));
        let text = format!("{:#}\n", json!({ "machine": machine(), "figures": figures }));
        match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text)) {
            Ok(()) => println!("recorded in {}", path.display()),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
}

/// What the figures depend on.
fn machine() -> Value {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        line.split_once(": ").map(|(_, value)| value.to_string())
    };
    let flags = field("flags").unwrap_or_default();
    let vectors: Vec<&str> = flags.split(' ').filter(|flag| ["avx2", "avx512f"].contains(flag)).collect();
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    json!({
        "cpu": field("model name"),
        "vectors": vectors,
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        // More than this program itself: then somebody else took a part of the cores.
        "load": load.as_deref().and_then(|load| load.split(' ').next()),
        "rustc": said("rustc", &["--version"]),
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "date": today(),
    })
}

/// The date of today in UTC, after Howard Hinnant's `civil_from_days`.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // Years begin in March here, so that a leap day is the last of its year; 719,468 days lie before 1970.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (400 * era + year_of_era, if month < 10 { month + 3 } else { month - 9 });
    format!("{}-{month:02}-{day:02}", if month <= 2 { year + 1 } else { year })
}
