//! The connections that are open: at most so many, and none that a client neither writes to nor
//! reads from.
//!
//! A few more are accepted beyond the limit, for probes alone. Each takes the place of the oldest
//! of these, so that clients who hold every connection keep no probe out. Others are refused there
//! with 503 until a connection ends. A connection on which nothing is sent ends within the time for
//! a request, and so does one whose client does not take its answer.

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

/// The connections beyond the limit that are open at a time.
pub(crate) const EXTRA: usize = 64;

/// Accepts connections.
#[derive(Debug)]
pub struct Connections {
    listener: TcpListener,
    /// One for each that may be opened.
    free: Arc<Semaphore>,
    /// Those beyond the limit, the oldest first; each ends when its sender is dropped.
    extra: VecDeque<oneshot::Sender<()>>,
    patience: Duration,
    metrics: Arc<Metrics>,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Itself.
    pub connection: Connection,
    /// The address at its other end.
    pub address: SocketAddr,
    /// Of one beyond the limit: ready when a newer one takes its place.
    pub replaced: Option<oneshot::Receiver<()>>,
}

impl Connections {
    /// At most so many at once, each of which ends when its client takes nothing of what is sent
    /// for as long as `patience`.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        most: usize,
        patience: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(most)),
            extra: VecDeque::new(),
            patience,
            metrics,
        }
    }

    /// Accepts the next connection, which is one beyond the limit when as many are open as may be.
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
            Connection { stream, patience: self.patience, stalled: None, _permit: permit };
        Accepted { connection, address, replaced }
    }

    /// The next connection. When the machine refuses to open one more, it is tried again a while
    /// later: those that are open may end.
    async fn accepted(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // The client went away before it was heard.
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
                    tracing::error!(%cause, advice, "a connection can't be accepted; trying again in a second");
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

/// A connection, which counts among those that may be open until it is dropped, also as a socket's.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Ends when the client has taken nothing for too long; none when it takes what is sent.
    stalled: Option<Pin<Box<Sleep>>>,
    /// `None` for one beyond the limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// What came of writing, unless the client is not waited for any more.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client did not take what was sent")))
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
