//! Reload of keys and settings by a running server, on SIGHUP.

use super::{config_option, log};
use crate::http::App;
use domain::{config::Settings, error::Result};

/// The signals that request a reload.
pub(super) struct Hangups {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    /// Receives the signals from now on. Without it, the first one ends the program.
    #[cfg(unix)]
    pub(super) fn listen() -> Self {
        let signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        if let Err(cause) = &signals {
            tracing::warn!(%cause, "SIGHUP can't be handled");
        }
        Self { signals: signals.ok() }
    }

    /// Returns signals that never come: the system has none.
    #[cfg(not(unix))]
    pub(super) fn listen() -> Self {
        Self {}
    }

    /// Completes when a reload is requested.
    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }

    /// Reloads at each signal, for as long as it is polled. The server was started with
    /// `settings`, and `filter` is the default filter of its log.
    pub(super) async fn reload(&mut self, app: &App, settings: &Settings, filter: &str) {
        let mut current = settings.clone();
        loop {
            self.next().await;
            match reload(app, [settings, &current], filter).await {
                Ok(new) => current = new,
                Err(error) => tracing::error!(
                    "nothing was reloaded; the keys and settings of before remain in use: {error}"
                ),
            }
        }
    }
}

/// Reads the settings, their files of secrets and the files of keys, and replaces what a running
/// server can replace. The log names what has changed and what needs a restart.
///
/// # Errors
/// INVALID if a setting or a file is invalid: nothing is replaced.
async fn reload(
    app: &App,
    [started_with, current]: [&Settings; 2],
    filter: &str,
) -> Result<Settings> {
    let new = Settings::of_process(config_option())?;
    app.reload(&new).await?;
    if !log::replace(&new, filter) {
        tracing::error!("the filter of the log can't be replaced");
    }
    let reloaded = current.differences(&new).reloadable;
    let changed = if reloaded.is_empty() { "none".to_owned() } else { reloaded.join(", ") };
    tracing::info!(
        changed,
        "reloaded the keys of tokens and links, the access to metrics, and the filter of the log"
    );
    let pending = started_with.differences(&new).needing_restart.join(", ");
    if !pending.is_empty() {
        tracing::warn!(pending, "these settings have changed and need a restart of the server");
    }
    Ok(new)
}
