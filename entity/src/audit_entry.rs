//! One committed change; never deleted, and never updated but to take an erased person out of its texts.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{kind::SubjectKind, sparse::sparse};

/// One committed change; never deleted, and never updated but to take an erased person out of its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// 1, 2, 3 …, without a gap.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// When.
    pub at: DateTimeUtc,
    /// Who: the token's subject.
    pub actor: String,
    /// The deed, as `memberAdmit`.
    pub action: String,
    /// What kind of thing it is about.
    pub subject_kind: SubjectKind,
    /// Which one.
    pub subject_id: Uuid,
    /// The program's version.
    pub version: String,
    /// SHA-256 over this entry and the hash before it, in hexadecimal; the texts count by their digests.
    pub hash: String,
    /// The thing before, as JSON; null: it was not there.
    pub before: Option<String>,
    /// The thing after, as JSON; null: it is gone.
    pub after: Option<String>,
    /// Stands before each text in its digest, so that nobody can guess a text from the digest alone; null: an entry of before there was
    /// salt, or one that was erased, which then can't be guessed at even by those who had read it.
    pub salt: Option<Vec<u8>>,
    /// The digest of the text that stood in `before` until it was erased; null for others, whose digest follows from the text.
    pub before_digest: Option<String>,
    /// The same of `after`.
    pub after_digest: Option<String>,
    /// The revision that erased the person of whom this entry told; null: nothing was erased of it.
    pub erased_in: Option<i64>,
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

sparse!(revision: Revision, at: At, actor: Actor, action: Action, subject_kind: SubjectKind, subject_id: SubjectId, version: Version, hash: Hash, before: Before, after: After, salt: Salt, before_digest: BeforeDigest, after_digest: AfterDigest, erased_in: ErasedIn);
