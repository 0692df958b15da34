//! The revenue report, with costs and grants.

use std::collections::HashMap;

use ::entity::{activity, member};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    accrued_sums, committed_sums,
    grouping::{Grouping, Range},
    recorded_sums,
    report_filter::Scope,
    report_rows::{Report, ReportQuery, rows_of},
    selection::Selection,
    stored_report,
    sums::{Basis, Committed, Groups, Sums},
};
use crate::{
    context::Context,
    database::among,
    error::{Result, ValidationErrors},
};

/// Returns the revenue that the viewer can read. A member reads what it was invoiced, but no costs
/// and grants, which belong to no member and are withheld from it; a lead reads its activities.
///
/// `errors` are those already found in the input.
///
/// # Errors
/// INVALID for a bad period, for each unknown activity or member, and for more than 100 000 rows.
pub async fn report(
    ctx: Context<'_>,
    query: &ReportQuery,
    errors: ValidationErrors,
) -> Result<Report> {
    let mut reports = reports(ctx, query, &[(query.group_by, query.counts)], errors).await?;
    Ok(reports.pop().unwrap_or_default())
}

/// Returns several reports with different grouping and counts from one snapshot.
pub(super) async fn reports(
    ctx: Context<'_>,
    query: &ReportQuery,
    kinds: &[(Grouping, (bool, bool))],
    mut errors: ValidationErrors,
) -> Result<Vec<Report>> {
    query.check(&mut errors);
    let scope =
        Scope::requested(ctx, query.activities.as_deref(), query.members.as_deref(), &mut errors)
            .await?;
    errors.finish()?;
    if let [(group_by, counts)] = *kinds {
        let query = ReportQuery { group_by, counts, ..query.clone() };
        if stored_report::is_enough(&scope, &query) {
            let (mut groups, names) = stored_report::sums(ctx.db.read(), &scope, &query).await?;
            let total = withhold(&scope, &mut groups, Sums::default());
            let report = Report::new(rows_of(groups), total, &names, &HashMap::new());
            return Ok(vec![readable(&scope, report)]);
        }
    }
    // Other reports need several statements, which must be consistent despite concurrent writes.
    let tx = ctx.db.snapshot().await?;
    let mut reports = Vec::new();
    for &(group_by, counts) in kinds {
        reports.push(
            one(&tx, ctx.clock.today(), &scope, &ReportQuery { group_by, counts, ..query.clone() })
                .await?,
        );
    }
    tx.rollback().await?;
    Ok(reports)
}

async fn one(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    query: &ReportQuery,
) -> Result<Report> {
    let range = Range { from: query.from, to: query.to };
    let selection = Selection { scope, basis: query.basis, group_by: query.group_by, range };
    let mut total = Sums::default();
    let mut groups = Groups::default();
    if !scope.is_empty() {
        if query.basis == Basis::Accrued {
            total.invoices = accrued(tx, selection, query.counts, &mut groups).await?;
        } else {
            plain(tx, selection, query.counts.0, &mut groups).await?;
            if query.counts.1 {
                total.invoices = recorded_sums::count(tx, selection).await?;
            }
        }
        recorded_sums::costs(tx, scope, query.group_by, range, &mut groups).await?;
        if query.committed {
            committed_sums::sums(tx, today, scope, query.group_by, range, &mut groups).await?;
        }
    }
    if query.committed {
        // Zero instead of null: null means that committed cost was not requested.
        total.committed = Some(Committed::default());
        for sums in groups.0.values_mut() {
            sums.committed.get_or_insert_default();
        }
    }
    let total = withhold(scope, &mut groups, total);
    Ok(readable(scope, finish(tx, groups, total).await?))
}

/// Marks the sums whose costs the viewer cannot read. Returns the total.
fn withhold(scope: &Scope, groups: &mut Groups, total: Sums) -> Sums {
    for (group, sums) in &mut groups.0 {
        sums.are_costs_withheld = !scope.can_read_costs_in_row_of(group.activity);
    }
    Sums { are_costs_withheld: !scope.can_read_costs_in_row_of(None), ..total }
}

/// Returns the report with what is withheld from the viewer, and without a total that would be
/// false.
fn readable(scope: &Scope, mut report: Report) -> Report {
    report.withheld = scope.unreadable();
    if scope.reads_nothing() || !report.withheld.is_empty() {
        report.total = None;
    }
    report
}

/// Adds the sums of what accrued: from the stored totals where they have the needed detail. They do
/// not count invoices. Returns the number of invoices, if it is needed.
async fn accrued(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    counts: (bool, bool),
    groups: &mut Groups,
) -> Result<i64> {
    let Selection { scope, group_by, range, .. } = selection;
    match selection.stored_range().filter(|_| counts == (false, false)) {
        Some(stored) => {
            recorded_sums::stored(tx, selection.within(stored), groups).await?;
            for rest in range.without(stored) {
                accrued_sums::sums(tx, scope, group_by, rest, groups).await?;
            }
            Ok(0)
        }
        None => accrued_sums::sums(tx, scope, group_by, range, groups).await,
    }
}

/// Adds the sums of what was invoiced or paid, and the number of invoices if it `is_counted`.
async fn plain(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    is_counted: bool,
    groups: &mut Groups,
) -> Result<()> {
    let counted = sums(tx, selection, groups).await?;
    match counted {
        _ if !is_counted => {}
        Some(stored) if selection.is_counted() => {
            for range in selection.range.without(stored) {
                recorded_sums::counts(tx, selection.within(range), groups).await?;
            }
        }
        _ => {
            groups.0.values_mut().for_each(|sums| sums.invoices = 0);
            recorded_sums::counts(tx, selection, groups).await?;
        }
    }
    Ok(())
}

/// Adds what was invoiced or paid over a range: whole months or years from the stored totals where
/// they have the needed detail, and the rest from the ledger. Returns the range that came from the
/// stored totals.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    selection: Selection<'_>,
    groups: &mut Groups,
) -> Result<Option<Range>> {
    let (range, stored) = (selection.range, selection.stored_range());
    let rest = match stored {
        Some(stored) => {
            recorded_sums::stored(tx, selection.within(stored), groups).await?;
            range.without(stored)
        }
        None => vec![range],
    };
    for range in rest {
        recorded_sums::sums(tx, selection.within(range), groups).await?;
    }
    Ok(stored)
}

/// Returns the report of these groups, whose rows are sorted by name.
pub(super) async fn finish(
    tx: &DatabaseTransaction,
    groups: Groups,
    total: Sums,
) -> Result<Report> {
    let rows = rows_of(groups);
    let activities =
        names(tx, rows.iter().filter_map(|row| row.group.activity), activity::Entity).await?;
    let members = names(tx, rows.iter().filter_map(|row| row.group.member), member::Entity).await?;
    Ok(Report::new(rows, total, &activities, &members))
}

/// Number of ids from which all sort keys of a table are read: one by one they would take longer.
const MANY: usize = 1_000;

/// Loads the sort keys of the rows of a table that has the columns `id` and `name_key`.
async fn names<I: Into<Uuid>>(
    tx: &DatabaseTransaction,
    ids: impl Iterator<Item = I>,
    table: impl sea_orm::sea_query::IntoTableRef,
) -> Result<HashMap<Uuid, String>> {
    let ids: std::collections::HashSet<Uuid> = ids.map(Into::into).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut select = Query::select();
    select.column(member::Column::Id).column(member::Column::NameKey).from(table);
    if ids.len() < MANY {
        select.and_where(among(tx.get_database_backend(), Expr::col(member::Column::Id), ids));
    }
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
