//! From a TCP connection to requests: TLS within a time limit, the peer's certificate judged, HTTP/1.1 within time
//! limits, and never more connections than a fixed number.
//!
//! HTTP is driven by hyper itself and not by `axum::serve`, which has no limit on how long a client may take over the
//! head of a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::pki::{PeerJudge, Presented};

/// Connections of one listener at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 4_096;

/// Connections up to which they are kept open between requests. Beyond, each is closed with its answer: a fleet speaks
/// once in minutes, and connections that wait for that would keep out those that have something to say.
const KEPT_OPEN: usize = CONNECTIONS / 2;

/// Connections that wait in the kernel's queue (listen(2)). Together with [`HANDSHAKES`] it is what a small machine
/// gets through well before an agent gives up (after ten seconds): work for one that has gone is work lost, and in a
/// storm there would soon be no other. Who finds the queue full tries again, later and later.
pub(crate) const BACKLOG: u32 = 1_024;

/// TLS handshakes of one listener at a time.
const HANDSHAKES: usize = 256;

/// A handshake that takes longer goes on, but others no longer wait for it: those who say nothing keep nobody out.
const SWIFT: Duration = Duration::from_secs(1);

/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Longest wait for the head of a request, and so the longest idle connection.
const HEAD: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 32 * 1024;

/// How long requests may run on once the collector is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Pause after `accept` failed, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection. Every request carries it as an extension.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Source address.
    pub(crate) address: SocketAddr,
    /// What it showed of itself in the handshake.
    pub(crate) presented: Presented,
}

/// One of the collector's two doors.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: TlsAcceptor,
    /// Judges client certificates, where they are asked for.
    pub(crate) judge: Option<Arc<PeerJudge>>,
    pub(crate) router: Router,
}

impl Listener {
    /// Serves until `stop` turns true, then lets requests that run come to their end.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let Self {
            tcp,
            tls,
            judge,
            router,
        } = self;
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                // A sender that is gone has told to stop, too.
                _told = stop.wait_for(|stop| *stop) => break,
                accepted = accept(&tcp, &permits, &handshakes) => accepted,
            };
            let (stream, address, permit, handshake) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let connection = Connection {
                tls: tls.clone(),
                judge: judge.clone(),
                router: router.clone(),
                watcher: graceful.watcher(),
                permits: Arc::clone(&permits),
            };
            tokio::spawn(async move {
                connection.serve(stream, address, handshake).await;
                drop(permit);
            });
        }
        drop(tcp);
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            warn!("requests still ran when the collector stopped");
        }
    }
}

async fn accept(
    tcp: &TcpListener,
    permits: &Arc<Semaphore>,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit, OwnedSemaphorePermit)> {
    let one_of = |permits: &Arc<Semaphore>| Arc::clone(permits).acquire_owned();
    let permit = one_of(permits).await.map_err(io::Error::other)?;
    let handshake = one_of(handshakes).await.map_err(io::Error::other)?;
    let (stream, address) = tcp.accept().await?;
    Ok((stream, address, permit, handshake))
}

/// The TLS handshake, within [`HANDSHAKE`]; `permit` is given back when it is done, and after [`SWIFT`] at the latest.
async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
) -> Result<io::Result<TlsStream<TcpStream>>, Elapsed> {
    let mut handshake = tls.accept(stream);
    timeout(HANDSHAKE, async {
        if let Ok(swift) = timeout(SWIFT, &mut handshake).await {
            return swift;
        }
        drop(permit);
        handshake.await
    })
    .await
}

struct Connection {
    tls: TlsAcceptor,
    judge: Option<Arc<PeerJudge>>,
    router: Router,
    watcher: Watcher,
    /// Connections that there is still room for.
    permits: Arc<Semaphore>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, address: SocketAddr, permit: OwnedSemaphorePermit) {
        // Answers are small; waiting to fill a packet only delays them. A socket that refuses still works.
        let _as_it_was = stream.set_nodelay(true);
        let stream = match handshake(&self.tls, stream, permit).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return debug!(%error, "TLS handshake failed"),
            Err(_) => return debug!("TLS handshake took too long"),
        };
        let presented = match &self.judge {
            Some(judge) => judge.judge(stream.get_ref().1.peer_certificates(), Timestamp::now()),
            None => Presented::Missing,
        };
        let peer = Arc::new(Peer { address, presented });
        let (router, permits) = (self.router, self.permits);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&peer));
            let answer = router.clone().oneshot(request.map(Body::new));
            let permits = Arc::clone(&permits);
            async move {
                let mut response = answer.await?;
                if permits.available_permits() < CONNECTIONS - KEPT_OPEN {
                    response
                        .headers_mut()
                        .insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = self.watcher.watch(connection).await {
            debug!(%error, "connection ended");
        }
    }
}
