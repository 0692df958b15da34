//! The day of an offer in Sweden, as in its number, for the lists of documents and the diary.

use sea_orm_migration::prelude::*;

const ON_POSTGRES: &str = "
DROP INDEX agreement__offered_on__id;
CREATE INDEX agreement__offered_on__id ON agreement
    (CAST(offered_at AT TIME ZONE 'Europe/Stockholm' AS date), id) WHERE offered_at IS NOT NULL;
";

// SQLite knows no time zones. The last hour of a day in UTC is always of the next day in Sweden,
// the hour before it in summer time: between the last Sundays of March and October.
const ON_SQLITE: &str = "
DROP INDEX agreement__offered_on__id;
CREATE INDEX agreement__offered_on__id ON agreement ((CAST(CASE \
WHEN SUBSTR(offered_at, 12, 2) = '23' OR (SUBSTR(offered_at, 12, 2) = '22' \
AND SUBSTR(offered_at, 1, 10) >= date(SUBSTR(offered_at, 1, 4) || '-03-31', '-6 days', 'weekday 0') \
AND SUBSTR(offered_at, 1, 10) < date(SUBSTR(offered_at, 1, 4) || '-10-31', '-6 days', 'weekday 0')) \
THEN date(SUBSTR(offered_at, 1, 10), '+1 day') ELSE SUBSTR(offered_at, 1, 10) END AS text)), id) \
WHERE offered_at IS NOT NULL;
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
