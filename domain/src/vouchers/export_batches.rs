//! Export batches: each voucher is exported once to the bookkeeping program, with a number of its
//! own, and a batch can be repeated byte for byte.
//!
//! The file of a batch is never rewritten; a later change is a correcting voucher in a later batch.

use std::collections::HashMap;

use ::entity::{
    export_batch::{Column, Entity, Model},
    id::ExportBatchId,
    kind::VoucherSource,
    voucher,
};
use chrono::{Datelike, NaiveDate};
use documents::{sha256, sie};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, Order, QueryFilter,
    sea_query::{Expr, Query},
};

use super::bookings::{Booked, Range};
use crate::vouchers;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    database::rows,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
};

/// Vouchers that are written together.
const ROWS: usize = 250;

/// The columns of a batch without its file.
pub const LISTED: [Column; 7] = [
    Column::Id,
    Column::Number,
    Column::MadeAt,
    Column::ThroughOn,
    Column::Vouchers,
    Column::VouchersSha256,
    Column::FileSha256,
];

/// Exports in a new batch every voucher up to and including a day that was not exported before, and
/// the corrections of exported ones. `errors` are those found while the input was parsed. Returns
/// the batch, or `None` if there is nothing new.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts and invoices; INVALID for a future day or if the
/// network has no name; CONFLICT `NO_ACCOUNT` if a line's account is not an account number.
pub async fn export(
    ctx: Context<'_>,
    network: &Network,
    through: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<Option<Model>> {
    ctx.require(Permission::ManageAccounts)?;
    ctx.require(Permission::ManageInvoices)?;
    errors.expect(
        through <= ctx.clock.today(),
        "through",
        FieldErrorCode::TooLate.problem("must not be in the future"),
    );
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::VoucherExport).await?;
    let mut booked = vouchers::booked(change.tx(), network, Range::NewThrough(through)).await?;
    if booked.vouchers.is_empty() {
        change.undo().await?;
        return Ok(None);
    }
    let mut last = last_numbers(change.tx()).await?;
    let batch_id = ExportBatchId::new();
    let mut exported = Vec::with_capacity(booked.vouchers.len());
    for Booked { source, source_id, part, voucher } in &mut booked.vouchers {
        let year = voucher.date.year();
        let number = last.entry((voucher.series.to_owned(), year)).or_default();
        *number += 1;
        voucher.number = Some(*number);
        exported.push(voucher::Model {
            source: *source,
            source_id: *source_id,
            part: *part,
            series: Some(voucher.series.to_owned()),
            year: Some(year),
            number: Some(*number),
            batch_id: Some(batch_id),
        });
    }
    let content = sie::file(&booked.journal(ctx.clock.today(), network)?)?;
    let batch = Model {
        id: batch_id,
        number: last_batch(change.tx()).await? + 1,
        made_at: change.at(),
        through_on: through,
        vouchers: i32::try_from(exported.len()).unwrap_or(i32::MAX),
        vouchers_sha256: digest(&exported),
        file_sha256: sha256(&content),
        content,
    };
    audit::insert(&change, batch.clone()).await?;
    for rows in exported.chunks(ROWS) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        voucher::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    change.record(None, Some(&batch))?;
    change.commit_with(batch.id).await?;
    Ok(Some(batch))
}

/// Returns every batch without its file, the earliest first.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts.
pub async fn list(ctx: Context<'_>) -> Result<Vec<Model>> {
    ctx.require(Permission::ManageAccounts)?;
    let select =
        Query::select().columns(LISTED).from(Entity).order_by(Column::Number, Order::Asc).take();
    rows(ctx.db.read(), &select, &LISTED).await
}

/// Returns a batch with its file, byte for byte as it was exported.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts, NOT_FOUND.
pub async fn by_number(ctx: Context<'_>, number: i32) -> Result<Model> {
    ctx.require(Permission::ManageAccounts)?;
    let found = Entity::find().filter(Column::Number.eq(number)).one(ctx.db.read()).await?;
    found.ok_or_else(|| Error::not_found("export batch", number))
}

/// Returns the digest of the series, years and numbers of these vouchers.
#[must_use]
pub fn digest(vouchers: &[voucher::Model]) -> String {
    let mut lines: Vec<_> = vouchers
        .iter()
        .map(|row| (row.series.as_deref(), row.year, row.number, row.source))
        .collect();
    lines.sort_unstable();
    let line = |(series, year, number, source): &(
        Option<&str>,
        Option<i32>,
        Option<i32>,
        VoucherSource,
    )| {
        format!(
            "{} {} {} {source}\n",
            series.unwrap_or_default(),
            year.unwrap_or_default(),
            number.unwrap_or_default()
        )
    };
    sha256(lines.iter().map(line).collect::<String>().as_bytes())
}

/// Returns the last number of each series and year.
async fn last_numbers(db: &impl ConnectionTrait) -> Result<HashMap<(String, i32), i32>> {
    use voucher::Column as V;
    let select = Query::select()
        .columns([V::Series, V::Year])
        .expr(Expr::col(V::Number).max())
        .from(voucher::Entity)
        .and_where(Expr::col(V::BatchId).is_not_null())
        .group_by_columns([V::Series, V::Year])
        .take();
    let read = |row: &sea_orm::QueryResult| {
        Ok(((row.try_get_by_index(0)?, row.try_get_by_index(1)?), row.try_get_by_index(2)?))
    };
    db.query_all(&select).await?.iter().map(read).collect()
}

async fn last_batch(db: &impl ConnectionTrait) -> Result<i32> {
    let select = Query::select().expr(Expr::col(Column::Number).max()).from(Entity).take();
    let row = db.query_one(&select).await?;
    Ok(row
        .map(|row| row.try_get_by_index::<Option<i32>>(0))
        .transpose()?
        .flatten()
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_the_vouchers_in_any_order() {
        let voucher = |series: &str, number| voucher::Model {
            series: Some(series.to_owned()),
            year: Some(2026),
            number: Some(number),
            ..voucher::Model::default()
        };
        let (one, two) = (voucher("F", 1), voucher("B", 1));
        assert_eq!(digest(&[one.clone(), two.clone()]), digest(&[two.clone(), one.clone()]));
        assert_ne!(digest(&[one.clone(), two]), digest(&[one.clone(), voucher("B", 2)]));
        assert_ne!(digest(std::slice::from_ref(&one)), digest(&[]));
    }
}
