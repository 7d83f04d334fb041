//! What prepared data takes of the memory: names, captions and checksums, and of pictures those of a batch.

use allocation_counter::measure;
use unspool::caption::data::batch::Batch;
use unspool::caption::data::stored::{Stored, store};
use unspool::caption::data::{Captions, Dataset, Pictures, Source, Split, Vocabulary};

const SIDE: usize = 64;
const PICTURES: usize = 2000;

/// A split of so many pictures with a caption each.
fn split(pictures: usize) -> Split {
    let data = (0..pictures * SIDE * SIDE * 3).map(|at| (at * at / 7) as u8).collect();
    Split {
        pictures: Pictures::Pixels { height: SIDE, width: SIDE, data },
        names: (0..pictures).map(|picture| format!("{picture}.jpg")).collect(),
        captions: Captions { width: 4, ids: [1, 4, 5, 2].repeat(pictures) },
        picture_of: (0..pictures).collect(),
        references: vec![vec![vec!["a".into(), "dog".into()]]; pictures],
    }
}

#[test]
fn pictures_stay_in_the_file_until_a_batch_looks_at_them() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let stored = Stored { file: folder.path().join("prepared") };
    let vocabulary = Vocabulary::new(["a", "dog"].map(String::from));
    let (train, val) = (split(PICTURES), split(10));
    let dataset = Dataset { vocabulary, train, val, test: None, origin: None };
    let writing = measure(|| store(&stored.file, &dataset, "noise").expect("there is space")).bytes_max;
    let file = std::fs::metadata(&stored.file).expect("it was written").len();
    assert!(file > 24_000_000, "the file has {file} bytes");

    let mut loaded = None;
    let opening = measure(|| loaded = Some(stored.load().expect("it is as it was written"))).bytes_max;
    let loaded = loaded.expect("it was loaded");
    let mut batch = Batch::default();
    let mut epoch = || {
        for indices in (0..PICTURES).collect::<Vec<_>>().chunks(50) {
            batch.fill(&loaded.train, indices).expect("it is as it was written");
        }
    };
    let filling = measure(&mut epoch).bytes_max;
    let checking = measure(|| assert!(stored.faults().is_empty())).bytes_max;
    // 50 pictures as floats are 2.5 MB, which grow by doubling.
    for (what, bytes, most) in [
        ("writing", writing, 2 << 20),
        ("opening", opening, 2 << 20),
        ("filling", filling, 8 << 20),
        ("checking", checking, 2 << 20),
    ] {
        assert!(bytes < most, "{what} a file of {file} bytes took {bytes}");
    }

    let mut expected = Batch::default();
    expected.fill(&dataset.train, &[1999, 0, 7]).expect("they are in memory");
    batch.fill(&loaded.train, &[1999, 0, 7]).expect("it is as it was written");
    assert!(batch == expected);
}
