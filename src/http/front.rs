//! The thread that accepts connections, parses HTTP and answers probes. It passes every other
//! request to the main runtime, so that probes are answered under any load.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
    sync::{oneshot, watch},
};
use tower::ServiceExt as _;

use super::{
    App,
    execution::{Caller, STOP_GRACE},
    graphql_response,
    lanes::{Running, STACK_BYTES},
    layered,
    listener::{Accepted, Connections},
    peers::Peer,
    router, stopped, websocket,
};
use domain::{
    config::Settings,
    error::{ConflictReason, Error},
};

/// Paths that are answered on this thread.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// Time in which a client on a connection over the limit must send its request.
const EXTRA_TIME: Duration = Duration::from_secs(1);
/// Interval at which a stopping server checks whether a connection is idle.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The runtime of the accepting thread; unset until [`super::serve`] has started it.
#[derive(Clone, Debug, Default)]
pub struct AcceptingThread(Arc<OnceLock<Handle>>);

impl AcceptingThread {
    /// Completes when the thread has executed a task: not while it hangs, and neither before it has
    /// started nor after it has ended.
    pub async fn responds(&self) {
        let has_run = match self.0.get() {
            Some(runtime) => runtime.spawn(async {}).await.is_ok(),
            None => false,
        };
        if !has_run {
            std::future::pending::<()>().await;
        }
    }
}

/// The accepting thread, which ends when this is dropped.
pub(super) struct Front {
    _quit: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Front {
    /// Starts the thread. Requests other than probes are answered on the caller's runtime.
    pub(super) async fn start(
        listener: TcpListener,
        app: App,
        settings: &Settings,
    ) -> io::Result<Self> {
        // A listener is registered with the runtime that created it.
        let listener = listener.into_std()?;
        // A WebSocket's client has its own send timeout, followed by a close code.
        let stall_time =
            settings.limits.request_time.max(settings.sockets.send_time + websocket::CLOSE_TIMEOUT);
        let (most, metrics) = (settings.limits.connections, Arc::clone(&app.metrics));
        let accepting = app.accepting.clone();
        let connecting = Connecting {
            main: Handle::current(),
            stopping: app.stopping.clone(),
            header_time: settings.limits.request_time,
            full: layered(Router::new().fallback(reject_overload), app.clone(), settings),
            routes: router(app, settings),
        };
        let ((started, starts), (quit, quits)) = (oneshot::channel(), oneshot::channel());
        let (alive, ended) = oneshot::channel();
        thread::Builder::new().name("front".to_owned()).stack_size(STACK_BYTES).spawn(
            move || {
                let _alive: oneshot::Sender<()> = alive;
                let begun =
                    Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                        let listener = {
                            let _inside = runtime.enter();
                            TcpListener::from_std(listener)?
                        };
                        Ok((runtime, listener))
                    });
                match begun {
                    Ok((runtime, listener)) => {
                        accepting.0.set(runtime.handle().clone()).ok();
                        started.send(Ok(())).ok();
                        runtime.block_on(
                            connecting
                                .run(Connections::new(listener, most, stall_time, metrics), quits),
                        );
                        runtime.shutdown_background();
                    }
                    Err(cause) => drop(started.send(Err(cause))),
                }
            },
        )?;
        starts.await.map_err(io::Error::other)??;
        Ok(Self { _quit: quit, ended })
    }

    /// Completes when the thread has ended unexpectedly, as after a panic.
    pub(super) async fn ended(&mut self) {
        drop((&mut self.ended).await);
    }
}

/// State that each connection needs.
#[derive(Clone)]
struct Connecting {
    main: Handle,
    stopping: watch::Sender<bool>,
    header_time: Duration,
    routes: Router,
    /// Router of a connection over the limit, which refuses requests other than probes.
    full: Router,
}

impl Connecting {
    /// Accepts connections until the server stops, and serves open ones until it has stopped.
    async fn run(self, connections: Connections, mut quit: oneshot::Receiver<()>) {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            _ = &mut quit => return,
            () = self.accept(connections) => {}
            () = stopped(&mut stopping) => {}
        }
        drop((stopping, self));
        drop(quit.await);
    }

    async fn accept(&self, mut connections: Connections) {
        loop {
            let accepted = connections.accept().await;
            tokio::spawn(self.clone().serve(accepted));
            // It is served before a newer one may replace it.
            tokio::task::yield_now().await;
        }
    }

    async fn serve(self, Accepted { connection, address, replaced }: Accepted) {
        let (is_extra, mut stopping) = (replaced.is_some(), self.stopping.subscribe());
        let mut http = http1::Builder::new();
        // Limits the time that a client takes to send a header.
        http.timer(TokioTimer::new())
            .header_read_timeout(if is_extra { EXTRA_TIME } else { self.header_time })
            .keep_alive(!is_extra)
            // Some WebSocket clients compare the names of the upgrade's headers byte by byte.
            .title_case_headers(true);
        let running = Arc::new(());
        let service = service_fn({
            let running = Arc::clone(&running);
            move |request| self.clone().answer(request, address, is_extra, Arc::clone(&running))
        });
        let mut connection =
            pin!(http.serve_connection(TokioIo::new(connection), service).with_upgrades());
        let replaced = async {
            match replaced {
                Some(replaced) => drop(replaced.await),
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = replaced => return,
            () = stopped(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = idle_after_grace(&running) => return,
                }
            }
        };
        if let Err(cause) = ended {
            tracing::debug!(%cause, "a connection ended early");
        }
    }

    async fn answer(
        self,
        request: axum::http::Request<Incoming>,
        address: SocketAddr,
        is_extra: bool,
        running: Arc<()>,
    ) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(address));
        let response = if PROBES.contains(&request.uri().path()) {
            made(self.routes, request).await
        } else if is_extra {
            made(self.full, request).await
        } else {
            let answering =
                self.main.spawn(async move { off_thread(made(self.routes, request).await) });
            Running(answering).await.unwrap_or_else(|failed| {
                tracing::error!(%failed, "a request was not answered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            })
        };
        Ok(response.map(|body| Body::new(RunningBody { body, _running: running })))
    }
}

async fn made(routes: Router, request: Request) -> Response {
    let Ok(response) = routes.oneshot(request).await;
    response
}

/// Compresses a body on the calling runtime. A body of known size is already complete.
fn off_thread(response: Response) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| graphql_response::produced_by(body, |making| drop(tokio::spawn(making))))
}

/// Refuses a request on a connection over the limit.
async fn reject_overload(request: Request) -> Response {
    let words =
        "the maximum of connections is open (SAMREGISTER_MAX_CONNECTIONS); retry in a second";
    let mut refused = Caller::of(&request).refuse(Error::throttled(
        ConflictReason::TooManyConnections,
        words,
        Duration::ZERO,
    ));
    *refused.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    refused
}

/// Completes when the server has been stopping for a while and the connection, which holds
/// `running` twice, has no request in progress: the rest of a header may never come.
async fn idle_after_grace(running: &Arc<()>) {
    tokio::time::sleep(STOP_GRACE).await;
    while Arc::strong_count(running) > 2 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A response body that counts as running until it is sent.
struct RunningBody {
    body: Body,
    _running: Arc<()>,
}

impl HttpBody for RunningBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_hangs_does_not_respond() {
        let accepting = AcceptingThread::default();
        let responds = || tokio::time::timeout(Duration::from_millis(200), accepting.responds());
        assert!(responds().await.is_err(), "it has not started");
        let (quit, quits) = oneshot::channel::<()>();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        accepting.0.set(runtime.handle().clone()).unwrap();
        let thread = thread::spawn(move || drop(runtime.block_on(quits)));
        tokio::time::timeout(Duration::from_secs(60), accepting.responds()).await.unwrap();

        let ((began, begins), (release, released)) = (oneshot::channel(), mpsc::channel::<()>());
        let hanging = accepting.0.get().unwrap().spawn(async move {
            began.send(()).unwrap();
            released.recv().unwrap();
        });
        begins.await.unwrap();
        assert!(responds().await.is_err(), "it hangs");
        release.send(()).unwrap();
        hanging.await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), accepting.responds()).await.unwrap();

        quit.send(()).unwrap();
        thread.join().unwrap();
        assert!(responds().await.is_err(), "it has ended");
    }
}
