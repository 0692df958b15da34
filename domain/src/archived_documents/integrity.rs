//! Invariants of archived documents: gapless numbers, and a file for each version.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut found = numbers::violations(all_numbers(db).await?.iter().map(String::as_str));
    for number in incomplete(db).await? {
        found.push(format!("{number} lacks a file of one of its versions"));
    }
    Ok(found)
}

async fn all_numbers(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    Ok(Entity::find().select_only().column(Column::Number).into_tuple().all(db).await?)
}

/// Returns the numbers of the documents that lack a file of one of their versions.
async fn incomplete(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let select = Statement::from_string(db.get_database_backend(), INCOMPLETE);
    let rows = db.query_all_raw(select).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// The last numbers and the violations of the archive before a change.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The last serial number of each year.
    last: BTreeMap<i32, u32>,
    /// Numbers of the documents that lack a file of one of their versions.
    incomplete: BTreeSet<String>,
}

/// The part of an invariant that a document violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// There is no document with this number, the one before the document's own.
    Gap(String),
    /// It lacks a file of one of its versions.
    Incomplete,
}

impl State {
    /// Loads the state of the archive.
    pub(crate) async fn load(db: &impl ConnectionTrait) -> Result<Self> {
        let numbers = all_numbers(db).await?;
        Ok(Self {
            last: numbers::last(numbers.iter().map(String::as_str)),
            incomplete: incomplete(db).await?.into_iter().collect(),
        })
    }

    /// Returns the violations that the archive has now, but had not in this state, each with the
    /// number of its document.
    pub(crate) async fn new_violations(
        &self,
        db: &impl ConnectionTrait,
    ) -> Result<Vec<(String, Violation)>> {
        let numbers = all_numbers(db).await?;
        let gaps = numbers::gaps_after(&self.last, numbers.iter().map(String::as_str));
        let mut found: Vec<(String, Violation)> =
            gaps.into_iter().map(|(number, missing)| (number, Violation::Gap(missing))).collect();
        for number in incomplete(db).await? {
            if !self.incomplete.contains(&number) {
                found.push((number, Violation::Incomplete));
            }
        }
        Ok(found)
    }
}
