//! The import's own temporary tables, so that its memory does not grow with the files: which keys
//! were read, which of them in bad rows, the lines and payments that wait for their invoices, and
//! the new credit notes that are looked at when all of them are there. They are gone when the
//! transaction ends.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::id::InvoiceId;
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Alias, Expr, OnConflict, Order, Query, SimpleExpr},
};

use uuid::Uuid;

use super::{File, bulk_insert::blocks};
use crate::{
    database::{among, among_words},
    error::Result,
};

const TABLES: [&str; 4] = ["import_seen", "import_bad", "import_row", "import_credit"];

/// Makes the tables.
pub(super) async fn prepare(tx: &impl ConnectionTrait) -> Result<()> {
    clear(tx).await?;
    // Keys come first in the indexes: PostgreSQL would else read all of a file's entries to have
    // them in the order that it groups by.
    let (key, id, gone) = if is_postgres(tx) {
        ("text COLLATE \"C\"", "uuid", "ON COMMIT DROP")
    } else {
        ("text", "blob", "")
    };
    tx.execute_unprepared(&format!(
        "CREATE TEMP TABLE import_seen (file integer NOT NULL, key {key} NOT NULL, line bigint NOT NULL) {gone};
         CREATE INDEX import_seen__key__file ON import_seen (key, file);
         CREATE TEMP TABLE import_bad (file integer NOT NULL, key {key} NOT NULL, PRIMARY KEY (key, file)) {gone};
         CREATE TEMP TABLE import_row (file integer NOT NULL, key {key} NOT NULL, line bigint NOT NULL, record text NOT NULL) {gone};
         CREATE TEMP TABLE import_credit (credited {id} NOT NULL, note {id} NOT NULL, line bigint NOT NULL, PRIMARY KEY (credited, note)) {gone};"
    ))
    .await?;
    if is_postgres(tx) {
        // Statements are planned once, while the tables are still small, and would go on reading
        // them from end to end.
        tx.execute_unprepared("SET LOCAL enable_seqscan = off").await?;
    } else {
        // The indexes of hundreds of thousands of new rows don't fit in the usual 2 MB, and would
        // be written to disk over and over.
        tx.execute_unprepared("PRAGMA cache_size = -49152").await?;
    }
    Ok(())
}

/// Removes the tables, and what was set besides.
pub(super) async fn clear(tx: &impl ConnectionTrait) -> Result<()> {
    for table in TABLES {
        // Only the temporary one: a table of the register is never meant.
        let schema = if is_postgres(tx) { "pg_temp" } else { "temp" };
        tx.execute_unprepared(&format!("DROP TABLE IF EXISTS {schema}.{table}")).await?;
    }
    if !is_postgres(tx) {
        tx.execute_unprepared("PRAGMA cache_size = -2000").await?;
    }
    Ok(())
}

/// For statements over whole tables, which on PostgreSQL are better off with plans of their own.
pub(super) async fn allow_scans(tx: &impl ConnectionTrait) -> Result<()> {
    if is_postgres(tx) {
        tx.execute_unprepared("SET LOCAL enable_seqscan = on").await?;
    }
    Ok(())
}

fn is_postgres(tx: &impl ConnectionTrait) -> bool {
    tx.get_database_backend() == DbBackend::Postgres
}

fn number(file: File) -> i32 {
    file as i32
}

fn of(file: File) -> SimpleExpr {
    column("file").eq(number(file))
}

fn column(name: &'static str) -> SimpleExpr {
    Expr::col(Alias::new(name))
}

fn among_keys<'a>(
    tx: &impl ConnectionTrait,
    keys: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> SimpleExpr {
    among_words(tx.get_database_backend(), column("key"), keys)
}

/// The keys among these that rows of the file had before, each with the first one's line and how
/// many there were.
pub(super) async fn seen(
    tx: &impl ConnectionTrait,
    file: File,
    keys: &BTreeSet<String>,
) -> Result<HashMap<String, (u64, u64)>> {
    // Grouped here: to have the groups in order, PostgreSQL would read its index from end to end.
    let select = Query::select()
        .exprs(["key", "line"].map(column))
        .from(Alias::new("import_seen"))
        .and_where(of(file))
        .and_where(among_keys(tx, keys))
        .take();
    let mut seen: HashMap<String, (u64, u64)> = HashMap::new();
    for row in tx.query_all(&select).await? {
        let line: i64 = row.try_get_by_index(1)?;
        let (first, count) = seen.entry(row.try_get_by_index(0)?).or_insert((u64::MAX, 0));
        *first = Ord::min(*first, line.unsigned_abs());
        *count += 1;
    }
    Ok(seen)
}

/// Notes that rows of the file have these keys.
pub(super) async fn note_seen(
    tx: &impl ConnectionTrait,
    file: File,
    keys: Vec<(String, u64)>,
) -> Result<()> {
    for block in blocks(keys) {
        let mut insert = Query::insert()
            .into_table(Alias::new("import_seen"))
            .columns(["file", "key", "line"].map(Alias::new))
            .take();
        for (key, line) in block {
            insert.values_panic([
                Expr::val(number(file)),
                Expr::val(key),
                Expr::val(line.cast_signed()),
            ]);
        }
        tx.execute(&insert).await?;
    }
    Ok(())
}

/// The keys among these that stand in bad rows.
pub(super) async fn bad(
    tx: &impl ConnectionTrait,
    file: File,
    keys: &BTreeSet<String>,
) -> Result<HashSet<String>> {
    let select = Query::select()
        .expr(column("key"))
        .from(Alias::new("import_bad"))
        .and_where(of(file))
        .and_where(among_keys(tx, keys))
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Notes that rows with these keys are bad.
pub(super) async fn note_bad(
    tx: &impl ConnectionTrait,
    keys: BTreeSet<(File, String)>,
) -> Result<()> {
    for block in blocks(keys.into_iter().collect()) {
        let mut insert = Query::insert()
            .into_table(Alias::new("import_bad"))
            .columns(["file", "key"].map(Alias::new))
            .take();
        for (file, key) in block {
            insert.values_panic([Expr::val(number(file)), Expr::val(key)]);
        }
        insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        tx.execute(&insert).await?;
    }
    Ok(())
}

/// A row that waits for its invoice.
pub(super) struct Waiting {
    /// The invoice's key.
    pub key: String,
    /// The line that it begins on.
    pub line: u64,
    /// What it says, as JSON.
    pub record: String,
}

/// Puts rows of the file aside.
pub(super) async fn put_aside(
    tx: &impl ConnectionTrait,
    file: File,
    rows: Vec<Waiting>,
) -> Result<()> {
    for block in blocks(rows) {
        let mut insert = Query::insert()
            .into_table(Alias::new("import_row"))
            .columns(["file", "key", "line", "record"].map(Alias::new))
            .take();
        for row in block {
            insert.values_panic([
                Expr::val(number(file)),
                Expr::val(row.key),
                Expr::val(row.line.cast_signed()),
                Expr::val(row.record),
            ]);
        }
        tx.execute(&insert).await?;
    }
    Ok(())
}

/// Makes the rows that were put aside quick to find; call it when all of them are there.
pub(super) async fn index(tx: &impl ConnectionTrait) -> Result<()> {
    tx.execute_unprepared(
        "CREATE INDEX import_row__key__file__line ON import_row (key, file, line)",
    )
    .await?;
    if is_postgres(tx) {
        tx.execute_unprepared("ANALYZE import_row").await?;
    }
    Ok(())
}

/// The rows of the file that wait for these invoices, in the file's order.
pub(super) async fn waiting(
    tx: &impl ConnectionTrait,
    file: File,
    keys: &BTreeSet<String>,
) -> Result<Vec<Waiting>> {
    let select = Query::select()
        .exprs(["key", "line", "record"].map(column))
        .from(Alias::new("import_row"))
        .and_where(of(file))
        .and_where(among_keys(tx, keys))
        .order_by(Alias::new("key"), Order::Asc)
        .order_by(Alias::new("line"), Order::Asc)
        .take();
    let found = tx.query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let line: i64 = row.try_get_by_index(1)?;
        Ok(Waiting {
            key: row.try_get_by_index(0)?,
            line: line.unsigned_abs(),
            record: row.try_get_by_index(2)?,
        })
    };
    found.iter().map(row).collect()
}

/// The next invoices after this key that rows wait for though no row of invoices.csv has their key.
pub(super) async fn without_head(
    tx: &impl ConnectionTrait,
    after: &str,
    most: u64,
) -> Result<Vec<String>> {
    let head = Query::select()
        .expr(Expr::cust("1"))
        .from_as(Alias::new("import_seen"), Alias::new("s"))
        .and_where(Expr::col((Alias::new("s"), Alias::new("file"))).eq(number(File::Invoices)))
        .and_where(Expr::cust("s.key = import_row.key"))
        .take();
    let select = Query::select()
        .distinct()
        .expr(column("key"))
        .from(Alias::new("import_row"))
        .and_where(column("key").gt(after))
        .and_where(Expr::exists(head).not())
        .order_by(Alias::new("key"), Order::Asc)
        .limit(most)
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// A credit note that the import brings, with the line of invoices.csv that it begins on.
pub(super) struct NewCredit {
    pub credited: InvoiceId,
    pub note: InvoiceId,
    pub line: u64,
}

/// Notes new credit notes.
pub(super) async fn note_credits(tx: &impl ConnectionTrait, notes: Vec<NewCredit>) -> Result<()> {
    for block in blocks(notes) {
        let mut insert = Query::insert()
            .into_table(Alias::new("import_credit"))
            .columns(["credited", "note", "line"].map(Alias::new))
            .take();
        for new in block {
            insert.values_panic([
                Expr::val(new.credited.0),
                Expr::val(new.note.0),
                Expr::val(new.line.cast_signed()),
            ]);
        }
        tx.execute(&insert).await?;
    }
    Ok(())
}

/// The new credit notes of the next invoices after this one.
pub(super) async fn credits_after(
    tx: &impl ConnectionTrait,
    after: InvoiceId,
    most: u64,
) -> Result<Vec<NewCredit>> {
    let next = Query::select()
        .distinct()
        .expr(column("credited"))
        .from(Alias::new("import_credit"))
        .and_where(column("credited").gt(after.0))
        .order_by(Alias::new("credited"), Order::Asc)
        .limit(most)
        .take();
    let next = tx
        .query_all(&next)
        .await?
        .iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect::<Result<Vec<Uuid>>>()?;
    let select = Query::select()
        .exprs(["credited", "note", "line"].map(column))
        .from(Alias::new("import_credit"))
        .and_where(among(tx.get_database_backend(), column("credited"), next))
        .order_by(Alias::new("credited"), Order::Asc)
        .order_by(Alias::new("line"), Order::Asc)
        .take();
    let found = tx.query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let line: i64 = row.try_get_by_index(2)?;
        Ok(NewCredit {
            credited: row.try_get_by_index(0)?,
            note: row.try_get_by_index(1)?,
            line: line.unsigned_abs(),
        })
    };
    found.iter().map(row).collect()
}
