//! A year's fee that was invoiced and wholly credited can be invoiced again: each time is a round
//! of its own, and in each the fee is invoiced once.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, &format!("{TABLE}{}", if is_sqlite { SQLITE } else { POSTGRES })).await
    }
}

/// SQLite can't change a constraint, so that the table is rebuilt.
const TABLE: &str = "
ALTER TABLE fee_charge RENAME TO fee_charge_before;
CREATE TABLE fee_charge (
    line_id {id} NOT NULL PRIMARY KEY REFERENCES invoice_line (id),
    kind text NOT NULL CHECK (kind IN ('SPECIAL_FEE', 'SERVICE_FEE', 'MEMBERSHIP_FEE')),
    year {small} NOT NULL,
    round {small} NOT NULL CHECK (round > 0),
    agreement_id {id} REFERENCES agreement (id),
    member_id {id} REFERENCES member (id),
    CONSTRAINT fee_charge__agreement_id__year__round UNIQUE (agreement_id, year, round),
    CONSTRAINT fee_charge__member_id__year__kind__round UNIQUE (member_id, year, kind, round),
    CHECK ((kind = 'SPECIAL_FEE') = (agreement_id IS NOT NULL)),
    CHECK ((kind = 'SPECIAL_FEE') = (member_id IS NULL))
) {strict};
INSERT INTO fee_charge (line_id, kind, year, round, agreement_id, member_id)
    SELECT line_id, kind, year, 1, agreement_id, member_id FROM fee_charge_before;
DROP TABLE fee_charge_before;
CREATE INDEX fee_charge__kind__year ON fee_charge (kind, year);
";

const SQLITE: &str = "
CREATE TRIGGER fee_charge__insert BEFORE INSERT ON fee_charge WHEN EXISTS (
    SELECT 1 FROM fee_charge WHERE line_id = NEW.line_id
        OR (agreement_id = NEW.agreement_id AND year = NEW.year AND round = NEW.round)
        OR (member_id = NEW.member_id AND year = NEW.year AND kind = NEW.kind AND round = NEW.round)
)
BEGIN
    SELECT RAISE(ABORT, 'fee_charge__kept');
END;
CREATE TRIGGER fee_charge__update BEFORE UPDATE ON fee_charge
BEGIN
    SELECT RAISE(ABORT, 'fee_charge__kept');
END;
CREATE TRIGGER fee_charge__delete BEFORE DELETE ON fee_charge
BEGIN
    SELECT RAISE(ABORT, 'fee_charge__kept');
END;
";

const POSTGRES: &str = "
CREATE TRIGGER fee_charge__kept BEFORE UPDATE OR DELETE ON fee_charge FOR EACH ROW EXECUTE FUNCTION kept();
CREATE TRIGGER fee_charge__kept__all BEFORE TRUNCATE ON fee_charge FOR EACH STATEMENT EXECUTE FUNCTION kept();
";
