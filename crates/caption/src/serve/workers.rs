//! Threads that describe pictures, each with an engine of its own over weights that all share.
//!
//! A job waits in a queue of bounded length; what does not fit is refused at once. A job whose client has gone is left where it
//! is, within one word.

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use hyper::StatusCode;
use image::ImageFormat;
use nn::{AnyCell, Params};
use tape::Engine;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::Bounds;
use super::answer::{Described, Event, Problem, Said};
use super::query::Wish;
use super::upload::{Form, Received};
use crate::data::Vocabulary;
use crate::data::encoder::Sight;
use crate::model::{Caption, Captioner};
use crate::training::Model;

/// A picture to describe.
pub struct Job {
    /// What was sent.
    pub body: Received,
    /// Where the picture is in it.
    pub form: Form,
    /// How it is described.
    pub wish: Wish,
    /// Is told whether the picture can be seen.
    pub seen: oneshot::Sender<Result<(), Problem>>,
    /// Is told what is said of it. A caption has few words, so that what nobody reads yet stays small.
    pub events: UnboundedSender<Event>,
}

/// The threads, and the queue before them. They end with this.
pub struct Workers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads.
    pub fn start(model: Model, sight: Sight, bounds: Bounds) -> io::Result<Workers> {
        let (queue, jobs) = sync_channel(bounds.waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        let Model { vocabulary, params, captioner, .. } = model;
        let speaker = Arc::new(Speaker { sight, vocabulary, captioner });
        let start = |number: usize| {
            let (jobs, speaker) = (Arc::clone(&jobs), Arc::clone(&speaker));
            // A clone has the same tensors; only what it records of programs is its own.
            let params = params.clone();
            let name = format!("worker {number}");
            std::thread::Builder::new().name(name).spawn(move || work(&jobs, &speaker, &params))
        };
        let threads = (0..bounds.workers).map(start).collect::<io::Result<_>>()?;
        Ok(Workers { queue: Some(queue), threads })
    }

    /// Takes a job, or says that there is no room for it.
    pub fn take(&self, job: Job) -> Result<(), Problem> {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(job).is_ok());
        if taken { Ok(()) } else { Err(Problem::busy()) }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What all workers share.
struct Speaker {
    sight: Sight,
    vocabulary: Vocabulary,
    captioner: Captioner<AnyCell>,
}

/// Describes one picture after another, until nobody can send any more.
fn work(jobs: &Mutex<Receiver<Job>>, speaker: &Speaker, params: &Params) {
    let mut engine = Engine::new();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A picture that brings a decoder down ends its request alone: its client sees that nobody answers any more.
        let described = catch_unwind(AssertUnwindSafe(|| speaker.describe(&mut engine, params, job)));
        if described.is_err() {
            engine = Engine::new();
        }
    }
}

impl Speaker {
    fn describe(&self, engine: &mut Engine, params: &Params, job: Job) {
        let Job { body, form, wish: Wish { decoding, stream }, seen, events } = job;
        if seen.is_closed() {
            return;
        }
        let begin = Instant::now();
        let picture = match self.see(&form, &body) {
            Ok(picture) => picture,
            Err(problem) => {
                let _ = seen.send(Err(problem));
                return;
            }
        };
        drop(body);
        let _ = seen.send(Ok(()));
        // Who does not listen any more needs no answer, so nothing comes of a failure to send.
        let _ = events.send(Event::Begin { decoding: decoding.describe() });
        let vision = &self.captioner.vision;
        let grid = vision.has_places().then(|| vision.grid());
        // The first so many captions with where they looked.
        let said = |captions: &[Caption], looking: usize| -> Vec<Said> {
            let say =
                |(place, caption)| Said::new(caption, &self.vocabulary, grid.filter(|_| place < looking));
            captions.iter().enumerate().map(say).collect()
        };
        let decoded = self.captioner.decode_one(engine, params, 0, &picture, &decoding, |captions| {
            if stream {
                let _ = events.send(Event::Step { captions: said(captions, 1) });
            }
            if events.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let _ = events.send(match decoded {
            Ok(captions) => Event::Done(Described {
                captions: said(&captions, captions.len()),
                decoding: decoding.describe(),
                milliseconds: 1e3 * begin.elapsed().as_secs_f64(),
            }),
            Err(error) => Event::Error { error: error.to_string() },
        });
    }

    /// The picture as the network sees it.
    fn see(&self, form: &Form, body: &Received) -> Result<Vec<f32>, Problem> {
        let bytes = form.picture(&body.bytes)?;
        match image::guess_format(bytes) {
            Ok(ImageFormat::Png | ImageFormat::Jpeg) => {}
            found => {
                let found = found.map_or("no picture".into(), |format| format!("a {format:?}"));
                let words =
                    format!("what was sent begins like {found}; expected a PNG or JPEG picture. Convert it");
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
            }
        }
        let unseen = |words: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words);
        self.sight.see(bytes, "the picture").map_err(|why| unseen(why.to_string()))
    }
}
