//! Writes the seeds of every target into a folder each, for libFuzzer to begin with: `cargo run -p unspool-hostile
//! --example seeds -- fuzz/corpus`.

use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let Some(corpus) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("give the folder of the corpora, fuzz/corpus"));
    };
    for target in hostile::TARGETS {
        let folder = corpus.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}
