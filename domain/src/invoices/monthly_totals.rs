//! Totals by month and activity: updated by each document and payment, and recalculated from all of
//! them.

use ::entity::{
    partial::PartialRow,
    revenue_month::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, ExprTrait, IntoActiveModel, QueryTrait, Statement,
    sea_query::{Alias, Expr, InsertStatement, OnConflict},
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
    /// Returns the first and the last day of the months.
    fn ends(self) -> (NaiveDate, NaiveDate) {
        let (from, to) = match self {
            Self::All => (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31)),
            Self::Between(from, to) => {
                let after = month_of(to).checked_add_months(chrono::Months::new(1));
                (Some(month_of(from)), after.and_then(|after| after.pred_opt()))
            }
        };
        (from.unwrap_or(NaiveDate::MIN), to.unwrap_or(NaiveDate::MAX))
    }

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
     unattributed, accrued_net, accrued_vat, accrued_credited_net, accrued_credited_vat";

/// Rows that a statement writes.
const CHUNK: usize = 500;

/// Selects the correct rows of these months: issued invoices and credit notes by their month of
/// issue, paid sums by the month of their allocation, and lines by the months that they cover, by the
/// activities of the lines. Drafts do not count.
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
         0 AS unattributed, 0 AS accrued_net, 0 AS accrued_vat, 0 AS accrued_credited_net, 0 AS accrued_credited_vat \
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
         SUM(a.vat), SUM(CASE WHEN a.position > 0 THEN 0 ELSE a.net END), 0, 0, 0, 0 \
         FROM attribution a LEFT JOIN invoice_line l ON l.invoice_id = a.invoice_id AND l.position = a.position WHERE {} GROUP BY 1, 2",
        months.hold("a.counted_on"),
        month = month.replace("{day}", "a.counted_on"),
    );
    let sums: Vec<String> =
        COLUMNS.split(", ").skip(2).map(|column| format!("CAST(SUM({column}) AS {int})")).collect();
    format!(
        "SELECT month, activity_id, {} FROM ({invoiced} UNION ALL {paid} UNION ALL {}) AS parts GROUP BY month, activity_id",
        sums.join(", "),
        accrued(backend, months, nil)
    )
}

/// Selects the parts of the lines that belong to these months, as [`super::accrual`] calculates
/// them. Equal lines are spread together.
fn accrued(backend: DbBackend, months: Months, nil: &str) -> String {
    let is_postgres = backend == DbBackend::Postgres;
    let (first, last) = months.ends();
    let lines = |from: &str, to: &str, condition: &str| {
        format!(
            "SELECT l.activity_id, i.kind, l.net, l.vat, {from} AS covers_from, {to} AS covers_to FROM invoice i \
             JOIN invoice_line l ON l.invoice_id = i.id WHERE i.issued_on IS NOT NULL AND {condition}"
        )
    };
    // The same expressions as in the index.
    let (from, to) =
        ("COALESCE(l.period_from, l.period_to)", "COALESCE(l.period_to, l.period_from)");
    let with_period = format!(
        "(l.period_from IS NOT NULL OR l.period_to IS NOT NULL) AND {to} >= '{first}' AND {from} <= '{last}'"
    );
    let on_their_day = format!(
        "l.period_from IS NULL AND l.period_to IS NULL AND i.issued_on BETWEEN '{first}' AND '{last}'"
    );
    let lines = format!(
        "SELECT activity_id, kind, net, vat, covers_from, covers_to, COUNT(*) AS times FROM ({} UNION ALL {}) AS line GROUP BY 1, 2, 3, 4, 5, 6",
        lines(from, to, &with_period),
        lines("i.issued_on", "i.issued_on", &on_their_day)
    );
    let columns = "activity_id, kind, net, vat, covers_from, covers_to, times";
    // `month` is each month that a line covers.
    let spread = if is_postgres {
        format!(
            "SELECT {columns}, CAST(start AS date) AS month FROM ({lines}) AS line CROSS JOIN LATERAL \
             generate_series(GREATEST(date_trunc('month', CAST(covers_from AS timestamp)), TIMESTAMP '{first}'), \
             CAST(LEAST(covers_to, DATE '{last}') AS timestamp), INTERVAL '1 month') AS start"
        )
    } else {
        format!(
            "WITH RECURSIVE spread ({columns}, month) AS (SELECT {columns}, MAX(substr(covers_from, 1, 7) || '-01', '{first}') FROM ({lines}) AS line \
             UNION ALL SELECT {columns}, date(month, '+1 month') FROM spread WHERE date(month, '+1 month') <= MIN(covers_to, '{last}')) SELECT * FROM spread"
        )
    };
    // The days of the line, those until the end of the month, and those before the month.
    let days = if is_postgres {
        "covers_to - covers_from + 1 AS days, LEAST(covers_to, CAST(month + INTERVAL '1 month' AS date) - 1) - covers_from + 1 AS until_end, \
         GREATEST(month, covers_from) - covers_from AS until_start"
    } else {
        "CAST(julianday(covers_to) - julianday(covers_from) AS INTEGER) + 1 AS days, \
         CAST(julianday(MIN(covers_to, date(month, '+1 month', '-1 day'))) - julianday(covers_from) AS INTEGER) + 1 AS until_end, \
         CAST(julianday(MAX(month, covers_from)) - julianday(covers_from) AS INTEGER) AS until_start"
    };
    let cumulated = |amount: &str, until: &str| {
        format!(
            "(CASE WHEN {amount} < 0 THEN -1 ELSE 1 END) * (ABS({amount}) / days * {until} + (ABS({amount}) % days * {until} * 2 + days) / (days * 2))"
        )
    };
    let sum = |amount: &str, kind: &str| {
        let part =
            format!("{} - {}", cumulated(amount, "until_end"), cumulated(amount, "until_start"));
        format!("SUM(CASE WHEN kind = '{kind}' THEN times * ({part}) ELSE 0 END)")
    };
    format!(
        "SELECT month, COALESCE(activity_id, {nil}), 0, 0, 0, 0, 0, 0, 0, 0, {}, {}, {}, {} \
         FROM (SELECT activity_id, kind, net, vat, times, month, {days} FROM ({spread}) AS spread) AS part GROUP BY 1, 2",
        sum("net", "INVOICE"),
        sum("vat", "INVOICE"),
        sum("net", "CREDIT_NOTE"),
        sum("vat", "CREDIT_NOTE"),
    )
}

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
        let sums = [
            Column::InvoicedNet,
            Column::InvoicedVat,
            Column::CreditedNet,
            Column::CreditedVat,
            Column::Invoices,
            Column::PaidNet,
            Column::PaidVat,
            Column::Unattributed,
            Column::AccruedNet,
            Column::AccruedVat,
            Column::AccruedCreditedNet,
            Column::AccruedCreditedVat,
        ];
        let mut grow = OnConflict::columns([Column::Month, Column::ActivityId]);
        for sum in sums {
            let new = Expr::col((Alias::new("excluded"), sum));
            grow.value(sum, Expr::col((Entity, sum)).add(new));
        }
        let mut rows = self.0.into_values().map(IntoActiveModel::into_active_model);
        std::iter::from_fn(move || {
            let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return None;
            }
            let values = chunk.len() * COLUMNS.split(", ").count();
            Some((Entity::insert_many(chunk).on_conflict(grow.clone()).into_query(), values))
        })
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
