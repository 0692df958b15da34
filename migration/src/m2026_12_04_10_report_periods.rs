//! Order of status reports by the days of their periods: an index of the first and the last month
//! of each label, as `2026-05/2026-08` for `2026-T2`. A label of another form, which an import may
//! have, has an empty key.

use sea_orm_migration::prelude::*;

/// The parts of a year: the end of the label, the first and the last month.
const PARTS: [(&str, u32, u32); 22] = [
    ("", 1, 12),
    ("-H1", 1, 6),
    ("-H2", 7, 12),
    ("-T1", 1, 4),
    ("-T2", 5, 8),
    ("-T3", 9, 12),
    ("-Q1", 1, 3),
    ("-Q2", 4, 6),
    ("-Q3", 7, 9),
    ("-Q4", 10, 12),
    ("-01", 1, 1),
    ("-02", 2, 2),
    ("-03", 3, 3),
    ("-04", 4, 4),
    ("-05", 5, 5),
    ("-06", 6, 6),
    ("-07", 7, 7),
    ("-08", 8, 8),
    ("-09", 9, 9),
    ("-10", 10, 10),
    ("-11", 11, 11),
    ("-12", 12, 12),
];

/// The month of a label: that of the part of a year, or that at a position of a range of months.
fn month(of: fn(&(&str, u32, u32)) -> u32, position: u32) -> String {
    let months: String = PARTS.iter().map(|part| format!(" WHEN '{}' THEN '-{:02}'", part.0, of(part))).collect();
    format!(
        "(CASE WHEN length(period) = 15 AND substr(period, 8, 1) = '/' AND {} AND {} \
         AND substr(period, 1, 7) <= substr(period, 9, 7) THEN substr(period, {position}, 7) \
         WHEN {} THEN substr(period, 1, 4) || (CASE substr(period, 5){months} END) END)",
        is_month_at(1),
        is_month_at(9),
        is_year_at(1),
    )
}

fn is_year_at(position: u32) -> String {
    let year = format!("substr(period, {position}, 4)");
    format!("length({year}) = 4 AND ltrim({year}, '0123456789') = '' AND {year} >= '1900' AND {year} <= '2999'")
}

fn is_month_at(position: u32) -> String {
    let months: Vec<_> = (1..=12).map(|month| format!("'-{month:02}'")).collect();
    let month = format!("substr(period, {}, 3)", position + 4);
    format!("{} AND {month} IN ({})", is_year_at(position), months.join(", "))
}

/// This change.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (first, last) = (month(|part| part.1, 1), month(|part| part.2, 9));
        let statements = format!(
            "DROP INDEX status_report__period__id;
            CREATE INDEX status_report__period_days ON status_report ((COALESCE({first} || '/' || {last}, '')), id);"
        );
        crate::run(manager, &statements).await
    }
}
