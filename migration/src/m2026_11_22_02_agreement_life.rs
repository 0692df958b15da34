//! The life of an agreement: a member takes part in an activity by one agreement at a time, and
//! what was offered never changes.
//!
//! Both hold by the database itself, for each writer. What is frozen is an agreement whose text the
//! register keeps; imported history without one may be corrected by importing it again.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let (statements, differs) = if is_sqlite { (SQLITE, "IS NOT") } else { (POSTGRES, "IS DISTINCT FROM") };
        let statements =
            statements.replace("{frozen}", &frozen(differs)).replace("{own_last}", OWN_LAST).replace("{takes_part}", TAKES_PART);
        crate::run(manager, &statements).await
    }
}

/// Last day of the term unless somebody gives notice, when no successor cuts it short.
const OWN_LAST: &str = "CASE WHEN renewal_months IS NOT NULL AND notice_given_on IS NULL THEN {never} ELSE COALESCE(ends_on, {never}) END";

/// A member takes part by it on some day: one whose successor starts no later than itself is in
/// force on none.
const TAKES_PART: &str = "kind = 'PARTICIPATION' AND member_id IS NOT NULL AND signed_on IS NOT NULL AND withdrawn_on IS NULL \
                          AND (replaced_from IS NULL OR replaced_from > starts_on)";

/// Whether an update changes what was offered, or does what no rule does: signing, withdrawing and
/// giving notice happen once, only notice changes the end, and only what is withdrawn stops being a
/// successor.
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
    let once = ["signed_on", "withdrawn_on", "notice_given_on"];
    let changed = |column: &str| format!("NEW.{column} {differs} OLD.{column}");
    let mut broken: Vec<String> = never.iter().map(|column| changed(column)).collect();
    broken.extend(once.iter().map(|column| format!("OLD.{column} IS NOT NULL AND {}", changed(column))));
    broken.push(format!("{} AND NEW.notice_given_on IS NULL", changed("ends_on")));
    broken.push(format!("{} AND (NEW.replaces_id IS NOT NULL OR NEW.withdrawn_on IS NULL)", changed("replaces_id")));
    format!("({})", broken.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" OR "))
}

/// The check is made with each statement, unless the transaction has a row in
/// `agreement_in_force_later`: an import replaces many agreements at once, some of which make room
/// for others. That row refers to an agreement that there is not, so that no transaction is
/// committed before it is deleted, which makes the check for all.
const SQLITE: &str = "
CREATE VIEW agreement_participation AS
    SELECT id, number, import_key, member_id, activity_id, starts_on AS first_day,
        MIN({own_last}, COALESCE(date(replaced_from, '-1 day'), {never})) AS last_day
    FROM agreement WHERE {takes_part};

CREATE TABLE agreement_in_force_later (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    none {id} NOT NULL REFERENCES agreement (id) DEFERRABLE INITIALLY DEFERRED
) {strict};

CREATE TRIGGER agreement__in_force__insert AFTER INSERT ON agreement
WHEN NEW.kind = 'PARTICIPATION' AND NEW.signed_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM agreement_in_force_later)
BEGIN
    SELECT RAISE(ABORT, 'agreement__in_force') FROM agreement_participation own
    JOIN agreement_participation other ON other.member_id = own.member_id AND other.activity_id = own.activity_id AND other.id <> own.id
    WHERE own.id = NEW.id AND own.first_day <= other.last_day AND other.first_day <= own.last_day;
END;

CREATE TRIGGER agreement__in_force__update AFTER UPDATE ON agreement
WHEN NEW.kind = 'PARTICIPATION' AND NEW.signed_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM agreement_in_force_later)
BEGIN
    SELECT RAISE(ABORT, 'agreement__in_force') FROM agreement_participation own
    JOIN agreement_participation other ON other.member_id = own.member_id AND other.activity_id = own.activity_id AND other.id <> own.id
    WHERE own.id = NEW.id AND own.first_day <= other.last_day AND other.first_day <= own.last_day;
END;

CREATE TRIGGER agreement_in_force_later__delete AFTER DELETE ON agreement_in_force_later
BEGIN
    SELECT RAISE(ABORT, 'agreement__in_force') FROM agreement_participation own
    JOIN agreement_participation other ON other.member_id = own.member_id AND other.activity_id = own.activity_id AND other.id <> own.id
    WHERE own.first_day <= other.last_day AND other.first_day <= own.last_day;
END;

CREATE TRIGGER agreement__frozen BEFORE UPDATE ON agreement
WHEN EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) AND {frozen}
BEGIN
    SELECT RAISE(ABORT, 'agreement__frozen');
END;

CREATE TRIGGER agreement__kept BEFORE DELETE ON agreement WHEN OLD.number IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'agreement__kept');
END;

-- INSERT OR REPLACE would remove what is there without a word.
CREATE TRIGGER agreement_document__insert BEFORE INSERT ON agreement_document
WHEN EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = NEW.agreement_id)
BEGIN
    SELECT RAISE(ABORT, 'agreement_document__kept');
END;

CREATE TRIGGER agreement_signature__insert BEFORE INSERT ON agreement_signature
WHEN EXISTS (SELECT 1 FROM agreement_signature WHERE id = NEW.id OR (agreement_id = NEW.agreement_id AND party = NEW.party))
BEGIN
    SELECT RAISE(ABORT, 'agreement_signature__agreement_id__party');
END;

CREATE TRIGGER agreement_document__update BEFORE UPDATE ON agreement_document
BEGIN
    SELECT RAISE(ABORT, 'agreement_document__kept');
END;

CREATE TRIGGER agreement_document__delete BEFORE DELETE ON agreement_document
BEGIN
    SELECT RAISE(ABORT, 'agreement_document__kept');
END;

CREATE TRIGGER agreement_signature__update BEFORE UPDATE ON agreement_signature
BEGIN
    SELECT RAISE(ABORT, 'agreement_signature__kept');
END;

CREATE TRIGGER agreement_signature__delete BEFORE DELETE ON agreement_signature
BEGIN
    SELECT RAISE(ABORT, 'agreement_signature__kept');
END;

-- Also when the same is written again, which changes nothing.
CREATE TRIGGER agreement_parameters__insert BEFORE INSERT ON agreement_parameters
WHEN EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = NEW.agreement_id)
    AND NOT EXISTS (SELECT 1 FROM agreement_parameters WHERE agreement_id = NEW.agreement_id AND parameters = NEW.parameters)
BEGIN
    SELECT RAISE(ABORT, 'agreement_parameters__frozen');
END;

CREATE TRIGGER agreement_parameters__update BEFORE UPDATE ON agreement_parameters
WHEN (NEW.parameters IS NOT OLD.parameters OR NEW.agreement_id IS NOT OLD.agreement_id)
    AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.agreement_id)
BEGIN
    SELECT RAISE(ABORT, 'agreement_parameters__frozen');
END;

CREATE TRIGGER agreement_parameters__delete BEFORE DELETE ON agreement_parameters
WHEN EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.agreement_id)
BEGIN
    SELECT RAISE(ABORT, 'agreement_parameters__frozen');
END;
";

/// An exclusion constraint holds however many sign at the same moment, and an import may defer it
/// to its end. Equal identifiers are told by ranges of one, so that it takes no extension.
const POSTGRES: &str = "
CREATE VIEW agreement_participation AS
    SELECT id, number, import_key, member_id, activity_id, starts_on AS first_day,
        LEAST({own_last}, COALESCE(replaced_from - 1, {never})) AS last_day
    FROM agreement WHERE {takes_part};

CREATE TYPE uuid_span AS RANGE (SUBTYPE = uuid);
ALTER TABLE agreement ADD CONSTRAINT agreement__in_force EXCLUDE USING gist (
    uuid_span(member_id, member_id, '[]') WITH &&,
    uuid_span(activity_id, activity_id, '[]') WITH &&,
    daterange(starts_on, LEAST({own_last}, COALESCE(replaced_from - 1, {never})), '[]') WITH &&
) WHERE ({takes_part}) DEFERRABLE INITIALLY IMMEDIATE;

CREATE FUNCTION agreement__frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {frozen} AND EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.id) THEN
        RAISE EXCEPTION 'agreement__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement__frozen BEFORE UPDATE ON agreement FOR EACH ROW EXECUTE FUNCTION agreement__frozen();

CREATE FUNCTION agreement__kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%__kept', TG_TABLE_NAME;
END $$;
CREATE TRIGGER agreement__kept BEFORE DELETE ON agreement FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION agreement__kept();
CREATE TRIGGER agreement_document__kept BEFORE UPDATE OR DELETE ON agreement_document FOR EACH ROW EXECUTE FUNCTION agreement__kept();
CREATE TRIGGER agreement_signature__kept BEFORE UPDATE OR DELETE ON agreement_signature FOR EACH ROW EXECUTE FUNCTION agreement__kept();

CREATE TRIGGER agreement__kept__all BEFORE TRUNCATE ON agreement FOR EACH STATEMENT EXECUTE FUNCTION agreement__kept();
CREATE TRIGGER agreement_document__kept__all BEFORE TRUNCATE ON agreement_document FOR EACH STATEMENT EXECUTE FUNCTION agreement__kept();
CREATE TRIGGER agreement_signature__kept__all BEFORE TRUNCATE ON agreement_signature FOR EACH STATEMENT EXECUTE FUNCTION agreement__kept();

CREATE FUNCTION agreement_parameters__frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = OLD.agreement_id) THEN
            RAISE EXCEPTION 'agreement_parameters__frozen';
        END IF;
        RETURN OLD;
    END IF;
    -- Also when the same is written again, which changes nothing.
    IF EXISTS (SELECT 1 FROM agreement_document WHERE agreement_id = NEW.agreement_id)
        AND NOT EXISTS (SELECT 1 FROM agreement_parameters WHERE agreement_id = NEW.agreement_id AND parameters = NEW.parameters) THEN
        RAISE EXCEPTION 'agreement_parameters__frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_parameters__frozen BEFORE INSERT OR UPDATE OR DELETE ON agreement_parameters
    FOR EACH ROW EXECUTE FUNCTION agreement_parameters__frozen();
";
