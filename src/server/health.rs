//! Whether the program lives, and whether it can answer.

use std::{borrow::Cow, time::Duration};

use axum::{extract::State, http::StatusCode};

use super::App;
use crate::error::Error;

/// The longest that a readiness check waits for the database.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The program lives.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// The database is reachable and migrated, changes can be written to it, and tokens can be verified.
pub async fn ready(State(app): State<App>) -> (StatusCode, Cow<'static, str>) {
    let not_ready = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, Cow::Borrowed(why));
    if !app.keys.are_known() {
        return not_ready("not ready: the issuer of tokens has not told its keys\n");
    }
    match tokio::time::timeout(PATIENCE, app.db.check()).await {
        Ok(Ok(())) => {}
        // A newer program migrated the register: what to do is for the operator who looks here.
        Ok(Err(Error::Conflict { message, .. })) => {
            tracing::warn!(message, "not ready");
            return (StatusCode::SERVICE_UNAVAILABLE, Cow::Owned(format!("not ready: {message}\n")));
        }
        failed => {
            tracing::warn!(?failed, "not ready");
            return not_ready("not ready: the database can't be reached or is not migrated\n");
        }
    }
    match tokio::time::timeout(PATIENCE, app.db.check_writes()).await {
        Ok(Ok(())) => (StatusCode::OK, Cow::Borrowed("ready\n")),
        failed => {
            tracing::warn!(?failed, "not ready");
            not_ready("not ready: changes can't be written to the database; the log says why\n")
        }
    }
}
