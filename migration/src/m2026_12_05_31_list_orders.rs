//! Indexes for further orders and filters of lists: decisions, documents, reminders, costs, grants
//! and contacts.

use sea_orm_migration::prelude::*;

// A document's title has the name of its kind, then the number. A cost without a supplier has an
// empty name.
const BOTH: &str = "
CREATE INDEX reminder__fee__id ON reminder (fee, id);

CREATE INDEX cost__activity_id__id ON cost (activity_id, id);
CREATE INDEX cost__member_id__id ON cost (member_id, id) WHERE member_id IS NOT NULL;
CREATE INDEX cost__organisation_id__id ON cost (organisation_id, id) WHERE organisation_id IS NOT NULL;
CREATE INDEX cost__no_supplier__id ON cost ({no_supplier}) WHERE member_id IS NULL AND organisation_id IS NULL;
CREATE INDEX activity_grant__activity_id__id ON activity_grant (activity_id, id);
CREATE INDEX activity_grant__funder ON activity_grant (funder, booked_on, id);
CREATE INDEX activity_grant__funder_key__id ON activity_grant
    (REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(LOWER({funder}), 'Å', '{'), 'å', '{'), 'Ä', '|'), 'ä', '|'), 'Ö', '}'), 'ö', '}'), id);

CREATE INDEX contact__valid_from__id ON contact (COALESCE(valid_from, {first}), id);
CREATE INDEX decision__body__id ON decision ({body}, id);

CREATE INDEX agreement__title__id ON agreement (('Avtal ' || number_key), id) WHERE offered_at IS NOT NULL;
CREATE INDEX invoice__title__id ON invoice
    ((CASE WHEN kind = 'CREDIT_NOTE' THEN 'Kreditfaktura ' ELSE 'Faktura ' END || number_key), id) WHERE issued_on IS NOT NULL;
CREATE INDEX invoice__reminder_title__id ON invoice (('Påminnelse om faktura ' || number_key), id) WHERE issued_on IS NOT NULL;
CREATE INDEX requisition__title__id ON requisition (('Rekvisition ' || number), id);
";

// The day of an offer as a text, as the days of other documents are: SQLite merges the documents of
// all kinds in order only if each of their columns has the same type in all of them.
const ON_SQLITE: &str = "
DROP INDEX agreement__offered_on__id;
CREATE INDEX agreement__offered_on__id ON agreement ((CAST(SUBSTR(offered_at, 1, 10) AS text)), id) WHERE offered_at IS NOT NULL;
";

// A text sorts byte by byte, as on SQLite. PostgreSQL knows that a constant does not change the
// order.
const WORDS: [(&str, &str, &str); 4] = [
    ("{no_supplier}", "(CAST(COALESCE(member_id, '') AS text)), id", "id"),
    ("{funder}", "funder", "funder COLLATE \"C\""),
    ("{first}", "'1900-01-01'", "DATE '1900-01-01'"),
    ("{body}", "body", "body COLLATE \"C\""),
];

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let sql = WORDS
            .iter()
            .fold(BOTH.to_owned(), |sql, (word, on_sqlite, on_postgres)| sql.replace(word, if sqlite { on_sqlite } else { on_postgres }));
        crate::run(manager, &sql).await?;
        if sqlite { crate::run(manager, ON_SQLITE).await } else { Ok(()) }
    }
}
