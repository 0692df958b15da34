//! Stored totals by month and activity and by year and member: updated by each document and
//! payment, and recalculated from all of them.

use sea_orm::{
    ConnectionTrait, Statement,
    sea_query::{Alias, Expr, ExprTrait as _, InsertStatement, OnConflict, Query},
};

pub use super::stored_totals_sql::{Months, Totals};
use super::{
    stored_totals_sql::{SUMS, select},
    totals_delta::{TotalRows, TotalSums, TotalsDelta},
};
use crate::{audit::Change, error::Result};

/// Rows that a statement writes.
const CHUNK: usize = 500;

impl TotalsDelta {
    /// Adds the change to the stored totals.
    pub async fn write(self, change: &Change) -> Result<()> {
        for (query, _) in self.into_queries() {
            change.tx().execute(&query).await?;
        }
        Ok(())
    }

    /// Adds the change to the stored totals when the other rows of `change` are written.
    pub(super) fn write_later(self, change: &mut Change) {
        for (query, values) in self.into_queries() {
            change.write_later(query, values);
        }
    }

    /// Returns the statements, each with the number of its values. Databases limit the values of a
    /// statement, and a line may cover hundreds of years.
    fn into_queries(self) -> impl Iterator<Item = (InsertStatement, usize)> {
        let Self { activities, members } = self;
        upserts(Totals::Activities, activities).chain(upserts(Totals::Members, members))
    }
}

/// Returns the statements that add to the rows of a table.
fn upserts(totals: Totals, rows: TotalRows) -> impl Iterator<Item = (InsertStatement, usize)> {
    let keys = [totals.period(), totals.key()].map(Alias::new);
    let sums: Vec<Alias> = SUMS.split(", ").map(Alias::new).collect();
    let table = Alias::new(totals.table());
    let mut add = OnConflict::columns(keys.clone());
    for sum in &sums {
        let new = Expr::col((Alias::new("excluded"), sum.clone()));
        add.value(sum.clone(), Expr::col((table.clone(), sum.clone())).add(new));
    }
    let mut insert = Query::insert();
    insert.into_table(table).columns(keys.into_iter().chain(sums)).on_conflict(add);
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let mut insert = insert.clone();
        let mut values = 0;
        for ((start, key), sums) in rows.by_ref().take(CHUNK) {
            let row = [Expr::val(start), Expr::val(key)];
            let row: Vec<Expr> = row.into_iter().chain(sums.amounts().map(Expr::val)).collect();
            values += row.len();
            insert.values_panic(row);
        }
        (values > 0).then_some((insert, values))
    })
}

/// Recalculates the rows of these months and their years, for changes that affect too much to add
/// up.
pub async fn rebuild(change: &Change, months: Months) -> Result<()> {
    let tx = change.tx();
    for totals in Totals::ALL {
        let (table, period, key) = (totals.table(), totals.period(), totals.key());
        let theirs = months.hold(totals, period);
        tx.execute_unprepared(&format!("DELETE FROM {table} WHERE {theirs}")).await?;
        let select = select(tx.get_database_backend(), totals, months);
        tx.execute_unprepared(&format!("INSERT INTO {table} ({period}, {key}, {SUMS}) {select}"))
            .await?;
    }
    Ok(())
}

/// Returns the stored rows of these months, or of their years.
pub async fn stored(
    db: &impl ConnectionTrait,
    totals: Totals,
    months: Months,
) -> Result<TotalRows> {
    let (table, period, key) = (totals.table(), totals.period(), totals.key());
    let theirs = months.hold(totals, period);
    read(db, &format!("SELECT {period}, {key}, {SUMS} FROM {table} WHERE {theirs}")).await
}

/// Recalculates every row of these months, or of their years; the stored rows must equal the
/// result.
pub async fn expected(
    db: &impl ConnectionTrait,
    totals: Totals,
    months: Months,
) -> Result<TotalRows> {
    read(db, &select(db.get_database_backend(), totals, months)).await
}

async fn read(db: &impl ConnectionTrait, sql: &str) -> Result<TotalRows> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let mut found = TotalRows::new();
    for row in db.query_all_raw(statement).await? {
        let mut amounts = [0; TotalSums::COUNT];
        for (position, amount) in amounts.iter_mut().enumerate() {
            *amount = row.try_get_by_index(position + 2)?;
        }
        let key = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        found.insert(key, TotalSums::from_amounts(amounts));
    }
    Ok(found)
}
