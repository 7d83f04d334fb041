//! The `caption` program, started with arguments on tiny data.

use std::process::{Command, Output};

use tempfile::TempDir;

use super::tiny::tiny_data;

/// What the program does with arguments.
pub fn caption(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_caption")).args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs the program and returns what it prints, which must go well.
pub fn succeed(arguments: &[&str]) -> String {
    let output = caption(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs the program, which must end with this code and one message, and returns the message.
pub fn fail(code: i32, arguments: &[&str]) -> String {
    let output = caption(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// A folder with tiny data, and the name of a run in it.
pub struct Setting {
    pub folder: TempDir,
    pub data: String,
    pub run: String,
}

impl Setting {
    pub fn new() -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let data = tiny_data(folder.path()).display().to_string();
        let run = folder.path().join("run").display().to_string();
        Setting { folder, data, run }
    }

    /// What is asked of a small training.
    pub fn train(&self, run: &str, more: &[&str]) -> Vec<String> {
        let fixed = format!("train --data {} --out {run} --hidden 6 --embedding 4 --batch 2", self.data);
        fixed.split(' ').chain(more.iter().copied()).map(String::from).collect()
    }
}

pub fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
