//! Notice deadlines of terms that end with their month: notice may be given until the end of the
//! deadline's month.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, if is_sqlite { SQLITE } else { POSTGRES }).await
    }
}

const SQLITE: &str = "
UPDATE agreement SET deadline_on = date(ends_on, 'start of month', (1 - notice_months) || ' months', '-1 day')
WHERE renewal_months IS NOT NULL AND notice_given_on IS NULL AND substr(date(ends_on, '+1 day'), 9) = '01'
    AND deadline_on IS NOT date(ends_on, 'start of month', (1 - notice_months) || ' months', '-1 day');
";

const POSTGRES: &str = "
UPDATE agreement SET deadline_on = (date_trunc('month', ends_on::timestamp) + make_interval(months => 1 - notice_months))::date - 1
WHERE renewal_months IS NOT NULL AND notice_given_on IS NULL AND EXTRACT(DAY FROM ends_on + 1) = 1
    AND deadline_on IS DISTINCT FROM (date_trunc('month', ends_on::timestamp) + make_interval(months => 1 - notice_months))::date - 1;
";
