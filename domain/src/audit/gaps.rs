//! Gaps in series of numbers, and whether it was the program or an import that gave the number
//! above each: history may have gaps.

use std::collections::{HashMap, HashSet};

use ::entity::audit_entry::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Order,
    sea_query::{Expr, Query},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{database::among, error::Result, findings::Findings};

/// The action of an import, as [`crate::interchange`] records it.
pub(crate) const IMPORT: &str = "import";

/// Documents whose entries are read together.
const CHUNK: usize = 200;

/// Gaps that were found, each with the document whose number stands above it.
#[derive(Debug, Default)]
pub struct Gaps(Vec<(Uuid, String)>);

impl Gaps {
    /// Adds a gap below the number of this document.
    pub fn add(&mut self, above: impl Into<Uuid>, sentence: String) {
        self.0.push((above.into(), sentence));
    }

    /// Returns a sentence for each gap.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, sentence)| sentence.as_str())
    }

    /// Separates violations from notes: below a number that came with an import numbers may be
    /// missing, since the history that it is of had none; below one that this program gave
    /// something was removed.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn sort_out(self, db: &impl ConnectionTrait) -> Result<Findings> {
        let mut found = Findings::default();
        for chunk in self.0.chunks(CHUNK) {
            let imported = imported(db, chunk.iter().map(|(above, _)| *above)).await?;
            for (above, sentence) in chunk {
                if imported.contains(above) {
                    found.note(format!("{sentence} from imported history"));
                } else {
                    found.violate(sentence.as_str());
                }
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Numbered {
    number: Option<String>,
}

/// Returns which of these agreements or invoices have a number that an import gave them: by the
/// first entry in which they have one.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn imported(
    db: &impl ConnectionTrait,
    documents: impl IntoIterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let select = Query::select()
        .columns([Column::SubjectId, Column::Action, Column::After])
        .from(Entity)
        .and_where(among(db.get_database_backend(), Expr::col(Column::SubjectId), documents))
        .and_where(Column::After.is_not_null())
        .order_by(Column::Revision, Order::Asc)
        .take();
    let mut given: HashMap<Uuid, bool> = HashMap::new();
    for row in db.query_all(&select).await? {
        let (id, action, after): (Uuid, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let has_number =
            || serde_json::from_str::<Numbered>(&after).is_ok_and(|after| after.number.is_some());
        if !given.contains_key(&id) && has_number() {
            given.insert(id, action == IMPORT);
        }
    }
    Ok(given.into_iter().filter_map(|(id, is_imported)| is_imported.then_some(id)).collect())
}
