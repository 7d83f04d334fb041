//! A folder of pictures, each with a text file of the same name beside it: `dog.jpg`, `dog.txt`, a caption on each line.
//!
//! Pictures are taken in the order of their names, those in folders within it as well. A name such as `train/dog.jpg` says which
//! part the picture belongs to where the outermost folder is called `train`, `val` or `test`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::Format;
use crate::data::DataError;
use crate::data::encoding::read_text;
use crate::data::fault::{Fault, FaultKind};
use crate::data::listing::{Listed, Listing, Part};

/// A folder of pictures and texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder.
    pub folder: PathBuf,
}

/// How deep folders are looked into.
const DEEPEST: usize = 8;

/// Whether a file is a picture by its name; other endings than PNG and JPEG are told as faults when they are decoded.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg" | "gif" | "bmp" | "webp" | "tif" | "tiff"))
}

impl Folder {
    /// Whether a folder holds a picture with a text beside it.
    pub fn is_one(folder: &Path) -> bool {
        let mut files = BTreeSet::new();
        // A folder that cannot be listed is of no kind at all.
        let _ = walk(folder, Path::new(""), 2, &mut files);
        files.iter().any(|file| is_picture(file) && files.contains(&file.with_extension("txt")))
    }
}

/// All plain files under a folder, by their paths from `from`.
fn walk(root: &Path, from: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(from))? {
        let entry = entry?;
        let path = from.join(entry.file_name());
        // A link to a folder is not followed: it may lead back up.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if depth > 0 {
                walk(root, &path, depth - 1, files)?;
            }
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

impl Format for Folder {
    fn describe(&self) -> String {
        format!("pictures with texts beside them in {}", self.folder.display())
    }

    fn folders(&self) -> Vec<PathBuf> {
        vec![self.folder.clone()]
    }

    fn list(&self) -> Result<Listing, DataError> {
        let mut files = BTreeSet::new();
        walk(&self.folder, Path::new(""), DEEPEST, &mut files).map_err(|error| {
            let problem =
                format!("cannot be listed ({error}); expected a folder of pictures. Check the path");
            DataError::new(self.folder.display().to_string(), problem)
        })?;
        let mut listing = Listing::default();
        let mut of_text: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for picture in files.iter().filter(|file| is_picture(file)) {
            let text = picture.with_extension("txt");
            let place = self.folder.join(picture).display().to_string();
            if let Some(other) = of_text.get(&text) {
                let problem = format!(
                    "has the same text as {}, {}; expected one picture for each text",
                    other.display(),
                    text.display()
                );
                listing.fault(FaultKind::DuplicateId, place, problem);
                continue;
            }
            let part = picture.components().next().and_then(|first| {
                let first = first.as_os_str().to_string_lossy().to_lowercase();
                Part::ALL.into_iter().find(|part| part.name() == first)
            });
            let listed =
                Listed { paths: vec![picture.clone()], part, ..Listed::new(picture.display().to_string()) };
            let Some(row) = listing.add(listed, place) else { continue };
            of_text.insert(text.clone(), picture.clone());
            if files.contains(&text) {
                let path = self.folder.join(&text);
                let words = match read_text(&path) {
                    Ok(words) => words,
                    Err(error) => {
                        listing.faults.push(Fault::of(FaultKind::Unreadable, error));
                        continue;
                    }
                };
                for (number, line) in (1..).zip(words.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                    listing.caption(row, line, format!("{}, line {number}", path.display()));
                }
                if words.trim().is_empty() {
                    listing.fault(FaultKind::EmptyCaption, path.display().to_string(), "the text is empty");
                }
            }
        }
        for text in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "txt")) {
            if !of_text.contains_key(text) {
                let place = self.folder.join(text).display().to_string();
                listing.fault(FaultKind::OrphanCaption, place, "there is no picture of this name beside it");
            }
        }
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn pictures_find_the_texts_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("dog.jpg", ""),
            ("dog.txt", "A dog.\n\nIt runs.\n"),
            ("train/cat.PNG", ""),
            ("train/cat.txt", "고양이"),
            ("val/b.jpeg", ""),
            ("val/b.txt", " \n"),
            ("dog.png", ""),
            ("lost.txt", "Nothing."),
            ("none.jpg", ""),
            ("notes.md", ""),
            ("wide.png", ""),
        ];
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(folder.path().join("wide.txt"), b"\xff\xfea\0").unwrap();
        assert!(Folder::is_one(folder.path()));
        let listing = Folder { folder: folder.path().into() }.list().unwrap();
        let expected = "\
dog.jpg: A dog. | It runs.
none.jpg: 
train/cat.PNG (train): 고양이
val/b.jpeg (val): 
wide.png: 
DuplicateId dog.png: has the same text as dog.jpg, dog.txt; expected one picture for each text
EmptyCaption val/b.txt: the text is empty
Unreadable wide.txt: is UTF-16; expected UTF-8. `iconv -f UTF-16 -t UTF-8 FILE > MENDED` converts it
OrphanCaption lost.txt: there is no picture of this name beside it
";
        assert_eq!(shown(&listing).replace(&format!("{}/", folder.path().display()), ""), expected);
    }
}
