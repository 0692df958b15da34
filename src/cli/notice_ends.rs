//! `samregister notice-ends`: agreements whose end by notice differs from the present rule.

use clap::{Args, ValueEnum};

use super::{Outcome, Result, context, count, open, put, settings, table};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    agreements::{former_notice_ends::NoticeEnd, notice_ends},
    auth::viewer::Viewer,
};

/// List agreements whose end by notice differs from the present rule
///
/// A renewed term that followed a short month used to end up to three days early. The end that the
/// counterparty was notified of stays in effect; the office decides on each with the mutation
/// agreementNoticeEndDecide, which removes it from the list.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister notice-ends
  samregister notice-ends --format csv > avtal.csv

Exit codes: 0 done; with --check 3 if the list is not empty.")]
pub struct Options {
    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with 3 if the list is not empty
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Table for a terminal
    Table,
    /// CSV for programs and spreadsheets (RFC 4180)
    Csv,
}

/// Lists the agreements.
///
/// # Errors
/// Fails if the database can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let found = notice_ends::list(context(&db, &Viewer::operator("notice-ends"))).await?;
    db.close().await?;
    put(match options.format {
        Format::Csv => sheet::csv(&grid(&found))?,
        Format::Table if found.is_empty() => {
            b"no end by notice differs from the present rule\n".to_vec()
        }
        Format::Table => {
            format!("{}\n{} to decide on\n", table(&grid(&found)), count(found.len(), "agreement"))
                .into_bytes()
        }
    })?;
    Ok(Outcome::of_list(options.check, &found))
}

fn grid(found: &[NoticeEnd]) -> Grid {
    let columns = vec![
        Column::new("number", "Avtal", Kind::Text),
        Column::new("notice_given_on", "Uppsagt", Kind::Day),
        Column::new("ends_on", "Sista dag", Kind::Day),
        Column::new("rule_ends_on", "Enligt regeln", Kind::Day),
    ];
    let row = |end: &NoticeEnd| {
        vec![
            Cell::Text(end.number.clone()),
            Cell::Day(end.given_on),
            Cell::Day(end.ends_on),
            Cell::Day(end.rule_ends_on),
        ]
    };
    Grid { columns, rows: found.iter().map(row).collect(), total: None }
}
