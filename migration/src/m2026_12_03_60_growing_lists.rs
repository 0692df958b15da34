//! Indexes for what grows with the register: expiring agreements by their next deadline, open
//! invoices in the orders of lists, participation agreements with all that decides whether they are
//! in force, and invoices of members with their sums.

use sea_orm_migration::prelude::*;

// Of the agreements, those that can have a deadline. The day of a later term's deadline is the same
// in each of its months, or the last day of the month, which is 31 here. Of the invoices, those
// that are not settled; those that were settled after a day are found by their day.
const BOTH: &str = "
CREATE INDEX agreement__next_deadline ON agreement (renewal_months, deadline_month, {day}, id)
    WHERE deadline_month IS NOT NULL AND replaced_from IS NULL AND signed_on IS NOT NULL;
CREATE INDEX agreement__first_deadline ON agreement (deadline_on, id) WHERE replaced_from IS NULL AND signed_on IS NOT NULL;

DROP INDEX agreement__activity_id__member_id;
CREATE INDEX agreement__participation ON agreement
    (activity_id, member_id, starts_on, signed_on, ends_on, renewal_months, notice_given_on, replaced_from, withdrawn_on)
    WHERE kind = 'PARTICIPATION';

DROP INDEX invoice__open__due_on;
CREATE INDEX invoice__open__due_on ON invoice (COALESCE(due_on, {never}), id, due_on, issued_on, credited_on, kind) WHERE settled_on IS NULL;
CREATE INDEX invoice__open__number_key ON invoice (number_key, id, due_on, issued_on, credited_on, kind) WHERE settled_on IS NULL;
DROP INDEX invoice__settled_on;
CREATE INDEX invoice__settled_on ON invoice (settled_on, number_key, id) WHERE settled_on IS NOT NULL;
DROP INDEX invoice__member_id__issued_on;
CREATE INDEX invoice__member_id__issued_on ON invoice (member_id, issued_on, kind, net, vat);
";

const DAY_ON_SQLITE: &str = "(CASE WHEN substr(date(ends_on, '+1 day'), 9) = '01' THEN 31 ELSE CAST(substr(ends_on, 9) AS INTEGER) END)";

const DAY_ON_POSTGRES: &str = "(CASE WHEN EXTRACT(DAY FROM ends_on + 1) = 1 THEN 31 ELSE CAST(EXTRACT(DAY FROM ends_on) AS integer) END)";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, &BOTH.replace("{day}", if sqlite { DAY_ON_SQLITE } else { DAY_ON_POSTGRES })).await
    }
}
