//! Documents of a series whose later number has the earlier day, with the reasons that may explain
//! it.

use std::collections::HashMap;

use ::entity::{
    audit_entry::{Column, Entity},
    kind::SubjectKind,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Order,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::action::Action;
use crate::{database::among, error::Result};

/// Two documents of a series: the one with the later number is dated before the other.
#[derive(Clone, Debug)]
pub struct Inversion {
    /// The document with the earlier number.
    pub earlier: Uuid,
    /// The document with the later number.
    pub later: Uuid,
    /// Description of both with their days.
    pub sentence: String,
}

/// The actions, other than an import, that give a document its number and day.
const DATING: [Action; 4] =
    [Action::AgreementOffer, Action::InvoiceCredit, Action::InvoiceIssue, Action::InvoiceRun];

/// Number of inversions whose entries are read together.
const CHUNK: usize = 200;

/// Separates violations from notes, and returns them in this order. Imported history may have
/// inversions, and an accepted clock between the two documents explains one.
pub async fn sort_out(
    db: &impl ConnectionTrait,
    inversions: Vec<Inversion>,
) -> Result<(Vec<String>, Vec<String>)> {
    let (mut violations, mut notes) = (Vec::new(), Vec::new());
    if inversions.is_empty() {
        return Ok((violations, notes));
    }
    let accepted = accepted(db).await?;
    for chunk in inversions.chunks(CHUNK) {
        let given =
            given(db, chunk.iter().flat_map(|inversion| [inversion.earlier, inversion.later]))
                .await?;
        for Inversion { earlier, later, sentence } in chunk {
            match (given.get(earlier), given.get(later)) {
                (Some((first, is_ours)), Some((second, is_ours_too)))
                    if *is_ours && *is_ours_too =>
                {
                    if accepted.iter().any(|revision| (first..second).contains(&revision)) {
                        notes.push(format!("{sentence}; the clock was set back between them"));
                    } else {
                        violations.push(sentence.clone());
                    }
                }
                (Some(_), Some(_)) => notes.push(format!("{sentence}; imported history")),
                // A document without an entry is a violation of another kind.
                _ => violations.push(sentence.clone()),
            }
        }
    }
    Ok((violations, notes))
}

/// Returns the revisions in which an operator accepted the clock.
async fn accepted(db: &impl ConnectionTrait) -> Result<Vec<i64>> {
    let select = Query::select()
        .column(Column::Revision)
        .from(Entity)
        .and_where(Column::SubjectKind.eq(SubjectKind::Clock))
        .and_where(Column::SubjectId.eq(Uuid::nil()))
        .and_where(Column::Action.is_in(Action::ClockAccept.words()))
        .take();
    Ok(db
        .query_all(&select)
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<std::result::Result<_, _>>()?)
}

/// Returns the revision that gave each document its day; `true` if it was not an import.
async fn given(
    db: &impl ConnectionTrait,
    documents: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, (i64, bool)>> {
    let actions = DATING.into_iter().chain([Action::Import]);
    let select = Query::select()
        .columns([Column::SubjectId, Column::Revision, Column::Action])
        .from(Entity)
        .and_where(among(db.get_database_backend(), Expr::col(Column::SubjectId), documents))
        .and_where(Column::Action.is_in(actions.flat_map(Action::words)))
        .order_by(Column::Revision, Order::Asc)
        .take();
    let mut given: HashMap<Uuid, (i64, bool)> = HashMap::new();
    for row in db.query_all(&select).await? {
        let (document, revision, action): (Uuid, i64, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let is_ours = !Action::Import.is_stored_as(&action);
        // A draft may have been imported, and an import may have completed a document that was
        // issued here. A run and a credit record the day first.
        let first = given.entry(document).or_insert((revision, is_ours));
        if is_ours && !first.1 {
            *first = (revision, true);
        }
    }
    Ok(given)
}
