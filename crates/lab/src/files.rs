//! Files that are there whole or not at all, and errors that name the path.
//!
//! [`write_atomically`] writes under a temporary name in the same folder, makes the bytes durable, and renames: whoever
//! opens the final name finds the old content or the new one, never a part, whenever the program or the machine stops.
//! Reading is bounded and accepts plain files only, so that a device or a pipe under the name cannot hold a run up.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What went wrong with a file: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was found, or what could not be done.
    pub problem: String,
    /// What the reader of the message can do about it.
    pub advice: String,
}

impl FileError {
    /// An error at a path, in words.
    pub fn new(path: impl Into<PathBuf>, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        FileError { path: path.into(), problem: problem.into(), advice: advice.into() }
    }

    /// What the system said when the path "cannot be `done`" (read, written, …).
    pub fn system(path: impl Into<PathBuf>, done: &str, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "check that the path is right",
            io::ErrorKind::PermissionDenied => "check who owns it and what its folder permits",
            io::ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space and run this again",
            io::ErrorKind::FileTooLarge => {
                "give it more space (`ulimit -f`, or a disk for larger files) and run this again"
            }
            _ => "check the path and the disk it lies on",
        };
        FileError::new(path, format!("cannot be {done}: {error}"), advice)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path.display(), self.problem, self.advice)
    }
}

impl std::error::Error for FileError {}

/// Puts `bytes` under `path`, replacing what is there; on failure there is the old file or the new one, whole.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("config.json");
/// lab::files::write_atomically(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"{}");
/// # Ok::<(), lab::files::FileError>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or the system does not say that its new name is durable; only then is it the new one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// The same where `write` puts the bytes into the file, so that they need not be in memory together.
///
/// # Errors
/// As for [`write_atomically`], and if `write` fails.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let failed = |error: io::Error| FileError::system(path, "written", &error);
    let (mut file, temporary) = create_temporary(path).map_err(failed)?;
    let written = write(&mut file).and_then(|()| file.sync_all());
    drop(file);
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = renamed {
        // The first error is the one to report; a temporary that cannot be removed is swept by the run folder.
        let _ = fs::remove_file(&temporary);
        return Err(failed(error));
    }
    sync_folder(folder_of(path))
}

/// A file that did not exist, beside `path`.
fn create_temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no file name"))?;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{}.{}-{count}.tmp", name.to_string_lossy(), std::process::id());
        let temporary = folder_of(path).join(name);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            // A process of the same number died here once; the next count is free.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, temporary)),
        }
    }
}

/// Whether a file name is that of a temporary which [`write_atomically`] would make.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Makes renames and removals in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), FileError> {
    // Elsewhere a folder cannot be opened as a file, and the system orders renames itself.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems know no such request; what they do by themselves has to do.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced.map_err(|error| FileError::system(folder, "made durable", &error)),
    }
}

/// Makes a folder and those it lies in, durably; one that exists is well.
///
/// # Errors
/// If a folder cannot be made, or a file is in its place.
pub fn create_folder(folder: &Path) -> Result<(), FileError> {
    // Those that are missing: what is durable in a folder is lost with the folder.
    let missing: Vec<&Path> = folder.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(folder).map_err(|error| FileError::system(folder, "made", &error))?;
    missing
        .iter()
        .rev()
        .filter(|made| **made != Path::new(""))
        .try_for_each(|made| sync_folder(folder_of(made)))
}

/// The names in a folder, sorted; names that are not UTF-8 are none of ours and are left out.
///
/// # Errors
/// If the folder cannot be read.
pub fn list_folder(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = |error: io::Error| FileError::system(folder, "listed", &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// All bytes of a plain file of at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, is no plain file, or is longer.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |error: io::Error| FileError::system(path, "read", &error);
    // Asked before opening, because opening a pipe waits for its writer.
    let length = plain_length(path)?;
    let too_long = || {
        let problem = format!("is longer than the {limit} bytes that such a file may have");
        FileError::new(path, problem, "check that it is the file you mean")
    };
    if length > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte beyond the limit tells a file that grew meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
}

/// How many bytes a plain file has.
///
/// # Errors
/// If it cannot be asked, or is no plain file.
pub fn plain_length(path: &Path) -> Result<u64, FileError> {
    let about = fs::metadata(path).map_err(|error| FileError::system(path, "read", &error))?;
    if !about.is_file() {
        return Err(FileError::new(path, "is not a plain file", "give the path of a file"));
    }
    Ok(about.len())
}

/// The text of a plain file of at most `limit` bytes.
///
/// # Errors
/// As for [`read_file`], and if it is no UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read_file(path, limit)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        FileError::new(
            path,
            format!("is not UTF-8 text from byte {at} on"),
            "check that it is the file you mean",
        )
    })
}

/// The folder a path lies in; `.` for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that holds `report`, and what is expected of it after a write that must fail.
    fn check_failure(write: impl FnOnce(&mut File) -> io::Result<()>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old").unwrap();
        let error = write_atomically_with(&path, write).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(list_folder(folder.path()).unwrap(), ["report"]);
    }

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        write_atomically(&path, b"first, and longer").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(list_folder(folder.path()).unwrap(), ["report"]);
    }

    #[test]
    fn a_write_that_stops_half_way_changes_nothing() {
        check_failure(
            |file| file.write_all(b"half of").and(Err(io::ErrorKind::StorageFull.into())),
            "cannot be written: no storage space; free some space and run this again",
        );
        check_failure(
            |_| Err(io::Error::other("the cable fell out")),
            "cannot be written: the cable fell out; check the path and the disk it lies on",
        );
    }

    #[test]
    fn the_old_content_stands_under_the_name_while_the_new_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old").unwrap();
        let seen = path.clone();
        write_atomically_with(&path, |file| {
            file.write_all(b"half")?;
            assert_eq!(fs::read_to_string(&seen)?, "old");
            file.write_all(b" and half")
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "half and half");
    }

    #[test]
    fn a_name_that_is_a_folder_is_refused_and_no_temporary_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::create_dir(&path).unwrap();
        let error = write_atomically(&path, b"new").unwrap_err();
        assert_eq!(error.path, path);
        assert_eq!(list_folder(folder.path()).unwrap(), ["report"]);
    }

    #[test]
    fn a_folder_that_is_missing_or_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = write_atomically(&folder.path().join("no/report"), b"new").unwrap_err();
        assert!(missing.to_string().ends_with("check that the path is right"), "{missing}");
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(write_atomically(&folder.path().join("file/report"), b"new").is_err());
        assert!(write_atomically(Path::new("/"), b"new").is_err());
    }

    #[test]
    fn reading_is_bounded_and_wants_a_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert!(read_text(&path, 4).unwrap_err().to_string().contains("longer than the 4 bytes"));
        fs::write(&path, b"ab\xff").unwrap();
        assert!(read_text(&path, 5).unwrap_err().to_string().contains("from byte 2 on"));
        let error = read_file(folder.path(), 5).unwrap_err();
        assert!(error.to_string().contains("is not a plain file"), "{error}");
        let error = read_file(&folder.path().join("none"), 5).unwrap_err();
        assert!(error.to_string().contains("none: cannot be read: "), "{error}");
    }
}
