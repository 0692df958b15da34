//! Stored allocation of the payments of invoices to their lines.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    attribution::{Column, Entity, Model},
    id::InvoiceId,
    partial::PartialRow,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query},
};

use super::{
    amounts::Share,
    bulk_insert::insert,
    loading,
    payment_allocation::{AllocationChanges, moves},
    totals_delta::TotalsDelta,
};
use crate::{
    audit::Change,
    database::{among, rows},
    error::Result,
};

/// Invoices that are processed together.
const CHUNK: usize = 500;
/// Maximum number of conditions in one DELETE.
const MAX_CONDITIONS: usize = 100;

/// Recalculates the allocation of these invoices from their stored payments and credit notes, and
/// writes the differences. Returns the change of the stored totals, which the caller must write.
pub async fn renew(change: &Change, invoices: &BTreeSet<InvoiceId>) -> Result<TotalsDelta> {
    let (tx, mut delta) = (change.tx(), TotalsDelta::default());
    let backend = tx.get_database_backend();
    let all: Vec<InvoiceId> = invoices.iter().copied().collect();
    for ids in all.chunks(CHUNK) {
        let theirs = among(backend, Expr::col(payment::Column::InvoiceId), ids.iter().copied());
        let select = Query::select()
            .distinct()
            .column(payment::Column::InvoiceId)
            .from(payment::Entity)
            .and_where(theirs)
            .take();
        // Most credit notes belong to unpaid invoices.
        let paid = tx
            .query_all(&select)
            .await?
            .iter()
            .map(|row| Ok(row.try_get_by_index(0)?))
            .collect::<Result<BTreeSet<InvoiceId>>>()?;
        if paid.is_empty() {
            continue;
        }
        let (wholes, notes) =
            (loading::by_ids(tx, &paid).await?, loading::notes_of(tx, paid.clone()).await?);
        let mut stored = stored(tx, paid.iter().copied()).await?;
        let (mut outdated, mut rows) = (Vec::new(), Vec::new());
        for (id, aggregate) in &wholes {
            let (old, new) = (
                stored.remove(id).unwrap_or_default(),
                moves(aggregate, notes.get(id).map(Vec::as_slice).unwrap_or_default()),
            );
            let differs = |key: &&(NaiveDate, i32)| old.get(*key) != new.get(*key);
            let Some(since) =
                old.keys().chain(new.keys()).filter(differs).map(|(day, _)| *day).min()
            else {
                continue;
            };
            if old.range((since, i32::MIN)..).next().is_some() {
                outdated.push((*id, since));
            }
            let (member, lines) = (aggregate.row.member_id, &aggregate.lines);
            for (key, share) in old.range((since, i32::MIN)..) {
                let less = Share { net: -share.net, vat: -share.vat };
                delta.attribute(*key, member, lines, less);
            }
            for (key @ (counted_on, position), share) in new.range((since, i32::MIN)..) {
                delta.attribute(*key, member, lines, *share);
                rows.push(Model {
                    invoice_id: *id,
                    counted_on: *counted_on,
                    position: *position,
                    net: share.net,
                    vat: share.vat,
                });
            }
        }
        for outdated in outdated.chunks(MAX_CONDITIONS) {
            let since = |(id, since): &(InvoiceId, NaiveDate)| {
                Column::InvoiceId.eq(*id).and(Column::CountedOn.gte(*since))
            };
            let any = outdated.iter().map(since).fold(Condition::any(), Condition::add);
            Entity::delete_many().filter(any).exec(tx).await?;
        }
        insert(change, rows).await?;
    }
    Ok(delta)
}

/// Returns the stored allocation of these invoices.
pub async fn stored(
    db: &impl ConnectionTrait,
    invoices: impl IntoIterator<Item = InvoiceId>,
) -> Result<HashMap<InvoiceId, AllocationChanges>> {
    let mut stored: HashMap<InvoiceId, AllocationChanges> = HashMap::new();
    let columns = Model::every_column();
    let theirs = among(db.get_database_backend(), Expr::col(Column::InvoiceId), invoices);
    let select =
        Query::select().columns(columns.iter().copied()).from(Entity).and_where(theirs).take();
    for row in rows::<Model>(db, &select, &columns).await? {
        stored
            .entry(row.invoice_id)
            .or_default()
            .insert((row.counted_on, row.position), Share { net: row.net, vat: row.vat });
    }
    Ok(stored)
}
