//! The history of the register's schema, one change a file, the same in meaning on SQLite and
//! PostgreSQL.
//!
//! A file is plain SQL with a few words in braces that [`run`] turns into each database's own, so
//! that what stands in the database can be read here. Tables are named like the files of `entity`,
//! unique constraints and indexes `table__column__column`: SQLite reports a broken one by its
//! columns, PostgreSQL by its name, and rules look for both.
//!
//! `Database::migrate` of the register applies each migration in one transaction, together with its
//! row in `seaql_migrations`, so a file has no statement that ends a transaction or can't run in
//! one (`VACUUM`, `CREATE INDEX CONCURRENTLY`), and no pragma that SQLite ignores there
//! (`foreign_keys`, `journal_mode`). A migration that makes a table again to which others refer
//! begins with `PRAGMA defer_foreign_keys = ON` on SQLite. A released migration never changes:
//! [`releases`].

pub use self::m2026_11_30_20_trail_forms::{lift_guard, restore_guard};
pub use sea_orm_migration::{MigratorTrait, prelude::*};

pub mod releases;

mod m2026_11_21_01_members;
mod m2026_11_21_02_activities;
mod m2026_11_21_03_templates;
mod m2026_11_21_04_agreements;
mod m2026_11_21_05_invoices;
mod m2026_11_21_06_revenue;
mod m2026_11_21_07_audit;
mod m2026_11_22_01_template_library;
mod m2026_11_22_02_agreement_life;
mod m2026_11_22_03_search;
mod m2026_11_22_04_fee_limits;
mod m2026_11_22_05_agreement_kept;
mod m2026_11_22_06_bank_payments;
mod m2026_11_22_07_invoice_life;
mod m2026_11_22_08_reference_rates;
mod m2026_11_22_09_bank_deductions;
mod m2026_11_22_09_invoice_kept;
mod m2026_11_22_10_revenue_indexes;
mod m2026_11_22_11_fee_rounds;
mod m2026_11_23_01_trail;
mod m2026_11_23_02_contact_reads;
mod m2026_11_23_03_token_revocation;
mod m2026_11_23_04_idempotency;
mod m2026_11_23_05_contact_email;
mod m2026_11_24_01_texts;
mod m2026_11_30_20_trail_forms;
mod m2026_11_30_31_credited;
mod m2026_11_30_40_idempotent_outcomes;
mod m2026_11_30_41_sealed_entries;
mod m2026_11_30_45_person_erasure;
mod m2026_11_30_51_revocations_of_members;
mod m2026_11_30_61_write_probe;
mod m2026_12_01_20_month_end_deadlines;
mod m2026_12_01_21_agreement_reversals;
mod m2026_12_01_22_allocation_basis;
mod m2026_12_01_30_payments_booked;
mod m2026_12_01_31_adjustments;
mod m2026_12_01_40_reminder_compensation;
mod m2026_12_01_41_requisitions;
mod m2026_12_01_42_order_reference;
mod m2026_12_01_43_units;
mod m2026_12_01_50_books_closing;
mod m2026_12_01_51_export_batches;
mod m2026_12_02_10_correcting_vouchers;
mod m2026_12_02_11_posted_on;
mod m2026_12_02_20_cost_ledger;
mod m2026_12_02_30_tax_decisions;
mod m2026_12_02_31_exemption_reasons;
mod m2026_12_02_40_invoice_references;
mod m2026_12_02_50_requisition_withdrawal;
mod m2026_12_02_51_notice_end_decisions;
mod m2026_12_02_61_invoice_lists;
mod m2026_12_02_62_invoice_search;
mod m2026_12_02_63_register_lists;
mod m2026_12_02_64_published_names;
mod m2026_12_02_70_stored_files;
mod m2026_12_03_20_invoice_numbers;
mod m2026_12_03_30_ledger_orders;
mod m2026_12_03_60_growing_lists;
mod m2026_12_03_61_accrued_months;
mod m2026_12_04_10_report_periods;
mod m2026_12_04_60_revenue_of_members;
mod m2026_12_04_61_invoice_order;
mod m2026_12_04_90_command_runs;
mod m2026_12_05_30_list_search;
mod m2026_12_05_31_list_orders;
mod m2026_12_06_10_archived_documents;
mod m2026_12_06_11_archived_document_reads;
mod m2026_12_07_05_offer_days;

/// Every change, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m2026_11_21_01_members::Migration),
            Box::new(m2026_11_21_02_activities::Migration),
            Box::new(m2026_11_21_03_templates::Migration),
            Box::new(m2026_11_21_04_agreements::Migration),
            Box::new(m2026_11_21_05_invoices::Migration),
            Box::new(m2026_11_21_06_revenue::Migration),
            Box::new(m2026_11_21_07_audit::Migration),
            Box::new(m2026_11_22_01_template_library::Migration),
            Box::new(m2026_11_22_02_agreement_life::Migration),
            Box::new(m2026_11_22_03_search::Migration),
            Box::new(m2026_11_22_04_fee_limits::Migration),
            Box::new(m2026_11_22_05_agreement_kept::Migration),
            Box::new(m2026_11_22_06_bank_payments::Migration),
            Box::new(m2026_11_22_07_invoice_life::Migration),
            Box::new(m2026_11_22_08_reference_rates::Migration),
            Box::new(m2026_11_22_09_bank_deductions::Migration),
            Box::new(m2026_11_22_09_invoice_kept::Migration),
            Box::new(m2026_11_22_10_revenue_indexes::Migration),
            Box::new(m2026_11_22_11_fee_rounds::Migration),
            Box::new(m2026_11_23_01_trail::Migration),
            Box::new(m2026_11_23_02_contact_reads::Migration),
            Box::new(m2026_11_23_03_token_revocation::Migration),
            Box::new(m2026_11_23_04_idempotency::Migration),
            Box::new(m2026_11_23_05_contact_email::Migration),
            Box::new(m2026_11_24_01_texts::Migration),
            Box::new(m2026_11_30_20_trail_forms::Migration),
            Box::new(m2026_11_30_31_credited::Migration),
            Box::new(m2026_11_30_40_idempotent_outcomes::Migration),
            Box::new(m2026_11_30_41_sealed_entries::Migration),
            Box::new(m2026_11_30_45_person_erasure::Migration),
            Box::new(m2026_11_30_51_revocations_of_members::Migration),
            Box::new(m2026_11_30_61_write_probe::Migration),
            Box::new(m2026_12_01_20_month_end_deadlines::Migration),
            Box::new(m2026_12_01_21_agreement_reversals::Migration),
            Box::new(m2026_12_01_22_allocation_basis::Migration),
            Box::new(m2026_12_01_30_payments_booked::Migration),
            Box::new(m2026_12_01_31_adjustments::Migration),
            Box::new(m2026_12_01_40_reminder_compensation::Migration),
            Box::new(m2026_12_01_41_requisitions::Migration),
            Box::new(m2026_12_01_42_order_reference::Migration),
            Box::new(m2026_12_01_43_units::Migration),
            Box::new(m2026_12_01_50_books_closing::Migration),
            Box::new(m2026_12_01_51_export_batches::Migration),
            Box::new(m2026_12_02_10_correcting_vouchers::Migration),
            Box::new(m2026_12_02_11_posted_on::Migration),
            Box::new(m2026_12_02_20_cost_ledger::Migration),
            Box::new(m2026_12_02_30_tax_decisions::Migration),
            Box::new(m2026_12_02_31_exemption_reasons::Migration),
            Box::new(m2026_12_02_40_invoice_references::Migration),
            Box::new(m2026_12_02_50_requisition_withdrawal::Migration),
            Box::new(m2026_12_02_51_notice_end_decisions::Migration),
            Box::new(m2026_12_02_61_invoice_lists::Migration),
            Box::new(m2026_12_02_62_invoice_search::Migration),
            Box::new(m2026_12_02_63_register_lists::Migration),
            Box::new(m2026_12_02_64_published_names::Migration),
            Box::new(m2026_12_02_70_stored_files::Migration),
            Box::new(m2026_12_03_20_invoice_numbers::Migration),
            Box::new(m2026_12_03_30_ledger_orders::Migration),
            Box::new(m2026_12_03_60_growing_lists::Migration),
            Box::new(m2026_12_03_61_accrued_months::Migration),
            Box::new(m2026_12_04_10_report_periods::Migration),
            Box::new(m2026_12_04_60_revenue_of_members::Migration),
            Box::new(m2026_12_04_61_invoice_order::Migration),
            Box::new(m2026_12_04_90_command_runs::Migration),
            Box::new(m2026_12_05_30_list_search::Migration),
            Box::new(m2026_12_05_31_list_orders::Migration),
            Box::new(m2026_12_06_10_archived_documents::Migration),
            Box::new(m2026_12_06_11_archived_document_reads::Migration),
            Box::new(m2026_12_07_05_offer_days::Migration),
        ]
    }
}

/// The words in braces with what they are on SQLite and on PostgreSQL.
const WORDS: [(&str, &str, &str); 9] = [
    // A UUID.
    ("{id}", "BLOB", "uuid"),
    ("{int}", "INTEGER", "bigint"),
    ("{small}", "INTEGER", "integer"),
    ("{date}", "TEXT", "date"),
    ("{instant}", "TEXT", "timestamptz"),
    ("{bytes}", "BLOB", "bytea"),
    // A text that sorts byte by byte on both, since the register folds names for Swedish order
    // itself.
    ("{key}", "TEXT", "text COLLATE \"C\""),
    // Stands for a missing day where days are ordered; both databases otherwise put nulls at
    // different ends.
    ("{never}", "'9999-12-31'", "DATE '9999-12-31'"),
    // SQLite checks types only in strict tables.
    ("{strict}", "STRICT", ""),
];

/// Runs the statements of one change.
async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
    let sql = WORDS
        .iter()
        .fold(statements.to_owned(), |sql, (word, on_sqlite, on_postgres)| sql.replace(word, if sqlite { on_sqlite } else { on_postgres }));
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}

/// Runs a statement that stores sums of amounts.
///
/// # Errors
/// Says so when a sum exceeds what a column holds, `i64::MAX` öre: nothing is stored.
async fn run_sums(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    run(manager, statement).await.map_err(|error| {
        let text = error.to_string();
        // PostgreSQL; SQLite for a sum, and for a product, which becomes a float.
        let is_too_large = ["out of range", "integer overflow", "cannot store REAL value"].iter().any(|words| text.contains(words));
        if is_too_large { DbErr::Migration(TOO_LARGE.to_owned()) } else { error }
    })
}

/// The error of a sum that exceeds `i64::MAX` öre.
const TOO_LARGE: &str = "the invoices of one period sum up to more than 92233720368547758.07 kronor, the largest stored total; \
    check the amounts of imported invoices, and migrate again";

/// Declares the change of the file that calls it: its name from the module's, its statements in
/// order. There is no way down: a register's history is not undone.
macro_rules! change {
    ($statements:expr) => {
        /// This change.
        #[derive(sea_orm_migration::prelude::DeriveMigrationName)]
        pub struct Migration;

        #[async_trait::async_trait]
        impl sea_orm_migration::prelude::MigrationTrait for Migration {
            async fn up(&self, manager: &sea_orm_migration::prelude::SchemaManager) -> Result<(), sea_orm_migration::prelude::DbErr> {
                crate::run(manager, $statements).await
            }
        }
    };
}
pub(crate) use change;
