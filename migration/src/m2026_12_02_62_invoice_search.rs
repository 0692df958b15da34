//! Search words of invoices, payments, refunds and bank payments, noted as stale by triggers as
//! those of the other entity types are.

use sea_orm_migration::prelude::*;

// Between changes the table is empty. Its rows are copied for an import that was interrupted.
const TABLES: &str = "
CREATE TABLE search_stale_before AS SELECT subject_id, noun FROM search_stale;
DROP TABLE search_stale;
CREATE TABLE search_stale (
    subject_id {id} NOT NULL PRIMARY KEY,
    noun text NOT NULL CHECK (noun IN ('ACTIVITY', 'ADJUSTMENT', 'AGREEMENT', 'BANK_PAYMENT', 'INVOICE', 'MEMBER', 'PAYMENT', 'TEMPLATE'))
) {strict};
INSERT INTO search_stale (subject_id, noun) SELECT subject_id, noun FROM search_stale_before;
DROP TABLE search_stale_before;
";

// Names of persons are among the words from now on: a word that is removed leaves the file at once.
const ON_SQLITE: &str = "
INSERT INTO search_index (search_index, rank) VALUES ('secure-delete', 1);
";

/// A table that words are made of.
struct Source {
    table: &'static str,
    /// Columns whose change makes words stale.
    columns: &'static [&'static str],
    /// Objects whose words are stale after a change of the row `{row}`: noun, id, and source of the
    /// id.
    stale: &'static [(&'static str, &'static str, &'static str)],
}

const SOURCES: [Source; 8] = [
    Source {
        table: "invoice",
        columns: &["number", "ocr", "member_id", "organisation_id", "order_reference", "our_reference", "buyer_reference"],
        stale: &[("INVOICE", "{row}.id", "WHERE true")],
    },
    Source { table: "invoice_line", columns: &["invoice_id", "description"], stale: &[("INVOICE", "{row}.invoice_id", "WHERE true")] },
    Source { table: "member", columns: &["name"], stale: &[("INVOICE", "id", "FROM invoice WHERE member_id = {row}.id")] },
    Source {
        table: "member_former_name",
        columns: &["member_id", "name"],
        stale: &[("INVOICE", "id", "FROM invoice WHERE member_id = {row}.member_id")],
    },
    Source { table: "organisation", columns: &["name"], stale: &[("INVOICE", "id", "FROM invoice WHERE organisation_id = {row}.id")] },
    Source { table: "payment", columns: &["reference"], stale: &[("PAYMENT", "{row}.id", "WHERE true")] },
    Source { table: "adjustment", columns: &["reference"], stale: &[("ADJUSTMENT", "{row}.id", "WHERE {row}.kind = 'REFUND'")] },
    Source {
        table: "bank_payment",
        columns: &["reference", "message", "payer_name", "bank_reference"],
        stale: &[("BANK_PAYMENT", "{row}.id", "WHERE true")],
    },
];

impl Source {
    /// Returns the statements that note stale words of a row.
    fn notes(&self, row: &str) -> String {
        let note = |(noun, id, from): &(&str, &str, &str)| {
            format!("INSERT INTO search_stale (subject_id, noun) SELECT {id}, '{noun}' {from} ON CONFLICT DO NOTHING;\n")
                .replace("{row}", row)
        };
        self.stale.iter().map(note).collect()
    }

    fn is_changed(&self) -> String {
        self.columns.iter().map(|column| format!("OLD.{column} IS DISTINCT FROM NEW.{column}")).collect::<Vec<_>>().join(" OR ")
    }

    fn triggers(&self, sqlite: bool) -> String {
        let (table, changed) = (self.table, self.is_changed());
        let each = |event: &str, when: &str, rows: &[&str]| {
            let notes: String = rows.iter().map(|row| self.notes(row)).collect();
            let (name, event_name) = (format!("search_accounts__{table}__{event}"), event.to_uppercase());
            if sqlite {
                return format!("CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} BEGIN\n{notes}END;\n");
            }
            format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n{notes}RETURN NULL; END $$;\n\
                 CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}();\n"
            )
        };
        [each("insert", "", &["NEW"]), each("update", &format!("WHEN ({changed})"), &["OLD", "NEW"]), each("delete", "", &["OLD"])].concat()
    }
}

/// Marks the rows that exist.
const EXISTING: &str = "
INSERT INTO search_stale (subject_id, noun) SELECT id, 'INVOICE' FROM invoice WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'PAYMENT' FROM payment WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'ADJUSTMENT' FROM adjustment WHERE kind = 'REFUND' ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'BANK_PAYMENT' FROM bank_payment WHERE true ON CONFLICT DO NOTHING;
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLES).await?;
        if sqlite {
            crate::run(manager, ON_SQLITE).await?;
        }
        for source in &SOURCES {
            crate::run(manager, &source.triggers(sqlite)).await?;
        }
        crate::run(manager, EXISTING).await
    }
}
