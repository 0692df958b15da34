//! SQL that recalculates the stored totals from all documents and payments.

use chrono::NaiveDate;
use sea_orm::DbBackend;

use super::totals_delta::{month_of, year_of};

/// The stored totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// By month and activity.
    Activities,
    /// By year and member.
    Members,
}

impl Totals {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Activities, Self::Members];

    /// Returns the table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Activities => "revenue_month",
            Self::Members => "revenue_member_year",
        }
    }

    /// Returns the length of a period, and the column with its first day.
    #[must_use]
    pub fn period(self) -> &'static str {
        match self {
            Self::Activities => "month",
            Self::Members => "year",
        }
    }

    /// Returns the column with the activity or member.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Activities => "activity_id",
            Self::Members => "member_id",
        }
    }

    /// Returns the same column of the table that has it of each line.
    fn source(self) -> &'static str {
        match self {
            Self::Activities => "l.activity_id",
            Self::Members => "i.member_id",
        }
    }

    /// Returns the first day of a day's period.
    fn start_of(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Activities => month_of(day),
            Self::Members => year_of(day),
        }
    }

    /// Returns the first day after a day's period.
    fn end_of(self, day: NaiveDate) -> NaiveDate {
        let months = match self {
            Self::Activities => 1,
            Self::Members => 12,
        };
        let next = self.start_of(day).checked_add_months(chrono::Months::new(months));
        next.unwrap_or(NaiveDate::MAX)
    }
}

/// Range of months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Months {
    /// Every month.
    All,
    /// From the month of the first day to that of the second.
    Between(NaiveDate, NaiveDate),
}

impl Months {
    /// Returns the first and the last day of the periods that contain the months.
    fn ends(self, totals: Totals) -> (NaiveDate, NaiveDate) {
        let (from, to) = match self {
            Self::All => (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31)),
            Self::Between(from, to) => (Some(totals.start_of(from)), totals.end_of(to).pred_opt()),
        };
        (from.unwrap_or(NaiveDate::MIN), to.unwrap_or(NaiveDate::MAX))
    }

    /// Returns the condition that a column with a day is in one of these periods.
    pub(super) fn hold(self, totals: Totals, column: &str) -> String {
        match self {
            Self::All => "1 = 1".to_owned(),
            Self::Between(from, to) => format!(
                "{column} >= '{}' AND {column} < '{}'",
                totals.start_of(from),
                totals.end_of(to)
            ),
        }
    }
}

/// The columns of sums, in the order of [`select`].
pub(super) const SUMS: &str = "invoiced_net, invoiced_vat, credited_net, credited_vat, invoices, paid_net, paid_vat, \
     unattributed, accrued_net, accrued_vat, accrued_credited_net, accrued_credited_vat";

/// Selects the correct rows of the periods that contain these months: issued invoices and credit
/// notes by their day of issue, paid sums by the day of their allocation, and lines by the days
/// that they cover. Drafts do not count.
pub(super) fn select(backend: DbBackend, totals: Totals, months: Months) -> String {
    let (period, key) = (totals.period(), totals.key());
    let (start, nil, int) = if backend == DbBackend::Postgres {
        (
            format!("date_trunc('{period}', {{day}}::timestamp)::date"),
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "bigint",
        )
    } else {
        (start_on_sqlite(totals, "{day}"), "x'00000000000000000000000000000000'", "integer")
    };
    let start = |day: &str| start.replace("{day}", day);
    // The lines of an invoice add up to it.
    let (lines, amounts, count, paid_line) = match totals {
        Totals::Activities => (
            "JOIN invoice_line l ON l.invoice_id = i.id",
            "l",
            "COUNT(DISTINCT i.id)",
            "LEFT JOIN invoice_line l ON l.invoice_id = a.invoice_id AND l.position = a.position",
        ),
        Totals::Members => ("", "i", "COUNT(*)", "JOIN invoice i ON i.id = a.invoice_id"),
    };
    let sum = |amount: &str, kind: &str| {
        format!("SUM(CASE WHEN i.kind = '{kind}' THEN {amounts}.{amount} ELSE 0 END)")
    };
    let source = totals.source();
    let invoiced = format!(
        "SELECT {} AS {period}, COALESCE({source}, {nil}) AS {key}, {} AS invoiced_net, {} AS invoiced_vat, \
         {} AS credited_net, {} AS credited_vat, {count} AS invoices, 0 AS paid_net, 0 AS paid_vat, \
         0 AS unattributed, 0 AS accrued_net, 0 AS accrued_vat, 0 AS accrued_credited_net, 0 AS accrued_credited_vat \
         FROM invoice i {lines} WHERE i.issued_on IS NOT NULL AND {} GROUP BY 1, 2",
        start("i.issued_on"),
        sum("net", "INVOICE"),
        sum("vat", "INVOICE"),
        sum("net", "CREDIT_NOTE"),
        sum("vat", "CREDIT_NOTE"),
        months.hold(totals, "i.issued_on"),
    );
    let paid = format!(
        "SELECT {}, COALESCE({source}, {nil}), 0, 0, 0, 0, 0, SUM(CASE WHEN a.position > 0 THEN a.net ELSE 0 END), \
         SUM(a.vat), SUM(CASE WHEN a.position > 0 THEN 0 ELSE a.net END), 0, 0, 0, 0 \
         FROM attribution a {paid_line} WHERE {} GROUP BY 1, 2",
        start("a.counted_on"),
        months.hold(totals, "a.counted_on"),
    );
    let sums: Vec<String> =
        SUMS.split(", ").map(|column| format!("CAST(SUM({column}) AS {int})")).collect();
    format!(
        "SELECT {period}, {key}, {} FROM ({invoiced} UNION ALL {paid} UNION ALL {}) AS parts GROUP BY {period}, {key}",
        sums.join(", "),
        accrued(backend, totals, months, nil)
    )
}

/// Returns the first day of the period of a column with a day, as SQLite calculates it.
fn start_on_sqlite(totals: Totals, day: &str) -> String {
    match totals {
        Totals::Activities => format!("substr({day}, 1, 7) || '-01'"),
        Totals::Members => format!("substr({day}, 1, 4) || '-01-01'"),
    }
}

/// Selects the lines that cover a day of these periods, with the number of equal ones.
fn lines(totals: Totals, (first, last): (NaiveDate, NaiveDate)) -> String {
    let source = totals.source();
    let lines = |from: &str, to: &str, condition: &str| {
        format!(
            "SELECT {source} AS owner, i.kind, l.net, l.vat, {from} AS covers_from, {to} AS covers_to FROM invoice i \
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
    format!(
        "SELECT owner, kind, net, vat, covers_from, covers_to, COUNT(*) AS times FROM ({} UNION ALL {}) AS line GROUP BY 1, 2, 3, 4, 5, 6",
        lines(from, to, &with_period),
        lines("i.issued_on", "i.issued_on", &on_their_day)
    )
}

/// Selects the parts of the lines that belong to these periods, as [`super::accrual`] calculates
/// them. Equal lines are spread together.
fn accrued(backend: DbBackend, totals: Totals, months: Months, nil: &str) -> String {
    let is_postgres = backend == DbBackend::Postgres;
    let (first, last) = months.ends(totals);
    let (period, lines) = (totals.period(), lines(totals, (first, last)));
    let columns = "owner, kind, net, vat, covers_from, covers_to, times";
    // `start` is the first day of each period that a line covers.
    let spread = if is_postgres {
        format!(
            "SELECT {columns}, CAST(first_day AS date) AS start FROM ({lines}) AS line CROSS JOIN LATERAL \
             generate_series(GREATEST(date_trunc('{period}', CAST(covers_from AS timestamp)), TIMESTAMP '{first}'), \
             CAST(LEAST(covers_to, DATE '{last}') AS timestamp), INTERVAL '1 {period}') AS first_day"
        )
    } else {
        let start = start_on_sqlite(totals, "covers_from");
        format!(
            "WITH RECURSIVE spread ({columns}, start) AS (SELECT {columns}, MAX({start}, '{first}') FROM ({lines}) AS line \
             UNION ALL SELECT {columns}, date(start, '+1 {period}') FROM spread WHERE date(start, '+1 {period}') <= MIN(covers_to, '{last}')) SELECT * FROM spread"
        )
    };
    // The days of the line, those until the end of the period, and those before it.
    let days = if is_postgres {
        format!(
            "covers_to - covers_from + 1 AS days, LEAST(covers_to, CAST(start + INTERVAL '1 {period}' AS date) - 1) - covers_from + 1 AS until_end, \
             GREATEST(start, covers_from) - covers_from AS until_start"
        )
    } else {
        format!(
            "CAST(julianday(covers_to) - julianday(covers_from) AS INTEGER) + 1 AS days, \
             CAST(julianday(MIN(covers_to, date(start, '+1 {period}', '-1 day'))) - julianday(covers_from) AS INTEGER) + 1 AS until_end, \
             CAST(julianday(MAX(start, covers_from)) - julianday(covers_from) AS INTEGER) AS until_start"
        )
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
        "SELECT start, COALESCE(owner, {nil}), 0, 0, 0, 0, 0, 0, 0, 0, {}, {}, {}, {} \
         FROM (SELECT owner, kind, net, vat, times, start, {days} FROM ({spread}) AS spread) AS part GROUP BY 1, 2",
        sum("net", "INVOICE"),
        sum("vat", "INVOICE"),
        sum("net", "CREDIT_NOTE"),
        sum("vat", "CREDIT_NOTE"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_and_ends_with_whole_periods() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let months = Months::Between(day("2025-11-21"), day("2025-12-31"));
        let of = |totals| (months.hold(totals, "d"), months.ends(totals));
        assert_eq!(
            of(Totals::Activities),
            (
                "d >= '2025-11-01' AND d < '2026-01-01'".to_owned(),
                (day("2025-11-01"), day("2025-12-31"))
            )
        );
        assert_eq!(
            of(Totals::Members),
            (
                "d >= '2025-01-01' AND d < '2026-01-01'".to_owned(),
                (day("2025-01-01"), day("2025-12-31"))
            )
        );
        assert_eq!(Months::All.hold(Totals::Members, "d"), "1 = 1");
    }
}
