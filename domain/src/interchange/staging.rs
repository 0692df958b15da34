//! Temporary tables of an import, so that its memory doesn't grow with the files: the keys that
//! were read, the keys of bad rows, the lines and payments that wait for their invoices, and the
//! new credit notes that are checked after all of them were imported. They are dropped at the end
//! of the transaction.

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

/// Creates the tables.
pub(super) async fn prepare(tx: &impl ConnectionTrait) -> Result<()> {
    clear(tx).await?;
    // The indexes begin with the key. Otherwise PostgreSQL reads all of a file's entries to group
    // them in order.
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
        // Statements are planned while the tables are still small, and would scan them sequentially
        // forever.
        tx.execute_unprepared("SET LOCAL enable_seqscan = off").await?;
    } else {
        // The indexes of hundreds of thousands of new rows don't fit in the default of 2 MB, and
        // would be written to disk over and over.
        tx.execute_unprepared("PRAGMA cache_size = -49152").await?;
    }
    Ok(())
}

/// Drops the tables and restores the settings.
pub(super) async fn clear(tx: &impl ConnectionTrait) -> Result<()> {
    for table in TABLES {
        // With the schema, so that no table of the register is dropped.
        let schema = if is_postgres(tx) { "pg_temp" } else { "temp" };
        tx.execute_unprepared(&format!("DROP TABLE IF EXISTS {schema}.{table}")).await?;
    }
    if !is_postgres(tx) {
        tx.execute_unprepared("PRAGMA cache_size = -2000").await?;
    }
    Ok(())
}

/// Allows sequential scans again on PostgreSQL, for statements over whole tables.
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

/// Returns the keys among these that earlier rows of the file have, each with the first line and
/// the number of rows.
pub(super) async fn seen(
    tx: &impl ConnectionTrait,
    file: File,
    keys: &BTreeSet<String>,
) -> Result<HashMap<String, (u64, u64)>> {
    // Grouped here: to return the groups in order, PostgreSQL would scan its whole index.
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

/// Records the keys of rows of the file.
pub(super) async fn record_seen(
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

/// Returns the keys among these that belong to bad rows.
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

/// Records the keys of bad rows.
pub(super) async fn record_bad(
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
    /// Key of the invoice.
    pub key: String,
    /// First line of the row.
    pub line: u64,
    /// The parsed row, as JSON.
    pub record: String,
}

/// Stores rows of the file until their invoices are imported.
pub(super) async fn stage(tx: &impl ConnectionTrait, file: File, rows: Vec<Waiting>) -> Result<()> {
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

/// Creates the index for finding the stored rows. Call it after all of them were stored.
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

/// Returns the stored rows of these invoices, in the order of the file.
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

/// Returns the next invoices after this key that have stored rows but no row in invoices.csv.
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

/// A new credit note, with its line in invoices.csv.
pub(super) struct NewCredit {
    pub credited: InvoiceId,
    pub note: InvoiceId,
    pub line: u64,
}

/// Records new credit notes.
pub(super) async fn record_credits(tx: &impl ConnectionTrait, notes: Vec<NewCredit>) -> Result<()> {
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

/// Returns the new credit notes of the next invoices after this one.
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
