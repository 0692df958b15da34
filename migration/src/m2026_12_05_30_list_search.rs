//! Search words of costs, grants and status reports, and the number of the invoice among the words
//! of payments and refunds.

use sea_orm_migration::prelude::*;

// Between changes the table is empty. Its rows are copied for an import that was interrupted.
const TABLES: &str = "
CREATE TABLE search_stale_before AS SELECT subject_id, noun FROM search_stale;
DROP TABLE search_stale;
CREATE TABLE search_stale (
    subject_id {id} NOT NULL PRIMARY KEY,
    noun text NOT NULL CHECK (noun IN ('ACTIVITY', 'ADJUSTMENT', 'AGREEMENT', 'BANK_PAYMENT', 'CONTACT', 'CONTACT_AREA', 'COST', 'DECISION', 'GRANT', 'INVOICE', 'MEMBER', 'ORGANISATION', 'PAYMENT', 'STATUS_REPORT', 'TEMPLATE'))
) {strict};
INSERT INTO search_stale (subject_id, noun) SELECT subject_id, noun FROM search_stale_before;
DROP TABLE search_stale_before;
";

/// A table that words are made of.
struct Source {
    table: &'static str,
    /// Columns whose change makes words stale.
    columns: &'static [&'static str],
    /// Objects whose words are stale after a change of the row `{row}`: noun, id, and source of the
    /// id.
    stale: &'static [(&'static str, &'static str, &'static str)],
    /// `true` if the words are also stale when a row is inserted or deleted.
    is_own: bool,
}

// Triggers of `m2026_12_02_62_invoice_search` note payments and refunds that are inserted or
// deleted. An invoice has neither of them when it is inserted or deleted.
const SOURCES: [Source; 6] = [
    Source { table: "cost", columns: &["description", "reference"], stale: &[("COST", "{row}.id", "WHERE true")], is_own: true },
    Source { table: "activity_grant", columns: &["funder"], stale: &[("GRANT", "{row}.id", "WHERE true")], is_own: true },
    Source {
        table: "status_report_text",
        columns: &["summary", "deviations", "next_steps"],
        stale: &[("STATUS_REPORT", "{row}.status_report_id", "WHERE true")],
        is_own: true,
    },
    Source { table: "payment", columns: &["invoice_id"], stale: &[("PAYMENT", "{row}.id", "WHERE true")], is_own: false },
    Source {
        table: "adjustment",
        columns: &["invoice_id"],
        stale: &[("ADJUSTMENT", "{row}.id", "WHERE {row}.kind = 'REFUND'")],
        is_own: false,
    },
    Source {
        table: "invoice",
        columns: &["number"],
        stale: &[
            ("PAYMENT", "id", "FROM payment WHERE invoice_id = {row}.id"),
            ("ADJUSTMENT", "id", "FROM adjustment WHERE invoice_id = {row}.id AND kind = 'REFUND'"),
        ],
        is_own: false,
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
        let each = |event: &str, when: &str, row: &str| {
            let notes = self.notes(row);
            let (name, event_name) = (format!("search_lists__{table}__{event}"), event.to_uppercase());
            if sqlite {
                return format!("CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} BEGIN\n{notes}END;\n");
            }
            format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n{notes}RETURN NULL; END $$;\n\
                 CREATE TRIGGER {name} AFTER {event_name} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}();\n"
            )
        };
        let update = each("update", &format!("WHEN ({changed})"), "NEW");
        if self.is_own { [each("insert", "", "NEW"), update, each("delete", "", "OLD")].concat() } else { update }
    }
}

/// Marks the rows that exist.
const EXISTING: &str = "
INSERT INTO search_stale (subject_id, noun) SELECT id, 'COST' FROM cost WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'GRANT' FROM activity_grant WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'STATUS_REPORT' FROM status_report WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'PAYMENT' FROM payment WHERE true ON CONFLICT DO NOTHING;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'ADJUSTMENT' FROM adjustment WHERE kind = 'REFUND' ON CONFLICT DO NOTHING;
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLES).await?;
        for source in &SOURCES {
            crate::run(manager, &source.triggers(sqlite)).await?;
        }
        crate::run(manager, EXISTING).await
    }
}
