//! The revenue report, with costs and grants.

use std::collections::HashMap;

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    member,
    term::add_months,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    accrual, committed,
    grouping::{Group, Grouping, Range},
    ledger,
    report_filter::Scope,
    sums::{Basis, Committed, Groups, Sums},
};
use crate::{
    context::Context,
    database::among,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
};

/// The parameters of a report.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The basis of the sums.
    pub basis: Basis,
    /// Dimensions by which rows are grouped.
    pub group_by: Grouping,
    /// Slugs of activities to include; null: all, and amounts without an activity.
    pub activities: Option<Vec<String>>,
    /// Members whose invoices to include; null: all buyers.
    pub members: Option<Vec<MemberId>>,
    /// `true` if the number of invoices is needed for each row, and for the total.
    pub counts: (bool, bool),
    /// `true` includes committed cost, with rows that have nothing else.
    pub committed: bool,
}

/// Maximum length of a period in months.
const MAX_MONTHS: i32 = 1200;

impl ReportQuery {
    /// Adds the errors of the period.
    fn check(&self, errors: &mut ValidationErrors) {
        errors.expect(
            self.from <= self.to,
            "to",
            FieldErrorCode::TooEarly.problem("must not be before from"),
        );
        errors.expect(
            self.to < add_months(self.from, MAX_MONTHS),
            "to",
            FieldErrorCode::TooLate.problem("must be less than 100 years after from"),
        );
    }
}

/// A row of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Group of the row.
    pub group: Group,
    /// Sums of the row.
    pub sums: Sums,
}

impl Row {
    /// Returns the committed cost; `None` unless it was requested, and if costs are withheld.
    #[must_use]
    pub fn committed(&self) -> Option<Committed> {
        self.sums.committed.filter(|_| !self.sums.are_costs_withheld)
    }
}

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows ordered by period, name of activity and name of member, those without one last.
    pub rows: Vec<Row>,
    /// The sum of the rows; an invoice in several of them is counted only one time. `None` if
    /// something is withheld from the viewer, so that the sum would be false.
    pub total: Option<Sums>,
    /// Requested activities of which the viewer can read nothing.
    pub withheld: Vec<ActivityId>,
}

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
    if !errors.is_empty() {
        // The database cannot look up an invalid input.
        return Err(Error::Invalid(errors.into_inner()));
    }
    let scope =
        Scope::requested(ctx, query.activities.as_deref(), query.members.as_deref(), &mut errors)
            .await?;
    errors.finish()?;
    // A report needs several statements, which must be consistent despite concurrent writes.
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
    let mut total = Sums::default();
    let mut groups = Groups::default();
    if !scope.is_empty() {
        if query.basis == Basis::Accrued {
            total.invoices = accrual::sums(tx, scope, query.group_by, range, &mut groups).await?;
        } else {
            plain(tx, scope, query, &mut groups).await?;
            if query.counts.1 {
                total.invoices = ledger::count(tx, scope, query.basis, range).await?;
            }
        }
        ledger::costs(tx, scope, query.group_by, range, &mut groups).await?;
        if query.committed {
            committed::sums(tx, today, scope, query.group_by, range, &mut groups).await?;
        }
    }
    if query.committed {
        // Zero instead of null: null means that committed cost was not requested.
        total.committed = Some(Committed::default());
        for sums in groups.0.values_mut() {
            sums.committed.get_or_insert_default();
        }
    }
    for (group, sums) in &mut groups.0 {
        sums.are_costs_withheld = !scope.can_read_costs_in_row_of(group.activity);
    }
    total.are_costs_withheld = !scope.can_read_costs_in_row_of(None);
    let mut report = finish(tx, groups, total).await?;
    report.withheld = scope.unreadable();
    if scope.reads_nothing() || !report.withheld.is_empty() {
        report.total = None;
    }
    Ok(report)
}

/// Adds the sums of what was invoiced or paid.
async fn plain(
    tx: &DatabaseTransaction,
    scope: &Scope,
    query: &ReportQuery,
    groups: &mut Groups,
) -> Result<()> {
    let range = Range { from: query.from, to: query.to };
    let counted = sums(tx, scope, query.basis, query.group_by, range, groups).await?;
    match counted {
        _ if !query.counts.0 => {}
        // An invoice is issued in one month, so the counts of months add up; those of activities
        // and of payments do not.
        Some(stored) if query.basis == Basis::Invoiced && query.group_by.activity => {
            for range in range.without(stored) {
                ledger::counts(tx, scope, query.basis, query.group_by, range, groups).await?;
            }
        }
        _ => {
            groups.0.values_mut().for_each(|sums| sums.invoices = 0);
            ledger::counts(tx, scope, query.basis, query.group_by, range, groups).await?;
        }
    }
    Ok(())
}

/// Adds what was invoiced or paid over a range: whole months from the stored totals where they have
/// the needed detail, and the rest from the ledger. Returns the range that came from the stored
/// totals.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<Option<Range>> {
    let stored = if group_by.member || scope.is_by_member() { None } else { range.whole_months() };
    let rest = match stored {
        Some(stored) => {
            ledger::stored(tx, scope, basis, group_by, stored, groups).await?;
            range.without(stored)
        }
        None => vec![range],
    };
    for range in rest {
        ledger::sums(tx, scope, basis, group_by, range, groups).await?;
    }
    Ok(stored)
}

/// Sorts the rows and sums them. Rows without any amount are omitted.
pub(super) async fn finish(
    tx: &DatabaseTransaction,
    groups: Groups,
    mut total: Sums,
) -> Result<Report> {
    let mut rows: Vec<Row> = groups
        .0
        .into_iter()
        .filter(|(_, sums)| sums.has_money())
        .map(|(group, sums)| Row { group, sums })
        .collect();
    for row in &rows {
        total.add(&Sums { invoices: 0, ..row.sums });
    }
    let activities =
        names(tx, rows.iter().filter_map(|row| row.group.activity), activity::Entity).await?;
    let members = names(tx, rows.iter().filter_map(|row| row.group.member), member::Entity).await?;
    // Sort keys contain no character this high, so rows without a name come last.
    let name = |names: &HashMap<Uuid, String>, id: Option<Uuid>| {
        id.map_or_else(|| "\u{10ffff}".to_owned(), |id| names.get(&id).cloned().unwrap_or_default())
    };
    rows.sort_by_cached_key(|row| {
        let (activity, member) =
            (row.group.activity.map(Uuid::from), row.group.member.map(Uuid::from));
        (
            row.group.period.clone(),
            name(&activities, activity),
            name(&members, member),
            activity,
            member,
        )
    });
    Ok(Report { rows, total: Some(total), withheld: Vec::new() })
}

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
    let select = Query::select()
        .column(member::Column::Id)
        .column(member::Column::NameKey)
        .from(table)
        .and_where(among(tx.get_database_backend(), Expr::col(member::Column::Id), ids))
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
