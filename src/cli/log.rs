//! The log of a command, on stderr.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use tracing_subscriber::{
    EnvFilter, Layer as _,
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

use crate::http::telemetry::Telemetry;
use domain::config::{LogFormat, Settings};

/// Replaces the filter of the running log; `false` if it fails.
type Replace = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// Replaces the filter of the running log.
static REPLACE: OnceLock<Replace> = OnceLock::new();

/// Starts the log on stderr, with the filter of the settings or else `otherwise`.
pub(super) fn start(settings: &Settings, otherwise: &str) {
    let use_color = use_color();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(settings, otherwise))
        .with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => {
            let log = log.with_ansi(use_color).with_filter_reloading();
            store(log.reload_handle());
            log.try_init()
        }
        LogFormat::Json => {
            let log = log.json().with_filter_reloading();
            store(log.reload_handle());
            log.try_init()
        }
    }
    // It fails only if a log is already running.
    .ok();
}

/// Starts the log of a server. Its spans are sent to the collector of the settings until the
/// returned value is dropped.
///
/// # Errors
/// Fails if spans can't be sent to the collector.
pub(super) fn start_with_spans(
    settings: &Settings,
    otherwise: &str,
) -> super::failure::Result<Option<Telemetry>> {
    let Some(endpoint) = &settings.otlp_endpoint else {
        start(settings, otherwise);
        return Ok(None);
    };
    let telemetry = Telemetry::start(endpoint)?;
    let (filter, handle) = reload::Layer::new(filter(settings, otherwise));
    store(handle);
    let layers = tracing_subscriber::registry().with(telemetry.layer());
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => layers.with(log.with_ansi(use_color()).with_filter(filter)).try_init(),
        LogFormat::Json => layers.with(log.json().with_filter(filter)).try_init(),
    }
    .ok();
    Ok(Some(telemetry))
}

/// Replaces the filter of the running log by that of the settings, or else `otherwise`.
pub(super) fn replace(settings: &Settings, otherwise: &str) -> bool {
    REPLACE.get().is_some_and(|replace| replace(filter(settings, otherwise)))
}

fn use_color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn store<S: 'static>(handle: Handle<EnvFilter, S>) {
    REPLACE.set(Box::new(move |filter| handle.reload(filter).is_ok())).ok();
}

fn filter(settings: &Settings, otherwise: &str) -> EnvFilter {
    // The settings don't distinguish the default from the same value set explicitly, which applies
    // to servers but not to other commands.
    let is_explicit = settings.log != "info"
        || std::env::var("SAMREGISTER_LOG").is_ok_and(|filter| !filter.trim().is_empty());
    EnvFilter::new(if is_explicit { &settings.log } else { otherwise })
}
