//! Gaps in series of numbers. A gap below a number that an import assigned is history; one below a
//! number that this program assigned is a violation.

use std::collections::{HashMap, HashSet};

use ::entity::audit_entry::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Order,
    sea_query::{Expr, Query},
};
use serde::Deserialize;
use uuid::Uuid;

use super::action::Action;
use crate::{database::among, error::Result, findings::Findings};

/// Number of documents whose entries are read together.
const CHUNK: usize = 200;

/// The gaps that were found, each with the document that has the number above it.
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

    /// Separates violations from notes. Numbers below an imported one may be missing, since the
    /// imported history had none; below a number that this program assigned a document was removed.
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

/// Returns the agreements or invoices among these whose number an import assigned, by the first
/// entry in which they have one.
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
            given.insert(id, Action::Import.is_stored_as(&action));
        }
    }
    Ok(given.into_iter().filter_map(|(id, is_imported)| is_imported.then_some(id)).collect())
}
