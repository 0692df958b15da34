//! Totals by month and activity: updated by each document and payment, and recalculated from all of
//! them.

use ::entity::{
    partial::PartialRow,
    revenue_month::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, ExprTrait, IntoActiveModel, Statement,
    sea_query::{Alias, Expr, OnConflict},
};

use super::totals_delta::{TotalsDelta, month_of};
use crate::{audit::Change, error::Result};

/// Range of months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Months {
    /// Every month.
    All,
    /// From the month of the first day to that of the second.
    Between(NaiveDate, NaiveDate),
}

impl Months {
    /// Returns the condition that a column with a day is in the range.
    fn hold(self, column: &str) -> String {
        match self {
            Self::All => "1 = 1".to_owned(),
            Self::Between(from, to) => {
                let after = month_of(to)
                    .checked_add_months(chrono::Months::new(1))
                    .unwrap_or(NaiveDate::MAX);
                format!("{column} >= '{}' AND {column} < '{after}'", month_of(from))
            }
        }
    }
}

/// The columns in the order of [`select`].
const COLUMNS: &str = "month, activity_id, invoiced_net, invoiced_vat, credited_net, credited_vat, invoices, paid_net, paid_vat, \
     unattributed";

/// Selects the correct rows of these months: issued invoices and credit notes by their month of
/// issue, and paid sums by the month of their allocation, by the activities of the lines. Drafts do
/// not count.
fn select(backend: DbBackend, months: Months) -> String {
    let (month, nil, int) = if backend == DbBackend::Postgres {
        (
            "date_trunc('month', {day}::timestamp)::date",
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "bigint",
        )
    } else {
        ("substr({day}, 1, 7) || '-01'", "x'00000000000000000000000000000000'", "integer")
    };
    let sum = |amount: &str, kind: &str| {
        format!("SUM(CASE WHEN i.kind = '{kind}' THEN {amount} ELSE 0 END)")
    };
    let invoiced = format!(
        "SELECT {month} AS month, COALESCE(l.activity_id, {nil}) AS activity_id, {} AS invoiced_net, {} AS invoiced_vat, \
         {} AS credited_net, {} AS credited_vat, COUNT(DISTINCT i.id) AS invoices, 0 AS paid_net, 0 AS paid_vat, \
         0 AS unattributed \
         FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id WHERE i.issued_on IS NOT NULL AND {} GROUP BY 1, 2",
        sum("l.net", "INVOICE"),
        sum("l.vat", "INVOICE"),
        sum("l.net", "CREDIT_NOTE"),
        sum("l.vat", "CREDIT_NOTE"),
        months.hold("i.issued_on"),
        month = month.replace("{day}", "i.issued_on"),
    );
    let paid = format!(
        "SELECT {month}, COALESCE(l.activity_id, {nil}), 0, 0, 0, 0, 0, SUM(CASE WHEN a.position > 0 THEN a.net ELSE 0 END), \
         SUM(a.vat), SUM(CASE WHEN a.position > 0 THEN 0 ELSE a.net END) \
         FROM attribution a LEFT JOIN invoice_line l ON l.invoice_id = a.invoice_id AND l.position = a.position WHERE {} GROUP BY 1, 2",
        months.hold("a.counted_on"),
        month = month.replace("{day}", "a.counted_on"),
    );
    let sums: Vec<String> =
        COLUMNS.split(", ").skip(2).map(|column| format!("CAST(SUM({column}) AS {int})")).collect();
    format!(
        "SELECT month, activity_id, {} FROM ({invoiced} UNION ALL {paid}) AS parts GROUP BY month, activity_id",
        sums.join(", ")
    )
}

impl TotalsDelta {
    /// Adds the change to the stored totals.
    pub async fn write(self, change: &Change) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sums = [
            Column::InvoicedNet,
            Column::InvoicedVat,
            Column::CreditedNet,
            Column::CreditedVat,
            Column::Invoices,
            Column::PaidNet,
            Column::PaidVat,
            Column::Unattributed,
        ];
        let mut grow = OnConflict::columns([Column::Month, Column::ActivityId]);
        for sum in sums {
            let new = Expr::col((Alias::new("excluded"), sum));
            grow.value(sum, Expr::col((Entity, sum)).add(new));
        }
        let rows = self.0.into_values().map(IntoActiveModel::into_active_model);
        Entity::insert_many(rows).on_conflict(grow).exec_without_returning(change.tx()).await?;
        Ok(())
    }
}

/// Recalculates the rows of these months, for changes that affect too much to add up.
pub async fn rebuild(change: &Change, months: Months) -> Result<()> {
    let tx = change.tx();
    tx.execute_unprepared(&format!("DELETE FROM revenue_month WHERE {}", months.hold("month")))
        .await?;
    let select = select(tx.get_database_backend(), months);
    tx.execute_unprepared(&format!("INSERT INTO revenue_month ({COLUMNS}) {select}")).await?;
    Ok(())
}

/// Recalculates every row of these months, by month and activity; the stored rows must equal the
/// result.
pub async fn expected(db: &impl ConnectionTrait, months: Months) -> Result<Vec<Model>> {
    let backend = db.get_database_backend();
    let sql = format!("{} ORDER BY month, activity_id", select(backend, months));
    let found = db.query_all_raw(Statement::from_string(backend, sql)).await?;
    let columns = Model::every_column();
    Ok(found.iter().map(|row| Model::read(row, &columns)).collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_and_ends_with_whole_months() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let months = Months::Between(day("2025-11-21"), day("2025-12-31"));
        assert_eq!(months.hold("d"), "d >= '2025-11-01' AND d < '2026-01-01'");
        assert_eq!(Months::All.hold("d"), "1 = 1");
    }
}
