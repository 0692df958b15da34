//! Calendar of deadlines as iCalendar, for calendar programs: the same as `samregister expiring
//! --format ics`.

use axum::{
    extract::{Query, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use entity::activity;

use super::{
    App,
    execution::Caller,
    files::{self, points},
    query_parameters,
};
use domain::{
    activities,
    agreements::{
        Filter,
        deadlines::{
            query,
            rules::{DEFAULT_DAYS, Window},
        },
    },
    auth::viewer::Viewer,
    error::{FieldErrorCode, LINE, Origin, Result, ValidationErrors},
};

/// Returns the deadlines that the caller may see. The parameters are the command's options:
/// `within-days`, `from`, `activity` (comma-separated or repeated), `include-snoozed`. The
/// token is accepted in the header only: in a URL it would end up in logs and histories.
pub async fn expiring(
    State(app): State<App>,
    parameters: Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let caller = Caller::of(&request);
    let made = files::make(&app, &caller, points::CALENDAR, move |app, viewer| async move {
        calendar(&app, &viewer, parameters.0).await
    });
    match made.await {
        Ok(calendar) => {
            let kind = (header::CONTENT_TYPE, "text/calendar; charset=utf-8");
            ([kind, (header::CONTENT_DISPOSITION, "inline; filename=\"expiring.ics\"")], calendar)
                .into_response()
        }
        Err(error) => caller.refuse(error),
    }
}

/// The parameters of the calendar.
const PARAMETERS: [&str; 4] = ["within-days", "from", "activity", "include-snoozed"];

async fn calendar(app: &App, viewer: &Viewer, parameters: Vec<(String, String)>) -> Result<String> {
    app.db.check_file()?;
    let mut errors = ValidationErrors::of(Origin::Request);
    let (mut within_days, mut from) = (DEFAULT_DAYS, None);
    let mut filter = Filter::default();
    for (name, value) in parameters {
        match name.as_str() {
            "within-days" => {
                within_days = errors.take(
                    &name,
                    value
                        .parse()
                        .map_err(|_| FieldErrorCode::NotANumber.problem("is not a whole number")),
                )
            }
            "from" => {
                from = Some(errors.take(&name, query_parameters::day(&value)));
            }
            "activity" => filter
                .activities
                .extend(value.split(',').map(|slug| errors.text(&name, slug, LINE))),
            "include-snoozed" => {
                let value = if value.is_empty() { "true" } else { value.as_str() };
                filter.include_snoozed = Some(errors.take(&name, query_parameters::flag(value)));
            }
            _ => query_parameters::refuse_unknown(&name, &PARAMETERS, &mut errors),
        }
    }
    let window = Window::check(app.context(viewer), within_days, from, "within-days", &mut errors);
    if errors.is_empty() {
        let known = activities::by_slugs(
            app.context(viewer),
            &filter.activities,
            &[activity::Column::Slug],
        )
        .await?;
        for slug in filter
            .activities
            .iter()
            .filter(|slug| known.iter().all(|activity| activity.slug != **slug))
        {
            errors.add(
                "activity",
                FieldErrorCode::Unknown.problem(format!("{slug} is not the slug of an activity")),
            );
        }
    }
    errors.finish()?;
    let found = query::all(app.context(viewer), window, &filter).await?;
    query::calendar(app.context(viewer), &found).await
}
