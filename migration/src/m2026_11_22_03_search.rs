//! The search index: the folded words of whatever is searched for, and which of it they must be
//! rebuilt for.
//!
//! The words are made by the program, which knows Swedish letters; the database knows which rows
//! they are made of. Whatever way such a row is written, a trigger notes whose words are stale, so
//! that no way can be forgotten.

use sea_orm_migration::prelude::*;

const TABLES: &str = "
CREATE TABLE search_stale (
    subject_id {id} NOT NULL PRIMARY KEY,
    noun text NOT NULL CHECK (noun IN ('ACTIVITY', 'AGREEMENT', 'MEMBER', 'TEMPLATE'))
) {strict};
";

// The words are folded already: the tokenizer only parts them at the blanks between them.
const ON_SQLITE: &str = "
CREATE TABLE search_document (
    id INTEGER PRIMARY KEY,
    subject_id BLOB NOT NULL CONSTRAINT search_document__subject_id UNIQUE,
    words TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE search_index USING fts5 (
    words, content = 'search_document', content_rowid = 'id', tokenize = \"ascii tokenchars '-'\", detail = none, columnsize = 0
);
CREATE TRIGGER search_document__insert AFTER INSERT ON search_document BEGIN
    INSERT INTO search_index (rowid, words) VALUES (NEW.id, NEW.words);
END;
CREATE TRIGGER search_document__delete AFTER DELETE ON search_document BEGIN
    INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', OLD.id, OLD.words);
END;
CREATE TRIGGER search_document__update AFTER UPDATE ON search_document BEGIN
    INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', OLD.id, OLD.words);
    INSERT INTO search_index (rowid, words) VALUES (NEW.id, NEW.words);
END;
";

const ON_POSTGRES: &str = "
CREATE TABLE search_document (
    subject_id uuid NOT NULL PRIMARY KEY,
    words text NOT NULL,
    vector tsvector NOT NULL GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
);
CREATE INDEX search_document__vector ON search_document USING gin (vector);
";

/// A table that words are made of.
struct Source {
    table: &'static str,
    /// The columns that count when a row changes.
    columns: &'static [&'static str],
    /// Whose words are stale when the row `{row}` comes, changes or goes.
    stale: &'static [Stale],
}

/// A noun, its id and where that is found.
type Stale = (&'static str, &'static str, &'static str);

const ITS_MEMBER: Stale = ("MEMBER", "{row}.member_id", "WHERE true");
const AGREEMENTS_OF_ITS_MEMBER: Stale = ("AGREEMENT", "id", "FROM agreement WHERE member_id = {row}.member_id");

const SOURCES: [Source; 8] = [
    Source {
        table: "member",
        columns: &["name", "org_number"],
        stale: &[("MEMBER", "{row}.id", "WHERE true"), ("AGREEMENT", "id", "FROM agreement WHERE member_id = {row}.id")],
    },
    Source { table: "member_former_name", columns: &["member_id", "name"], stale: &[ITS_MEMBER, AGREEMENTS_OF_ITS_MEMBER] },
    Source { table: "member_municipality", columns: &["member_id", "municipality"], stale: &[ITS_MEMBER] },
    Source { table: "organisation", columns: &["name"], stale: &[("AGREEMENT", "id", "FROM agreement WHERE organisation_id = {row}.id")] },
    Source {
        table: "activity",
        columns: &["name", "slug"],
        stale: &[
            ("ACTIVITY", "{row}.id", "WHERE true"),
            ("AGREEMENT", "id", "FROM agreement WHERE activity_id = {row}.id"),
            ("TEMPLATE", "id", "FROM agreement_template WHERE activity_id = {row}.id"),
        ],
    },
    Source { table: "agreement_template", columns: &["slug", "title", "activity_id"], stale: &[("TEMPLATE", "{row}.id", "WHERE true")] },
    Source {
        table: "agreement",
        columns: &["number", "activity_id", "member_id", "organisation_id"],
        stale: &[("AGREEMENT", "{row}.id", "WHERE true")],
    },
    Source {
        table: "agreement_parameters",
        columns: &["agreement_id", "parameters"],
        stale: &[("AGREEMENT", "{row}.agreement_id", "WHERE true")],
    },
];

impl Source {
    /// The statements that note what is stale for a row.
    fn notes(&self, row: &str) -> String {
        let note = |(noun, id, from): &Stale| {
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
            let (name, event_name) = (format!("search__{table}__{event}"), event.to_uppercase());
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

/// What is there already.
const EXISTING: &str = "
INSERT INTO search_stale (subject_id, noun) SELECT id, 'ACTIVITY' FROM activity;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'AGREEMENT' FROM agreement;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'MEMBER' FROM member;
INSERT INTO search_stale (subject_id, noun) SELECT id, 'TEMPLATE' FROM agreement_template;
";

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLES).await?;
        crate::run(manager, if sqlite { ON_SQLITE } else { ON_POSTGRES }).await?;
        for source in &SOURCES {
            crate::run(manager, &source.triggers(sqlite)).await?;
        }
        crate::run(manager, EXISTING).await
    }
}
