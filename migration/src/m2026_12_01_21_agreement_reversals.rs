//! Reversals: a notice can be withdrawn, and what a departure ended or withdrew can be in force
//! again. Else what was offered never changes.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let (statements, differs) = if is_sqlite { (SQLITE, "IS NOT") } else { (POSTGRES, "IS DISTINCT FROM") };
        crate::run(manager, &statements.replace("{frozen}", &frozen(differs))).await
    }
}

/// An SQL condition: an update changes what was offered, or does what no mutation does. Signing
/// happens once; giving notice and withdrawing too, unless they are reversed, and what was not
/// signed stays withdrawn. Only notice, and its withdrawal, changes the end; only what is withdrawn
/// stops being a successor, and only what is so no longer is one again.
fn frozen(differs: &str) -> String {
    let never = [
        "id",
        "number",
        "number_key",
        "kind",
        "direction",
        "activity_id",
        "member_id",
        "organisation_id",
        "template_version_id",
        "starts_on",
        "notice_months",
        "renewal_months",
        "offered_at",
        "fee_basis",
        "fee_amount",
        "fee_per_mille",
        "vat_rate",
        "decision_id",
    ];
    let changed = |column: &str| format!("NEW.{column} {differs} OLD.{column}");
    let mut broken: Vec<String> = never.iter().map(|column| changed(column)).collect();
    broken.push(format!("OLD.signed_on IS NOT NULL AND {}", changed("signed_on")));
    broken.push(format!("OLD.notice_given_on IS NOT NULL AND NEW.notice_given_on IS NOT NULL AND {}", changed("notice_given_on")));
    broken.push(format!(
        "OLD.withdrawn_on IS NOT NULL AND {} AND (NEW.withdrawn_on IS NOT NULL OR OLD.signed_on IS NULL)",
        changed("withdrawn_on")
    ));
    broken.push(format!("{} AND NEW.notice_given_on IS NULL AND OLD.notice_given_on IS NULL", changed("ends_on")));
    broken.push(format!(
        "{} AND NOT (NEW.replaces_id IS NULL AND NEW.withdrawn_on IS NOT NULL)
            AND NOT (OLD.replaces_id IS NULL AND OLD.withdrawn_on IS NOT NULL AND NEW.withdrawn_on IS NULL)",
        changed("replaces_id")
    ));
    format!("({})", broken.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" OR "))
}

const SQLITE: &str = "
DROP TRIGGER agreement__frozen;
CREATE TRIGGER agreement__frozen BEFORE UPDATE ON agreement
WHEN EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) AND {frozen}
BEGIN
    SELECT RAISE(ABORT, 'agreement__frozen');
END;
";

const POSTGRES: &str = "
CREATE OR REPLACE FUNCTION agreement__frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {frozen} AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) THEN
        RAISE EXCEPTION 'agreement__frozen';
    END IF;
    RETURN NEW;
END $$;
";
