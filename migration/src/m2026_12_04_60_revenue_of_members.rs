//! Revenue by member and year, updated in the transaction that issues, credits or pays: a report by
//! member reads a row for each, and not every invoice, payment and line of its period.
//!
//! The sums are those of `revenue_month`, with the buyer instead of the activity: nil for a buyer
//! who is no member. A line is spread by day over the period that it covers. What belongs to a year
//! is the difference of the cumulated amounts at its end and before its start, each rounded half
//! up. Equal lines are spread together.

use sea_orm_migration::prelude::*;

const TABLE: &str = "
CREATE TABLE revenue_member_year (
    year {date} NOT NULL,
    member_id {id} NOT NULL,
    invoiced_net {int} NOT NULL,
    invoiced_vat {int} NOT NULL,
    credited_net {int} NOT NULL,
    credited_vat {int} NOT NULL,
    invoices {int} NOT NULL,
    paid_net {int} NOT NULL,
    paid_vat {int} NOT NULL,
    unattributed {int} NOT NULL,
    accrued_net {int} NOT NULL,
    accrued_vat {int} NOT NULL,
    accrued_credited_net {int} NOT NULL,
    accrued_credited_vat {int} NOT NULL,
    PRIMARY KEY (year, member_id)
) {strict};
";

/// The issued lines, the days that each covers, and the number of equal ones.
const LINES: &str = "
SELECT member_id, kind, net, vat, covers_from, covers_to, COUNT(*) AS times FROM (
    SELECT i.member_id, i.kind, l.net, l.vat, COALESCE(l.period_from, l.period_to, i.issued_on) AS covers_from,
        COALESCE(l.period_to, l.period_from, i.issued_on) AS covers_to
    FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id WHERE i.issued_on IS NOT NULL
) AS line GROUP BY 1, 2, 3, 4, 5, 6
";

const SPREAD_ON_SQLITE: &str = "
SELECT member_id, kind, net, vat, times, year, CAST(julianday(covers_to) - julianday(covers_from) AS INTEGER) + 1 AS days,
    CAST(julianday(MIN(covers_to, date(year, '+1 year', '-1 day'))) - julianday(covers_from) AS INTEGER) + 1 AS until_end,
    CAST(julianday(MAX(year, covers_from)) - julianday(covers_from) AS INTEGER) AS until_start
FROM (
    WITH RECURSIVE spread (member_id, kind, net, vat, covers_from, covers_to, times, year) AS (
        SELECT member_id, kind, net, vat, covers_from, covers_to, times, substr(covers_from, 1, 4) || '-01-01' FROM ({lines}) AS line
        UNION ALL
        SELECT member_id, kind, net, vat, covers_from, covers_to, times, date(year, '+1 year') FROM spread
        WHERE date(year, '+1 year') <= covers_to
    ) SELECT * FROM spread
) AS spread
";

const SPREAD_ON_POSTGRES: &str = "
SELECT member_id, kind, net, vat, times, year, covers_to - covers_from + 1 AS days,
    LEAST(covers_to, CAST(year + INTERVAL '1 year' AS date) - 1) - covers_from + 1 AS until_end,
    GREATEST(year, covers_from) - covers_from AS until_start
FROM (
    SELECT member_id, kind, net, vat, covers_from, covers_to, times, CAST(start AS date) AS year FROM ({lines}) AS line
    CROSS JOIN LATERAL generate_series(date_trunc('year', CAST(covers_from AS timestamp)), CAST(covers_to AS timestamp), INTERVAL '1 year') AS start
) AS spread
";

/// Returns the sum of the parts of an amount of these documents.
fn accrued(amount: &str, kind: &str) -> String {
    let cumulated = |until: &str| {
        format!(
            "(CASE WHEN {amount} < 0 THEN -1 ELSE 1 END) * (ABS({amount}) / days * {until} + (ABS({amount}) % days * {until} * 2 + days) / (days * 2))"
        )
    };
    let (end, start) = (cumulated("until_end"), cumulated("until_start"));
    format!("SUM(CASE WHEN kind = '{kind}' THEN times * ({end} - {start}) ELSE 0 END)")
}

fn fill(sqlite: bool) -> String {
    let (nil, spread, year) = if sqlite {
        ("x'00000000000000000000000000000000'", SPREAD_ON_SQLITE, "substr({day}, 1, 4) || '-01-01'")
    } else {
        ("'00000000-0000-0000-0000-000000000000'::uuid", SPREAD_ON_POSTGRES, "date_trunc('year', {day}::timestamp)::date")
    };
    let amounts = [("net", "INVOICE"), ("vat", "INVOICE"), ("net", "CREDIT_NOTE"), ("vat", "CREDIT_NOTE")];
    let invoiced: Vec<String> =
        amounts.iter().map(|(amount, kind)| format!("SUM(CASE WHEN kind = '{kind}' THEN {amount} ELSE 0 END)")).collect();
    let accrued: Vec<String> = amounts.iter().map(|(amount, kind)| accrued(amount, kind)).collect();
    // A sum of PostgreSQL is a numeric; one of SQLite stays as it is, since a cast would cut a
    // float to the largest integer.
    let total = |sum: i32| if sqlite { format!("SUM(s{sum})") } else { format!("CAST(SUM(s{sum}) AS {{int}})") };
    let sums: Vec<String> = (0..12).map(total).collect();
    let names: Vec<String> = (0..12).map(|sum| format!("s{sum}")).collect();
    format!(
        "INSERT INTO revenue_member_year (year, member_id, invoiced_net, invoiced_vat, credited_net, credited_vat, invoices, paid_net, paid_vat,
            unattributed, accrued_net, accrued_vat, accrued_credited_net, accrued_credited_vat)
        WITH parts (year, member_id, {}) AS (
            SELECT {}, COALESCE(member_id, {nil}), {}, COUNT(*), 0, 0, 0, 0, 0, 0, 0 FROM invoice WHERE issued_on IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT {}, COALESCE(i.member_id, {nil}), 0, 0, 0, 0, 0, SUM(CASE WHEN a.position > 0 THEN a.net ELSE 0 END), SUM(a.vat),
                SUM(CASE WHEN a.position > 0 THEN 0 ELSE a.net END), 0, 0, 0, 0
            FROM attribution a JOIN invoice i ON i.id = a.invoice_id GROUP BY 1, 2
            UNION ALL
            SELECT year, COALESCE(member_id, {nil}), 0, 0, 0, 0, 0, 0, 0, 0, {} FROM ({}) AS part GROUP BY 1, 2
        )
        SELECT year, member_id, {} FROM parts GROUP BY year, member_id;",
        names.join(", "),
        year.replace("{day}", "issued_on"),
        invoiced.join(", "),
        year.replace("{day}", "a.counted_on"),
        accrued.join(", "),
        spread.replace("{lines}", LINES),
        sums.join(", "),
    )
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == sea_orm::DbBackend::Sqlite;
        crate::run(manager, TABLE).await?;
        crate::run_sums(manager, &fill(sqlite)).await
    }
}
