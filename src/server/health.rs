//! Whether the program lives, and whether it can answer.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};

use super::App;

/// The longest that a readiness check waits for the database.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The program lives.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// The database is reachable and migrated, and tokens can be verified.
pub async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if !app.keys.are_known() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: the issuer of tokens has not told its keys\n");
    }
    match tokio::time::timeout(PATIENCE, app.db.check()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        failed => {
            tracing::warn!(?failed, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the database can't be reached or is not migrated\n")
        }
    }
}
