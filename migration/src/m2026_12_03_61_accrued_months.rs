//! Accrued revenue by activity and month, updated in the transaction that issues and credits: a
//! report reads a row for each activity and month, and not every line that covers a day of its
//! period.
//!
//! A line is spread by day over the period that it covers. What belongs to a month is the
//! difference of the cumulated amounts at its end and before its start, each rounded half up. Equal
//! lines are spread together.

use sea_orm_migration::prelude::*;

const COLUMNS: &str = "
ALTER TABLE revenue_month ADD COLUMN accrued_net {int} NOT NULL DEFAULT 0;
ALTER TABLE revenue_month ADD COLUMN accrued_vat {int} NOT NULL DEFAULT 0;
ALTER TABLE revenue_month ADD COLUMN accrued_credited_net {int} NOT NULL DEFAULT 0;
ALTER TABLE revenue_month ADD COLUMN accrued_credited_vat {int} NOT NULL DEFAULT 0;
";

/// The issued lines, the days that each covers, and the number of equal ones.
const LINES: &str = "
SELECT activity_id, kind, net, vat, covers_from, covers_to, COUNT(*) AS times FROM (
    SELECT l.activity_id, i.kind, l.net, l.vat, COALESCE(l.period_from, l.period_to, i.issued_on) AS covers_from,
        COALESCE(l.period_to, l.period_from, i.issued_on) AS covers_to
    FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id WHERE i.issued_on IS NOT NULL
) AS line GROUP BY 1, 2, 3, 4, 5, 6
";

const SPREAD_ON_SQLITE: &str = "
SELECT activity_id, kind, net, vat, times, month, CAST(julianday(covers_to) - julianday(covers_from) AS INTEGER) + 1 AS days,
    CAST(julianday(MIN(covers_to, date(month, '+1 month', '-1 day'))) - julianday(covers_from) AS INTEGER) + 1 AS until_end,
    CAST(julianday(MAX(month, covers_from)) - julianday(covers_from) AS INTEGER) AS until_start
FROM (
    WITH RECURSIVE spread (activity_id, kind, net, vat, covers_from, covers_to, times, month) AS (
        SELECT activity_id, kind, net, vat, covers_from, covers_to, times, substr(covers_from, 1, 7) || '-01' FROM ({lines}) AS line
        UNION ALL
        SELECT activity_id, kind, net, vat, covers_from, covers_to, times, date(month, '+1 month') FROM spread
        WHERE date(month, '+1 month') <= covers_to
    ) SELECT * FROM spread
) AS spread
";

const SPREAD_ON_POSTGRES: &str = "
SELECT activity_id, kind, net, vat, times, month, covers_to - covers_from + 1 AS days,
    LEAST(covers_to, CAST(month + INTERVAL '1 month' AS date) - 1) - covers_from + 1 AS until_end,
    GREATEST(month, covers_from) - covers_from AS until_start
FROM (
    SELECT activity_id, kind, net, vat, covers_from, covers_to, times, CAST(start AS date) AS month FROM ({lines}) AS line
    CROSS JOIN LATERAL generate_series(date_trunc('month', CAST(covers_from AS timestamp)), CAST(covers_to AS timestamp), INTERVAL '1 month') AS start
) AS spread
";

/// Returns the sum of the parts of an amount of these documents. A sum of PostgreSQL is a numeric;
/// one of SQLite stays as it is, since a cast would cut a float to the largest integer.
fn sum(amount: &str, kind: &str, sqlite: bool) -> String {
    let cumulated = |until: &str| {
        format!(
            "(CASE WHEN {amount} < 0 THEN -1 ELSE 1 END) * (ABS({amount}) / days * {until} + (ABS({amount}) % days * {until} * 2 + days) / (days * 2))"
        )
    };
    let (end, start) = (cumulated("until_end"), cumulated("until_start"));
    let sum = format!("SUM(CASE WHEN kind = '{kind}' THEN times * ({end} - {start}) ELSE 0 END)");
    if sqlite { sum } else { format!("CAST({sum} AS {{int}})") }
}

fn fill(sqlite: bool) -> String {
    let (nil, spread) = if sqlite {
        ("x'00000000000000000000000000000000'", SPREAD_ON_SQLITE)
    } else {
        ("'00000000-0000-0000-0000-000000000000'::uuid", SPREAD_ON_POSTGRES)
    };
    let amounts = [("net", "INVOICE"), ("vat", "INVOICE"), ("net", "CREDIT_NOTE"), ("vat", "CREDIT_NOTE")];
    let sums: Vec<String> = amounts.iter().map(|(amount, kind)| sum(amount, kind, sqlite)).collect();
    format!(
        "INSERT INTO revenue_month (month, activity_id, invoiced_net, invoiced_vat, credited_net, credited_vat, invoices, paid_net, paid_vat,
            accrued_net, accrued_vat, accrued_credited_net, accrued_credited_vat)
        SELECT month, COALESCE(activity_id, {nil}), 0, 0, 0, 0, 0, 0, 0, {} FROM ({}) AS part WHERE true GROUP BY 1, 2
        ON CONFLICT (month, activity_id) DO UPDATE SET accrued_net = excluded.accrued_net, accrued_vat = excluded.accrued_vat,
            accrued_credited_net = excluded.accrued_credited_net, accrued_credited_vat = excluded.accrued_credited_vat;",
        sums.join(", "),
        spread.replace("{lines}", LINES),
    )
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, COLUMNS).await?;
        crate::run_sums(manager, &fill(sqlite)).await
    }
}
