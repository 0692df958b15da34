//! The result of an activity in a year.

use std::collections::HashMap;

use ::entity::{
    attribution, id::ActivityId, invoice, invoice_line, kind::InvoiceKind, total::Total,
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, ExprTrait, JoinType,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    grouping::{Grouping, Range},
    ledger::{self},
    report_filter::Scope,
    sums::{Basis, Groups},
};
use crate::{
    auth::viewer::Viewer,
    database::{Database, total},
    error::{Error, Result},
};

/// The result of an activity in a year. All amounts except `outstanding` are without VAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityResult {
    /// Invoiced, after credit notes.
    pub invoiced: Total,
    /// Received by payments during the year, for invoices of any year.
    pub paid: Total,
    /// Unpaid as of now from what was invoiced during the year, with VAT.
    pub outstanding: Total,
    /// Costs.
    pub cost: Total,
    /// Grants.
    pub grants: Total,
    /// Invoiced plus grants minus cost.
    pub result: Total,
}

/// Returns the result of each of these activities in a year, as far as the viewer can read it. An
/// amount that the viewer cannot read is zero.
///
/// # Errors
/// INVALID for an unsupported year.
pub async fn result_of(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    year: i32,
) -> Result<HashMap<ActivityId, ActivityResult>> {
    let range = Range::year(year)
        .filter(|_| (1900..=2999).contains(&year))
        .ok_or_else(|| Error::invalid("year", "must be 1900 to 2999"))?;
    let mut results: HashMap<_, _> =
        activities.iter().map(|id| (*id, ActivityResult::default())).collect();
    let scope = Scope::of_activities(db, viewer, activities).await?;
    if scope.is_empty() {
        return Ok(results);
    }
    let tx = db.snapshot().await?;
    let group_by = Grouping { activity: true, ..Grouping::default() };
    let (mut invoiced, mut paid) = (Groups::default(), Groups::default());
    super::report::sums(&tx, &scope, Basis::Invoiced, group_by, range, &mut invoiced).await?;
    super::report::sums(&tx, &scope, Basis::Paid, group_by, range, &mut paid).await?;
    ledger::costs(&tx, &scope, group_by, range, &mut invoiced).await?;
    for (group, sums) in invoiced.0 {
        if let Some(result) = group.activity.and_then(|id| results.get_mut(&id)) {
            *result = ActivityResult {
                invoiced: sums.net,
                cost: sums.cost,
                grants: sums.grants,
                result: sums.result(),
                ..*result
            };
        }
    }
    for (group, sums) in paid.0 {
        if let Some(result) = group.activity.and_then(|id| results.get_mut(&id)) {
            result.paid = sums.net;
        }
    }
    for (id, amount) in outstanding(&tx, &scope, range).await? {
        if let Some(result) = results.get_mut(&id) {
            result.outstanding = amount;
        }
    }
    tx.rollback().await?;
    Ok(results)
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

/// Returns the unpaid part of each activity's lines on the invoices issued in a range: their gross
/// amounts minus payments and credits.
async fn outstanding(
    tx: &DatabaseTransaction,
    scope: &Scope,
    range: Range,
) -> Result<HashMap<ActivityId, Total>> {
    let column = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let ids = || {
        Query::select().column((invoice::Entity, invoice::Column::Id)).from(invoice::Entity).take()
    };
    // A settled invoice has no unpaid part, even if an imported credit note credits more than its
    // lines have.
    let unsettled = ids().and_where(column(invoice::Column::SettledOn).is_null()).take();
    let open = ids()
        .and_where(column(invoice::Column::Kind).eq(InvoiceKind::Invoice))
        .and_where(column(invoice::Column::IssuedOn).between(range.from, range.to))
        .and_where(column(invoice::Column::Id).in_subquery(unsettled))
        .take();
    let gross = line(invoice_line::Column::Net).add(line(invoice_line::Column::Vat));
    let attributed = |column: attribution::Column| Expr::col((attribution::Entity, column));
    let paid = Query::select()
        .expr(Expr::cust("COALESCE(SUM(\"attribution\".\"net\" + \"attribution\".\"vat\"), 0)"))
        .from(attribution::Entity)
        .and_where(
            attributed(attribution::Column::InvoiceId).eq(line(invoice_line::Column::InvoiceId)),
        )
        .and_where(
            attributed(attribution::Column::Position).eq(line(invoice_line::Column::Position)),
        )
        .take();
    let left = lines(tx, scope)
        .expr(total(tx.get_database_backend(), gross.clone().sub(SimpleExpr::from(paid))))
        .and_where(column(invoice::Column::Id).in_subquery(open.clone()))
        .take();
    // A credit note has the same buyer as its invoice, so the scope applies to both.
    let credited = lines(tx, scope)
        .expr(total(tx.get_database_backend(), gross))
        .and_where(column(invoice::Column::IssuedOn).is_not_null())
        .and_where(column(invoice::Column::CreditsId).in_subquery(open))
        .take();
    let mut sums = by_activity(tx, &left).await?;
    for (id, amount) in by_activity(tx, &credited).await? {
        *sums.entry(id).or_default() += -amount;
    }
    Ok(sums)
}

/// Selects the lines in a scope with their invoices or credit notes, by activity, which is the
/// first column.
fn lines(tx: &DatabaseTransaction, scope: &Scope) -> SelectStatement {
    let of_invoice =
        line(invoice_line::Column::InvoiceId).equals((invoice::Entity, invoice::Column::Id));
    // The scope names activities, so every line has one. An expression instead of the column, so
    // that the planner does not use its index.
    let activity = Expr::cust("COALESCE(\"invoice_line\".\"activity_id\", NULL)");
    Query::select()
        .expr(activity.clone())
        .from(invoice::Entity)
        .join(JoinType::InnerJoin, invoice_line::Entity, of_invoice)
        .cond_where(scope.of_lines(tx.get_database_backend()))
        .add_group_by([activity])
        .take()
}

async fn by_activity(
    tx: &DatabaseTransaction,
    select: &SelectStatement,
) -> Result<HashMap<ActivityId, Total>> {
    let found = tx.query_all(select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
