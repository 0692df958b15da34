//! `samregister notice-ends`: the agreements that end by a notice on another day than the present
//! rule gives.

use clap::{Args, ValueEnum};

use super::{Outcome, Result, count, open, put, settings, table};
use domain::{
    agreements::notice_ends::{self, NoticeEnd},
    auth::viewer::Viewer,
    documents::{Cell, Column, Grid, Kind, sheet},
};

/// List agreements that end by a notice on another day than the present rule gives
///
/// A prolonged term that followed a short month used to end up to three days early. An end that a
/// notice has told a counterparty stays; the office decides on each with the mutation
/// agreementNoticeEndDecide, and it is listed no more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister notice-ends
  samregister notice-ends --format csv > avtal.csv

Exit codes: 0 done, also when there are none; with --check 3 when there are any.")]
pub struct Options {
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with 3 when there are any
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the eye
    Table,
    /// For programs and spreadsheets (RFC 4180)
    Csv,
}

/// Lists them.
///
/// # Errors
/// When the register can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let found = notice_ends::list(&db, &Viewer::operator("notice-ends")).await?;
    db.close().await?;
    put(match options.format {
        Format::Csv => sheet::csv(&grid(&found))?,
        Format::Table if found.is_empty() => {
            b"no agreement ends by a notice on another day than the rule gives\n".to_vec()
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
        Column::new("number", "Number", Kind::Text),
        Column::new("notice_given_on", "Notice given", Kind::Day),
        Column::new("ends_on", "Ends on", Kind::Day),
        Column::new("rule_ends_on", "By the rule", Kind::Day),
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
