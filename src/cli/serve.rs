//! `samregister serve`: serves the API over HTTP.

use std::{io::ErrorKind, net::SocketAddr};

use clap::Args;
use tokio::net::TcpListener;

use super::{
    Failure, Outcome, Result, config_option, demo, log, open, open_files, put, reload::Hangups,
    say, service_manager, trail_key,
};
use crate::http::{self, App, graphiql};
use domain::{
    auth::token::Keys,
    clock::Clock,
    config::{Exposure, LogFormat, Settings},
};

/// Serve the API, GraphiQL and the schema over HTTP
///
/// Migrates the database first, unless --no-migrate is set. Ctrl-C and SIGTERM stop the server
/// after the requests in progress; SIGHUP reloads its keys and some settings. Notifies systemd
/// (Type=notify) when it is ready, and that it is alive (WatchdogSec). With --demo it needs no
/// settings: it creates a temporary
/// register with real members and example agreements and invoices, and a token for each role.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister serve --demo
  export SAMREGISTER_JWT_SECRET=$(openssl rand -hex 32)
  samregister serve --bind 0.0.0.0:8080

Routes:
  /graphql             the API
  /graphql/ws          its subscriptions (graphql-transport-ws)
  /graphiql            GraphiQL, for a browser, with --demo or
                       SAMREGISTER_EXPLORER=true
  /schema.graphql      its schema, with --demo or
                       SAMREGISTER_INTROSPECTION=true
  /files               uploads
  /files/agreements/   the agreements' documents
  /files/expiring.ics  the calendar of deadlines
  /files/revenue.csv   revenue, costs and result; revenue.xlsx is a workbook
  /healthz, /readyz    liveness and readiness probes
  /metrics             metrics, for Prometheus on this machine, or
                       with SAMREGISTER_METRICS_TOKEN")]
pub struct Options {
    /// Create a temporary register with example data, deleted when the server stops
    #[arg(long)]
    demo: bool,
    /// Address to listen on; overrides SAMREGISTER_BIND
    #[arg(long, value_name = "ADDR", value_parser = read_address)]
    bind: Option<SocketAddr>,
    /// Don't migrate the database, and refuse to start if migrations are pending
    #[arg(long, conflicts_with = "demo")]
    no_migrate: bool,
}

fn read_address(text: &str) -> std::result::Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an address and a port, as 127.0.0.1:8080")
}

/// Serves until a signal stops it.
///
/// # Errors
/// Fails if a setting is invalid, the address is in use, or the database can't be reached or
/// migrated.
pub async fn run(options: Options) -> Result {
    let mut settings =
        if options.demo { demo::settings()? } else { Settings::of_process(config_option())? };
    // Sends its last spans when the server has stopped.
    let _telemetry = log::start_with_spans(&settings, LOG_FILTER)?;
    settings.bind = options.bind.unwrap_or(settings.bind);
    open_files::raise_limit(&settings);
    if options.demo {
        return serve_demo(&settings).await;
    }
    let mut hangups = Hangups::listen();
    let keys = Keys::from_settings(&settings)?;
    let db = if options.no_migrate {
        open(&settings).await?
    } else {
        trail_key::make(&settings).await?
    };
    let listener = listen(settings.bind).await?;
    if !options.no_migrate {
        db.migrate(Clock::system().now()).await?;
    }
    db.warn_of_shared_file();
    report_address(&settings, &listener)?;
    let app = App::new(db, Clock::system(), keys, &settings, graphiql::Settings::default())
        .with_documents(&settings)?;
    let accepting = app.accepting.clone();
    let responds = move || {
        let accepting = accepting.clone();
        async move { accepting.responds().await }
    };
    // `serve` waits for the signal when the server accepts requests.
    let stop = service_manager::notify_until(stop_requested(), responds);
    let serving = http::serve(listener, app.clone(), &settings, stop);
    tokio::select! {
        served = serving => served?,
        () = hangups.reload(&app, &settings, LOG_FILTER) => {}
    }
    Ok(Outcome::Done)
}

/// Default filter of a server's log.
const LOG_FILTER: &str = "info,sea_orm_migration=warn";

async fn serve_demo(settings: &Settings) -> Result {
    let listener = listen(settings.bind).await?;
    let is_local = address(&listener)?.ip().is_loopback();
    let keys = if is_local { demo::DemoKeys::OfDay } else { demo::DemoKeys::Random };
    let demo = demo::Demo::make(&settings.network, keys).await?;
    let settings = &{
        let mut own = settings.clone();
        own.network = demo.network.clone();
        own
    };
    let tokens = demo
        .tokens
        .iter()
        .map(|token| (token.role.word().to_owned(), token.token.clone()))
        .collect();
    let explorer = graphiql::Settings { token: demo.office().map(str::to_owned), tokens };
    put(demo.introduction(address(&listener)?))?;
    report_address(settings, &listener)?;
    let app = App::new(demo.db.clone(), Clock::system(), demo.keys.clone(), settings, explorer)
        .with_documents(settings)?;
    http::serve(listener, app, settings, stop_requested()).await?;
    Ok(Outcome::Done)
}

async fn listen(at: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.map_err(|cause| {
        let reason = match cause.kind() {
            ErrorKind::AddrInUse => {
                "the address is in use by another program; stop it, or choose another address with --bind"
                    .to_owned()
            }
            ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; choose another with --bind".to_owned()
            }
            ErrorKind::PermissionDenied => {
                "permission denied; choose a port from 1024 on with --bind".to_owned()
            }
            _ => cause.to_string(),
        };
        Failure::new(format!("cannot listen on {at}: {reason}"))
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|cause| Failure::new(format!("cannot listen: {cause}")))
}

/// Reports the server's address: a line on a terminal, else in the log.
fn report_address(settings: &Settings, listener: &TcpListener) -> Result<()> {
    let at = address(listener)?;
    let Exposure { introspection, suggestions, explorer, .. } = settings.exposure;
    let page =
        if explorer { format!(", its explorer on http://{at}/graphiql") } else { String::new() };
    let on_or_off = |is_on: bool| if is_on { "on" } else { "off" };
    match settings.log_format {
        LogFormat::Text => {
            say(&format!("Samregister listens on http://{at}{page}"));
            let [introspection, suggestions, explorer] =
                [introspection, suggestions, explorer].map(on_or_off);
            say(&format!(
                "Introspection is {introspection}, suggestions are {suggestions}, the explorer is {explorer}"
            ));
        }
        LogFormat::Json => tracing::info!(
            introspection,
            suggestions,
            explorer,
            "Samregister listens on http://{at}{page}"
        ),
    }
    Ok(())
}

/// Completes on SIGTERM or Ctrl-C.
async fn stop_requested() {
    let interrupt = async {
        if let Err(cause) = tokio::signal::ctrl_c().await {
            tracing::warn!(%cause, "Ctrl-C can't be heard");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(cause) => {
                tracing::warn!(%cause, "SIGTERM can't be handled");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
