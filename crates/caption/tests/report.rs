//! Pages of runs that were made up, and what must stand in them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "report/runs.rs"]
mod runs;
#[allow(dead_code, reason = "the server is tested with others of these models")]
mod trained;

use caption::model::{Architecture, Beam, Decoding, Method};
use caption::report::{Picture, Report, Run};
use caption::training::Model;
use runs::{described, finding, page_of, report, run};

fn html(runs: Vec<Run>) -> String {
    report(runs).page().html()
}

/// All of these stand in the page.
#[track_caller]
fn check(page: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "), "a number that is none is shown");
}

#[test]
fn a_run_is_shown_with_all_it_has() {
    let page = html(vec![run("first", "gru", Some(described(40, 0)))]);
    check(
        &page,
        &[
            "<title>Captioner first</title>",
            "A captioner with the cell gru and 1\u{202f}234\u{202f}567 weights, after 400 steps in 4 epochs: BLEU-1 0.",
            "on 40 validation pictures.",
            "Nothing seems to be wrong.",
            "is 2.710, and 3.250 when each picture is taken for another",
            "12 of 40 pictures, at equal distances in the data. Captions are free-running: beam of 3.",
            "style=\"--p:90.0%\"",
            "The beam: 2 more",
            "Where the model looked for “a”: most at row 1 and column 1 of 3 by 4, with 45\u{a0}% of all.",
            "recipe.learning_rate",
            "Perplexity: exp of the loss per token over steps. training goes from",
            "reward: as recorded over steps.",
        ],
    );
    assert!(!page.contains("side by side"));
    // Examples, the best and the worst, of which some may be the same picture.
    assert_eq!(page.matches("<article").count(), 12 + 6 + 6);
    assert_eq!(page.matches("data:image/png;base64,").count(), 2 * 24, "with the one under its maps");
}

#[test]
fn the_worst_and_the_best_are_so_by_cider_d() {
    let described = described(40, 0);
    let mut scores: Vec<f64> = described.items.iter().map(|item| item.scores.cider_d).collect();
    scores.sort_by(f64::total_cmp);
    let page = html(vec![run("first", "gru", Some(described))]);
    let shown = |section: &str, end: &str| -> Vec<String> {
        let start = page.find(section).unwrap();
        let part = &page[start..start + page[start..].find(end).unwrap()];
        part.split("CIDEr-D ").skip(2).map(|score| score.split(' ').next().unwrap().to_string()).collect()
    };
    let two = |scores: &[f64]| scores.iter().map(|score| format!("{score:.2}")).collect::<Vec<_>>();
    assert_eq!(shown("<h3>Worst</h3>", "<h3>Best</h3>"), two(&scores[..6]));
    scores.reverse();
    assert_eq!(shown("<h3>Best</h3>", "</section>"), two(&scores[..6]));
}

#[test]
fn two_runs_stand_side_by_side() {
    let second =
        Run { config: run("", "lstm", None).config, ..run("second", "lstm", Some(described(40, 3))) };
    let page = html(vec![run("first", "gru", Some(described(40, 0))), second]);
    check(
        &page,
        &[
            "Captioners first and second",
            "Settings that differ",
            "Where <bdi>first</bdi> is better by most",
            "Where <bdi>second</bdi> is better by most",
            "The better of two is bold.",
            "Loss per token: validation: nats over steps. first goes from",
        ],
    );
    let start = page.find("Settings that differ").unwrap();
    let table = &page[start..start + page[start..].find("</table>").unwrap()];
    assert!(table.contains("model.cell") && table.contains("gru") && table.contains("lstm"), "{table}");
    assert!(!table.contains("recipe.batch"), "{table}");

    // Other pictures cannot be held against one another; runs of one name are told apart.
    let page =
        html(vec![run("same", "gru", Some(described(40, 0))), run("same", "gru", Some(described(30, 0)))]);
    check(
        &page,
        &["Their settings are the same.", "not asked about the same pictures", "same (A)", "same (B)"],
    );
}

/// The lists of maps of a page.
fn lists(page: &str) -> Vec<&str> {
    page.split("<ol class=\"maps\">").skip(1).map(|rest| rest.split("</ol>").next().unwrap()).collect()
}

#[test]
fn each_word_of_a_model_that_attends_has_a_map() {
    let split = trained::data().val;
    for architecture in [trained::ATTENTION, trained::transformer()] {
        let mut model = trained::model(&trained::trained(architecture, 30));
        let beam = Method::Beam(Beam { width: 2, ..Beam::default() });
        let described = trained::described_with_attention(
            &mut model,
            &split,
            &Decoding { method: beam, ..Decoding::default() },
        );
        let mut captions = Vec::new();
        for item in &described.items {
            let best = &item.captions[0];
            let looks = best.attention.as_ref().unwrap();
            assert_eq!((looks.rows, looks.columns), (4, 4));
            assert_eq!(looks.weights.len(), best.words.len() + usize::from(best.end.is_some()));
            for weights in &looks.weights {
                assert_eq!(weights.len(), 16);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{weights:?}");
            }
            let end = if best.end.is_some() { " ■" } else { "" };
            captions.push(format!("{}{end}", best.text).trim().to_string());
        }
        let page = page_of(described, &split);
        check(&page, &["the largest centred part of a picture that has the shape of its input"]);
        assert_eq!(lists(&page).len(), page.matches("<article").count());
        for list in lists(&page) {
            let words = list.split("<span aria-hidden=\"true\">").skip(1);
            let words: Vec<&str> = words.map(|rest| rest.split("</span>").next().unwrap()).collect();
            assert!(captions.contains(&words.join(" ")), "{words:?}");
            assert_eq!(list.matches("class=\"map\"").count(), words.len());
            assert_eq!(list.matches("<rect").count(), 16 * words.len());
        }
    }

    // Nothing is drawn of a model that does not attend.
    let mut model = trained::model(&trained::trained(Architecture::Recurrent, 0));
    let page = page_of(trained::described_with_attention(&mut model, &split, &Decoding::default()), &split);
    assert!(lists(&page).is_empty() && !page.contains("largest centred part"));
}

#[test]
fn a_map_is_bright_where_the_model_is_made_to_look() {
    let places = [[0, 0], [1, 2], [3, 3]];
    let split = trained::of_one_word(&places.map(|place| trained::light(32, place)));
    let mut model = trained::attending_to_light();
    let page = page_of(trained::described_with_attention(&mut model, &split, &Decoding::default()), &split);
    assert_eq!(lists(&page).len(), page.matches("<article").count());
    for [row, column] in places {
        let place =
            format!("most at row {} and column {} of 4 by 4, with 100\u{a0}% of all.", row + 1, column + 1);
        // What is looked at is not covered, and lies where the light is: a map is 84 wide.
        let (x, y) = (column as f64 * 21.0, row as f64 * 21.0);
        let bare = format!("x=\"{x:.2}\" y=\"{y:.2}\" width=\"21.05\" height=\"21.05\" opacity=\"0.00\"");
        let lists: Vec<&str> = lists(&page).into_iter().filter(|list| list.contains(&place)).collect();
        assert!(!lists.is_empty(), "{place}");
        for list in lists {
            let maps = list.matches("class=\"map\"").count();
            assert_eq!(list.matches(&place).count(), maps);
            assert_eq!(list.matches(&bare).count(), maps);
            assert_eq!(list.matches("opacity=\"0.00\"").count(), maps);
            assert_eq!(list.matches("opacity=\"0.85\"").count(), 15 * maps);
        }
    }
}

#[test]
fn captions_that_were_cut_off_have_a_map_for_each_word() {
    let split = trained::of_one_word(&[trained::light(32, [2, 1])]);
    let two = Architecture::Transformer { layers: 1, heads: 2, positions: 2, norm_first: true };
    for architecture in [trained::ATTENTION, two] {
        let mut model = untrained(architecture);
        // A transformer of two positions has no third for an end, however long captions may be.
        let longest = if architecture == two { 50 } else { 2 };
        let described = trained::described_with_attention(
            &mut model,
            &split,
            &Decoding { longest, ..Decoding::default() },
        );
        let best = &described.items[0].captions[0];
        assert_eq!((best.words.len(), best.end), (2, None));
        assert_eq!(best.attention.as_ref().unwrap().weights.len(), 2);
        assert_eq!(lists(&page_of(described, &split))[0].matches("<rect").count(), 2 * 16);
    }
}

/// A model that has learned nothing and does not end by itself.
fn untrained(architecture: Architecture) -> Model {
    trained::never_ending(trained::model(&trained::trained(architecture, 0)))
}

#[test]
fn what_is_missing_is_said() {
    let mut short = run("short", "rnn", Some(described(3, 0)));
    short.metrics.truncate(120);
    short.described.as_mut().unwrap().findings.push(finding());
    let page = Report::new(vec![short]).page().html();
    check(
        &page,
        &[
            "119 of 400 steps taken.",
            "All pictures.",
            "The data holds features and not the pictures themselves",
            "Pictures are ignored",
            "the loss is &lt;the same&gt; &amp; &quot;so&quot;",
            "Likely cause:",
        ],
    );
    assert!(!page.contains("<img"));
    let page = html(vec![run("early", "rnn", None)]);
    check(&page, &["There is no model yet", "Learning curves"]);
    assert!(!page.contains("<article"));
    let nothing = Run { metrics: Vec::new(), ..run("nothing", "rnn", None) };
    check(&html(vec![nothing.clone()]), &["No step was recorded yet."]);
    check(&html(vec![nothing, run("first", "gru", Some(described(9, 0)))]), &["Settings", "–"]);
}

#[test]
fn names_and_words_are_text() {
    let script = "<script>alert(1)</script>";
    let mut described = described(9, 0);
    for item in &mut described.items {
        item.name = format!("\"><img src=x onerror=alert(2)>{script}");
        item.references[0] = script.into();
        item.captions.iter_mut().for_each(|caption| caption.words[0].0 = script.into());
    }
    let mut run = run(script, script, Some(described));
    run.config["</style>"] = script.into();
    let page = html(vec![run]);
    for broken in ["<script", "<img src=x"] {
        assert!(!page.contains(broken), "{broken:?} stands in the page");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("alt=\"&quot;&gt;&lt;img src=x onerror=alert(2)&gt;&lt;script&gt;"));
}

#[test]
fn pictures_that_do_not_fill_their_size_are_refused() {
    let error = Picture::png(&[0; 5], 1, 2).unwrap_err().to_string();
    assert!(error.contains("5 bytes, expected 1 by 2 RGB pixels"), "{error}");
}
