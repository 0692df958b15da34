//! Archived documents with their registry numbers. Each version is an uploaded file; the files of
//! an erased document lose their bytes, which become empty.

use sea_orm_migration::prelude::*;

const TABLES: &str = "
CREATE TABLE archived_document (
    id {id} NOT NULL PRIMARY KEY,
    number {key} NOT NULL CONSTRAINT archived_document__number UNIQUE,
    kind text NOT NULL CHECK (kind IN ('SIGNED_CONTRACT', 'APPENDIX', 'MINUTES', 'DECISION', 'REPORT', 'OTHER')),
    title text NOT NULL,
    language text NOT NULL,
    dated_on {date} NOT NULL,
    registered_on {date} NOT NULL,
    versions {small} NOT NULL CHECK (versions > 0),
    agreement_id {id} REFERENCES agreement (id),
    member_id {id} REFERENCES member (id),
    organisation_id {id} REFERENCES organisation (id),
    activity_id {id} REFERENCES activity (id),
    cost_id {id} REFERENCES cost (id),
    erased_on {date},
    erasure_reason text,
    CHECK ((CASE WHEN agreement_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN member_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN organisation_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN activity_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN cost_id IS NULL THEN 0 ELSE 1 END) <= 1),
    CHECK ((erased_on IS NULL) = (erasure_reason IS NULL))
) {strict};
CREATE INDEX archived_document__registered_on__id ON archived_document (registered_on, id);
CREATE INDEX archived_document__dated_on__id ON archived_document (dated_on, id);
CREATE INDEX archived_document__agreement_id ON archived_document (agreement_id) WHERE agreement_id IS NOT NULL;
CREATE INDEX archived_document__member_id ON archived_document (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX archived_document__organisation_id ON archived_document (organisation_id) WHERE organisation_id IS NOT NULL;
CREATE INDEX archived_document__activity_id ON archived_document (activity_id) WHERE activity_id IS NOT NULL;
CREATE INDEX archived_document__cost_id ON archived_document (cost_id) WHERE cost_id IS NOT NULL;

ALTER TABLE stored_file ADD COLUMN archived_document_id {id} REFERENCES archived_document (id)
    CHECK (archived_document_id IS NULL OR (signature_id IS NULL AND cost_id IS NULL));
ALTER TABLE stored_file ADD COLUMN version {small} CHECK ((version IS NULL) = (archived_document_id IS NULL));
CREATE UNIQUE INDEX stored_file__archived_document_id__version ON stored_file (archived_document_id, version)
    WHERE archived_document_id IS NOT NULL;
DROP INDEX stored_file__unused;
CREATE INDEX stored_file__unused ON stored_file (uploaded_at)
    WHERE signature_id IS NULL AND cost_id IS NULL AND archived_document_id IS NULL;

CREATE TABLE search_stale_before AS SELECT subject_id, noun FROM search_stale;
DROP TABLE search_stale;
CREATE TABLE search_stale (
    subject_id {id} NOT NULL PRIMARY KEY,
    noun text NOT NULL CHECK (noun IN ('ACTIVITY', 'ADJUSTMENT', 'AGREEMENT', 'ARCHIVED_DOCUMENT', 'BANK_PAYMENT', 'CONTACT', 'CONTACT_AREA', 'COST', 'DECISION', 'GRANT', 'INVOICE', 'MEMBER', 'ORGANISATION', 'PAYMENT', 'STATUS_REPORT', 'TEMPLATE'))
) {strict};
INSERT INTO search_stale (subject_id, noun) SELECT subject_id, noun FROM search_stale_before;
DROP TABLE search_stale_before;
";

/// Returns the trigger that marks the words of a document as stale.
fn trigger(event: &str, when: &str, row: &str, sqlite: bool) -> String {
    let note =
        format!("INSERT INTO search_stale (subject_id, noun) SELECT {row}.id, 'ARCHIVED_DOCUMENT' WHERE true ON CONFLICT DO NOTHING;\n");
    let (name, event_name) = (format!("search_archive__archived_document__{event}"), event.to_uppercase());
    if sqlite {
        return format!("CREATE TRIGGER {name} AFTER {event_name} ON archived_document FOR EACH ROW {when} BEGIN\n{note}END;\n");
    }
    format!(
        "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n{note}RETURN NULL; END $$;\n\
         CREATE TRIGGER {name} AFTER {event_name} ON archived_document FOR EACH ROW {when} EXECUTE FUNCTION {name}();\n"
    )
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLES).await?;
        let changed = "WHEN (OLD.number IS DISTINCT FROM NEW.number OR OLD.title IS DISTINCT FROM NEW.title)";
        for (event, when, row) in [("insert", "", "NEW"), ("update", changed, "NEW"), ("delete", "", "OLD")] {
            crate::run(manager, &trigger(event, when, row, sqlite)).await?;
        }
        Ok(())
    }
}
