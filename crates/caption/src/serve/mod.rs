//! A captioner behind a local page: pictures come in over HTTP, captions go out word by word.
//!
//! ```text
//! GET  /              the page, with its style, script and icon; all are part of the program
//! GET  /api/model     what the model is
//! GET  /api/health    whether it answers
//! POST /api/describe  a PNG or JPEG, as the body or as a part of multipart/form-data -> captions
//! ```
//!
//! In reading order: [`Server`] listens and bounds what connections may take, `routes` answers one request, `query`
//! reads decoding settings, `upload` reads pictures, `workers` describes them, `answer` and `card` are what is sent.
//!
//! # What it withstands
//!
//! Whoever can connect may send anything. So all that a request can take is bounded, by [`Bounds`]: bytes of a picture and of
//! all that are held at once, headers, pictures in work and in wait, connections, and the time for each. What would go
//! beyond is refused in words, with a status that says whether to try again. No file is read after the start, so that no path
//! leads to the disk. Pages of other origins can neither read answers (nothing allows them to) nor ask under a name of their
//! own that leads here (DNS rebinding: `Host` must be an address, `localhost`, or the name that was listened on).

mod answer;
mod card;
mod query;
mod routes;
mod upload;
mod workers;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::routes::Shared;
use self::workers::Workers;
use crate::data::encoder::Sight;
use crate::error::Error;
use crate::model::Input;
use crate::training::Model;

/// How long answers that are under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// How long nothing is accepted after the system refused a connection, as it does when files run out.
const PAUSE: Duration = Duration::from_millis(50);

/// What all requests together, and each one, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Pictures that are described at once, each by a thread with an engine of its own.
    pub workers: usize,
    /// Pictures that wait for one of them.
    pub waiting: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Bytes of one request's body.
    pub body: usize,
    /// Bytes of all bodies at once.
    pub bodies: usize,
    /// How long a client may take for a request's head, and be silent between requests.
    pub head_time: Duration,
    /// How long a client may take for a request's body.
    pub body_time: Duration,
    /// After this time a connection takes no more requests, and after twice it is cut.
    pub connection_time: Duration,
}

impl Default for Bounds {
    /// Generous to a few people, and far from what a machine has.
    fn default() -> Self {
        Bounds {
            // Large products share their rows among threads anyway.
            workers: std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
            waiting: 16,
            connections: 256,
            body: 16 << 20,
            bodies: 128 << 20,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            connection_time: Duration::from_secs(60),
        }
    }
}

/// A server that listens, and does not answer yet.
///
/// ```no_run
/// use caption::serve::{Bounds, Server};
/// use caption::training::Model;
///
/// let model = Model::load("runs/captioning/model.json".as_ref())?;
/// let server = Server::bind(model, "127.0.0.1", 8080, Bounds::default())?;
/// println!("http://{}", server.address());
/// server.run(caption::serve::interrupted())?;
/// # Ok::<(), caption::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    name: String,
    model: Model,
    sight: Sight,
    bounds: Bounds,
}

impl Server {
    /// Listens on a port of an address or a name of this machine; port 0 is any that is free.
    ///
    /// # Errors
    /// If the model does not see pixels, a bound is 0, or the port cannot be had.
    pub fn bind(model: Model, host: &str, port: u16, bounds: Bounds) -> Result<Server, Error> {
        let Input::Pixels { height, width } = model.settings.input else {
            return Err(Error::Mismatch(format!(
                "the model sees {}; give `Server::bind_seeing` the sight that makes them of a picture file",
                model.settings.input
            )));
        };
        Server::bind_seeing(model, Sight::of_pixels(height, width), host, port, bounds)
    }

    /// The same for a model that sees something else than pixels, such as the features of an encoder.
    ///
    /// # Errors
    /// If a bound is 0, or the port cannot be had.
    pub fn bind_seeing(
        model: Model,
        sight: Sight,
        host: &str,
        port: u16,
        bounds: Bounds,
    ) -> Result<Server, Error> {
        let Bounds { workers, waiting, connections, body, bodies, .. } = bounds;
        if [workers, waiting, connections, body, bodies].contains(&0) {
            return Err(Error::Mismatch(format!("{bounds:?} leaves no room for a request; give 1 or more")));
        }
        let refused = |why: io::Error| {
            let advice = "choose another with --port, or see what listens there";
            Error::Mismatch(format!("cannot listen on {host}:{port} ({why}); {advice}"))
        };
        let listener = TcpListener::bind((host, port)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Server { listener, address, name: host.to_string(), model, sight, bounds })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is ready; what is under way then has five seconds to end.
    ///
    /// # Errors
    /// If the system has no threads or sockets to give.
    pub fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let failed = |why: io::Error| Error::Mismatch(format!("cannot serve: {why}"));
        // One thread for all that waits; those that compute are the workers.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let card = card::Card::of(&self.model, &self.bounds);
        let workers = Workers::start(self.model, self.sight, self.bounds).map_err(failed)?;
        let shared = Arc::new(Shared::new(workers, card, self.name, self.bounds));
        let listener = self.listener;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
            accept(&listener, shared, self.bounds, stop).await;
            Ok(())
        })
    }
}

/// Ready when the user presses Ctrl-C, or the system asks the program to end.
pub async fn interrupted() {
    // Where signals cannot be had, the system's own way of ending a program is left.
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = pressed => {}
        () = terminated() => {}
    }
}

/// Ready when the system asks the program to end; never, where it cannot ask.
pub async fn terminated() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut asked) = signal(SignalKind::terminate()) {
            asked.recv().await;
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Serves connections until `stop`, then lets them end.
async fn accept(
    listener: &tokio::net::TcpListener,
    shared: Arc<Shared>,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let (stopping, stopped) = watch::channel(false);
    let mut serving = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = serving.join_next() => {}
            accepted = next(listener, &places) => match accepted {
                Ok((stream, place)) => {
                    serving.spawn(serve(stream, place, Arc::clone(&shared), bounds, stopped.clone()));
                }
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
    // It fails where nobody listens any more, which is as well.
    let _ = stopping.send(true);
    let all = async { while serving.join_next().await.is_some() {} };
    let _ = timeout(GRACE, all).await;
    serving.shutdown().await;
}

/// The next connection, as soon as there is a place for one.
async fn next(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Words are small, and should not wait for more of them. Where that cannot be had, they do.
    let _ = stream.set_nodelay(true);
    Ok((stream, place))
}

/// Answers the requests of one connection, which keeps its place meanwhile.
async fn serve(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(routes::answer(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_headers(64)
        .max_buf_size(32 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let last_request = async {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = sleep(bounds.connection_time) => {}
        }
    };
    // What goes wrong between two machines is for the client to see.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = last_request => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(bounds.connection_time, connection).await;
}
