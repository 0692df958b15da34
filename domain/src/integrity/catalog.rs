//! Checks the schema of the database: every table, column, constraint, index, trigger and function
//! that the migrations create exists, unchanged and enabled.
//!
//! The expected schema comes from running the migrations: on SQLite in memory, on PostgreSQL in a
//! separate schema, in a transaction that is rolled back. It is therefore always that of this
//! program, as this version of the database system prints it.

use std::collections::BTreeMap;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, Statement, TransactionTrait};

use crate::{
    database::Database,
    error::{Error, Result},
};

/// Objects of SQLite's schema. Excludes the tables that SQLite creates for a search index, and the
/// migrations' own history.
const ON_SQLITE: &str = "
SELECT type || ' ' || name || CASE WHEN type = 'table' THEN '' ELSE ' of ' || tbl_name END,
    sql || CASE WHEN type = 'index'
        AND (sql LIKE '% WHERE %' OR EXISTS (SELECT 1 FROM pragma_index_xinfo(sqlite_master.name) WHERE cid = -2))
        THEN ' with an expression' ELSE '' END
FROM sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND NOT (type = 'table' AND name IN ('search_index_data', 'search_index_idx', 'search_index_content', 'search_index_docsize',
        'search_index_config'))
    AND NOT (type IN ('table', 'index') AND tbl_name = 'seaql_migrations')";

/// Objects of PostgreSQL's schema, each with its definition: tables with their columns, views,
/// constraints, indexes that no constraint creates, triggers, rules, functions and policies.
const ON_POSTGRES: &str = "
WITH own AS (
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> 'seaql_migrations'
)
SELECT 'table ' || relname AS name, CASE WHEN relrowsecurity THEN 'row level security' ELSE '' END AS definition FROM own WHERE relkind = 'r'
UNION ALL
SELECT 'column ' || own.relname || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || CASE WHEN a.attgenerated <> '' THEN ' generated ' ELSE ' default ' END || COALESCE(pg_get_expr(d.adbin, d.adrelid), 'none')
    || CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || co.collname ELSE '' END
FROM own JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = own.oid AND d.adnum = a.attnum WHERE own.relkind = 'r'
UNION ALL
SELECT 'view ' || relname, pg_get_viewdef(oid) FROM own WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'constraint ' || k.conname || ' of ' || own.relname,
    pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' not valid' END
FROM own JOIN pg_constraint k ON k.conrelid = own.oid WHERE k.contype <> 'n'
UNION ALL
SELECT 'index ' || i.relname || ' of ' || own.relname, pg_get_indexdef(x.indexrelid) || CASE WHEN x.indisvalid THEN '' ELSE ' invalid' END
    || CASE WHEN x.indexprs IS NULL AND x.indpred IS NULL THEN '' ELSE ' with an expression' END
FROM own JOIN pg_index x ON x.indrelid = own.oid JOIN own i ON i.oid = x.indexrelid
UNION ALL
SELECT 'trigger ' || t.tgname || ' of ' || c.relname,
    pg_get_triggerdef(t.oid) || CASE WHEN t.tgenabled = 'O' THEN '' ELSE ' disabled' END
FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'rule ' || r.rulename || ' of ' || own.relname, pg_get_ruledef(r.oid)
FROM own JOIN pg_rewrite r ON r.ev_class = own.oid WHERE own.relkind = 'r'
UNION ALL
SELECT 'policy ' || p.polname || ' of ' || own.relname, p.polcmd::text FROM own JOIN pg_policy p ON p.polrelid = own.oid
UNION ALL
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    pg_get_function_result(p.oid) || ' ' || p.provolatile::text || ' ' || COALESCE(array_to_string(p.proconfig, ','), '') || ' ' || p.prosrc
FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')";

/// Query for triggers and foreign keys of PostgreSQL that are disabled although they are unchanged:
/// foreign keys one by one, or all of them by a setting of the database or of a role.
const DISABLED: &str = "
SELECT 'a foreign key of table ' || c.relname || ' is disabled' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O'
UNION
SELECT 'a setting switches all triggers off: ' || setting || COALESCE(' for the role ' || rolname, '')
FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE setting LIKE 'session\\_replication\\_role=%' AND setting NOT LIKE '%=origin'
    AND (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
UNION
SELECT 'all triggers are disabled by session_replication_role' WHERE current_setting('session_replication_role') <> 'origin'
ORDER BY 1";

/// Kinds of objects that act when rows are written. They are violations even if the expected schema
/// does not have them.
const ACTIVE: [&str; 3] = ["trigger ", "rule ", "policy "];

/// Kinds of objects of a table that may have an expression, which the database runs when rows are
/// written.
const WITH_EXPRESSIONS: [&str; 3] = ["column ", "constraint ", "index "];

/// The objects of a schema with their definitions, by kind and name.
type Objects = BTreeMap<String, String>;

/// Returns the definition with single blanks, and without the name of the schema.
fn plain(definition: &str, schema: &str) -> String {
    let words = definition.split_whitespace().collect::<Vec<_>>().join(" ");
    if schema.is_empty() { words } else { words.replace(&format!("{schema}."), "") }
}

/// Reads the schema of the register that `db` is connected to.
async fn objects(db: &impl ConnectionTrait) -> Result<Objects> {
    let backend = db.get_database_backend();
    let (select, schema) = if backend == DbBackend::Postgres {
        let schema = db
            .query_one_raw(Statement::from_string(backend, "SELECT current_schema()::text"))
            .await?;
        (
            ON_POSTGRES,
            schema
                .map(|row| row.try_get_by_index::<Option<String>>(0))
                .transpose()?
                .flatten()
                .unwrap_or_default(),
        )
    } else {
        (ON_SQLITE, String::new())
    };
    let rows = db.query_all_raw(Statement::from_string(backend, select)).await?;
    rows.iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, plain(&row.try_get_by_index::<String>(1)?, &schema)))
        })
        .collect()
}

/// The schema of PostgreSQL in which the migrations run, and which is never committed.
const SCRATCH: &str = "samregister_verify";

/// Returns the objects that the migrations create.
async fn expected(db: &Database) -> Result<Objects> {
    if db.backend() == DbBackend::Sqlite {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1).sqlx_logging(false);
        let memory = sea_orm::Database::connect(options).await?;
        Migrator::up(&memory, None).await?;
        let made = objects(&memory).await?;
        memory.close().await?;
        return Ok(made);
    }
    let tx = db.read().begin().await?;
    tx.execute_unprepared(&format!("CREATE SCHEMA {SCRATCH}; SET LOCAL search_path TO {SCRATCH}"))
        .await?;
    Migrator::up(&tx, None).await?;
    let made = objects(&tx).await?;
    tx.rollback().await?;
    Ok(made)
}

/// Returns the names of the register's tables, in order.
pub async fn tables(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    Ok(objects(db)
        .await?
        .keys()
        .filter_map(|name| name.strip_prefix("table ").map(str::to_owned))
        .collect())
}

/// Finds missing and changed objects of the schema, and triggers that the migrations do not create.
/// `tx` reads the register.
pub(super) async fn violations(db: &Database, tx: &impl ConnectionTrait) -> Result<Vec<String>> {
    let expected = match expected(db).await {
        Ok(expected) => expected,
        Err(Error::Internal(cause)) => {
            let reason = "schema: it can't be checked, because the migrations can't be run in a temporary schema; may this user create a schema in the database \
                          (GRANT CREATE ON DATABASE …)?";
            return Ok(vec![format!("{reason} {cause}")]);
        }
        Err(other) => return Err(other),
    };
    let mut found = compare(&expected, objects(tx).await?);
    if db.backend() == DbBackend::Postgres {
        for row in tx.query_all_raw(Statement::from_string(DbBackend::Postgres, DISABLED)).await? {
            found.push(format!("schema: {}", row.try_get_by_index::<String>(0)?));
        }
    }
    Ok(found)
}

fn compare(expected: &Objects, mut objects: Objects) -> Vec<String> {
    let mut found = Vec::new();
    for (name, definition) in expected {
        match objects.remove(name) {
            None => found.push(format!("schema: the {name} is missing")),
            Some(other) if other == format!("{definition} disabled") => {
                found.push(format!("schema: the {name} is disabled"))
            }
            Some(other) if other != *definition => {
                found.push(format!("schema: the {name} differs from the migrations"))
            }
            Some(_) => {}
        }
    }
    let strange = objects.iter().filter(|(name, definition)| is_active(name, definition, expected));
    found.extend(
        strange.map(|(name, _)| format!("schema: the {name} is not part of the register's schema")),
    );
    found
}

/// Returns `true` if an object that the migrations do not create acts when rows of the register are
/// written.
fn is_active(name: &str, definition: &str, expected: &Objects) -> bool {
    if ACTIVE.iter().any(|kind| name.starts_with(kind)) {
        return true;
    }
    let of = WITH_EXPRESSIONS.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or_default();
    let table = of
        .rsplit_once(" of ")
        .map(|(_, table)| table)
        .or_else(|| of.split_once('.').map(|(table, _)| table));
    let is_of_register =
        table.is_some_and(|table| expected.contains_key(&format!("table {table}")));
    let has_expression = name.starts_with("column ")
        || definition.starts_with("CHECK ")
        || definition.starts_with("EXCLUDE ")
        || definition.ends_with(" with an expression");
    is_of_register && has_expression
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: &[(&str, &str)]) -> Objects {
        objects
            .iter()
            .map(|(name, definition)| ((*name).to_owned(), plain(definition, "s")))
            .collect()
    }

    #[test]
    fn differences_are_named() {
        let made = [
            ("table t", "CREATE TABLE s.t (\n b text )"),
            ("index a of t", "CREATE INDEX a ON s.t (b)"),
            ("trigger k of t", "X"),
        ];
        let found = |objects: &[(&str, &str)]| compare(&of(&made), of(objects));
        let good = [
            ("table t", "CREATE TABLE t ( b text )"),
            ("index a of t", "CREATE INDEX a ON t (b)"),
            ("trigger k of t", "X"),
            ("index z of t", ""),
            ("index y of other", "CREATE INDEX y ON other (f(b)) with an expression"),
            ("constraint u of t", "UNIQUE (b)"),
        ];
        assert_eq!(found(&good), [""; 0]);
        assert_eq!(found(&good[1..]), ["schema: the table t is missing"]);
        let mut bad = good;
        bad[0].1 = "CREATE TABLE t (b text, c text)";
        bad[2].1 = "X disabled";
        bad[3].0 = "trigger z of t";
        bad[4].0 = "index y of t";
        bad[5].1 = "CHECK (f(b))";
        assert_eq!(
            found(&bad),
            [
                "schema: the table t differs from the migrations",
                "schema: the trigger k of t is disabled",
                "schema: the constraint u of t is not part of the register's schema",
                "schema: the index y of t is not part of the register's schema",
                "schema: the trigger z of t is not part of the register's schema",
            ]
        );
    }
}
