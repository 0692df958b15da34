//! Order of numbers and days: among the agreements of a year, a later number was not offered earlier.

use ::entity::{
    agreement::{Column, Entity, Model},
    id::AgreementId,
};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};

use crate::{audit::date_order::Inversion, database::rows, error::Result};

/// Agreements that are read together.
const CHUNK: u64 = 10_000;

/// Lists the agreements that were offered before the one with the number before theirs.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn inversions(db: &impl ConnectionTrait) -> Result<Vec<Inversion>> {
    let columns = [Column::NumberKey, Column::Id, Column::Number, Column::OfferedAt];
    let mut found = Vec::new();
    let mut last: Option<(String, AgreementId)> = None;
    let mut latest: Option<(AgreementId, String, DateTime<Utc>)> = None;
    loop {
        let mut select = Query::select();
        select
            .columns(columns)
            .from(Entity)
            .and_where(Column::Number.is_not_null())
            .order_by(Column::NumberKey, Order::Asc)
            .order_by(Column::Id, Order::Asc)
            .limit(CHUNK);
        if let Some((key, id)) = last.take() {
            let position = Expr::tuple([Expr::col(Column::NumberKey), Expr::col(Column::Id)]);
            select.and_where(position.gt(Expr::tuple([Expr::val(key), Expr::val(id)])));
        }
        for row in rows::<Model>(db, &select, &columns).await? {
            last = Some((row.number_key, row.id));
            let (Some(number), Some(at)) = (row.number, row.offered_at) else { continue };
            if let Some((before, number_before, at_before)) = &latest
                && year(&number).is_some()
                && year(&number) == year(number_before)
                && *at_before > at
            {
                let sentence = format!("agreement {number}, offered {}, follows {number_before}, offered {}", words(at), words(*at_before));
                found.push(Inversion { earlier: (*before).into(), later: row.id.into(), sentence });
            }
            latest = Some((row.id, number, at));
        }
        if last.is_none() {
            return Ok(found);
        }
    }
}

fn words(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The year that a number of this register's own kind begins with: `2026-0007`.
fn year(number: &str) -> Option<&str> {
    let (year, serial) = number.split_once('-')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && is_digits(year) && is_digits(serial)).then_some(year)
}
