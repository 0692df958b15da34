//! The database refuses to change which entries of the audit trail a person's key sealed fields of:
//! an erasure names them by it.

use sea_orm_migration::prelude::*;

const ON_SQLITE: &str = "
CREATE TRIGGER sealed_entry__no_update BEFORE UPDATE ON sealed_entry BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
CREATE TRIGGER sealed_entry__no_delete BEFORE DELETE ON sealed_entry BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
CREATE TRIGGER sealed_entry__no_replace BEFORE INSERT ON sealed_entry
WHEN EXISTS (SELECT 1 FROM sealed_entry WHERE key_id = NEW.key_id AND revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'the audit trail never changes'); END;
";

const ON_POSTGRES: &str = "
CREATE TRIGGER sealed_entry__no_update BEFORE UPDATE ON sealed_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse();
CREATE TRIGGER sealed_entry__no_delete BEFORE DELETE OR TRUNCATE ON sealed_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse();
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await
    }
}
