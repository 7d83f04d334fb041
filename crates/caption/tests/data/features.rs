//! Features that stand for pictures: vectors and grids.

use super::*;

#[test]
fn features_stand_for_pictures_whose_files_are_not_needed() {
    let folder = tabled();
    fs::remove_dir_all(folder.path().join("images")).unwrap();
    let file = folder.path().join("features.npy");
    write(&file, npy("(12, 4)", rows().as_flattened()));
    let wishes = Wishes { features: Some(file), ..wishes() };
    let dataset = load(folder.path(), &wishes);
    let Pictures::Features { width: 4, data } = &dataset.train.pictures else { panic!("no features") };
    for (picture, name) in dataset.train.names.iter().enumerate() {
        let number = names().iter().position(|other| other == name).unwrap();
        assert_eq!(data[4 * picture], number as f32);
    }
}

/// A file of grids of 2 by 2 places with 3 channels for the twelve pictures: a number, and its place in the grid.
fn grids(folder: &Path, change: impl FnOnce(&mut [f32])) -> PathBuf {
    let mut numbers: Vec<f32> = (0..144).map(|at| (at / 12 * 100 + at % 12) as f32).collect();
    change(&mut numbers);
    let path = folder.join("grid.npy");
    write(&path, npy("(12, 2, 2, 3)", &numbers));
    path
}

#[test]
fn grids_of_features_are_prepared_stored_and_loaded() {
    let folder = tabled();
    let wishes = Wishes { features: Some(grids(folder.path(), |_| ())), ..wishes() };
    let dataset = load(folder.path(), &wishes);
    let grid = |dataset: &Dataset| match dataset.train.pictures.in_memory().unwrap() {
        Pictures::Grid { rows: 2, columns: 2, width: 3, data } => data,
        other => panic!("{other:?}"),
    };
    for (picture, name) in grid(&dataset).chunks(12).zip(&dataset.train.names) {
        let number = names().iter().position(|other| other == name).unwrap();
        assert!(picture.iter().enumerate().all(|(at, found)| *found == (100 * number + at) as f32));
    }
    let path = folder.path().join("prepared");
    store(&path, &dataset, "grids").unwrap();
    let stored = load(&path, &Wishes::default());
    assert_eq!(grid(&stored), grid(&dataset));
    assert_eq!(bytes(&stored)[..], bytes(&dataset)[..]);
}

#[test]
fn faults_of_grids_are_found() {
    let check = |change: fn(&mut [f32]), expected: &[(FaultKind, usize, &str)]| {
        check_faults(|folder, wishes| wishes.features = Some(grids(folder, change)), expected);
    };
    check(|_| (), &[]);
    // One place without anything may be; a whole picture may not.
    check(|numbers| numbers[60..63].fill(0.0), &[]);
    check(
        |numbers| numbers[60..72].fill(0.0),
        &[(FaultKind::ZeroFeatures, 1, "`p05.png`: all 12 numbers are zero")],
    );
    check(
        |numbers| numbers[71] = f32::INFINITY,
        &[(FaultKind::NonFiniteFeatures, 1, "`p05.png`: number 11 is inf")],
    );
}
