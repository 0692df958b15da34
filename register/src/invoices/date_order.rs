//! Order of numbers and days: in each series, a later number has no earlier day of issue.

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};

use super::{breaches, numbers};
use crate::{audit::date_order::Inversion, database::rows, error::Result};

/// Documents that are read together.
const CHUNK: u64 = 10_000;

/// Lists the invoices and credit notes that are dated before the one with the number before theirs.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn inversions(db: &impl ConnectionTrait) -> Result<Vec<Inversion>> {
    let mut found = Vec::new();
    for kind in [InvoiceKind::Invoice, InvoiceKind::CreditNote] {
        of_kind(db, kind, &mut found).await?;
    }
    Ok(found)
}

async fn of_kind(db: &impl ConnectionTrait, kind: InvoiceKind, found: &mut Vec<Inversion>) -> Result<()> {
    let columns = [Column::NumberKey, Column::Id, Column::Number, Column::IssuedOn];
    let mut last: Option<(String, InvoiceId)> = None;
    let mut latest: HashMap<String, (Model, NaiveDate)> = HashMap::new();
    loop {
        let mut select = Query::select();
        select
            .columns(columns)
            .from(Entity)
            .and_where(Column::Kind.eq(kind))
            .and_where(Column::Number.is_not_null())
            .order_by(Column::NumberKey, Order::Asc)
            .order_by(Column::Id, Order::Asc)
            .limit(CHUNK);
        if let Some((key, id)) = last.take() {
            let position = Expr::tuple([Expr::col(Column::NumberKey), Expr::col(Column::Id)]);
            select.and_where(position.gt(Expr::tuple([Expr::val(key), Expr::val(id)])));
        }
        for row in rows::<Model>(db, &select, &columns).await? {
            last = Some((row.number_key.clone(), row.id));
            let (Some(series), Some(day)) = (row.number.as_deref().and_then(numbers::series_of), row.issued_on) else { continue };
            let series = series.to_owned();
            let row = Model { kind, ..row };
            if let Some((before, day_before)) = latest.get(&series).filter(|(_, before)| *before > day) {
                let sentence = format!("{} of {day} follows {} of {day_before}", breaches::name(&row), breaches::name(before));
                found.push(Inversion { earlier: before.id.into(), later: row.id.into(), sentence });
            }
            latest.insert(series, (row, day));
        }
        if last.is_none() {
            return Ok(());
        }
    }
}
