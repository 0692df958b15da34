//! Entries of the audit trail: committed changes, never updated and never deleted.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    kind::{Form, SubjectKind},
    partial::partial,
};

/// An entry of the audit trail: one committed change, never updated and never deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// 1, 2, 3 …, without a gap.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// Time of the change.
    pub at: DateTimeUtc,
    /// Actor: the token's subject.
    pub actor: String,
    /// The action, as `memberAdmit`.
    pub action: String,
    /// The kind of the object whose history the entry belongs to.
    pub subject_kind: SubjectKind,
    /// The id of that object.
    pub subject_id: Uuid,
    /// The program's version.
    pub version: String,
    /// SHA-256 over this entry and the previous hash, in hexadecimal. Texts are included as
    /// digests.
    pub hash: String,
    /// The record before, as JSON, with personal data sealed; null: it did not exist.
    pub before: Option<String>,
    /// The record after, as JSON, with personal data sealed; null: it no longer exists.
    pub after: Option<String>,
    /// Null. Before the trail's migration, it was the prefix of each text in its digest.
    pub salt: Option<Vec<u8>>,
    /// For an entry from before the migration: the digest of `before` that its former hash covers.
    pub before_digest: Option<String>,
    /// For an entry from before the migration: the digest of `after` that its former hash covers.
    pub after_digest: Option<String>,
    /// For an entry from before the migration: the revision that erased the person whom its texts
    /// named.
    pub erased_in: Option<i64>,
    /// The form of the texts; null only before the trail's migration.
    pub form: Option<Form>,
    /// The version of the form; 0 for entries from before the migration.
    pub form_version: i32,
    /// The id of the record; with `form` it identifies one row. Null for entries from before the
    /// migration that lack it.
    pub record_id: Option<Uuid>,
    /// The hash that the entry had before the migration; null for later ones.
    pub former_hash: Option<String>,
    /// Ed25519 signature over the head, on the last entry of each commit.
    pub signature: Option<Vec<u8>>,
    /// The first revision of the commit, on its last entry.
    pub signed_from: Option<i64>,
    /// The id of the key that signed.
    pub key_id: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(revision: Revision, at: At, actor: Actor, action: Action, subject_kind: SubjectKind, subject_id: SubjectId, version: Version, hash: Hash, before: Before, after: After, salt: Salt, before_digest: BeforeDigest, after_digest: AfterDigest, erased_in: ErasedIn, form: Form, form_version: FormVersion, record_id: RecordId, former_hash: FormerHash, signature: Signature, signed_from: SignedFrom, key_id: KeyId);
