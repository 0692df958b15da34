//! `samregister period`: closes the books through a day, and reopens them.

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::{Failure, Outcome, Result, context, open, put, say, settings};
use domain::{
    auth::viewer::Viewer,
    books::{self, Closing},
    error::{ConflictReason, Error, ValidationErrors},
    vouchers::close_period,
};

/// Close the books through a day, or reopen them
///
/// Nothing more is booked on a closed day. Payments of such a day that arrive later are booked on
/// the first open day and retain their own; costs, grants, invoices, credit notes and reminders of
/// such a day are refused. The audit trail records both actions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister period show
  samregister period close --through 2026-01-31
  samregister period reopen --from 2026-01-01 --reason \"Fel konto på faktura 2026-0007\"")]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the last closed day
    Show,
    /// Close the books through a day
    Close {
        /// The last closed day, before today
        #[arg(long, value_name = "DATE", value_parser = super::day)]
        through: NaiveDate,
    },
    /// Reopen the books from a day
    Reopen {
        /// First day to reopen
        #[arg(long, value_name = "DATE", value_parser = super::day)]
        from: NaiveDate,
        /// Reason, in one line
        #[arg(long)]
        reason: String,
    },
}

/// Closes or reopens the books.
///
/// # Errors
/// Fails if the day can't be closed or reopened, or the database can't be opened.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let viewer = Viewer::operator("period");
    let db = open(&settings).await?;
    let done = match options.action {
        Action::Show => {
            let closing = Closing::load(db.read()).await?;
            put(closing.through.map_or_else(
                || "no day is closed\n".to_owned(),
                |through| format!("{through}\n"),
            ))?;
            None
        }
        Action::Close { through } => Some(
            close_period::close(
                context(&db, &viewer),
                through,
                &settings.network.accounts,
                ValidationErrors::default(),
            )
            .await,
        ),
        Action::Reopen { from, reason } => Some(
            books::reopen::reopen(
                context(&db, &viewer),
                from,
                &reason,
                ValidationErrors::default(),
            )
            .await,
        ),
    };
    let closing = Closing::load(db.read()).await;
    db.close().await?;
    if let Some(done) = done {
        done.map_err(|error| match error {
            Error::Conflict { reason: ConflictReason::AlreadyClosed, message, .. } => {
                Failure::new(format!("{message} (`samregister period reopen` reopens them)"))
            }
            other => Failure::of_options(other),
        })?;
        let through = closing?.through;
        say(&through.map_or_else(
            || "every day is open".to_owned(),
            |through| format!("the books are closed through {through}"),
        ));
    }
    Ok(Outcome::Done)
}
