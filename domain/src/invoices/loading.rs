//! Loading of invoice aggregates and their credit notes.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment, dated_amount::DatedAmount, id::InvoiceId, invoice, invoice_line,
    partial::PartialRow, payment,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::{aggregate::InvoiceAggregate, counted_payments::order, draft_status::require_draft};
use crate::{
    context::Context,
    database::{among, rows},
    error::{Error, Result},
    query,
};

/// Returns the issued credit notes of each of these invoices with their lines, in order of number.
pub(super) async fn notes_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Vec<InvoiceAggregate>>> {
    use invoice::Column;
    let theirs = among(db.get_database_backend(), Expr::col(Column::CreditsId), invoices);
    // Sorted here: with ORDER BY, SQLite would scan every invoice in that order instead of using
    // the index.
    let mut rows = invoice::Entity::find()
        .filter(theirs)
        .filter(Column::IssuedOn.is_not_null())
        .all(db)
        .await?;
    rows.sort_by(|one, other| (&one.number_key, one.id).cmp(&(&other.number_key, other.id)));
    let mut parts = parts_of(db, rows.iter().map(|row| row.id).collect()).await?;
    let mut notes: HashMap<InvoiceId, Vec<InvoiceAggregate>> = HashMap::new();
    for row in rows {
        let (Some(credited), (lines, payments, adjustments)) =
            (row.credits_id, parts.remove(&row.id).unwrap_or_default())
        else {
            continue;
        };
        notes.entry(credited).or_default().push(InvoiceAggregate {
            row,
            lines,
            payments,
            adjustments,
        });
    }
    Ok(notes)
}

/// Returns an invoice or credit note with its parts.
pub(crate) async fn find(db: &impl ConnectionTrait, id: InvoiceId) -> Result<InvoiceAggregate> {
    let found = by_ids(db, &BTreeSet::from([id])).await?.remove(&id);
    found.ok_or_else(|| Error::missing("invoice_id", "there is no such invoice"))
}

/// Returns the draft with this id.
pub(super) async fn find_draft(
    db: &impl ConnectionTrait,
    id: InvoiceId,
) -> Result<InvoiceAggregate> {
    let found = find(db, id).await?;
    require_draft(&found.row)?;
    Ok(found)
}

/// Returns these invoices with their parts, one statement for each kind of part. Invoices that do
/// not exist are left out.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, InvoiceAggregate>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = invoice::Model::every_column();
    let select = Query::select()
        .from(invoice::Entity)
        .and_where(among(
            db.get_database_backend(),
            Expr::col(invoice::Column::Id),
            ids.iter().copied(),
        ))
        .take();
    let mut parts = parts_of(db, ids.clone()).await?;
    let aggregate = |row: invoice::Model| {
        let (lines, payments, adjustments) = parts.remove(&row.id).unwrap_or_default();
        (row.id, InvoiceAggregate { row, lines, payments, adjustments })
    };
    Ok(query::rows(db, select, &columns).await?.into_iter().map(aggregate).collect())
}

type Parts = (Vec<invoice_line::Model>, Vec<payment::Model>, Vec<adjustment::Model>);

/// Returns the lines, payments and adjustments of these invoices, in order.
pub async fn parts_of(
    db: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Parts>> {
    let mut parts: HashMap<InvoiceId, Parts> = HashMap::new();
    if ids.is_empty() {
        return Ok(parts);
    }
    let columns = invoice_line::Model::every_column();
    let theirs = among(
        db.get_database_backend(),
        Expr::col(invoice_line::Column::InvoiceId),
        ids.iter().copied(),
    );
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(invoice_line::Entity)
        .and_where(theirs)
        .order_by(invoice_line::Column::InvoiceId, Order::Asc)
        .order_by(invoice_line::Column::Position, Order::Asc)
        .take();
    for line in rows::<invoice_line::Model>(db, &select, &columns).await? {
        parts.entry(line.invoice_id).or_default().0.push(line);
    }
    let columns = payment::Model::every_column();
    let theirs = among(
        db.get_database_backend(),
        Expr::col(payment::Column::InvoiceId),
        ids.iter().copied(),
    );
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(payment::Entity)
        .and_where(theirs)
        .take();
    let mut payments = rows::<payment::Model>(db, &select, &columns).await?;
    payments.sort_by(|one, other| order(one).cmp(&order(other)));
    for payment in payments {
        parts.entry(payment.invoice_id).or_default().1.push(payment);
    }
    for (invoice, own) in adjustments_of(db, ids).await? {
        parts.entry(invoice).or_default().2 = own;
    }
    Ok(parts)
}

/// Returns the days and sums of the issued credit notes of each of these invoices.
pub async fn credits_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Vec<DatedAmount>>> {
    let mut notes: HashMap<InvoiceId, Vec<DatedAmount>> = HashMap::new();
    if invoices.is_empty() {
        return Ok(notes);
    }
    use invoice::Column::{CreditsId, IssuedOn, Total};
    let select = Query::select()
        .columns([CreditsId, IssuedOn, Total])
        .from(invoice::Entity)
        .and_where(among(db.get_database_backend(), Expr::col(CreditsId), invoices))
        .and_where(Expr::col(IssuedOn).is_not_null())
        .take();
    for row in db.query_all(&select).await? {
        notes
            .entry(row.try_get_by_index(0)?)
            .or_default()
            .push(DatedAmount::new(row.try_get_by_index(1)?, row.try_get_by_index(2)?));
    }
    Ok(notes)
}

/// Returns the adjustments of each of these invoices, in order of their ids.
pub async fn adjustments_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Vec<adjustment::Model>>> {
    let mut found: HashMap<InvoiceId, Vec<adjustment::Model>> = HashMap::new();
    if invoices.is_empty() {
        return Ok(found);
    }
    let columns = adjustment::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(adjustment::Entity)
        .and_where(among(
            db.get_database_backend(),
            Expr::col(adjustment::Column::InvoiceId),
            invoices,
        ))
        .order_by(adjustment::Column::Id, Order::Asc)
        .take();
    for row in rows::<adjustment::Model>(db, &select, &columns).await? {
        found.entry(row.invoice_id).or_default().push(row);
    }
    Ok(found)
}

/// Returns the payments of each of these invoices, the earliest first. The caller must have checked
/// that the viewer may read the invoices.
pub async fn payments_of(ctx: Context<'_>, invoices: &[InvoiceId]) -> Result<Vec<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(among(
            ctx.db.backend(),
            Expr::col(payment::Column::InvoiceId),
            invoices.iter().copied(),
        ))
        .order_by_asc(payment::Column::ReceivedOn)
        .order_by_asc(payment::Column::Id)
        .all(ctx.db.read())
        .await?)
}
