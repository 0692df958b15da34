//! Open connections, with a maximum number, and timeouts for clients that neither send nor receive.
//!
//! A few more connections are accepted over the limit, for probes only. A new one replaces the
//! oldest of these, so that clients that occupy every connection don't block probes. Other requests
//! on them get 503 until a connection ends. A connection without a request ends within the time of
//! a request, and so does one whose client does not receive its answer.

use std::{
    collections::VecDeque,
    io::{
        Error, ErrorKind,
        ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset},
        IoSlice, Result,
    },
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Sleep, sleep},
};

use super::metrics::Metrics;

/// Maximum number of open connections over the limit.
pub(crate) const EXTRA: usize = 64;

/// Accepts connections.
#[derive(Debug)]
pub struct Connections {
    listener: TcpListener,
    /// A permit for each connection that may be opened.
    free: Arc<Semaphore>,
    /// Connections over the limit, the oldest first; each ends when its sender is dropped.
    extra: VecDeque<oneshot::Sender<()>>,
    stall_time: Duration,
    metrics: Arc<Metrics>,
}

/// An accepted connection.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub connection: Connection,
    /// Address of the peer.
    pub address: SocketAddr,
    /// Completes when a newer connection replaces this one over the limit.
    pub replaced: Option<oneshot::Receiver<()>>,
}

impl Connections {
    /// Creates an acceptor of at most `most` connections, each of which ends when its client
    /// receives nothing for `stall_time`.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        most: usize,
        stall_time: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(most)),
            extra: VecDeque::new(),
            stall_time,
            metrics,
        }
    }

    /// Accepts the next connection; it is over the limit if the maximum is open.
    pub async fn accept(&mut self) -> Accepted {
        let (stream, address) = self.accepted().await;
        let permit = Arc::clone(&self.free).try_acquire_owned().ok();
        let replaced = permit.is_none().then(|| {
            self.extra.retain(|open| !open.is_closed());
            if self.extra.len() >= EXTRA {
                self.extra.pop_front();
            }
            let (open, replaced) = oneshot::channel();
            self.extra.push_back(open);
            replaced
        });
        let connection =
            Connection { stream, stall_time: self.stall_time, stalled: None, _permit: permit };
        Accepted { connection, address, replaced }
    }

    /// Accepts the next connection. If the operating system refuses, retries after a while: open
    /// connections may end.
    async fn accepted(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // The client disconnected before it was accepted.
                Err(cause)
                    if matches!(
                        cause.kind(),
                        ConnectionAborted | ConnectionRefused | ConnectionReset
                    ) => {}
                Err(cause) => {
                    let out_of_files = matches!(cause.raw_os_error(), Some(ENFILE | EMFILE));
                    self.metrics.accept_failed(out_of_files);
                    let advice = if out_of_files {
                        "raise LimitNOFILE (systemd) or ulimit -n, or lower SAMREGISTER_MAX_CONNECTIONS"
                    } else {
                        ""
                    };
                    tracing::error!(%cause, advice, "a connection can't be accepted; retrying in a second");
                    sleep(RETRY).await;
                }
            }
        }
    }
}

/// Error codes of the operating system when it, or the program, has too many files open.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
/// Time to wait before trying again to accept a connection.
const RETRY: Duration = Duration::from_secs(1);

/// A connection, which counts as open until it is dropped, also as a WebSocket.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    stall_time: Duration,
    /// Completes when the client has received nothing for too long; `None` while it receives.
    stalled: Option<Pin<Box<Sleep>>>,
    /// `None` for a connection over the limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Returns the result of a write, or an error if the client has stalled for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall_time = self.stall_time;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(stall_time))).as_mut().poll(cx));
        Poll::Ready(Err(Error::new(
            ErrorKind::TimedOut,
            "the client did not receive what was sent",
        )))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
