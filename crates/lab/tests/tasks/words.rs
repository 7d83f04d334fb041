//! Tasks as words of a command line.

use lab::tasks::{all, named, parse};

#[test]
fn a_name_is_a_word_for_its_task() {
    let words = [
        "adding:steps=7",
        "copy:delay=5,kinds=3",
        "dyck2:steps=9",
        "recall:pairs=20,kinds=40",
        "text:steps=7",
    ];
    let names = all().iter().map(|task| task.name()).chain(words.map(String::from)).collect::<Vec<String>>();
    for name in names {
        let task = parse(&name).unwrap();
        assert_eq!(task.name(), name);
        assert_eq!(named(&name).is_some(), !name.contains(':'));
    }
}

#[test]
fn the_usual_settings_are_not_in_a_name() {
    for (word, name) in [
        ("copy:delay=100", "copy"),
        ("copy:kinds=8,delay=50", "copy:delay=50"),
        ("sorting:", "sorting"),
        ("selective_copy:symbols=200,steps=300", "selective_copy:steps=300,symbols=200"),
    ] {
        assert_eq!(parse(word).unwrap().name(), name);
    }
}

#[test]
fn a_setting_changes_what_is_drawn() {
    let task = parse("recall:kinds=5,pairs=3").unwrap();
    assert_eq!((task.inputs().width(), task.outputs().width(), task.length()), (11, 5, 3));
    assert_eq!(task.test_lengths(), [3]);
}

#[test]
fn words_that_are_no_tasks_are_explained() {
    for (word, expected) in [
        (
            "sums",
            "there is no task `sums`; the tasks are adding, copy, selective_copy, dyck1, dyck2, parity, recall, sorting, text",
        ),
        ("copy:dealy=3", "the task `copy` has no setting `dealy`; it has delay, symbols, kinds"),
        ("parity:file=a", "the task `parity` has no setting `file`; it has steps"),
        ("text:kinds=3", "the task `text` has no setting `kinds`; it has steps, file"),
        ("copy:delay", "the setting `delay` of the task `copy` has no value; write `delay=` and a number"),
        ("copy:delay=", "the setting `delay` of the task `copy` is ``, but must be a whole number"),
        ("copy:delay=-1", "the setting `delay` of the task `copy` is `-1`, but must be a whole number"),
        ("copy:delay=0", "the setting `delay` of the task `copy` is 0, but must be from 1 to 100000"),
        ("copy:delay=1,delay=2", "the setting `delay` of the task `copy` is given twice; give it once"),
        ("adding:steps=1", "the setting `steps` of the task `adding` is 1, but must be from 2 to 100000"),
        ("recall:pairs=17", "the setting `pairs` of the task `recall` is 17, but must be from 1 to 16"),
        (
            "selective_copy:symbols=101",
            "the setting `steps` of the task `selective_copy` is 100, but must be from 101 to 100000",
        ),
    ] {
        assert_eq!(parse(word).err().map(|error| error.to_string()).as_deref(), Some(expected), "{word}");
    }
}
