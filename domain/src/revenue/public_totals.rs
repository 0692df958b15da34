//! Public totals: the economy of activities in a year as every viewer may read it, whatever its
//! roles. [`disclosure`](super::disclosure) decides which figures it may read.

use std::collections::{HashMap, HashSet};

use ::entity::{
    attribution, cost, grant, id::ActivityId, invoice, invoice_line, kind::InvoiceKind, member,
    total::Total,
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, ExprTrait, JoinType,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{
    activity_result::ActivityResult,
    disclosure::{Amounts, AmountsOfYear, Counterparty, Required, disclose},
    grouping::Range,
    outstanding::{self, activity_of_line},
    report_filter::Scope,
};
use crate::{
    auth::viewer::Resource,
    collation,
    context::Context,
    database::{among, total},
    error::Result,
    members::of_visible_member,
};

/// Amounts by activity, while they are loaded.
type Found = HashMap<ActivityId, AmountsOfYear>;

/// A figure of the amounts of an activity.
type Figure = fn(&mut AmountsOfYear) -> &mut Amounts;

/// Returns the public totals of these activities in a range, in at most seven statements. At least
/// `min_counterparties` others must stand behind a figure.
pub(super) async fn of(
    ctx: Context<'_>,
    tx: &DatabaseTransaction,
    activities: &[ActivityId],
    range: Range,
    min_counterparties: usize,
) -> Result<HashMap<ActivityId, ActivityResult>> {
    let backend = tx.get_database_backend();
    let scope = Scope::every_row_of(activities);
    let mut found: Found = activities.iter().map(|id| (*id, AmountsOfYear::default())).collect();
    let invoiced: Figure = |amounts| &mut amounts.invoiced;
    let unpaid: Figure = |amounts| &mut amounts.outstanding;
    let buyers = [buyer()];
    let open = outstanding::statements(backend, &scope, range, &buyers);
    for (select, is_deducted, figure) in [
        (invoice_lines(backend, &scope, InvoiceKind::Invoice, range), false, invoiced),
        (invoice_lines(backend, &scope, InvoiceKind::CreditNote, range), true, invoiced),
        (payments(backend, &scope, range), false, (|amounts| &mut amounts.paid) as Figure),
        (open.left, false, unpaid),
        (open.credited, true, unpaid),
        (costs(backend, activities, range), false, (|amounts| &mut amounts.cost) as Figure),
    ] {
        add(tx, &select, is_deducted, &mut found, figure).await?;
    }
    add_grants(tx, activities, range, &mut found).await?;
    let own = own_members(ctx, tx).await?;
    let reads_invoices = ctx.viewer.visibility(Resource::Invoices).all;
    let required = Required {
        income: if reads_invoices { 0 } else { min_counterparties },
        accounts: min_counterparties,
    };
    Ok(found.into_iter().map(|(id, amounts)| (id, disclose(&amounts, &own, required))).collect())
}

/// Adds the rows of a statement: activity, counterparty and sum.
async fn add(
    tx: &DatabaseTransaction,
    select: &SelectStatement,
    is_deducted: bool,
    found: &mut Found,
    figure: Figure,
) -> Result<()> {
    for row in &tx.query_all(select).await? {
        let activity: ActivityId = row.try_get_by_index(0)?;
        let party: Option<Uuid> = row.try_get_by_index(1)?;
        let amount: Total = row.try_get_by_index(2)?;
        if let Some(amounts) = found.get_mut(&activity) {
            *figure(amounts).entry(Counterparty::Party(party)).or_default() +=
                if is_deducted { -amount } else { amount };
        }
    }
    Ok(())
}

/// The buyer of an invoice.
fn buyer() -> SimpleExpr {
    Expr::cust("COALESCE(\"invoice\".\"member_id\", \"invoice\".\"organisation_id\")")
}

fn line(column: invoice_line::Column) -> SimpleExpr {
    Expr::col((invoice_line::Entity, column))
}

fn invoice(column: invoice::Column) -> SimpleExpr {
    Expr::col((invoice::Entity, column))
}

/// Selects the net amounts of the lines on invoices of a kind, issued in a range, by buyer.
fn invoice_lines(
    backend: DbBackend,
    scope: &Scope,
    kind: InvoiceKind,
    range: Range,
) -> SelectStatement {
    let of_invoice =
        line(invoice_line::Column::InvoiceId).equals((invoice::Entity, invoice::Column::Id));
    Query::select()
        .exprs([activity_of_line(), buyer()])
        .expr(total(backend, line(invoice_line::Column::Net)))
        .from(invoice::Entity)
        .join(JoinType::InnerJoin, invoice_line::Entity, of_invoice)
        .and_where(invoice(invoice::Column::Kind).eq(kind))
        .and_where(range.has(&invoice(invoice::Column::IssuedOn)))
        .cond_where(scope.of_lines(backend))
        .add_group_by([activity_of_line(), buyer()])
        .take()
}

/// Selects the net amounts that were paid of lines in a range, by buyer.
fn payments(backend: DbBackend, scope: &Scope, range: Range) -> SelectStatement {
    let attributed = |column: attribution::Column| Expr::col((attribution::Entity, column));
    let of_line = attributed(attribution::Column::InvoiceId)
        .eq(line(invoice_line::Column::InvoiceId))
        .and(attributed(attribution::Column::Position).eq(line(invoice_line::Column::Position)));
    let of_invoice = attributed(attribution::Column::InvoiceId).eq(invoice(invoice::Column::Id));
    Query::select()
        .exprs([activity_of_line(), buyer()])
        .expr(total(backend, attributed(attribution::Column::Net)))
        .from(attribution::Entity)
        .join(JoinType::InnerJoin, invoice_line::Entity, of_line)
        .join(JoinType::InnerJoin, invoice::Entity, of_invoice)
        .and_where(range.has(&attributed(attribution::Column::CountedOn)))
        .cond_where(scope.of_lines(backend))
        .add_group_by([activity_of_line(), buyer()])
        .take()
}

/// Selects the costs that were booked in a range, by supplier. A cost without a supplier is its own
/// group, together with its reversal.
fn costs(backend: DbBackend, activities: &[ActivityId], range: Range) -> SelectStatement {
    let column = |column: cost::Column| Expr::col((cost::Entity, column));
    let supplier = || {
        Expr::cust(
            "COALESCE(\"cost\".\"member_id\", \"cost\".\"organisation_id\", \"cost\".\"reverses_id\", \"cost\".\"id\")",
        )
    };
    Query::select()
        .exprs([column(cost::Column::ActivityId), supplier()])
        .expr(total(backend, column(cost::Column::Amount)))
        .from(cost::Entity)
        .and_where(range.has(&column(cost::Column::BookedOn)))
        .and_where(among(backend, column(cost::Column::ActivityId), activities.iter().copied()))
        .add_group_by([column(cost::Column::ActivityId), supplier()])
        .take()
}

/// Adds the grants that were booked in a range, by funder. Names that differ only in case and
/// accents are one funder.
async fn add_grants(
    tx: &DatabaseTransaction,
    activities: &[ActivityId],
    range: Range,
    found: &mut Found,
) -> Result<()> {
    let backend = tx.get_database_backend();
    let column = |column: grant::Column| Expr::col((grant::Entity, column));
    let select = Query::select()
        .exprs([grant::Column::ActivityId, grant::Column::Funder].map(column))
        .expr(total(backend, column(grant::Column::Amount)))
        .from(grant::Entity)
        .and_where(range.has(&column(grant::Column::BookedOn)))
        .and_where(among(backend, column(grant::Column::ActivityId), activities.iter().copied()))
        .add_group_by([grant::Column::ActivityId, grant::Column::Funder].map(column))
        .take();
    for row in &tx.query_all(&select).await? {
        let activity: ActivityId = row.try_get_by_index(0)?;
        let funder: String = row.try_get_by_index(1)?;
        let amount: Total = row.try_get_by_index(2)?;
        if let Some(amounts) = found.get_mut(&activity) {
            let funder = Counterparty::Funder(collation::key(&funder));
            *amounts.grants.entry(funder).or_default() += amount;
        }
    }
    Ok(())
}

/// Returns the ids of the viewer's own association and of the predecessors whose invoices it may
/// read.
async fn own_members(ctx: Context<'_>, tx: &DatabaseTransaction) -> Result<HashSet<Uuid>> {
    let visibility = ctx.viewer.visibility(Resource::Invoices);
    if visibility.member.is_none() {
        return Ok(HashSet::new());
    }
    let id = Expr::col((member::Entity, member::Column::Id));
    let select = Query::select()
        .expr(id.clone())
        .from(member::Entity)
        .cond_where(of_visible_member(&visibility, id))
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
