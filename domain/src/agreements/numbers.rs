//! Numbers of agreements: `YYYY-NNNN`, without gaps in a year, continuing after imported history.

use ::entity::agreement::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{error::Result, swedish};

/// Number of digits to which a run of digits is padded in a number's key.
const DIGITS: usize = 12;

/// Returns the number after the last one of the year. Only the transaction that requests it and
/// writes it can use it, since writers are serialized.
pub(super) async fn next(db: &impl ConnectionTrait, year: i32) -> Result<String> {
    let key = |serial: &str| swedish::number_key(&format!("{year}-{serial}"));
    let (first, last) = (key("0"), key(&"9".repeat(DIGITS)));
    let length = i32::try_from(first.len()).unwrap_or(i32::MAX);
    let select = Entity::find()
        .select_only()
        .column(Column::NumberKey)
        .filter(Column::NumberKey.between(first, last))
        // `2026-0042b` may be imported too, but is not a serial number.
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
