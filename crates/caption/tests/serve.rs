//! The server as clients meet it over the loopback: those that behave, and those that do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "serve/setting.rs"]
mod setting;
#[allow(dead_code, reason = "reports are tested with others of these models")]
mod trained;

use std::io::{Read, Write};
use std::sync::Barrier;
use std::time::Duration;

use caption::data::picture::Fit;
use caption::model::{Beam, Decoding, Input, Method};
use caption::serve::{Bounds, Server};
use caption::training::Model;
use serde_json::{Value, json};
use setting::{Answer, Running, model, picture, png};

fn bounds() -> Bounds {
    Bounds { workers: 2, ..Bounds::default() }
}

/// What the model says of a picture when it is asked without a server.
fn said(seen: &[f32], decoding: &Decoding) -> Vec<String> {
    let Model { captioner, mut engine, params, vocabulary, .. } = model();
    let decoded = captioner.decode(&mut engine, &params, &[0], seen, decoding).unwrap();
    decoded[0].iter().map(|caption| vocabulary.decode(&caption.words).join(" ")).collect()
}

fn texts(answer: &Value) -> Vec<String> {
    let captions = answer["captions"].as_array().unwrap();
    captions.iter().map(|caption| caption["text"].as_str().unwrap().to_string()).collect()
}

#[test]
fn pictures_are_described_as_without_a_server() {
    let server = Running::start(bounds());
    let mut different = std::collections::HashSet::new();
    for row in 0..4 {
        let (png, seen) = picture(row);
        let answer = server.describe("", &png);
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        assert_eq!(texts(&answer), said(&seen, &Decoding::default()));
        let caption = &answer["captions"][0];
        let words: Vec<&str> =
            caption["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words.join(" "), caption["text"]);
        let mut log = 0.0;
        for probability in
            caption["probabilities"].as_array().unwrap().iter().chain([&caption["end_probability"]])
        {
            log += probability.as_f64().unwrap().ln();
        }
        assert_eq!(caption["probabilities"].as_array().unwrap().len(), words.len());
        assert!((log - caption["log_probability"].as_f64().unwrap()).abs() < 1e-9);
        different.insert(caption["text"].to_string());

        let beam =
            Decoding { method: Method::Beam(Beam { width: 3, ..Beam::default() }), ..Decoding::default() };
        assert_eq!(texts(&server.describe("?beam=3", &png).json()), said(&seen, &beam));

        let form = [
            &b"--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\n"[..],
            &png,
            b"\r\n--b--\r\n",
        ]
        .concat();
        let by_form =
            server.ask(&server.post("", "Content-Type: multipart/form-data; boundary=b\r\n", &form)).json();
        assert_eq!(by_form["captions"], answer["captions"]);
    }
    assert!(
        different.len() > 1,
        "all pictures have one caption, so that the test would pass for any: {different:?}"
    );
}

#[test]
fn words_come_one_after_another() {
    let server = Running::start(bounds());
    let (png, _) = picture(0);
    let whole = server.describe("", &png).json();
    let answer = server.describe("?stream=true", &png);
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains("content-type: application/x-ndjson"), "{}", answer.headers);
    let events: Vec<Value> =
        answer.chunks.iter().map(|chunk| serde_json::from_slice(chunk).unwrap()).collect();
    let words = whole["captions"][0]["words"].as_array().unwrap();
    // The beginning, a chunk for each word and one for the end, and what came of it.
    assert_eq!(events.len(), words.len() + 3, "{events:?}");
    assert_eq!(events[0], json!({ "event": "begin", "decoding": "greedy, no <UNK>" }));
    for (count, event) in events[1..=words.len()].iter().enumerate() {
        assert_eq!(event["event"], "step");
        assert_eq!(event["captions"][0]["words"], json!(words[..=count]));
        assert_eq!(event["captions"][0]["ended"], false);
    }
    let done = &events[words.len() + 2];
    assert_eq!((&done["event"], &done["captions"]), (&json!("done"), &whole["captions"]));

    let beams = server.describe("?stream=true&beam=4", &png);
    let events: Vec<Value> =
        beams.chunks.iter().map(|chunk| serde_json::from_slice(chunk).unwrap()).collect();
    assert!(
        events.len() > 4
            && events.iter().all(|event| event["captions"].as_array().is_none_or(|all| all.len() <= 4))
    );
    assert_eq!(events.last().unwrap()["captions"], server.describe("?beam=4", &png).json()["captions"]);
}

/// The weights of a caption's attention, which must be of a grid of 4 by 4.
fn weights(caption: &Value) -> Vec<Vec<f64>> {
    let attention = &caption["attention"];
    assert_eq!((&attention["rows"], &attention["columns"]), (&json!(4), &json!(4)), "{caption}");
    serde_json::from_value(attention["weights"].clone()).unwrap()
}

#[test]
fn words_come_with_where_the_model_looked() {
    for architecture in [trained::ATTENTION, trained::transformer()] {
        let training = trained::trained(architecture, 60);
        let server = Running::with(trained::model(&training), bounds());
        let mut model = trained::model(&training);
        let (png, seen) = picture(2);
        let answer = server.describe("?beam=3", &png).json();
        for caption in answer["captions"].as_array().unwrap() {
            let words: Vec<String> = serde_json::from_value(caption["words"].clone()).unwrap();
            let ids: Vec<i32> = words.iter().map(|word| model.vocabulary.id(word)).collect();
            let Model { engine, params, captioner, .. } = &mut model;
            let expected = captioner.attention_maps(engine, params, &seen, &[&ids]).unwrap().unwrap();
            let found = weights(caption);
            assert_eq!(found.len(), words.len() + usize::from(caption["ended"] == true));
            for (found, expected) in found.concat().iter().zip(expected[0].weights.concat()) {
                assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
            }
            assert!(found.iter().all(|word| (word.iter().sum::<f64>() - 1.0).abs() < 1e-5));
        }

        // While words come, the best caption has a look for each.
        let events = server.describe("?stream=true&beam=3", &png);
        let events = events.chunks.iter().map(|chunk| serde_json::from_slice::<Value>(chunk).unwrap());
        let mut steps = 0;
        for event in events.filter(|event| event["event"] == "step") {
            let captions = event["captions"].as_array().unwrap();
            let said = captions[0]["probabilities"].as_array().unwrap().len();
            let ended = usize::from(captions[0]["ended"] == true);
            assert_eq!(weights(&captions[0]).len(), said + ended);
            assert!(captions[1..].iter().all(|caption| caption["attention"].is_null()));
            steps += 1;
        }
        assert!(steps > 1);
    }
    let plain = Running::start(bounds()).describe("", &picture(2).0).json();
    assert!(plain["captions"][0]["attention"].is_null() && plain["captions"][0]["text"].is_string());
}

#[test]
fn a_picture_of_one_place_has_nowhere_to_look() {
    let (png, _) = picture(0);
    let looks = |input: Input, numbers: usize| {
        let model = trained::never_ending(trained::untrained(input, trained::transformer(), Fit::WHOLE));
        let answer = Running::seeing(model, numbers, bounds()).describe("?longest=2", &png).json();
        answer["captions"][0]["attention"].clone()
    };
    assert_eq!(looks(Input::Features { width: 3 }, 3), Value::Null);
    assert_eq!(looks(Input::Grid { rows: 1, columns: 1, width: 3 }, 3), Value::Null);
    let several = looks(Input::Grid { rows: 2, columns: 1, width: 3 }, 6);
    assert_eq!((&several["rows"], &several["columns"]), (&json!(2), &json!(1)), "{several}");
}

#[test]
fn a_look_is_at_a_place_of_the_middle_of_the_picture() {
    let server = Running::with(trained::attending_to_light(), bounds());
    for place in [[0, 0], [1, 2], [3, 3]] {
        for columns in [32, 96] {
            let png = png(columns as u32, 32, trained::light(columns, place));
            let answer = server.describe("?longest=3", &png).json();
            for weights in weights(&answer["captions"][0]) {
                assert!(
                    weights[4 * place[0] + place[1]] > 0.99,
                    "{place:?} of {columns} columns: {weights:?}"
                );
            }
        }
    }
}

#[test]
fn a_transformer_says_how_many_words_it_has_positions_for() {
    let model = trained::model(&trained::trained(trained::transformer(), 0));
    let most = model.settings.most_words().unwrap();
    assert!(most < 30, "a caption of usual length would be too long: {most}");
    let server = Running::with(trained::never_ending(model), bounds());
    assert_eq!(server.get("/api/model").json()["longest"], most);
    let (png, _) = picture(0);
    for query in [String::new(), format!("?longest={most}")] {
        let answer = server.describe(&query, &png);
        assert_eq!(answer.status, 200, "{answer:?}");
        let caption = answer.json()["captions"][0].take();
        assert_eq!(caption["words"].as_array().unwrap().len(), most);
        assert_eq!((&caption["ended"], &caption["end_probability"]), (&json!(false), &Value::Null));
        assert_eq!(weights(&caption).len(), most);
    }
    let answer = server.describe(&format!("?longest={}", most + 1), &png);
    let problem = answer.json()["error"].as_str().unwrap().to_string();
    assert_eq!(answer.status, 400, "{problem}");
    let expected = format!("which has no more positions; give at most {most}");
    assert!(problem.contains(&expected), "{problem}");
    assert_eq!(Running::start(bounds()).get("/api/model").json()["longest"], 100);
}

#[test]
fn the_page_and_the_card_are_there() {
    let server = Running::start(bounds());
    for (path, kind) in [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/script.js", "text/javascript"),
        ("/look.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        for header in [
            &format!("content-type: {kind}"),
            "content-security-policy: default-src 'none'",
            "nosniff",
            "frame-ancestors 'none'",
        ] {
            assert!(answer.headers.contains(header), "{path}: {header} is missing in {}", answer.headers);
        }
        assert!(!answer.headers.contains("access-control"), "{path}: {}", answer.headers);
    }
    let card = server.get("/api/model").json();
    assert_eq!(card["cell"], "gru");
    assert_eq!(card["input"], json!({ "pixels": { "height": 32, "width": 32 } }));
    assert_eq!(card["weights"], model().params.weight_count());
    assert_eq!(server.get("/api/health").json(), json!({ "status": "ok" }));
}

#[test]
fn what_is_not_a_picture_is_refused_in_words() {
    let server = Running::start(Bounds { body: 200_000, ..bounds() });
    let (whole, _) = picture(0);
    let claimed = |columns: u32, rows: u32| {
        let mut claim = whole.clone();
        claim[16..20].copy_from_slice(&columns.to_be_bytes());
        claim[20..24].copy_from_slice(&rows.to_be_bytes());
        let check = crc32fast::hash(&claim[12..29]);
        claim[29..33].copy_from_slice(&check.to_be_bytes());
        claim
    };
    let check = |query: &str, body: &[u8], status: u16, words: &str| {
        let answer = server.describe(query, body);
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        let problem = answer.json()["error"].as_str().unwrap().to_string();
        assert!(problem.contains(words), "{words:?} is missing in {problem:?}");
    };
    check("", b"", 400, "the picture is empty");
    check("", b"not a picture", 415, "expected a PNG or JPEG");
    check("", b"GIF89a\x01\0\x01\0\0\0\0", 415, "begins like a Gif");
    check("", &whole[..whole.len() / 2], 422, "cannot be decoded");
    check("", b"\xff\xd8\xff\xe0\0\x10JFIF", 422, "cannot be decoded");
    for (columns, rows) in [(100_000, 100_000), (100_000, 1), (16_000, 16_000)] {
        check("", &claimed(columns, rows), 422, "at most 16384");
    }
    check("", &vec![0; 200_001], 413, "more than 200000 bytes");
    check("?beam=1000", &whole, 400, "give at most 20");
    check("?beem=3", &whole, 400, "no setting `beem`");
    check("?temperature=0", &whole, 400, "temperature of 0");

    // A body that does not say how long it is is bounded as well.
    let host = server.address;
    let mut endless =
        format!("POST /api/describe HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
    for _ in 0..30 {
        endless.extend([b"2710\r\n".to_vec(), vec![7; 10_000], b"\r\n".to_vec()].concat());
    }
    assert_eq!(server.ask(&endless).status, 413);
    let answer = server.ask(&server.post("", "Content-Type: multipart/form-data; boundary=b\r\n", &whole));
    assert_eq!((answer.status, answer.text().contains("no part of the form is a file")), (400, true));
    assert_eq!(server.describe("", &whole).status, 200);
}

#[test]
fn nothing_but_the_page_and_the_interface_is_there() {
    let server = Running::start(bounds());
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/page/index.html",
        "/model.json",
        "/api",
        "/api/describe/",
        "/.git/config",
        "/style.css/..",
        "/favicon.ico",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains("/api/describe"));
    }
    let host = server.address;
    let check = |request: &str, headers: &str, status: u16, expected: &str| {
        let answer =
            server.ask(format!("{request} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes());
        assert_eq!(answer.status, status, "{request} {headers}: {answer:?}");
        assert!(
            format!("{}{}", answer.headers, answer.text()).contains(expected),
            "{request} {headers}: {answer:?}"
        );
    };
    check("GET /", "Host: evil.example\r\n", 403, "does not answer to");
    check("GET /", "", 403, "one Host header");
    check("GET /", &format!("Host: {host}\r\nHost: evil.example\r\n"), 403, "one Host header");
    check(
        "GET /api/model",
        &format!("Host: {host}\r\nOrigin: http://evil.example\r\n"),
        403,
        "other origins",
    );
    check(
        "POST /api/describe",
        &format!("Host: {host}\r\nOrigin: null\r\nContent-Length: 0\r\n"),
        403,
        "other origins",
    );
    check("GET /", &format!("Host: localhost:{}\r\n", host.port()), 200, "<!doctype html>");
    check("DELETE /", &format!("Host: {host}\r\n"), 405, "allow: get, head");
    check("GET /api/describe", &format!("Host: {host}\r\n"), 405, "allow: post");
    check("OPTIONS /api/describe", &format!("Host: {host}\r\nOrigin: http://{host}\r\n"), 405, "allow: post");
    check("HEAD /", &format!("Host: {host}\r\n"), 200, "content-length");
    check("GET /", &format!("Host: {host}\r\n{}", "A: b\r\n".repeat(100)), 431, "");
    check("GET /", &format!("Host: {host}\r\nA: {}\r\n", "b".repeat(100_000)), 431, "");
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(100_000));
    assert!([414, 431].contains(&server.ask(long.as_bytes()).status));
    assert_eq!(server.ask(b"\x16\x03\x01 nonsense\r\n\r\n").status, 400);
}

#[test]
fn more_than_fits_is_told_to_come_again() {
    let server = Running::start(Bounds { workers: 1, waiting: 1, ..bounds() });
    // Large enough that looking at it takes longer than sending the next.
    let large = png(3000, 3000, vec![90; 3000 * 3000 * 3]);
    let request = server.post("", "", &large);
    let start = Barrier::new(50);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let client = || {
            start.wait();
            server.ask(&request)
        };
        let clients: Vec<_> = (0..50).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(200) + count(503), 50, "{answers:?}");
    assert!(count(200) >= 2 && count(503) >= 2, "{} described, {} sent away", count(200), count(503));
    for answer in answers.iter().filter(|answer| answer.status == 503) {
        assert!(
            answer.headers.contains("retry-after: 1") && answer.text().contains("try again"),
            "{answer:?}"
        );
    }
    assert_eq!(server.describe("", &large).status, 200);
}

/// Asks until the answer has a status; bodies that others hold come and go when the server gets to it.
fn until(status: u16, ask: impl Fn() -> u16) {
    for _ in 0..1000 {
        if ask() == status {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no answer was {status}");
}

#[test]
fn bodies_together_take_no_more_than_they_may() {
    let server = Running::start(Bounds { bodies: 100_000, ..bounds() });
    let half_sent = server.post("", "", &vec![0; 90_000]);
    let holder = server.send(&half_sent[..60_000]);
    until(503, || server.describe("", &vec![0; 60_000]).status);
    assert_eq!(server.describe("", &picture(0).0).status, 200);
    drop(holder);
    until(415, || server.describe("", &vec![0; 60_000]).status);
}

#[test]
fn who_sends_half_a_request_keeps_nobody_waiting() {
    let time = Duration::from_secs(2);
    let server =
        Running::start(Bounds { head_time: time, body_time: time, connections: 24, waiting: 1, ..bounds() });
    let (png, _) = picture(0);
    let request = server.post("", "", &png);
    let heads: Vec<_> = (0..10).map(|_| server.send(&request[..20])).collect();
    let bodies: Vec<_> = (0..10).map(|_| server.send(&request[..request.len() - 1])).collect();
    for _ in 0..20 {
        assert_eq!(server.describe("", &png).status, 200);
    }
    for mut body in bodies {
        // One more byte in time would have been a picture, and one too late is none.
        let answer = Answer::read(body.try_clone().unwrap());
        assert_eq!(answer.status, 408, "{answer:?}");
        let _ = body.write_all(&request[request.len() - 1..]);
    }
    for mut head in heads {
        let mut rest = Vec::new();
        let _ = head.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    // All places taken by the silent: the next waits until they are sent away, and is answered.
    let silent: Vec<_> = (0..24).map(|_| server.send(b"")).collect();
    assert_eq!(server.describe("", &png).status, 200);
    drop(silent);
}

#[test]
fn a_server_that_cannot_serve_says_why() {
    let server = Running::start(bounds());
    let refused =
        |model, host: &str, port, bounds| Server::bind(model, host, port, bounds).unwrap_err().to_string();
    let taken = refused(model(), "127.0.0.1", server.address.port(), bounds());
    assert!(taken.contains("cannot listen on 127.0.0.1:") && taken.contains("--port"), "{taken}");
    let none = refused(model(), "127.0.0.1", 0, Bounds { workers: 0, ..bounds() });
    assert!(none.contains("no room for a request"), "{none}");
    let mut of_features = model();
    of_features.settings.input = Input::Features { width: 3 };
    let unseen = refused(of_features, "127.0.0.1", 0, bounds());
    assert!(unseen.contains("features of length 3") && unseen.contains("bind_seeing"), "{unseen}");
}

/// The program from its start to Ctrl-C: the address that it prints is answered, and it ends well.
#[cfg(unix)]
#[test]
fn the_command_serves_until_it_is_interrupted() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let mut command = Command::new(env!("CARGO_BIN_EXE_caption"));
    let mut child = command
        .arg("serve")
        .arg(setting::saved())
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let (_, rest) = first.split_once("http://").unwrap();
    let (address, _) = rest.split_once(';').unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{first}");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::read(stream).json(), json!({ "status": "ok" }));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(lines.collect::<Vec<_>>(), ["ended"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
