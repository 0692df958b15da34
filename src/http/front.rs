//! The thread that accepts connections, speaks HTTP and answers probes. It hands every other
//! request over to the main runtime, so that probes are answered whatever other requests do there.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
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
    runtime::{BatchRow, Builder},
    sync::{oneshot, watch},
};
use tower::ServiceExt as _;

use super::{
    App,
    execution::{Caller, STOP_GRACE},
    graphql_response,
    lanes::{Running, STACK},
    layered,
    listener::{Accepted, Connections},
    peers::Peer,
    router, stopped, websocket,
};
use domain::{config::Settings, error::Error};

/// The paths that are answered on this thread.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The time in which a client on a connection beyond the limit sends its request.
const EXTRA_TIME: Duration = Duration::from_secs(1);
/// How often it is looked, while the server stops, whether a connection is idle.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The thread, which ends when this is dropped.
pub(super) struct Front {
    _quit: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Front {
    /// Starts the thread. Other requests than probes are answered on the runtime of the caller.
    pub(super) async fn start(
        listener: TcpListener,
        app: App,
        settings: &Settings,
    ) -> io::Result<Self> {
        // A listener is woken by the runtime that made it.
        let listener = listener.into_std()?;
        // A socket's client has its own time to take what is sent, and is then told why it is
        // closed.
        let patience =
            settings.limits.request_time.max(settings.sockets.send_time + websocket::GOODBYE);
        let (most, metrics) = (settings.limits.connections, Arc::clone(&app.metrics));
        let connecting = Connecting {
            main: BatchRow::current(),
            stopping: app.stopping.clone(),
            header_time: settings.limits.request_time,
            full: layered(Router::new().fallback(reject_overload), app.clone(), settings),
            routes: router(app, settings),
        };
        let ((started, starts), (quit, quits)) = (oneshot::channel(), oneshot::channel());
        let (alive, ended) = oneshot::channel();
        thread::Builder::new().name("front".to_owned()).stack_size(STACK).spawn(move || {
            let _alive: oneshot::Sender<()> = alive;
            let begun = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let listener = {
                    let _inside = runtime.enter();
                    TcpListener::from_std(listener)?
                };
                Ok((runtime, listener))
            });
            match begun {
                Ok((runtime, listener)) => {
                    started.send(Ok(())).ok();
                    runtime.block_on(
                        connecting.run(Connections::new(listener, most, patience, metrics), quits),
                    );
                    runtime.shutdown_background();
                }
                Err(cause) => drop(started.send(Err(cause))),
            }
        })?;
        starts.await.map_err(io::Error::other)??;
        Ok(Self { _quit: quit, ended })
    }

    /// Ready when the thread has ended by itself, as after a panic.
    pub(super) async fn ended(&mut self) {
        drop((&mut self.ended).await);
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Connecting {
    main: BatchRow,
    stopping: watch::Sender<bool>,
    header_time: Duration,
    routes: Router,
    /// What a connection beyond the limit answers to other requests than probes.
    full: Router,
}

impl Connecting {
    /// Accepts connections until the server stops, and serves those that are open until it has
    /// stopped.
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
            // It is served before a newer one may take its place.
            tokio::task::yield_now().await;
        }
    }

    async fn serve(self, Accepted { connection, address, replaced }: Accepted) {
        let (is_extra, mut stopping) = (replaced.is_some(), self.stopping.subscribe());
        let mut http = http1::Builder::new();
        // A client that says nothing, or never comes to the end of a header, is not waited for.
        http.timer(TokioTimer::new())
            .header_read_timeout(if is_extra { EXTRA_TIME } else { self.header_time })
            .keep_alive(!is_extra);
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

/// Makes a body that is yet to be compressed on the runtime that calls this. One whose size is
/// known is there already.
fn off_thread(response: Response) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| graphql_response::made_by(body, |making| drop(tokio::spawn(making))))
}

/// Refuses a request on a connection beyond the limit.
async fn reject_overload(request: Request) -> Response {
    let words =
        "as many connections are open as may be (SAMREGISTER_MAX_CONNECTIONS); retry in a second";
    let mut refused = Caller::of(&request).refuse(Error::throttled(
        "TOO_MANY_CONNECTIONS",
        words,
        Duration::ZERO,
    ));
    *refused.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    refused
}

/// Ready when the server has been stopping for a while and the connection, which holds `running`
/// twice, has no request to answer: the rest of a header may never come.
async fn idle_after_grace(running: &Arc<()>) {
    tokio::time::sleep(STOP_GRACE).await;
    while Arc::strong_count(running) > 2 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The body of a response, which runs until it is sent.
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
