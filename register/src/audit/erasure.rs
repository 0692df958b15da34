//! Erasing a person from the trail: what earlier entries told of somebody is written anew without it, and the chain holds all the same.
//!
//! An entry's hash covers the digests of its texts, which are kept when the texts give way to others. The entry of the erasure names each
//! entry that it wrote anew, with the SHA-256 of its new texts, so that they are covered by the chain as the old ones were.

use ::entity::{
    audit_entry::{ActiveModel, Column, Entity, Model},
    kind::SubjectKind,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Change,
    chain::{digests, sha256},
};
use crate::error::{Error, Result};

/// An entry that was written anew.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rewritten {
    revision: i64,
    /// Of its new text; null: there is none, and was none.
    before_sha256: Option<String>,
    after_sha256: Option<String>,
}

impl Rewritten {
    /// What the entry is now.
    pub(super) fn of(entry: &Model) -> Self {
        let [before_sha256, after_sha256] = [&entry.before, &entry.after].map(|text| text.as_ref().map(|text| sha256(&[], text)));
        Self { revision: entry.revision, before_sha256, after_sha256 }
    }
}

/// What remains of the person, and what was written anew.
#[derive(Serialize)]
struct Erasure<'a, A> {
    #[serde(flatten)]
    after: &'a A,
    erased: Vec<Rewritten>,
}

#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    erased: Vec<Rewritten>,
}

/// What the entry says that it erased, in order of revision; nothing unless it is an erasure.
pub(super) fn told(entry: &Model) -> Vec<Rewritten> {
    let is_erasure = entry.action == "contactErase" && entry.subject_kind == SubjectKind::Contact;
    let told = entry.after.as_deref().filter(|_| is_erasure).and_then(|after| serde_json::from_str::<Told>(after).ok());
    told.unwrap_or_default().erased
}

impl Change {
    /// The entries about a contact that still tell what it was, the oldest first.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn telling_of(&self, contact: impl Into<Uuid>) -> Result<Vec<Model>> {
        let about = Entity::find().filter(Column::SubjectId.eq(contact.into())).filter(Column::SubjectKind.eq(SubjectKind::Contact));
        let told = about.filter(Column::ErasedIn.is_null()).filter(Column::Action.ne("contactErase"));
        Ok(told.order_by_asc(Column::Revision).all(&self.tx).await?)
    }

    /// Notes that a contact was erased and `after` is what remains of it, and writes these entries of [`Change::telling_of`] anew:
    /// `pseudonymise` is given each thing that they tell of. The action must be `contactErase`, for which alone the database lets it happen.
    ///
    /// # Errors
    /// INTERNAL when an entry can't be read as JSON, or the database fails.
    pub async fn record_erasure<A: Serialize>(
        &mut self,
        contact: impl Into<Uuid>,
        after: &A,
        mut earlier: Vec<Model>,
        pseudonymise: impl Fn(&mut Map<String, Value>),
    ) -> Result<()> {
        for entry in &mut earlier {
            [entry.before_digest, entry.after_digest] = digests(entry);
            for text in [&mut entry.before, &mut entry.after].into_iter().flatten() {
                let mut told: Map<String, Value> = serde_json::from_str(text).map_err(Error::internal)?;
                pseudonymise(&mut told);
                *text = Value::from(told).to_string();
            }
        }
        let erasure = Erasure { after, erased: earlier.iter().map(Rewritten::of).collect() };
        self.record(SubjectKind::Contact, contact, None::<&()>, Some(&erasure))?;
        // The database looks for the entry of the erasure before it lets any other be written anew.
        self.flush().await?;
        for entry in earlier {
            let anew = ActiveModel {
                before: Set(entry.before),
                after: Set(entry.after),
                salt: Set(None),
                before_digest: Set(entry.before_digest),
                after_digest: Set(entry.after_digest),
                erased_in: Set(Some(self.last.0)),
                ..ActiveModel::default()
            };
            Entity::update_many().set(anew).filter(Column::Revision.eq(entry.revision)).exec(&self.tx).await?;
        }
        Ok(())
    }
}
