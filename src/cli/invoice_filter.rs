//! Options that select invoices, for the report of the database and the list of the API.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::{Result, check_range, remote_lists::Filter as ApiFilter};
use domain::invoices::{Filter, amounts::State, differences::Difference};

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct InvoiceFilter {
    /// Issued on this day or later
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Issued on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: Option<NaiveDate>,
    /// With one of these statuses today
    #[arg(long = "status", alias = "state", value_name = "STATUS", value_enum, ignore_case = true,
        num_args = 1.., value_delimiter = ',')]
    statuses: Vec<StatusOption>,
    /// With a line of one of these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Only overpaid invoices, which are to be refunded
    #[arg(long)]
    overpaid: bool,
    /// With one of these differences between the paid sum and the total
    #[arg(long = "difference", value_name = "DIFFERENCE", value_enum, ignore_case = true,
        num_args = 1.., value_delimiter = ',')]
    differences: Vec<DifferenceOption>,
}

impl InvoiceFilter {
    /// Returns the filter of the rules.
    ///
    /// # Errors
    /// Fails if the last day is before the first one.
    pub fn of_rules(self) -> Result<Filter> {
        check_range(self.from, self.to)?;
        Ok(Filter {
            states: self.statuses.into_iter().map(State::from).collect(),
            activities: self.activities,
            issued_from: self.from,
            issued_to: self.to,
            overpaid: self.overpaid.then_some(true),
            differences: self.differences.into_iter().map(Difference::from).collect(),
            ..Filter::default()
        })
    }

    /// Returns the filter of the API.
    ///
    /// # Errors
    /// Fails if the last day is before the first one.
    pub fn of_api(&self) -> Result<ApiFilter> {
        check_range(self.from, self.to)?;
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        let states = self.statuses.iter().map(|status| State::from(*status).word().to_owned());
        let differences =
            self.differences.iter().map(|option| Difference::from(*option).word().to_owned());
        Ok(ApiFilter::default()
            .with("issuedFrom", day(self.from))
            .with("issuedTo", day(self.to))
            .with("overpaid", self.overpaid.then_some(true))
            .with_all("status", &states.collect::<Vec<_>>())
            .with_all("difference", &differences.collect::<Vec<_>>())
            .with_all("activitySlugs", &self.activities))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum DifferenceOption {
    /// Less than one krona unpaid or overpaid
    #[value(alias = "ore-only")]
    OreOnly,
    /// Overpaid by exactly one of two payments of the same amount
    #[value(alias = "paid-twice")]
    PaidTwice,
    /// Paid at least twice the total
    #[value(alias = "far-too-much")]
    PaidDoubleOrMore,
    /// Overpaid by another sum
    Overpaid,
}

impl From<DifferenceOption> for Difference {
    fn from(option: DifferenceOption) -> Self {
        match option {
            DifferenceOption::OreOnly => Self::OreOnly,
            DifferenceOption::PaidTwice => Self::PaidTwice,
            DifferenceOption::PaidDoubleOrMore => Self::PaidDoubleOrMore,
            DifferenceOption::Overpaid => Self::Overpaid,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum StatusOption {
    /// Not issued
    Draft,
    /// Not due, and nothing paid
    Issued,
    /// Not due, and paid in part
    #[value(alias = "partly-paid")]
    PartlyPaid,
    /// Covered by payments, or by payments and credit notes
    Paid,
    /// Not covered when due
    Overdue,
    /// Covered by credit notes
    Credited,
}

impl From<StatusOption> for State {
    fn from(option: StatusOption) -> Self {
        match option {
            StatusOption::Draft => Self::Draft,
            StatusOption::Issued => Self::Issued,
            StatusOption::PartlyPaid => Self::PartlyPaid,
            StatusOption::Paid => Self::Paid,
            StatusOption::Overdue => Self::Overdue,
            StatusOption::Credited => Self::Credited,
        }
    }
}
