//! A server over a captioner that has learned for a moment, and a client that sends what it is told to, well formed or not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use caption::data::encoder::Sight;
use caption::data::scenes::Scenes;
use caption::data::{Pictures, Source};
use caption::model::Architecture;
use caption::serve::{Bounds, Server};
use caption::training::Model;
use tokio::sync::oneshot;

use super::trained::trained;

/// A client that gets no answer says so after this time rather than never.
const PATIENCE: Duration = Duration::from_secs(60);

/// The model.
pub fn model() -> Model {
    Model::load(&saved()).unwrap()
}

/// The model's file; it is trained once.
pub fn saved() -> PathBuf {
    static SAVED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = SAVED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let training = trained(Architecture::Recurrent, 60);
        let (tensors, state) = training.saved();
        lab::checkpoint::save(&folder.path().join("model.json"), &tensors, &state).unwrap();
        folder
    });
    folder.path().join("model.json")
}

/// A scene as a PNG, and as the network sees it.
pub fn picture(row: usize) -> (Vec<u8>, Vec<f32>) {
    let pictures = Scenes::small().load().unwrap().val.pictures;
    let mut seen = Vec::new();
    pictures.see([row].into_iter(), &mut seen).unwrap();
    let Pictures::Pixels { height, width, data } = pictures else { panic!("scenes are pixels") };
    let bytes = data[row * height * width * 3..][..height * width * 3].to_vec();
    (png(width as u32, height as u32, bytes), seen)
}

/// RGB bytes as a PNG.
pub fn png(width: u32, height: u32, bytes: Vec<u8>) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_raw(width, height, bytes).unwrap();
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A server that answers until this goes away.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(bounds: Bounds) -> Running {
        Running::with(model(), bounds)
    }

    /// A server of another model.
    pub fn with(model: Model, bounds: Bounds) -> Running {
        Running::of(Server::bind(model, "127.0.0.1", 0, bounds).unwrap())
    }

    /// A server of a model that sees the same, so many numbers, of any picture.
    pub fn seeing(model: Model, numbers: usize, bounds: Bounds) -> Running {
        let sight = Sight::new(move |_, _| Ok(vec![0.5; numbers]));
        Running::of(Server::bind_seeing(model, sight, "127.0.0.1", 0, bounds).unwrap())
    }

    fn of(server: Server) -> Running {
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let wait = async {
            let _ = stopped.await;
        };
        let thread = std::thread::spawn(move || server.run(wait).unwrap());
        Running { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Connects and sends bytes.
    pub fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server that has heard enough stops listening, which is no failure of the client.
        let _ = stream.write_all(bytes);
        stream
    }

    /// The answer to bytes.
    pub fn ask(&self, bytes: &[u8]) -> Answer {
        Answer::read(self.send(bytes))
    }

    /// The answer to a request without a body.
    pub fn get(&self, path: &str) -> Answer {
        let host = self.address;
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
    }

    /// The bytes of a request to describe.
    pub fn post(&self, query: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (host, length) = (self.address, body.len());
        let head = format!(
            "POST /api/describe{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    /// The answer to a picture.
    pub fn describe(&self, query: &str, body: &[u8]) -> Answer {
        self.ask(&self.post(query, "", body))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let joined = self.thread.take().map_or(Ok(()), JoinHandle::join);
        // A second panic would hide the first.
        assert!(joined.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The headers with names in small letters.
    pub headers: String,
    /// The body; where it was sent in chunks, each of them.
    pub chunks: Vec<Vec<u8>>,
}

impl Answer {
    /// Reads to the end of the connection.
    pub fn read(mut stream: TcpStream) -> Answer {
        let mut all = Vec::new();
        // A connection that is cut ends as well.
        let _ = stream.read_to_end(&mut all);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer in {:?}", String::from_utf8_lossy(&all)));
        let (head, body) = (String::from_utf8(all[..end].to_vec()).unwrap(), &all[end + 4..]);
        let (line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.to_ascii_lowercase();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let chunks =
            if headers.contains("transfer-encoding: chunked") { chunks(body) } else { vec![body.to_vec()] };
        Answer { status, headers, chunks }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.chunks.concat()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The chunks of a body (RFC 9112, 7.1), the last one included.
fn chunks(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return chunks;
        }
        chunks.push(body[line + 2..][..size].to_vec());
        body = &body[line + 2 + size + 2..];
    }
}
