//! The template library keeps what was published: agreements were made from it, so its text never
//! changes, whichever program writes.
//!
//! A version goes from draft to published to retired, and stays. Writing again what is there
//! already changes nothing and is let be.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let (statements, differs) = if is_sqlite { (SQLITE, "IS NOT") } else { (POSTGRES, "IS DISTINCT FROM") };
        let statements = statements.replace("{broken}", BROKEN).replace("{differs}", differs);
        crate::run(manager, &statements).await
    }
}

/// Whether an update of a version does what no rule does: NEW is it afterwards, OLD before.
const BROKEN: &str = "(
    NEW.id <> OLD.id OR NEW.template_id <> OLD.template_id OR NEW.version <> OLD.version
    OR (OLD.state = 'DRAFT' AND NEW.state = 'RETIRED')
    OR (OLD.state <> 'DRAFT' AND (NEW.language <> OLD.language OR NEW.published_at {differs} OLD.published_at))
    OR (OLD.state = 'PUBLISHED' AND NEW.state = 'DRAFT')
    OR (OLD.state = 'RETIRED' AND NEW.state <> 'RETIRED'))";

/// INSERT OR REPLACE deletes a row without a word to the triggers on DELETE, so that inserting is
/// watched as well.
const SQLITE: &str = "
CREATE TRIGGER agreement_template_version__kept__update BEFORE UPDATE ON agreement_template_version WHEN {broken}
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_version__kept');
END;

CREATE TRIGGER agreement_template_version__kept__insert BEFORE INSERT ON agreement_template_version
WHEN EXISTS (SELECT 1 FROM agreement_template_version OLD
    WHERE (OLD.id = NEW.id OR (OLD.template_id = NEW.template_id AND OLD.version = NEW.version)) AND {broken})
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_version__kept');
END;

CREATE TRIGGER agreement_template_version__kept__delete BEFORE DELETE ON agreement_template_version
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_version__kept');
END;

CREATE TRIGGER agreement_template_text__kept__update BEFORE UPDATE ON agreement_template_text
WHEN NEW.version_id <> OLD.version_id OR ((NEW.body <> OLD.body OR NEW.parameters <> OLD.parameters)
    AND EXISTS (SELECT 1 FROM agreement_template_version WHERE id = OLD.version_id AND state <> 'DRAFT'))
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_text__kept');
END;

CREATE TRIGGER agreement_template_text__kept__insert BEFORE INSERT ON agreement_template_text
WHEN EXISTS (SELECT 1 FROM agreement_template_text own JOIN agreement_template_version ON id = version_id
    WHERE version_id = NEW.version_id AND state <> 'DRAFT' AND (NEW.body <> own.body OR NEW.parameters <> own.parameters))
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_text__kept');
END;

CREATE TRIGGER agreement_template_text__kept__delete BEFORE DELETE ON agreement_template_text
BEGIN
    SELECT RAISE(ABORT, 'agreement_template_text__kept');
END;
";

const POSTGRES: &str = "
CREATE FUNCTION agreement_template_version__kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION '%__kept', TG_TABLE_NAME;
    END IF;
    IF {broken} THEN
        RAISE EXCEPTION 'agreement_template_version__kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_template_version__kept BEFORE UPDATE OR DELETE ON agreement_template_version
    FOR EACH ROW EXECUTE FUNCTION agreement_template_version__kept();
CREATE TRIGGER agreement_template_version__kept__all BEFORE TRUNCATE ON agreement_template_version
    FOR EACH STATEMENT EXECUTE FUNCTION agreement_template_version__kept();

CREATE FUNCTION agreement_template_text__kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version_id <> OLD.version_id OR ((NEW.body <> OLD.body OR NEW.parameters <> OLD.parameters)
        AND EXISTS (SELECT 1 FROM agreement_template_version WHERE id = OLD.version_id AND state <> 'DRAFT')) THEN
        RAISE EXCEPTION 'agreement_template_text__kept';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_template_text__kept BEFORE UPDATE ON agreement_template_text
    FOR EACH ROW EXECUTE FUNCTION agreement_template_text__kept();
CREATE TRIGGER agreement_template_text__kept__delete BEFORE DELETE ON agreement_template_text
    FOR EACH ROW EXECUTE FUNCTION agreement_template_version__kept();
CREATE TRIGGER agreement_template_text__kept__all BEFORE TRUNCATE ON agreement_template_text
    FOR EACH STATEMENT EXECUTE FUNCTION agreement_template_version__kept();
";
