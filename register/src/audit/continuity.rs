//! Continuity of records: what an entry says that a record was is what the entry before it says that it became. A row that was changed past
//! the program, and that the next mutation took for its own, shows there.

use std::collections::{HashMap, HashSet};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Query},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::forms::FORMER;
use crate::{
    database::{among, among_words},
    error::Result,
};

/// An entry whose text before is not, byte by byte, the text after of the entry before it about the same record. The texts may say the
/// same all the same: sealed fields are never sealed alike twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The revision that the record was last recorded by; null: no entry before is about it.
    pub from: Option<i64>,
    /// The revision that began from something else.
    pub to: i64,
}

/// SHA-256 of the texts before and after.
pub(super) type Digests = [Option<[u8; 32]>; 2];

/// SHA-256 of the texts of an entry.
pub(super) fn digests(entry: &Model) -> Digests {
    [&entry.before, &entry.after].map(|text| text.as_deref().map(digest))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The first bytes of a text's digest: enough to tell texts apart, also those that an attacker chose.
type Short = [u8; 16];

/// What the last entry about a record left.
#[derive(Debug)]
struct Left {
    revision: i64,
    /// Of the text after; null: the record is gone.
    text: Option<Short>,
}

/// The entries so far, by record: some hundred bytes each.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    left: HashMap<(Form, Uuid), Left>,
    links: Vec<Link>,
}

/// The record that an entry is about; `None` for an entry about an event, which has no state to continue from.
fn record(entry: &Model) -> Option<(Form, Uuid)> {
    let form = entry.form.filter(|form| !is_event(*form))?;
    Some((form, entry.record_id?))
}

fn is_event(form: Form) -> bool {
    matches!(
        form,
        Form::TokenMinting
            | Form::Merger
            | Form::ContactReadsRemoval
            | Form::Erasure
            | Form::ClockAcceptance
            | Form::TrailMigration
            | Form::TrailKey
    )
}

fn short(digest: &Option<[u8; 32]>) -> Option<Short> {
    digest.as_ref().and_then(|digest| digest.first_chunk().copied())
}

impl Continuity {
    /// Notes an entry, with the digests of its texts.
    pub fn entry(&mut self, entry: &Model, [before, after]: &Digests) {
        let Some(record) = record(entry) else { return };
        let left = Left { revision: entry.revision, text: short(after) };
        let last = self.left.insert(record, left);
        // Entries from before there were forms say only in part what was before.
        if entry.form_version == FORMER {
            return;
        }
        let (from, text) = last.map_or((None, None), |last| (Some(last.revision), last.text));
        if text != short(before) {
            self.links.push(Link { from, to: entry.revision });
        }
    }

    /// The links that were found since this was last called.
    pub fn take(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.links)
    }

    /// Reads what entries up to the revision `until` left of the records that these are about, for a check that began after it.
    pub async fn load(&mut self, db: &impl ConnectionTrait, entries: impl Iterator<Item = &Model>, until: i64) -> Result<()> {
        let new: HashSet<(Form, Uuid)> = entries.filter_map(record).filter(|record| !self.left.contains_key(record)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let last = Query::select()
            .expr(Expr::col(Column::Revision).max())
            .from(Entity)
            .and_where(among(db.get_database_backend(), Expr::col(Column::RecordId), new.iter().map(|(_, id)| *id)))
            .and_where(among_words(db.get_database_backend(), Expr::col(Column::Form), Form::WORDS.iter().copied()))
            .and_where(Column::Revision.lte(until))
            .group_by_columns([Column::RecordId, Column::Form])
            .take();
        let revisions = db.query_all(&last).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect::<Result<Vec<i64>>>()?;
        for revisions in revisions.chunks(500) {
            let select = Entity::find().select_only().columns([Column::Revision, Column::Form, Column::RecordId, Column::After]);
            let select = select.filter(Column::Revision.is_in(revisions.iter().copied()));
            for (revision, form, record, after) in select.into_tuple::<(i64, Form, Uuid, Option<String>)>().all(db).await? {
                let text = short(&after.map(|text| digest(&text)));
                self.left.entry((form, record)).or_insert(Left { revision, text });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: i64, form: Form, form_version: i32, texts: [Option<&str>; 2]) -> (Model, Digests) {
        let digests = texts.map(|text| text.map(digest));
        (Model { revision, form: Some(form), form_version, record_id: Some(Uuid::nil()), ..Model::default() }, digests)
    }

    #[test]
    fn an_entry_that_began_from_something_else_is_a_link() {
        let mut continuity = Continuity::default();
        for (revision, form, version, texts) in [
            (1, Form::Cost, 1, [None, Some("a")]),
            (2, Form::Cost, 1, [Some("a"), Some("b")]),
            (3, Form::Grant, 1, [Some("x"), Some("y")]),
            (4, Form::Cost, 1, [Some("c"), None]),
            (5, Form::Cost, 1, [None, Some("d")]),
            (6, Form::Cost, FORMER, [Some("e"), Some("f")]),
            (7, Form::Erasure, 1, [Some("e"), Some("f")]),
            (8, Form::Cost, 1, [None, Some("f")]),
        ] {
            let (entry, digests) = entry(revision, form, version, texts);
            continuity.entry(&entry, &digests);
        }
        let links = [(None, 3), (Some(2), 4), (Some(6), 8)].map(|(from, to)| Link { from, to });
        assert_eq!(continuity.take(), links);
        assert_eq!(continuity.take(), []);
    }
}
