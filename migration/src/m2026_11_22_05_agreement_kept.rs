//! What was offered is kept: SQLite's `INSERT OR REPLACE` and `UPDATE OR REPLACE` remove, without a
//! word to any other trigger, a row whose key the new one has. They are refused where that row is
//! an agreement with a number; PostgreSQL has no such way around.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != sea_orm::DbBackend::Sqlite {
            return Ok(());
        }
        let unique = ["number", "import_key", "replaces_id"];
        let others = |own: &str| {
            let refuse = |column: &str| {
                format!(
                    "SELECT RAISE(ABORT, 'agreement__{column}') FROM agreement \
                     WHERE {column} = NEW.{column} AND id <> {own}.id AND number IS NOT NULL;\n"
                )
            };
            unique.iter().map(|column| refuse(column)).collect::<String>()
        };
        let statements = SQLITE.replace("{others of new}", &others("NEW")).replace("{others of old}", &others("OLD"));
        crate::run(manager, &statements).await
    }
}

/// An agreement whose text is kept is changed by UPDATE alone, which the triggers before this one
/// look at. One without a text, as imported history is, may be written again in its own place.
const SQLITE: &str = "
CREATE TRIGGER agreement__kept__insert BEFORE INSERT ON agreement
BEGIN
    SELECT RAISE(ABORT, 'agreement__kept') FROM agreement_document WHERE agreement_id = NEW.id;
    {others of new}
END;

CREATE TRIGGER agreement__kept__update BEFORE UPDATE OF id, number, import_key, replaces_id ON agreement
BEGIN
    SELECT RAISE(ABORT, 'agreement__kept') FROM agreement WHERE id = NEW.id AND id <> OLD.id AND number IS NOT NULL;
    {others of old}
END;
";
