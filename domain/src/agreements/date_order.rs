//! Order of numbers and days: within a year, an agreement with a later number must not be offered
//! earlier.

use ::entity::agreement::{Column, Model};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait};

use super::numbers;
use crate::{
    audit::date_order::Inversion,
    date_order::{Document, Read, Table},
    error::Result,
};

/// Lists the agreements that were offered before the agreement with the preceding number.
pub async fn inversions(db: &impl ConnectionTrait) -> Result<Vec<Inversion>> {
    let columns = [Column::NumberKey, Column::Id, Column::Number, Column::OfferedAt];
    let sentence = |later: &Document<DateTime<Utc>>, earlier: &Document<DateTime<Utc>>| {
        let (at, at_before) = (words(later.dated), words(earlier.dated));
        format!(
            "agreement {}, offered {at}, follows {}, offered {at_before}",
            later.name, earlier.name
        )
    };
    Table { columns, read, sentence }
        .inversions(db, Condition::all().add(Column::Number.is_not_null()), |_| {})
        .await
}

fn read(row: Model) -> Read<DateTime<Utc>> {
    let document = row.number.zip(row.offered_at).and_then(|(number, dated)| {
        let series = numbers::year(&number)?.to_owned();
        Some(Document { id: row.id.into(), series, name: number, dated })
    });
    ((row.number_key, row.id.into()), document)
}

fn words(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
