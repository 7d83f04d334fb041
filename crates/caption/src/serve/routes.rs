//! One request, and what is answered to it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Semaphore, oneshot};

use super::Bounds;
use super::answer::{Content, Event, Problem, json, respond};
use super::card::Card;
use super::query::Wish;
use super::upload::{self, Form};
use super::workers::{Job, Workers};

/// What the page consists of: path, type and text.
const PAGE: [(&str, &str, &str); 5] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/look.js", "text/javascript; charset=utf-8", include_str!("page/look.js")),
    ("/script.js", "text/javascript; charset=utf-8", include_str!("page/script.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// What all requests share.
pub struct Shared {
    workers: Workers,
    card: Card,
    /// The name that is listened on.
    name: String,
    bounds: Bounds,
    /// A permit for each byte of a body.
    held: Arc<Semaphore>,
}

impl Shared {
    /// What requests share within some bounds.
    pub fn new(workers: Workers, card: Card, name: String, bounds: Bounds) -> Shared {
        let held = Arc::new(Semaphore::new(bounds.bodies.min(Semaphore::MAX_PERMITS)));
        Shared { workers, card, name, bounds, held }
    }
}

/// The answer to a request.
pub async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Content> {
    if let Err(problem) = check_origin(request.headers(), &shared.name) {
        return problem.response();
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    let reads = [Method::GET, Method::HEAD].contains(&method);
    let page = PAGE.iter().find(|(known, _, _)| *known == path);
    match (page, path.as_str()) {
        (Some((_, kind, text)), _) if reads => {
            respond(StatusCode::OK, kind, Content::Whole(Bytes::from_static(text.as_bytes())))
        }
        (_, "/api/model") if reads => json(StatusCode::OK, &shared.card),
        (_, "/api/health") if reads => json(StatusCode::OK, &json!({ "status": "ok" })),
        (_, "/api/describe") if method == Method::POST => {
            describe(shared, request).await.unwrap_or_else(|problem| problem.response())
        }
        (Some(_), _) | (_, "/api/model" | "/api/health") => wrong_method("GET, HEAD"),
        (_, "/api/describe") => wrong_method("POST"),
        _ => {
            let words = "there is nothing here; the page is at /, the interface at /api/describe, /api/model and /api/health";
            Problem::new(StatusCode::NOT_FOUND, words).response()
        }
    }
}

fn wrong_method(allowed: &'static str) -> Response<Content> {
    let words = format!("this is answered to {allowed} only");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, words).response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Refuses what a page of another origin may have sent: a name of its own for this machine, or an origin that says so.
fn check_origin(headers: &HeaderMap, name: &str) -> Result<(), Problem> {
    let refuse = |words: String| Err(Problem::new(StatusCode::FORBIDDEN, words));
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return refuse("a request needs one Host header; use a browser or curl".into());
    };
    if !is_own(host, name) {
        return refuse(format!(
            "this server does not answer to {:?}; use its address, localhost, or the name given with --host",
            String::from_utf8_lossy(host.as_bytes()).chars().take(80).collect::<String>()
        ));
    }
    // Browsers say where a script or form comes from, and do not let it say otherwise.
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.as_bytes();
    let own = ["http://", "https://"]
        .iter()
        .any(|scheme| origin.strip_prefix(scheme.as_bytes()) == Some(host.as_bytes()));
    if own { Ok(()) } else { refuse("pages of other origins may not ask this server".into()) }
}

/// Whether a `Host` names this server by an address, as `localhost`, or by `name`.
fn is_own(host: &HeaderValue, name: &str) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    if host.as_bytes().contains(&b'@') {
        return false;
    }
    let host = authority.host();
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<IpAddr>().is_ok(),
    };
    address || host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(name)
}

/// Describes the picture of a request.
async fn describe(shared: &Shared, request: Request<Incoming>) -> Result<Response<Content>, Problem> {
    let bad = |words: String| Problem::new(StatusCode::BAD_REQUEST, words);
    let wish = Wish::parse(request.uri().query().unwrap_or_default(), shared.card.longest).map_err(bad)?;
    let form = Form::of(request.headers()).map_err(bad)?;
    let body = upload::receive(request.into_body(), &shared.bounds, &shared.held).await?;
    let ((seen, sight), (events, mut told)) = (oneshot::channel(), unbounded_channel());
    shared.workers.take(Job { body, form, wish, seen, events })?;
    let broken = || {
        let words = "the picture could not be described; the terminal of this server says why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, words)
    };
    // The status is known when the picture was seen; a worker that failed says nothing.
    sight.await.map_err(|_| broken())??;
    if wish.stream {
        return Ok(respond(StatusCode::OK, "application/x-ndjson", Content::Events(told)));
    }
    loop {
        match told.recv().await {
            Some(Event::Done(described)) => return Ok(json(StatusCode::OK, &described)),
            Some(Event::Begin { .. } | Event::Step { .. }) => {}
            Some(Event::Error { error }) => {
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error));
            }
            None => return Err(broken()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        assert_eq!(check_origin(&headers, "box.lan").is_ok(), expected, "{host} {origin:?}");
    }

    #[test]
    fn addresses_localhost_and_the_own_name_are_answered() {
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "localhost:9",
            "LOCALHOST",
            "[::1]:8080",
            "[::1]",
            "192.168.1.7:80",
            "box.lan:8080",
        ] {
            check(host, None, true);
            check(host, Some(&format!("http://{host}")), true);
            check(host, Some("http://evil.example"), false);
            check(host, Some("null"), false);
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            "a@127.0.0.1",
            "",
            "127.0.0.1/",
            "::1",
            "[evil]",
        ] {
            check(host, None, false);
        }
        check("127.0.0.1:8080", Some("http://127.0.0.1:9999"), false);
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("127.0.0.1"));
        two.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(check_origin(&two, "box.lan").is_err());
        assert!(check_origin(&HeaderMap::new(), "box.lan").is_err());
    }
}
