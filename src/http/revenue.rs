//! Revenue as files for spreadsheets and programs: the same as `samregister revenue --format csv`
//! and `xlsx`.

use axum::{
    extract::{Query, Request, State},
    http::header,
    response::{AppendHeaders, IntoResponse, Response},
};
use chrono::NaiveDate;
use entity::id::MemberId;

use super::{
    App,
    execution::Caller,
    files::{self, points},
};
use crate::graphql::scalars::NodeId;
use domain::{
    auth::viewer::Viewer,
    documents::{Grid, sheet},
    error::{Error, FieldError, LINE, Result, ValidationErrors},
    revenue::{
        self, Ask, Basis, Period,
        ledger::Grouping,
        report_table::{self, Shown},
    },
    worker_pool,
};

/// `/files/revenue.csv`.
pub async fn csv(
    app: State<App>,
    parameters: Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    answer(app.0, parameters.0, Caller::of(&request), Format::Csv).await
}

/// `/files/revenue.xlsx`.
pub async fn xlsx(
    app: State<App>,
    parameters: Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    answer(app.0, parameters.0, Caller::of(&request), Format::Xlsx).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Xlsx,
}

/// What is asked for.
enum ReportRequest {
    Revenue(Ask),
    /// Of a calendar year.
    Forecast(i32),
    /// What the forecast of a calendar year rests on.
    Assumptions(i32),
}

async fn answer(
    app: App,
    parameters: Vec<(String, String)>,
    caller: Caller,
    format: Format,
) -> Response {
    let made = files::make(&app, &caller, points::TABLE, move |app, viewer| async move {
        app.db.find()?;
        let asked = asked(parameters, format)?;
        // A file of rows has no place for sentences (RFC 4180), so that they are a file of their
        // own beside it.
        let beside = match asked {
            ReportRequest::Forecast(year) => Some(format!(
                "</files/revenue.csv?forecast={year}&sheet=assumptions>; rel=\"describedby\"; type=\"text/csv\""
            )),
            ReportRequest::Revenue(_) | ReportRequest::Assumptions(_) => None,
        };
        Ok((file(&app, &viewer, asked, format).await.map_err(renamed)?, beside))
    });
    match made.await {
        Ok((bytes, beside)) => {
            let (kind, name) = match format {
                Format::Csv => ("text/csv; charset=utf-8", "revenue.csv"),
                Format::Xlsx => (
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                    "revenue.xlsx",
                ),
            };
            let disposition = format!("attachment; filename=\"{name}\"");
            let headers = [
                (header::CONTENT_TYPE, kind.to_owned()),
                (header::CONTENT_DISPOSITION, disposition),
            ];
            (headers, AppendHeaders(beside.map(|link| (header::LINK, link))), bytes).into_response()
        }
        Err(error) => caller.refuse(error),
    }
}

async fn file(app: &App, viewer: &Viewer, asked: ReportRequest, format: Format) -> Result<Vec<u8>> {
    let db = &app.db;
    match asked {
        ReportRequest::Revenue(ask) => match format {
            Format::Csv => {
                let found = revenue::report(db, viewer, &ask, ValidationErrors::default()).await?;
                csv_of(
                    viewer,
                    Shown::of(db, viewer, &found, ask.group_by, ask.basis).await?.to_data(),
                )
                .await
            }
            Format::Xlsx => report_table::workbook(db, viewer, &ask).await,
        },
        ReportRequest::Forecast(year) => {
            let forecast = revenue::forecast(db, viewer, year).await?;
            match format {
                Format::Csv => {
                    let shown = Shown::of(
                        db,
                        viewer,
                        &forecast.report,
                        report_table::OF_FORECAST,
                        Basis::Invoiced,
                    )
                    .await?;
                    csv_of(viewer, shown.to_data()).await
                }
                Format::Xlsx => report_table::workbook_of_forecast(db, viewer, &forecast).await,
            }
        }
        ReportRequest::Assumptions(year) => {
            sheet::csv(&report_table::assumptions(&revenue::forecast(db, viewer, year).await?))
        }
    }
}

/// Writes the rows as CSV off the executor: there may be a hundred thousand.
async fn csv_of(viewer: &Viewer, grid: Grid) -> Result<Vec<u8>> {
    worker_pool::run(&viewer.subject, move || sheet::csv(&grid)).await
}

/// Reads the parameters, which are the command's options: `from`, `to`, `basis`, `group-by` and
/// `activity` (several with commas, or given again); with `member`, ids as the API gives them, and
/// `forecast`, a year that stands alone. Beside that, `sheet` may ask for the workbook's sheet of
/// assumptions as CSV.
fn asked(parameters: Vec<(String, String)>, format: Format) -> Result<ReportRequest> {
    let mut errors = ValidationErrors::default();
    let (mut from, mut to, mut basis, mut forecast, mut is_rest) =
        (None, None, Basis::Invoiced, None, false);
    let mut groups: Option<Vec<String>> = None;
    let mut committed = false;
    let (mut activities, mut members): (Option<Vec<String>>, Option<Vec<MemberId>>) = (None, None);
    let day = |name: &str, value: &str, errors: &mut ValidationErrors| -> NaiveDate {
        errors.take(name, value.parse().map_err(|_| "is not a date; write 2026-11-21"))
    };
    for (name, value) in &parameters {
        match name.as_str() {
            "from" => from = Some(day(name, value, &mut errors)),
            "to" => to = Some(day(name, value, &mut errors)),
            "basis" => match value.as_str() {
                "invoiced" => basis = Basis::Invoiced,
                "paid" => basis = Basis::Paid,
                "accrued" => basis = Basis::Accrued,
                _ => errors.add(name, "is none of invoiced, paid, accrued"),
            },
            "group-by" => groups.get_or_insert_default().extend(several(value).map(str::to_owned)),
            "activity" => {
                let slugs = activities.get_or_insert_default();
                slugs.extend(several(value).map(|slug| errors.text(name, slug, LINE)));
            }
            "member" => {
                let members = members.get_or_insert_default();
                for id in several(value) {
                    match id.parse::<NodeId>().ok().filter(|id| id.noun == "member") {
                        Some(id) => members.push(id.id.into()),
                        None => errors.add(name, "is no member's id"),
                    }
                }
            }
            "committed" => match value.as_str() {
                "true" => committed = true,
                "false" => committed = false,
                _ => errors.add(name, "is neither true nor false"),
            },
            "forecast" => forecast = Some(errors.take(name, value.parse().map_err(|_| "is not a year"))),
            "sheet" => {
                errors.expect(value == "assumptions" && format == Format::Csv, name, "is assumptions, of a forecast as CSV, or left out");
                is_rest = true;
            }
            // A slip of the pen would else give a report of other things than those meant.
            _ => errors.add(
                name.chars().take(LINE).collect::<String>(),
                "is none of from, to, basis, group-by, activity, member, committed, forecast, sheet",
            ),
        }
    }
    let group_by = grouping(groups, &mut errors);
    if let Some(year) = forecast {
        errors.expect(
            parameters.len() == 1 + usize::from(is_rest),
            "forecast",
            "stands alone, or with sheet",
        );
        errors.finish()?;
        return Ok(if is_rest {
            ReportRequest::Assumptions(year)
        } else {
            ReportRequest::Forecast(year)
        });
    }
    errors.expect(!is_rest, "sheet", "is of a forecast");
    errors.expect(from.is_some(), "from", "must be given");
    errors.expect(to.is_some(), "to", "must be given");
    errors.finish()?;
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    Ok(ReportRequest::Revenue(Ask {
        from,
        to,
        basis,
        group_by,
        activities,
        members,
        counts: (true, true),
        committed,
    }))
}

/// Values with commas between; an empty text is none.
fn several(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter(|value| !value.is_empty())
}

/// What rows are made for: each activity, unless something else is asked for.
fn grouping(groups: Option<Vec<String>>, errors: &mut ValidationErrors) -> Grouping {
    let Some(groups) = groups else { return Grouping { activity: true, ..Grouping::default() } };
    let known = ["activity", "member", "year", "quarter", "month", "none"];
    let is_known = groups.iter().all(|group| known.contains(&group.as_str()));
    errors.expect(is_known, "group-by", "is none of activity, member, year, quarter, month, none");
    let has = |group: &str| groups.iter().any(|asked| asked == group);
    let periods = [("month", Period::Month), ("quarter", Period::Quarter), ("year", Period::Year)];
    let period = periods.into_iter().find(|(group, _)| has(group)).map(|(_, period)| period);
    Grouping { activity: has("activity"), member: has("member"), period }
}

/// Names the parameters where the API's fields are named.
fn renamed(error: Error) -> Error {
    let Error::Invalid(errors) = error else { return error };
    let name = |path: &str| match path
        .trim_start_matches("input.")
        .split('.')
        .next()
        .unwrap_or_default()
    {
        "groupBy" => "group-by".to_owned(),
        "activities" => "activity".to_owned(),
        "members" => "member".to_owned(),
        "year" => "forecast".to_owned(),
        other => other.to_owned(),
    };
    Error::Invalid(
        errors
            .into_iter()
            .map(|FieldError { path, message }| FieldError { path: name(&path), message })
            .collect(),
    )
}
