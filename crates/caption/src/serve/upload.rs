//! Pictures that come in: bodies of requests, bounded in bytes and time, bare or as `multipart/form-data` (RFC 7578).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Bounds;
use super::answer::Problem;

/// A body that was received; while it is held, its bytes count among all that are.
#[derive(Debug, Default)]
pub struct Received {
    /// The bytes.
    pub bytes: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

/// How a picture lies in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The body is the picture.
    Bare,
    /// It is the first file among parts between boundaries.
    Parts {
        /// `\r\n--` and the boundary.
        delimiter: Vec<u8>,
    },
}

/// Receives a body. `held` has a permit for each byte that may be held.
///
/// Permits are taken as bytes come, not as they are announced, so that whoever promises a picture and does not send it
/// takes nothing from others.
pub async fn receive(
    mut body: Incoming,
    bounds: &Bounds,
    held: &Arc<Semaphore>,
) -> Result<Received, Problem> {
    let too_large = || {
        let words = format!("the picture has more than {} bytes; make it smaller", bounds.body);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, words)
    };
    if body.size_hint().lower() > bounds.body as u64 {
        return Err(too_large());
    }
    let all = async {
        let mut received = Received::default();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the request broke off; send it again");
            let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
            if data.len() > bounds.body - received.bytes.len() {
                return Err(too_large());
            }
            let count = u32::try_from(data.len()).map_err(|_| too_large())?;
            let permit = Arc::clone(held).try_acquire_many_owned(count).map_err(|_| Problem::busy())?;
            match &mut received.permit {
                Some(all) => all.merge(permit),
                none => *none = Some(permit),
            }
            received.bytes.extend_from_slice(&data);
        }
        Ok(received)
    };
    timeout(bounds.body_time, all).await.unwrap_or_else(|_| {
        let words = format!("the picture did not arrive within {:?}; send it again", bounds.body_time);
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, words))
    })
}

impl Form {
    /// What the headers of a request say of its body.
    ///
    /// # Errors
    /// If there are parts, and nothing says what stands between them.
    pub fn of(headers: &HeaderMap) -> Result<Form, String> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut parts = kind.split(';').map(str::trim);
        if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data")) {
            return Ok(Form::Bare);
        }
        let boundary = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
        });
        match boundary {
            Some(boundary) if (1..=70).contains(&boundary.len()) => {
                Ok(Form::Parts { delimiter: format!("\r\n--{boundary}").into_bytes() })
            }
            _ => Err(
                "multipart/form-data needs a boundary of 1 to 70 characters; let the client write the header"
                    .into(),
            ),
        }
    }

    /// The bytes of the picture in a body.
    ///
    /// # Errors
    /// If no file is among the parts.
    pub fn picture<'b>(&self, body: &'b [u8]) -> Result<&'b [u8], Problem> {
        let picture = match self {
            Form::Bare => Some(body),
            Form::Parts { delimiter } => first_file(body, delimiter),
        };
        let bad = |words: &str| Problem::new(StatusCode::BAD_REQUEST, words);
        match picture {
            None => Err(bad(
                "no part of the form is a file; send the picture as one, as `curl --form picture=@FILE` does",
            )),
            Some([]) => Err(bad("the picture is empty; send a PNG or JPEG file")),
            Some(picture) => Ok(picture),
        }
    }
}

/// The content of the first part that has a file's name.
fn first_file<'b>(body: &'b [u8], delimiter: &[u8]) -> Option<&'b [u8]> {
    // Nothing needs to stand before the first boundary, not even its line break.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => &body[find(body, delimiter)? + delimiter.len()..],
    };
    // After a boundary two hyphens say that it was the last.
    while !rest.starts_with(b"--") {
        let headers_end = find(rest, b"\r\n\r\n")?;
        let (headers, content) = (&rest[..headers_end], &rest[headers_end + 4..]);
        let end = find(content, delimiter)?;
        if is_file(headers) {
            return Some(&content[..end]);
        }
        rest = &content[end + delimiter.len()..];
    }
    None
}

fn is_file(headers: &[u8]) -> bool {
    let headers = String::from_utf8_lossy(headers).to_ascii_lowercase();
    headers.lines().any(|line| line.starts_with("content-disposition:") && line.contains("filename"))
}

/// Where `wanted`, which begins with a rare byte, first occurs.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == wanted[0])?;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn form(kind: &'static str) -> Result<Form, String> {
        Form::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]))
    }

    #[track_caller]
    fn check(body: &[u8], expected: Result<&[u8], &str>) {
        let found = form("multipart/form-data; boundary=xyz").unwrap();
        let found = found.picture(body).map_err(|problem| problem.words);
        match (&found, expected) {
            (Err(words), Err(part)) => assert!(words.contains(part), "{part:?} is missing in {words:?}"),
            _ => assert_eq!(found, expected.map_err(String::from)),
        }
    }

    #[test]
    fn the_first_file_of_a_form_is_the_picture() {
        let file = b"--xyz\r\nContent-Disposition: form-data; name=\"p\"; filename=\"a.png\"\r\n\r\n\x89\r\n--xy\0\r\n\r\n--xyz--\r\n";
        check(file, Ok(b"\x89\r\n--xy\0\r\n"));
        let field: &[u8] = b"before\r\n--xyz\r\nContent-Disposition: form-data; name=\"beam\"\r\n\r\n5\r\n";
        check(&[field, file].concat(), Ok(b"\x89\r\n--xy\0\r\n"));
        check(&[field, b"--xyz--"].concat(), Err("no part of the form is a file"));
        check(
            b"--xyz\r\ncontent-disposition: form-data; FILENAME=a\r\n\r\n\r\n--xyz--",
            Err("the picture is empty"),
        );
    }

    #[test]
    fn what_is_no_form_has_no_picture() {
        let whole = b"--xyz\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\nabc\r\n--xyz";
        check(whole, Ok(b"abc"));
        for end in 0..whole.len() {
            check(&whole[..end], Err("no part of the form is a file"));
        }
    }

    #[test]
    fn the_header_says_where_the_picture_is() {
        assert_eq!(form("image/png"), Ok(Form::Bare));
        assert_eq!(Form::of(&HeaderMap::new()), Ok(Form::Bare));
        let parts = Form::Parts { delimiter: b"\r\n--a b".to_vec() };
        assert_eq!(form("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Ok(parts));
        assert!(form("multipart/form-data").is_err());
        assert!(form("multipart/form-data; boundary=").is_err());
        assert_eq!(Form::Bare.picture(b"").unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
