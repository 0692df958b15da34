//! Erasure of persons in rows that otherwise never change: the name of a signatory may become its
//! pseudonym, and what the bank told of a payer may become null.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let (statements, differs) = if is_sqlite { (ON_SQLITE, "IS NOT") } else { (ON_POSTGRES, "IS DISTINCT FROM") };
        let signature = any_changed(&["id", "agreement_id", "party", "signed_on", "method", "document_sha256"], differs);
        let payment = any_changed(
            &["id", "bank_reference", "file_name", "file_sha256", "imported_at", "account", "booked_on", "amount", "finding"],
            differs,
        );
        let payer = any_changed(&PAYER, differs);
        let is_erased: Vec<_> = PAYER.iter().map(|column| format!("NEW.{column} IS NULL")).collect();
        let statements = statements
            .replace("{signature}", &signature)
            .replace("{payment}", &format!("({payment} OR {payer} AND NOT ({}))", is_erased.join(" AND ")));
        crate::run(manager, &statements).await
    }
}

/// What the bank told of a payer.
const PAYER: [&str; 4] = ["reference", "message", "payer_name", "payer_org_number"];

fn any_changed(columns: &[&str], differs: &str) -> String {
    let changed: Vec<_> = columns.iter().map(|column| format!("NEW.{column} {differs} OLD.{column}")).collect();
    format!("({})", changed.join(" OR "))
}

const ON_SQLITE: &str = "
DROP TRIGGER agreement_signature__update;
CREATE TRIGGER agreement_signature__update BEFORE UPDATE ON agreement_signature
WHEN {signature} OR NEW.title IS NOT NULL OR NEW.name <> 'Raderad person ' || lower(substr(hex(OLD.id), 25))
BEGIN
    SELECT RAISE(ABORT, 'agreement_signature__kept');
END;

DROP TRIGGER bank_payment__told;
CREATE TRIGGER bank_payment__told BEFORE UPDATE ON bank_payment WHEN {payment}
BEGIN
    SELECT RAISE(ABORT, 'bank_payment__told');
END;
";

const ON_POSTGRES: &str = "
CREATE FUNCTION agreement_signature__kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {signature} OR NEW.title IS NOT NULL OR NEW.name <> 'Raderad person ' || right(replace(OLD.id::text, '-', ''), 8) THEN
        RAISE EXCEPTION 'agreement_signature__kept';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER agreement_signature__kept ON agreement_signature;
CREATE TRIGGER agreement_signature__update BEFORE UPDATE ON agreement_signature FOR EACH ROW EXECUTE FUNCTION agreement_signature__kept();
CREATE TRIGGER agreement_signature__delete BEFORE DELETE ON agreement_signature FOR EACH ROW EXECUTE FUNCTION agreement__kept();

CREATE OR REPLACE FUNCTION bank_payment__told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {payment} THEN
        RAISE EXCEPTION 'bank_payment__told';
    END IF;
    RETURN NEW;
END $$;
";
