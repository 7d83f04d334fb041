//! What is sent back: captions, problems in words, and the headers that all answers have.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::{Serialize, Serializer};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::data::Vocabulary;
use crate::model::Caption;

/// A caption in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// The whole, with spaces between words.
    pub text: String,
    /// The words, or the pieces that the model makes them of.
    pub words: Vec<String>,
    /// How probable the model held each word to be, after those before it.
    pub probabilities: Vec<f64>,
    /// Where the model looked, if it attends to places of the picture, of which there are several; while words come, of the best caption only.
    pub attention: Option<Attention>,
    /// How probable the model held the end to be, where the caption ended.
    pub end_probability: Option<f64>,
    /// The logarithm of the product of all these.
    pub log_probability: f64,
    /// Whether the caption ended; else it was cut off, or goes on.
    pub ended: bool,
}

/// Where the words of a caption looked: weights over a grid that lies over all that the network, or its encoder, sees of a
/// picture. Of pixels that is the largest centred part with their proportions; an encoder's card says what it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// Rows of the grid.
    pub rows: usize,
    /// Columns of the grid.
    pub columns: usize,
    /// For each word, and for the end where the caption ended, the weights row by row; they add up to one.
    #[serde(serialize_with = "lists")]
    pub weights: Vec<Arc<[f32]>>,
}

/// Shared lists as lists of their own, without which an answer that nobody reads yet would hold them many times.
fn lists<S: Serializer>(lists: &[Arc<[f32]>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lists.iter().map(|list| &**list))
}

impl Said {
    /// A caption in the words of a vocabulary, with where its words looked on a grid of rows and columns.
    pub fn new(caption: &Caption, vocabulary: &Vocabulary, grid: Option<[usize; 2]>) -> Said {
        let attention = grid.filter(|_| !caption.attention.is_empty()).map(|[rows, columns]| Attention {
            rows,
            columns,
            weights: caption.attention.clone(),
        });
        let words: Vec<String> = caption.words.iter().map(|id| vocabulary.word(*id).to_string()).collect();
        let (of_words, of_end) = caption.probabilities.split_at(words.len());
        Said {
            text: vocabulary.decode(&caption.words).join(" "),
            words,
            attention,
            probabilities: of_words.to_vec(),
            end_probability: of_end.first().copied(),
            log_probability: caption.log_probability,
            ended: caption.ended,
        }
    }
}

/// Why there is no other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What HTTP calls it.
    pub status: StatusCode,
    /// What it is, and what to do.
    pub words: String,
}

impl Problem {
    /// A problem in words.
    pub fn new(status: StatusCode, words: impl Into<String>) -> Problem {
        Problem { status, words: words.into() }
    }

    /// There is no room now, and will be soon.
    pub fn busy() -> Problem {
        let words = "other pictures are being described and no more can wait; try again in a second";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, words)
    }

    /// The problem as an answer.
    pub fn response(&self) -> Response<Content> {
        #[derive(Serialize)]
        struct Said<'p> {
            error: &'p str,
        }
        let mut response = json(self.status, &Said { error: &self.words });
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // The rest of the body is not read, so that nothing can follow it.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

/// What is told of a picture while it is described, in this order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Its words follow.
    Begin {
        /// The settings in words.
        decoding: String,
    },
    /// Its captions have grown by a word, the best first, and that with where it looked.
    Step {
        /// The captions so far.
        captions: Vec<Said>,
    },
    /// It was described, and nothing follows.
    Done(Described),
    /// It could not be described after all, and nothing follows.
    Error {
        /// Why.
        error: String,
    },
}

/// A picture's captions, the best first, and how they were made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Described {
    /// The captions.
    pub captions: Vec<Said>,
    /// The settings in words.
    pub decoding: String,
    /// The time from the first look at the picture to the last word.
    pub milliseconds: f64,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// All at once.
    Whole(Bytes),
    /// A line of JSON for each event, as it comes.
    Events(UnboundedReceiver<Event>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Content::Events(events) => events.poll_recv(context).map(|event| {
                let mut line = to_json(&event?);
                line.push(b'\n');
                Some(Ok(Frame::data(line.into())))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Events(_) => SizeHint::default(),
        }
    }
}

/// An answer in JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Content> {
    respond(status, "application/json", Content::Whole(to_json(value).into()))
}

/// An answer with the headers that all have.
pub fn respond(status: StatusCode, kind: &'static str, content: Content) -> Response<Content> {
    /// The page may use what this server sends and pictures that it was given, and nothing else.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
                          connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of numbers and words are JSON")
}
