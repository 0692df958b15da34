//! The connections that are open: at most so many, whatever becomes of them, and none that a client neither writes to nor reads from.
//!
//! Whoever comes when there are that many waits in the machine's queue until one of them ends. One that says nothing ends within the time
//! for a request, and so does one whose client does not take its answer: whoever opens as many as there may be makes others wait their turn
//! and keeps nobody out.

use std::{
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

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use super::metrics::Metrics;

/// Takes connections as long as there may be more.
#[derive(Debug)]
pub struct Connections {
    listener: TcpListener,
    /// One for each that may be opened.
    free: Arc<Semaphore>,
    patience: Duration,
    metrics: Arc<Metrics>,
}

impl Connections {
    /// At most so many at once, each of which ends when its client takes nothing of what is sent for as long as `patience`.
    #[must_use]
    pub fn new(listener: TcpListener, most: usize, patience: Duration, metrics: Arc<Metrics>) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(most)), patience, metrics }
    }
}

impl Connections {
    /// The next connection. When the machine refuses to open one more, it is tried again a while later: those that are open may end.
    async fn accepted(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // The client went away before it was heard.
                Err(cause) if matches!(cause.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
                Err(cause) => {
                    let out_of_files = matches!(cause.raw_os_error(), Some(ENFILE | EMFILE));
                    self.metrics.accept_failed(out_of_files);
                    let advice =
                        if out_of_files { "raise LimitNOFILE (systemd) or ulimit -n, or lower SAMREGISTER_MAX_CONNECTIONS" } else { "" };
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

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes it.
        let Ok(place) = Arc::clone(&self.free).acquire_owned().await else { return std::future::pending().await };
        let (stream, address) = self.accepted().await;
        (Connection { stream, patience: self.patience, stalled: None, _place: place }, address)
    }

    fn local_addr(&self) -> Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection, which takes its place among those that may be open until it is dropped, also as a socket's.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Ends when the client has taken nothing for too long; none when it takes what is sent.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
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
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
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
