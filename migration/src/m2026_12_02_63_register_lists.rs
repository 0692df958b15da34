//! Indexes and search words for the lists of organisations, contacts, contact areas, decisions and
//! status reports, and for further orders of members, activities and agreements.

use sea_orm_migration::prelude::*;

// A decision without a day is ordered before all others.
const BOTH: &str = "
CREATE INDEX organisation__org_number__id ON organisation (COALESCE(org_number, ''), id);
CREATE INDEX member__org_number__id ON member (COALESCE(org_number, ''), id);
CREATE INDEX member__left_on__id ON member (COALESCE(left_on, {never}), id);
CREATE INDEX contact__name_key__id ON contact (name_key, id);
CREATE INDEX contact__role__name_key ON contact ((role || ' ' || name_key), id);
CREATE INDEX activity__starts_on__id ON activity (starts_on, id);
CREATE INDEX activity__ends_on__id ON activity (COALESCE(ends_on, {never}), id);
CREATE INDEX activity__decision_id ON activity (decision_id) WHERE decision_id IS NOT NULL;
CREATE INDEX agreement__signed_on__id ON agreement (COALESCE(signed_on, {never}), id);
CREATE INDEX agreement__decision_id ON agreement (decision_id) WHERE decision_id IS NOT NULL;
CREATE INDEX fee_schedule__decision_id ON fee_schedule (decision_id) WHERE decision_id IS NOT NULL;
CREATE INDEX decision__body ON decision (body);
CREATE INDEX status_report__reported_at__id ON status_report (reported_at, id);
CREATE INDEX status_report__period__id ON status_report (period, id);
CREATE INDEX status_report__health__reported_at ON status_report (health, reported_at, id);

CREATE TABLE search_stale_before AS SELECT subject_id, noun FROM search_stale;
DROP TABLE search_stale;
CREATE TABLE search_stale (
    subject_id {id} NOT NULL PRIMARY KEY,
    noun text NOT NULL CHECK (noun IN ('ACTIVITY', 'ADJUSTMENT', 'AGREEMENT', 'BANK_PAYMENT', 'CONTACT', 'CONTACT_AREA', 'DECISION', 'INVOICE', 'MEMBER', 'ORGANISATION', 'PAYMENT', 'TEMPLATE'))
) {strict};
INSERT INTO search_stale (subject_id, noun) SELECT subject_id, noun FROM search_stale_before;
DROP TABLE search_stale_before;
";

const ON_SQLITE: &str = "
CREATE INDEX member__county__id ON member (COALESCE(county, ''), id);
CREATE INDEX decision__decided_on__id ON decision (COALESCE(decided_on, '1900-01-01'), id);
";

// Counties sort byte by byte, as on SQLite. A time sorts by its microseconds, which an index can
// hold.
const ON_POSTGRES: &str = "
CREATE INDEX member__county__id ON member ((COALESCE(county, '') COLLATE \"C\"), id);
CREATE INDEX decision__decided_on__id ON decision (COALESCE(decided_on, DATE '1900-01-01'), id);
CREATE INDEX status_report__reported__id ON status_report ((CAST(EXTRACT(EPOCH FROM reported_at AT TIME ZONE 'UTC') * 1000000 AS bigint)), id);
";

/// A table whose rows have search words of their own: noun, table, and columns whose change makes
/// the words stale.
const SOURCES: [(&str, &str, &[&str]); 4] = [
    ("CONTACT", "contact", &["name", "email"]),
    ("CONTACT_AREA", "contact_area", &["name"]),
    ("DECISION", "decision", &["paragraph", "document"]),
    ("ORGANISATION", "organisation", &["name", "org_number"]),
];

/// Returns the triggers that mark the words of a row as stale, and marks the rows that exist.
fn search((noun, table, columns): (&str, &str, &[&str]), sqlite: bool) -> String {
    let changed: Vec<_> = columns.iter().map(|column| format!("OLD.{column} IS DISTINCT FROM NEW.{column}")).collect();
    let each = |event: &str, when: &str, row: &str| {
        let note = format!("INSERT INTO search_stale (subject_id, noun) SELECT {row}.id, '{noun}' WHERE true ON CONFLICT DO NOTHING;\n");
        let (name, event_name) = (format!("search_register__{table}__{event}"), event.to_uppercase());
        if sqlite {
            return format!("CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} BEGIN\n{note}END;\n");
        }
        format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n{note}RETURN NULL; END $$;\n\
             CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}();\n"
        )
    };
    let existing =
        format!("INSERT INTO search_stale (subject_id, noun) SELECT id, '{noun}' FROM {table} WHERE true ON CONFLICT DO NOTHING;\n");
    [each("insert", "", "NEW"), each("update", &format!("WHEN ({})", changed.join(" OR ")), "NEW"), each("delete", "", "OLD"), existing]
        .concat()
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, BOTH).await?;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await?;
        for source in SOURCES {
            crate::run(manager, &search(source, sqlite)).await?;
        }
        Ok(())
    }
}
