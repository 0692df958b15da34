//! Tax decisions: how VAT is treated on each fee. A price may leave its treatment to them; those
//! that were set before keep what they say.

use sea_orm_migration::prelude::*;

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLE).await?;
        crate::run(manager, if is_sqlite { SQLITE } else { POSTGRES }).await
    }
}

const TABLE: &str = "
CREATE TABLE tax_decision (
    id {id} NOT NULL PRIMARY KEY,
    fee text NOT NULL CHECK (fee IN ('SPECIAL_FEE', 'SERVICE_FEE', 'MEMBERSHIP_FEE')),
    activity_id {id} REFERENCES activity (id),
    valid_from {date} NOT NULL,
    vat_rate text NOT NULL CHECK (vat_rate IN ('STANDARD_25', 'REDUCED_12', 'REDUCED_6', 'EXEMPT', 'OUTSIDE_SCOPE')),
    exemption_reason text,
    exemption_code text,
    decided_on {date} NOT NULL,
    reference text NOT NULL,
    CHECK ((fee = 'SPECIAL_FEE') = (activity_id IS NOT NULL)),
    CHECK ((vat_rate = 'EXEMPT') = (exemption_reason IS NOT NULL)),
    CHECK (exemption_code IS NULL OR vat_rate = 'EXEMPT')
) {strict};
CREATE UNIQUE INDEX tax_decision__activity_id__valid_from ON tax_decision (activity_id, valid_from);
CREATE UNIQUE INDEX tax_decision__fee__valid_from ON tax_decision (fee, valid_from) WHERE activity_id IS NULL;
";

/// SQLite can't change a column, so that the table is made again. No table refers to it.
const SQLITE: &str = "
ALTER TABLE fee_schedule RENAME TO fee_schedule_before;
CREATE TABLE fee_schedule (
    id {id} NOT NULL PRIMARY KEY,
    activity_id {id} REFERENCES activity (id),
    valid_from {date} NOT NULL,
    valid_to {date},
    basis text NOT NULL CHECK (basis IN ('FIXED_PER_YEAR', 'PER_MILLE_OF_ALLOCATION', 'PER_PARTICIPANT', 'ONE_OFF')),
    amount {int} CHECK (amount >= 0),
    per_mille {int} CHECK (per_mille BETWEEN 0 AND 1000000),
    cap {int} CHECK (cap >= 0),
    minimum {int} CHECK (minimum >= 0),
    vat_rate text CHECK (vat_rate IN ('STANDARD_25', 'REDUCED_12', 'REDUCED_6', 'ZERO', 'EXEMPT', 'OUTSIDE_SCOPE')),
    decision_id {id} REFERENCES decision (id),
    allocation_basis text CHECK (allocation_basis IN ('ALL_PARTIES', 'STATE_SHARE')),
    CHECK (valid_to >= valid_from),
    CHECK (minimum <= cap),
    CHECK ((basis = 'PER_MILLE_OF_ALLOCATION') = (per_mille IS NOT NULL)),
    CHECK ((basis = 'PER_MILLE_OF_ALLOCATION') = (amount IS NULL)),
    CHECK (allocation_basis IS NULL OR basis = 'PER_MILLE_OF_ALLOCATION')
) {strict};
INSERT INTO fee_schedule
        (id, activity_id, valid_from, valid_to, basis, amount, per_mille, cap, minimum, vat_rate, decision_id, allocation_basis)
    SELECT id, activity_id, valid_from, valid_to, basis, amount, per_mille, cap, minimum, vat_rate, decision_id, allocation_basis
    FROM fee_schedule_before;
DROP TABLE fee_schedule_before;
CREATE UNIQUE INDEX fee_schedule__activity_id__valid_from__basis ON fee_schedule (activity_id, valid_from, basis);
CREATE UNIQUE INDEX fee_schedule__valid_from__basis ON fee_schedule (valid_from, basis) WHERE activity_id IS NULL;
";

const POSTGRES: &str = "
ALTER TABLE fee_schedule ALTER COLUMN vat_rate DROP NOT NULL;
";
