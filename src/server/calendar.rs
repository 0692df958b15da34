//! The calendar of deadlines, for programs that fetch files: the same as `samregister expiring --format ics`.

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use entity::activity;

use super::{App, execution::bearer};
use crate::{
    activities,
    agreements::{
        Filter,
        deadlines::{DEFAULT_DAYS, Window},
        expiring,
    },
    auth::viewer::Viewer,
    error::{Error, Faults, LINE, Result},
};

/// The deadlines that the token's holder sees. The parameters are the command's options: `within-days`, `from`, `activity` (several with
/// commas, or given again), `include-acknowledged`. The token comes in the header alone: in an address it would end up in logs and histories.
pub async fn expiring(State(app): State<App>, headers: HeaderMap, parameters: Query<Vec<(String, String)>>) -> Response {
    let made = async {
        let viewer = app.keys.verify(&bearer(&headers)?, app.db.clock.now())?;
        calendar(&app, &viewer, parameters.0).await
    };
    let made = tokio::time::timeout(app.request_time, made).await;
    match made.unwrap_or_else(|_| Err(Error::invalid("within-days", "took too long; ask for less"))) {
        Ok(calendar) => {
            let kind = (header::CONTENT_TYPE, "text/calendar; charset=utf-8");
            ([kind, (header::CONTENT_DISPOSITION, "inline; filename=\"expiring.ics\"")], calendar).into_response()
        }
        Err(error) => refused(&error),
    }
}

async fn calendar(app: &App, viewer: &Viewer, parameters: Vec<(String, String)>) -> Result<String> {
    app.db.find()?;
    let mut faults = Faults::default();
    let (mut within_days, mut from) = (DEFAULT_DAYS, None);
    let mut filter = Filter::default();
    for (name, value) in parameters {
        match name.as_str() {
            "within-days" => within_days = faults.take(&name, value.parse().map_err(|_| "is not a whole number")),
            "from" => from = Some(faults.take(&name, value.parse().map_err(|_| "is not a date; write 2026-11-21"))),
            "activity" => filter.activities.extend(value.split(',').map(|slug| faults.text(&name, slug, LINE))),
            "include-acknowledged" => {
                let given = match value.as_str() {
                    "" | "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err("is neither true nor false"),
                };
                filter.include_acknowledged = Some(faults.take(&name, given));
            }
            // A slip of the pen would else give a calendar of other things than those meant.
            _ => faults.add(name.chars().take(LINE).collect::<String>(), "is none of within-days, from, activity, include-acknowledged"),
        }
    }
    let window = Window::check(&app.db, within_days, from, "within-days", &mut faults);
    if faults.is_empty() {
        let known = activities::by_slugs(&app.db, viewer, &filter.activities, &[activity::Column::Slug]).await?;
        for slug in filter.activities.iter().filter(|slug| known.iter().all(|activity| activity.slug != **slug)) {
            faults.add("activity", format!("{slug} is no activity's slug"));
        }
    }
    faults.finish()?;
    let found = expiring::all(&app.db, viewer, window, &filter).await?;
    expiring::calendar(&app.db, &found).await
}

/// An error as those who fetch files read it: a status and a line.
fn refused(error: &Error) -> Response {
    let status = match error {
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Internal(cause) => {
            tracing::error!(%cause, "a file could not be made");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = (status, format!("{error}\n")).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
