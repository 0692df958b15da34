//! Continuity of records: the state before an entry is the state after the previous entry about the
//! record. It shows rows that were changed without the program, and that a later mutation took as
//! their state.

use std::collections::{HashMap, HashSet};

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::Form,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Query},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    forms::FORMER,
    recorded::{Fields, to_value},
};
use crate::{
    database::{among, among_words},
    error::Result,
};

/// An entry whose text before differs from the text after of the previous entry about the record.
/// The records may still be equal: sealed fields have another ciphertext each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The previous revision about the record; `None` for the first one.
    pub from: Option<i64>,
    /// The revision that begins with another state.
    pub to: i64,
}

/// SHA-256 of the texts before and after.
pub(super) type Digests = [Option<[u8; 32]>; 2];

/// Returns the SHA-256 of the texts of an entry.
pub(super) fn digests(entry: &Model) -> Digests {
    [&entry.before, &entry.after].map(|text| text.as_deref().map(digest))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The first bytes of a text's digest: enough to distinguish texts, also those chosen by an
/// attacker.
type Short = [u8; 16];

/// The state that the last entry about a record left.
#[derive(Debug)]
struct Left {
    revision: i64,
    /// Digest of the text after; `None` if the record was removed.
    text: Option<Short>,
    /// `true` for an entry from before there were forms, which has only a part of the record.
    is_former: bool,
}

/// The digest of a record's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextDigest(Short);

impl TextDigest {
    /// Returns the digest of a record in the present version of its form, without sealed fields.
    ///
    /// # Errors
    /// A field that JSON can't hold.
    pub fn of<R: Fields>(record: &R) -> serde_json::Result<Self> {
        Ok(Self::of_value(&to_value(record)?))
    }

    /// Returns the digest of a record's value.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        Self(shortened(&digest(&value.to_string())))
    }
}

/// The last entry about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// The form of the record.
    pub form: Form,
    /// Its id.
    pub record: Uuid,
    /// The revision of the entry.
    pub revision: i64,
    text: Option<Short>,
    is_former: bool,
}

impl RecordHead {
    /// `true` if the entry leaves exactly this record; `None` for a removed one. An entry in
    /// another version of the form, or with sealed fields, has another digest.
    #[must_use]
    pub fn says(&self, digest: Option<TextDigest>) -> bool {
        !self.is_former && self.text == digest.map(|digest| digest.0)
    }
}

/// The entries so far by record, with some hundred bytes each.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    left: HashMap<(Form, Uuid), Left>,
    links: Vec<Link>,
}

/// The record of an entry; `None` for an event, which has no state.
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
            | Form::VoucherImport
            | Form::Erasure
            | Form::ClockAcceptance
            | Form::TrailMigration
            | Form::TrailKey
    )
}

fn shortened(digest: &[u8; 32]) -> Short {
    let mut short = Short::default();
    short.copy_from_slice(&digest[..size_of::<Short>()]);
    short
}

fn short(digest: &Option<[u8; 32]>) -> Option<Short> {
    digest.as_ref().map(shortened)
}

impl Continuity {
    /// Adds an entry, with the digests of its texts.
    pub fn entry(&mut self, entry: &Model, [before, after]: &Digests) {
        let Some(record) = record(entry) else { return };
        let left = Left {
            revision: entry.revision,
            text: short(after),
            is_former: entry.form_version == FORMER,
        };
        let last = self.left.insert(record, left);
        // Entries from before there were forms have only a part of the record.
        if entry.form_version == FORMER {
            return;
        }
        let (from, text) = last.map_or((None, None), |last| (Some(last.revision), last.text));
        if text != short(before) {
            self.links.push(Link { from, to: entry.revision });
        }
    }

    /// Returns the last entry about each record, by form and id.
    pub fn heads(self) -> Vec<RecordHead> {
        let head = |((form, record), left): ((Form, Uuid), Left)| {
            let Left { revision, text, is_former } = left;
            RecordHead { form, record, revision, text, is_former }
        };
        let mut heads: Vec<_> = self.left.into_iter().map(head).collect();
        heads.sort_unstable_by_key(|head| (head.form.word(), head.record));
        heads
    }

    /// Returns the links that were found since the last call.
    pub fn take(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.links)
    }

    /// Loads the states that the entries up to the revision `until` left of these entries' records,
    /// for a check that began after it.
    pub async fn load(
        &mut self,
        db: &impl ConnectionTrait,
        entries: impl Iterator<Item = &Model>,
        until: i64,
    ) -> Result<()> {
        let new: HashSet<(Form, Uuid)> =
            entries.filter_map(record).filter(|record| !self.left.contains_key(record)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let last = Query::select()
            .expr(Expr::col(Column::Revision).max())
            .from(Entity)
            .and_where(among(
                db.get_database_backend(),
                Expr::col(Column::RecordId),
                new.iter().map(|(_, id)| *id),
            ))
            .and_where(among_words(
                db.get_database_backend(),
                Expr::col(Column::Form),
                Form::WORDS.iter().copied(),
            ))
            .and_where(Column::Revision.lte(until))
            .group_by_columns([Column::RecordId, Column::Form])
            .take();
        let revisions = db
            .query_all(&last)
            .await?
            .iter()
            .map(|row| Ok(row.try_get_by_index(0)?))
            .collect::<Result<Vec<i64>>>()?;
        for revisions in revisions.chunks(500) {
            let columns = [
                Column::Revision,
                Column::Form,
                Column::RecordId,
                Column::After,
                Column::FormVersion,
            ];
            let select = Entity::find()
                .select_only()
                .columns(columns)
                .filter(Column::Revision.is_in(revisions.iter().copied()));
            for (revision, form, record, after, version) in
                select.into_tuple::<(i64, Form, Uuid, Option<String>, i32)>().all(db).await?
            {
                let text = short(&after.map(|text| digest(&text)));
                self.left.entry((form, record)).or_insert(Left {
                    revision,
                    text,
                    is_former: version == FORMER,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(
        revision: i64,
        form: Form,
        form_version: i32,
        texts: [Option<&str>; 2],
    ) -> (Model, Digests) {
        let digests = texts.map(|text| text.map(digest));
        (
            Model {
                revision,
                form: Some(form),
                form_version,
                record_id: Some(Uuid::nil()),
                ..Model::default()
            },
            digests,
        )
    }

    #[test]
    fn an_entry_with_another_state_before_is_a_link() {
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

    #[test]
    fn the_last_entry_has_the_state_of_a_record() {
        let mut continuity = Continuity::default();
        let ([one, other], former) =
            ([json!({ "a": 1 }), json!({ "a": 2 })], json!({ "a": 3 }).to_string());
        let texts = [one.to_string(), other.to_string()];
        for (revision, form, version, texts) in [
            (1, Form::Cost, 1, [None, Some(texts[0].as_str())]),
            (2, Form::Cost, 1, [Some(texts[0].as_str()), Some(texts[1].as_str())]),
            (3, Form::Allocation, FORMER, [None, Some(former.as_str())]),
            (4, Form::Grant, 1, [Some("x"), None]),
            (5, Form::Erasure, 1, [None, Some("x")]),
        ] {
            let (entry, digests) = entry(revision, form, version, texts);
            continuity.entry(&entry, &digests);
        }
        let heads = continuity.heads();
        assert_eq!(
            heads.iter().map(|head| (head.form, head.revision)).collect::<Vec<_>>(),
            [(Form::Allocation, 3), (Form::Cost, 2), (Form::Grant, 4)]
        );
        let says = |value: Option<&Value>| {
            heads.iter().map(|head| head.says(value.map(TextDigest::of_value))).collect::<Vec<_>>()
        };
        assert_eq!(says(Some(&one)), [false, false, false]);
        assert_eq!(says(Some(&other)), [false, true, false]);
        // The text is only a part of the record.
        assert_eq!(says(Some(&json!({ "a": 3 }))), [false, false, false]);
        assert_eq!(says(None), [false, false, true]);
    }
}
