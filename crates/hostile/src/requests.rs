//! Requests to the server of captions, over a socket, as anyone sends them who can connect.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use caption::serve::{Bounds, Server};

use crate::{checkpoints, pictures};

/// Where a server listens that was started at the first request and stays.
fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let bounds = Bounds { workers: 1, body: 1 << 20, bodies: 4 << 20, ..Bounds::default() };
        let server = Server::bind(checkpoints::model(), "127.0.0.1", 0, bounds).expect("there is a port");
        let address = server.address();
        std::thread::spawn(move || server.run(std::future::pending()));
        address
    })
}

/// Sends bytes and waits for the end of the answer.
///
/// # Panics
/// If the server failed at it: then it answers with status 500, or not at all.
pub fn request(bytes: &[u8]) {
    let mut stream = TcpStream::connect(address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time that is not zero");
    // A server that has heard enough closes, which is no failure.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let waits = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!waits, "no end of an answer to {:?}", String::from_utf8_lossy(bytes));
    }
    assert!(!answer.starts_with(b"HTTP/1.1 500"), "{}", String::from_utf8_lossy(&answer));
    assert!(!answer.windows(6).any(|six| six == b"root:x"), "a file of the system was sent");
}

/// The page, the interface, a picture in every form, and what is refused.
pub fn seeds() -> Vec<Vec<u8>> {
    let picture = pictures::png(4, 4);
    let head = |line: &str, headers: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let post = |query: &str, kind: &str, body: &[u8]| {
        let line = format!("POST /api/describe{query}");
        let head = head(&line, &format!("{kind}Content-Length: {}\r\nConnection: close\r\n", body.len()));
        [head.as_bytes(), body].concat()
    };
    let part = b"--xy\r\nContent-Disposition: form-data; name=\"p\"; filename=\"a.png\"\r\n\r\n";
    let form = [part, &picture[..], b"\r\n--xy--\r\n"].concat();
    let size = format!("{:x}\r\n", picture.len());
    let chunks = [size.as_bytes(), &picture, b"\r\n0\r\n\r\n"].concat();
    let chunked = head("POST /api/describe", "Transfer-Encoding: chunked\r\nConnection: close\r\n");
    vec![
        head("GET /", "Connection: close\r\n").into_bytes(),
        head("GET /../../../../etc/passwd", "").into_bytes(),
        head("HEAD /api/model", "Origin: http://localhost\r\n").into_bytes(),
        post("?beam=2&length_penalty=0.5&groups=2&stream=true&longest=3", "", &picture),
        post("?temperature=0.5&top_k=3&top_p=0.5&seed=7&longest=2", "Content-Type: image/png\r\n", &picture),
        post("?longest=2", "Content-Type: multipart/form-data; boundary=\"xy\"\r\n", &form),
        [chunked.as_bytes(), &chunks].concat(),
    ]
}
