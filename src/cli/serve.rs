//! `samregister serve`: the API over HTTP.

use std::{io::ErrorKind, net::SocketAddr};

use clap::Args;
use tokio::net::TcpListener;

use super::{Failure, Outcome, Result, demo, make, open, open_files, put, say, start_log};
use crate::http::{self, App, graphiql};
use domain::{
    auth::token::Keys,
    config::{Exposure, LogFormat, Settings},
};

/// Serve the API, its explorer and its schema over HTTP
///
/// Brings the database up to date first, unless --no-migrate says that `samregister migrate` does.
/// Ctrl-C and SIGTERM stop it when what runs is done. With --demo it needs no setting at all: it
/// makes a throw-away register with real members and example agreements and invoices, and a token
/// for each role.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister serve --demo
  export SAMREGISTER_JWT_SECRET=$(openssl rand -hex 32)
  samregister serve --bind 0.0.0.0:8080

Routes:
  /graphql             the API
  /graphql/ws          its subscriptions (graphql-transport-ws)
  /graphiql            its explorer, for a browser, with --demo or
                       SAMREGISTER_EXPLORER=true
  /schema.graphql      its schema, with --demo or
                       SAMREGISTER_INTROSPECTION=true
  /files/agreements/   the agreements' documents
  /files/expiring.ics  the calendar of deadlines
  /files/revenue.csv   revenue, cost and result; revenue.xlsx is a workbook
  /healthz, /readyz    whether it lives, whether it can answer
  /metrics             what is measured, for Prometheus on this machine, or
                       with SAMREGISTER_METRICS_TOKEN")]
pub struct Options {
    /// Fill a throw-away register with example data, gone when the server stops
    #[arg(long)]
    demo: bool,
    /// Where to listen, in place of SAMREGISTER_BIND
    #[arg(long, value_name = "ADDR", value_parser = read_address)]
    bind: Option<SocketAddr>,
    /// Leave the database as it is, and refuse to start when `samregister migrate` has something to
    /// do
    #[arg(long, conflicts_with = "demo")]
    no_migrate: bool,
}

fn read_address(text: &str) -> std::result::Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an address and a port, as 127.0.0.1:8080")
}

/// Serves until it is told to stop.
///
/// # Errors
/// When a setting is bad, the address is taken, or the database can't be reached or migrated.
pub async fn run(options: Options) -> Result {
    let mut settings = if options.demo { demo::settings()? } else { Settings::of_process()? };
    start_log(&settings, "info,sea_orm_migration=warn");
    settings.bind = options.bind.unwrap_or(settings.bind);
    open_files::raise_limit(&settings);
    if options.demo {
        return serve_demo(&settings).await;
    }
    let keys = Keys::from_settings(&settings)?;
    let db = if options.no_migrate { open(&settings).await? } else { make(&settings).await? };
    let listener = listen(settings.bind).await?;
    if !options.no_migrate {
        db.migrate().await?;
    }
    db.warn_of_shared_file();
    announce(&settings, &listener)?;
    let app =
        App::new(db, keys, &settings, graphiql::Settings::default()).with_documents(&settings)?;
    http::serve(listener, app, &settings, stop_requested()).await?;
    Ok(Outcome::Done)
}

async fn serve_demo(settings: &Settings) -> Result {
    let listener = listen(settings.bind).await?;
    let demo = demo::Demo::make(&settings.network).await?;
    let tokens = demo
        .tokens
        .iter()
        .map(|token| (token.role.word().to_owned(), token.token.clone()))
        .collect();
    let explorer = graphiql::Settings { token: demo.office().map(str::to_owned), tokens };
    put(demo.introduction(address(&listener)?))?;
    announce(settings, &listener)?;
    let app = App::new(demo.db.clone(), demo.keys.clone(), settings, explorer)
        .with_documents(settings)?;
    http::serve(listener, app, settings, stop_requested()).await?;
    Ok(Outcome::Done)
}

async fn listen(at: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.map_err(|cause| {
        let reason = match cause.kind() {
            ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another address with --bind"
                    .to_owned()
            }
            ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; choose another with --bind".to_owned()
            }
            ErrorKind::PermissionDenied => {
                "that takes more rights; choose a port from 1024 on with --bind".to_owned()
            }
            _ => cause.to_string(),
        };
        Failure::new(format!("cannot listen on {at}: {reason}"))
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|cause| Failure::new(format!("cannot listen: {cause}")))
}

/// Says where the server is: in a line for people, or in the log for machines.
fn announce(settings: &Settings, listener: &TcpListener) -> Result<()> {
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

/// Ready when the program is told to stop: by SIGTERM or by Ctrl-C.
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
                tracing::warn!(%cause, "SIGTERM can't be heard");
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
