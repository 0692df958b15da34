//! Numbers of agreements: `YYYY-NNNN`, gapless per year, going on where imported history ends.

use ::entity::agreement::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{error::Result, swedish};

/// Digits that a run of digits has in a number's key.
const DIGITS: usize = 12;

/// The number that follows the last one of the year. It is taken only by the transaction that asks
/// for it and writes it: writers take turns.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn next(db: &impl ConnectionTrait, year: i32) -> Result<String> {
    let key = |serial: &str| swedish::number_key(&format!("{year}-{serial}"));
    let (first, last) = (key("0"), key(&"9".repeat(DIGITS)));
    let length = i32::try_from(first.len()).unwrap_or(i32::MAX);
    let select = Entity::find()
        .select_only()
        .column(Column::NumberKey)
        .filter(Column::NumberKey.between(first, last))
        // `2026-0042b` is imported too, and is no serial number.
        .filter(Expr::cust_with_values(
            if db.get_database_backend() == sea_orm::DbBackend::Postgres {
                "LENGTH(number_key) = $1"
            } else {
                "LENGTH(number_key) = ?"
            },
            [length],
        ))
        .order_by_desc(Column::NumberKey)
        .limit(1);
    let last: Option<String> = select.into_tuple().one(db).await?;
    let serial =
        last.and_then(|key| key[key.len() - DIGITS..].parse::<u64>().ok()).unwrap_or_default() + 1;
    Ok(format!("{year}-{serial:04}"))
}
