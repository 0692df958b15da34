//! Invariants of archived documents: gapless numbers, and a file for each version.

use ::entity::archived_document::{Column, Entity};
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect, Statement};

use super::numbers;
use crate::error::Result;

/// Documents whose files are not numbered from 1 to the number of their versions.
const INCOMPLETE: &str = "
SELECT d.number FROM archived_document d
LEFT JOIN stored_file f ON f.archived_document_id = d.id
GROUP BY d.id, d.number, d.versions
HAVING COUNT(f.id) <> d.versions OR MIN(f.version) <> 1 OR MAX(f.version) <> d.versions
ORDER BY d.number";

/// Returns a sentence for each missing number, and for each document without one of its versions.
pub(crate) async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let numbers: Vec<String> =
        Entity::find().select_only().column(Column::Number).into_tuple().all(db).await?;
    let mut found = numbers::violations(numbers.iter().map(String::as_str));
    let incomplete = Statement::from_string(db.get_database_backend(), INCOMPLETE);
    for row in &db.query_all_raw(incomplete).await? {
        let number: String = row.try_get_by_index(0)?;
        found.push(format!("{number} lacks a file of one of its versions"));
    }
    Ok(found)
}
