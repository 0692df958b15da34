//! The content of a database as text: its schema from the catalog, and every row.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::support::test_database::TestDatabase;

/// The schema and the rows of a database, without what depends on the time at which it was
/// migrated.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    /// A line for each table, column, index, constraint, trigger, function and view.
    pub schema: Vec<String>,
    /// The rows of each table as JSON, sorted.
    pub rows: BTreeMap<String, Vec<String>>,
}

/// Query for the parts of a schema of PostgreSQL.
const POSTGRES: &str = "
    SELECT 'column ' || table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || COALESCE(column_default, '-')
        || ' ' || COALESCE(collation_name, '-') || ' ' || COALESCE(generation_expression, '-')
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND prolang <> 12
    UNION ALL SELECT 'view ' || viewname || ' ' || definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace";

impl Content {
    /// Reads all of a database. Every row of `seaql_migrations` counts but for its time; statistics
    /// don't, nor do the last runs of commands, which are no part of a register.
    pub async fn of(database: &TestDatabase) -> Self {
        let db = sea_orm::Database::connect(database.url()).await.unwrap();
        let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
        let schema = if is_sqlite {
            "SELECT type || ' ' || name || ' ' || COALESCE(sql, '-') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'"
        } else {
            POSTGRES
        };
        let mut schema = column(&db, schema).await;
        schema.sort();
        let tables = if is_sqlite {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_index%'"
        } else {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        };
        let mut rows = BTreeMap::new();
        for table in column(&db, tables).await {
            if table == "command_run" {
                continue;
            }
            let mut found = column(&db, &rows_of(&db, &table, is_sqlite).await).await;
            found.sort();
            rows.insert(table, found);
        }
        db.close().await.unwrap();
        Self { schema, rows }
    }

    /// The tables without a row.
    pub fn empty_tables(&self) -> Vec<&str> {
        self.rows
            .iter()
            .filter(|(_, rows)| rows.is_empty())
            .map(|(table, _)| table.as_str())
            .collect()
    }
}

/// The query of a table's rows as texts.
async fn rows_of(db: &DatabaseConnection, table: &str, is_sqlite: bool) -> String {
    if !is_sqlite {
        return format!("SELECT (to_jsonb(t) - 'applied_at')::text FROM \"{table}\" t");
    }
    let columns = column(
        db,
        &format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'applied_at'"),
    )
    .await;
    let pairs: Vec<_> = columns.iter().map(|name| format!("'{name}', quote(\"{name}\")")).collect();
    format!("SELECT json_object({}) FROM \"{table}\"", pairs.join(", "))
}

/// The first column of a query's rows.
async fn column(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
