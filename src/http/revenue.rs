//! Revenue as CSV and Excel files: the same as `samregister revenue --format csv` and `xlsx`.

use axum::{
    extract::{Query, Request, State},
    http::header,
    response::{AppendHeaders, IntoResponse, Response},
};
use entity::id::{MemberId, NodeType};

use super::{
    App,
    execution::Caller,
    files::{self, points},
    query_parameters,
};
use crate::graphql::scalars::NodeId;
use documents::{Grid, sheet};
use domain::{
    auth::viewer::Viewer,
    error::{FieldErrorCode, LINE, Origin, Result, ValidationErrors},
    revenue::{
        self, Basis, Period, ReportQuery,
        grouping::Grouping,
        report_table::{self, ReportTable},
        report_workbook,
    },
    worker_pool,
};

/// Returns `/files/revenue.csv`.
pub async fn csv(
    app: State<App>,
    parameters: Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    answer(app.0, parameters.0, Caller::of(&request), Format::Csv).await
}

/// Returns `/files/revenue.xlsx`.
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

/// A requested report.
enum ReportRequest {
    Revenue(ReportQuery),
    /// Forecast of a calendar year.
    Forecast(i32),
    /// Assumptions of the forecast of a calendar year.
    Assumptions(i32),
}

async fn answer(
    app: App,
    parameters: Vec<(String, String)>,
    caller: Caller,
    format: Format,
) -> Response {
    let made = files::make(&app, &caller, points::TABLE, move |app, viewer| async move {
        app.db.check_file()?;
        let request = report_request(parameters, format)?;
        // A CSV file of rows can't contain sentences (RFC 4180), so that they have a file of their
        // own.
        let assumptions_link = match request {
            ReportRequest::Forecast(year) => Some(format!(
                "</files/revenue.csv?forecast={year}&sheet=assumptions>; rel=\"describedby\"; type=\"text/csv\""
            )),
            ReportRequest::Revenue(_) | ReportRequest::Assumptions(_) => None,
        };
        Ok((
            file(&app, &viewer, request, format)
                .await
                .map_err(|error| query_parameters::with_names(error, parameter))?,
            assumptions_link,
        ))
    });
    match made.await {
        Ok((bytes, assumptions_link)) => {
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
            (headers, AppendHeaders(assumptions_link.map(|link| (header::LINK, link))), bytes)
                .into_response()
        }
        Err(error) => caller.refuse(error),
    }
}

async fn file(
    app: &App,
    viewer: &Viewer,
    request: ReportRequest,
    format: Format,
) -> Result<Vec<u8>> {
    let ctx = app.context(viewer);
    match request {
        ReportRequest::Revenue(ask) => match format {
            Format::Csv => {
                let found = revenue::report(ctx, &ask, ValidationErrors::default()).await?;
                csv_of(
                    viewer,
                    ReportTable::of(ctx, &found, ask.group_by, ask.basis).await?.to_data(),
                )
                .await
            }
            Format::Xlsx => report_workbook::workbook(ctx, &ask).await,
        },
        ReportRequest::Forecast(year) => {
            let forecast = revenue::forecast(ctx, year).await?;
            match format {
                Format::Csv => {
                    let shown = ReportTable::of(
                        ctx,
                        &forecast.report,
                        report_table::OF_FORECAST,
                        Basis::Invoiced,
                    )
                    .await?;
                    csv_of(viewer, shown.to_data()).await
                }
                Format::Xlsx => report_workbook::workbook_of_forecast(ctx, &forecast).await,
            }
        }
        ReportRequest::Assumptions(year) => {
            let forecast = revenue::forecast(ctx, year).await?;
            Ok(sheet::csv(&report_table::assumptions(&forecast))?)
        }
    }
}

/// Writes the rows as CSV outside the executor: there may be a hundred thousand.
async fn csv_of(viewer: &Viewer, grid: Grid) -> Result<Vec<u8>> {
    worker_pool::run(&viewer.subject, move || Ok(sheet::csv(&grid)?)).await
}

/// The parameters of a report.
const PARAMETERS: [&str; 9] =
    ["from", "to", "basis", "group-by", "activity", "member", "committed", "forecast", "sheet"];

/// Parses the parameters, which are the command's options: `from`, `to`, `basis`, `group-by` and
/// `activity` (comma-separated or repeated); also `member`, with ids of the API, and `forecast`, a
/// year, which excludes the others. `sheet` may request the workbook's sheet of assumptions as CSV.
fn report_request(parameters: Vec<(String, String)>, format: Format) -> Result<ReportRequest> {
    let mut errors = ValidationErrors::of(Origin::Request);
    let (mut from, mut to, mut basis, mut forecast, mut is_rest) =
        (None, None, Basis::Invoiced, None, false);
    let mut groups: Option<Vec<String>> = None;
    let mut committed = false;
    let (mut activities, mut members): (Option<Vec<String>>, Option<Vec<MemberId>>) = (None, None);
    for (name, value) in &parameters {
        match name.as_str() {
            "from" => from = Some(errors.take(name, query_parameters::day(value))),
            "to" => to = Some(errors.take(name, query_parameters::day(value))),
            "basis" => match value.as_str() {
                "invoiced" => basis = Basis::Invoiced,
                "paid" => basis = Basis::Paid,
                "accrued" => basis = Basis::Accrued,
                _ => errors.add(
                    name,
                    FieldErrorCode::UnknownValue.problem("is none of invoiced, paid, accrued"),
                ),
            },
            "group-by" => {
                groups.get_or_insert_default().extend(comma_separated(value).map(str::to_owned))
            }
            "activity" => {
                let slugs = activities.get_or_insert_default();
                slugs.extend(comma_separated(value).map(|slug| errors.text(name, slug, LINE)));
            }
            "member" => {
                let ids = comma_separated(value).filter_map(|id| member_id(name, id, &mut errors));
                members.get_or_insert_default().extend(ids);
            }
            "committed" => committed = errors.take(name, query_parameters::flag(value)),
            "forecast" => {
                forecast = Some(errors.take(
                    name,
                    value.parse().map_err(|_| FieldErrorCode::NotANumber.problem("is not a year")),
                ))
            }
            "sheet" => {
                errors.expect(
                    value == "assumptions" && format == Format::Csv,
                    name,
                    FieldErrorCode::UnknownValue
                        .problem("must be assumptions, of a forecast as CSV, or omitted"),
                );
                is_rest = true;
            }
            _ => query_parameters::refuse_unknown(name, &PARAMETERS, &mut errors),
        }
    }
    let group_by = grouping(groups, &mut errors);
    if let Some(year) = forecast {
        errors.expect(
            parameters.len() == 1 + usize::from(is_rest),
            "forecast",
            FieldErrorCode::NotAllowed.problem("excludes all parameters but sheet"),
        );
        errors.finish()?;
        let request = if is_rest { ReportRequest::Assumptions } else { ReportRequest::Forecast };
        return Ok(request(year));
    }
    errors.expect(!is_rest, "sheet", FieldErrorCode::NotAllowed.problem("is of a forecast"));
    errors.expect(from.is_some(), "from", FieldErrorCode::Required.problem("must be given"));
    errors.expect(to.is_some(), "to", FieldErrorCode::Required.problem("must be given"));
    errors.finish()?;
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    Ok(ReportRequest::Revenue(ReportQuery {
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

/// Parses the id of a member; adds an error if it is no such id.
fn member_id(name: &str, id: &str, errors: &mut ValidationErrors) -> Option<MemberId> {
    let found = id.parse::<NodeId>().ok().filter(|id| id.node_type == NodeType::Member);
    if found.is_none() {
        errors.add(name, FieldErrorCode::NotAnId.problem("is no member's id"));
    }
    found.map(|id| id.id.into())
}

/// Splits comma-separated values; an empty text is none.
fn comma_separated(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter(|value| !value.is_empty())
}

/// Parses the grouping of rows; defaults to activity.
fn grouping(groups: Option<Vec<String>>, errors: &mut ValidationErrors) -> Grouping {
    let Some(groups) = groups else { return Grouping { activity: true, ..Grouping::default() } };
    let known = ["activity", "member", "year", "quarter", "month", "none"];
    let is_known = groups.iter().all(|group| known.contains(&group.as_str()));
    errors.expect(
        is_known,
        "group-by",
        FieldErrorCode::UnknownValue
            .problem("is none of activity, member, year, quarter, month, none"),
    );
    let has = |group: &str| groups.iter().any(|other| other == group);
    let periods = [("month", Period::Month), ("quarter", Period::Quarter), ("year", Period::Year)];
    let period = periods.into_iter().find(|(group, _)| has(group)).map(|(_, period)| period);
    Grouping { activity: has("activity"), member: has("member"), period }
}

/// Returns the name of the parameter that sets a field of the report.
fn parameter(field: &str) -> String {
    if field == "year" { "forecast".to_owned() } else { query_parameters::name_of(field) }
}
