//! Keys that seal the data of persons in the audit trail. Deleting a key erases the person from the
//! trail.

use sea_orm::entity::prelude::*;

use crate::kind::PersonKind;

/// The key that seals one person's data in the audit trail. Deleting it erases the person from the
/// trail.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person_key")]
pub struct Model {
    /// The first 16 bytes of the key's SHA-256, by which sealed fields name it: no other key can
    /// replace it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Kind of the person.
    pub kind: PersonKind,
    /// Id of the person, among those of the kind.
    pub person_id: Uuid,
    /// The key, 32 bytes.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
