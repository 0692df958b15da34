//! The one-time recording of rows that the trail from before its migration has no entry about, or
//! only an incomplete one: each gets an entry with its current state.

use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, io};

use ::entity::{
    audit_entry::{Column, Entity},
    kind::Form,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    QuerySelect,
};
use uuid::Uuid;

use super::{
    CHUNK, FORMS, Head, Scope, check, heads, ids,
    load::{self, Collect},
    rows_of,
};
use crate::{
    audit::{self, Action, Appender, Recorded, forms::FORMER},
    auth::viewer::Viewer,
    database::Database,
    error::{Error, Result},
};

/// Forms that had no entries before forms were introduced, each with the condition on former
/// entries that its row `t` may belong to.
const LATER: [(Form, &str); 6] = [
    (Form::AgreementHtml, "e.record_id = t.agreement_id"),
    (Form::InvoiceContent, "e.record_id = t.invoice_id"),
    (Form::InvoicePdf, "e.record_id = t.invoice_id"),
    (Form::InvoiceXml, "e.record_id = t.invoice_id"),
    (
        Form::FeeCharge,
        "e.record_id = (SELECT invoice_id FROM invoice_line l WHERE l.id = t.line_id)",
    ),
    (Form::BankPaymentPart, "e.record_id = t.bank_payment_id"),
];

impl Collect for Appender {
    fn add<R: Recorded>(&mut self, record: &R) -> Result<()> {
        self.record(None, Some(record))
    }
}

/// Records the rows of a register whose trail was migrated, in entries that this program signs;
/// does nothing for other registers.
///
/// A row that differs from its former entries gets no entry, so that `verify` still reports it.
///
/// # Errors
/// INTERNAL if the trail's last entry was not written by a program with the same key.
pub fn record_rows<'a>(
    db: &'a Database,
    tx: &'a DatabaseTransaction,
    at: DateTime<Utc>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if !audit::migration::was_migrated(tx).await? {
            return Ok(());
        }
        let key = db.trail_key().ok_or_else(|| {
            Error::internal(io::Error::other(
                "rows are recorded with the key that signs the audit trail",
            ))
        })?;
        let (last, hash, _) = audit::trusted(db, tx).await?;
        let mut trail = Appender::new(
            last,
            hash,
            Viewer::operator("migrate").subject,
            Action::TrailMigrate,
            at,
        );
        former(tx, &mut trail).await?;
        later(tx, &mut trail).await?;
        trail.write(tx, Some(key)).await
    })
}

/// Records the rows that former entries are about.
async fn former(tx: &DatabaseTransaction, trail: &mut Appender) -> Result<()> {
    // Entries about no row have the id 0.
    let (every, mut last) = (Scope::Between(Some(Uuid::nil()), None), None);
    loop {
        let heads = heads(tx, every, last).await?;
        let Some(end) = heads.last() else { return Ok(()) };
        last = Some((end.record, end.form));
        let revisions = heads.iter().map(|head| head.revision);
        let select = Entity::find()
            .select_only()
            .column(Column::Revision)
            .filter(Column::Revision.is_in(revisions));
        let former: Vec<i64> = select
            .filter(Column::FormVersion.eq(FORMER))
            .filter(Column::After.is_not_null())
            .into_tuple()
            .all(tx)
            .await?;
        let mut of_form: BTreeMap<&str, (Form, Vec<Head>)> = BTreeMap::new();
        for head in heads.into_iter().filter(|head| former.contains(&head.revision)) {
            of_form.entry(head.form.word()).or_insert_with(|| (head.form, Vec::new())).1.push(head);
        }
        for (form, heads) in of_form.into_values() {
            load::each(tx, form, &unchanged(tx, form, &heads).await?, trail).await?;
        }
        trail.flush(tx).await?;
    }
}

/// Returns the ids of the records that equal their entries in the trail.
async fn unchanged(tx: &DatabaseTransaction, form: Form, heads: &[Head]) -> Result<Vec<Uuid>> {
    let mut found = Vec::new();
    check(tx, form, heads, &mut found).await?;
    if found.is_empty() {
        return Ok(heads.iter().map(|head| head.record).collect());
    }
    let mut unchanged = Vec::new();
    for head in heads {
        found.clear();
        check(tx, form, std::slice::from_ref(head), &mut found).await?;
        if found.is_empty() {
            unchanged.push(head.record);
        }
    }
    Ok(unchanged)
}

/// Records the rows that had no entries of their own, as far as there are entries about their
/// parents.
async fn later(tx: &DatabaseTransaction, trail: &mut Appender) -> Result<()> {
    for (form, of) in LATER {
        let Some((_, key, tables)) = FORMS.iter().find(|(named, ..)| *named == form) else {
            continue;
        };
        let mut last = Uuid::nil();
        loop {
            let (table, rows, after) =
                (tables[0], rows_of(form), literal(tx.get_database_backend(), last));
            let sql = format!(
                "SELECT t.{key} FROM {table} t WHERE t.{key} > {after} {rows}
                    AND NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.record_id = t.{key} AND e.form = '{form}')
                    AND EXISTS (SELECT 1 FROM audit_entry e WHERE {of} AND e.form_version = {FORMER})
                    ORDER BY t.{key} LIMIT {CHUNK}"
            );
            let found = ids(tx, &sql).await?;
            let Some(end) = found.last() else { break };
            last = *end;
            load::each(tx, form, &found, trail).await?;
            trail.flush(tx).await?;
        }
    }
    Ok(())
}

fn literal(backend: DbBackend, id: Uuid) -> String {
    if backend == DbBackend::Postgres { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
}
