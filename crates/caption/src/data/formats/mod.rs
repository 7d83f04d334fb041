//! The files in which pictures and captions come: one file for each format, each of which lists what it finds.
//!
//! A [`Format`] reads words and names only. [`super::collection`] looks for the pictures, decodes them and counts the
//! words, the same for all. What is wrong with an entry is noted as a fault and the entry left out; what makes a whole file
//! unusable is an error.

mod coco;
mod folder;
mod json;
mod karpathy;
mod table;
mod tokens_file;

pub use coco::Coco;
pub use folder::Folder;
pub use karpathy::Karpathy;
pub use table::{Columns, Table};
pub use tokens_file::TokensFile;

use std::fmt;
use std::path::{Path, PathBuf};

use super::DataError;
use super::listing::Listing;

/// A way in which captions are written down.
pub trait Format: fmt::Debug + Send + Sync {
    /// What this is and where it lies, for one line.
    fn describe(&self) -> String;
    /// All pictures and captions, with what is wrong in them.
    ///
    /// # Errors
    /// If the list itself cannot be read; a bad entry is a fault in the listing.
    fn list(&self) -> Result<Listing, DataError>;
    /// Folders in which its pictures may lie when the user does not say where, the likeliest first.
    fn folders(&self) -> Vec<PathBuf>;
}

/// Where pictures lie beside a file of captions: in folders of the usual names there or one above, or beside it.
fn folders_beside(file: &Path) -> Vec<PathBuf> {
    let here = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let names = ["images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k_images", "pictures"];
    let within = |folder: &Path| names.map(|name| folder.join(name));
    let above = here.join("..");
    within(here)
        .into_iter()
        .chain([here.to_path_buf()])
        .chain(within(&above))
        .chain([above.clone()])
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a listing says in short: each picture with its part and captions, then each fault.
    pub(in crate::data) fn shown(listing: &Listing) -> String {
        let pictures = listing.pictures.iter().map(|picture| {
            let part = picture.part.map_or(String::new(), |part| format!(" ({})", part.name()));
            let texts: Vec<&str> = picture.captions.iter().map(|caption| caption.text.as_str()).collect();
            format!("{}{part}: {}\n", picture.name, texts.join(" | "))
        });
        let faults = listing
            .faults
            .iter()
            .map(|fault| format!("{:?} {}: {}\n", fault.kind, fault.place, fault.problem));
        pictures.chain(faults).collect()
    }

    #[test]
    fn pictures_are_looked_for_beside_captions() {
        let folders = folders_beside(Path::new("data/captions.txt"));
        assert_eq!(folders[0], Path::new("data/images"));
        assert!(
            folders.contains(&PathBuf::from("data")) && folders.contains(&PathBuf::from("data/../images"))
        );
        assert!(folders_beside(Path::new("captions.txt")).contains(&PathBuf::from("./images")));
    }
}
