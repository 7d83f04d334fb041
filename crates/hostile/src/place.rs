//! A folder of the running thread, in memory where the system has one there: readers are asked by path, as users ask
//! them, and a disk would only slow that down.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = make();
}

fn make() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made =
        if memory.is_dir() { TempDir::new_in(memory).or_else(|_| TempDir::new()) } else { TempDir::new() };
    made.expect("there is a place for temporary files")
}

/// The folder.
pub fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_path_buf())
}

/// A file of this name there with these bytes and no others.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("there is space for a small file");
    path
}

/// An empty folder.
pub fn fresh(name: &str) -> PathBuf {
    let folder = folder().join(name);
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
    std::fs::create_dir(&folder).expect("there is space for a folder");
    folder
}
