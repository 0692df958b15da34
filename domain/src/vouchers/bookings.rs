//! The vouchers of a range, and the journal that they make.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::{date_range::DateRange, kind::VoucherSource, voucher};
use chrono::{Datelike, NaiveDate};
use documents::sie::{Journal, Voucher};
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    books::exported,
    config::{Accounts, Network},
    error::{FieldErrorCode, Result, ValidationErrors},
};

/// Range of vouchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Vouchers of these days, both included: exported ones as they were exported, and the others
    /// from the current data.
    Between(NaiveDate, NaiveDate),
    /// Vouchers of days up to and including this one that are in no batch and were booked nowhere
    /// else.
    NewThrough(NaiveDate),
}

impl Range {
    /// Returns the condition that a row of this source, by its id and day, was not exported and is
    /// in the range.
    pub(super) fn holds(self, source: VoucherSource, id: SimpleExpr, day: SimpleExpr) -> Condition {
        let in_days = match self {
            Self::Between(from, to) => day.between(from, to),
            Self::NewThrough(to) => day.lte(to),
        };
        self.is_new(source, id).add(in_days)
    }

    /// Returns the condition that nothing of a source was exported; for a batch, also that it was
    /// booked nowhere else.
    pub(super) fn is_new(self, source: VoucherSource, id: SimpleExpr) -> Condition {
        let mut known = Query::select();
        known
            .expr(Expr::cust("1"))
            .from(voucher::Entity)
            .and_where(voucher::Column::Source.eq(source))
            .and_where(Expr::col((voucher::Entity, voucher::Column::SourceId)).eq(id));
        if let Self::Between(..) = self {
            known.and_where(Expr::col((voucher::Entity, voucher::Column::BatchId)).is_not_null());
        }
        Condition::all().add(Expr::exists(known.take()).not())
    }

    /// `true` if a day is in the range.
    pub(super) fn has(self, day: NaiveDate) -> bool {
        match self {
            Self::Between(from, to) => (from..=to).contains(&day),
            Self::NewThrough(to) => day <= to,
        }
    }
}

/// A voucher with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Its source.
    pub source: VoucherSource,
    /// Id of the invoice, payment, reminder, adjustment or bank payment.
    pub source_id: Uuid,
    /// 1 for the voucher of the source, 2, 3 … for its corrections.
    pub part: i32,
    /// The voucher.
    pub voucher: Voucher,
}

/// Vouchers with the names of their projects.
#[derive(Clone, Debug)]
pub struct Bookings {
    /// The vouchers, in order.
    pub vouchers: Vec<Booked>,
    /// Project and name of each activity.
    pub(super) projects: Vec<(String, String)>,
    /// Names of accounts of exported vouchers.
    pub(super) accounts: BTreeMap<u32, String>,
    pub(super) range: Range,
}

/// Adds an error if the settings do not name the network.
pub(super) fn require_name(network: &Network, errors: &mut ValidationErrors) {
    if network.name.is_none() {
        errors.add_setting(
            "network.name",
            FieldErrorCode::Required
                .problem("must be set in samregister.toml: a bookkeeping file names its owner"),
        );
    }
}

impl Bookings {
    /// Returns the journal of these vouchers.
    ///
    /// # Errors
    /// INVALID if the network has no name.
    pub fn journal(self, made_on: NaiveDate, network: &Network) -> Result<Journal> {
        let mut errors = ValidationErrors::default();
        require_name(network, &mut errors);
        errors.finish()?;
        let Self { vouchers, mut projects, accounts: known, range } = self;
        let vouchers: Vec<Voucher> = vouchers.into_iter().map(|booked| booked.voucher).collect();
        let used = || vouchers.iter().flat_map(|voucher| &voucher.transactions);
        let used_accounts: BTreeSet<u32> = used().map(|line| line.account).collect();
        let used_projects: BTreeSet<&str> =
            used().filter_map(|line| line.project.as_deref()).collect();
        projects.retain(|(number, _)| used_projects.contains(number.as_str()));
        projects.sort_unstable();
        let (from, to) = match range {
            Range::Between(from, to) => (from, to),
            Range::NewThrough(to) => {
                (vouchers.iter().map(|voucher| voucher.date).min().unwrap_or(to), to)
            }
        };
        let name = |account: &u32| {
            name_of(*account, &network.accounts)
                .or(known.get(account).map(String::as_str))
                .unwrap_or("Intäkter")
        };
        let accounts =
            used_accounts.into_iter().map(|account| (account, name(&account).to_owned())).collect();
        Ok(Journal {
            program: "Samregister".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_on,
            company: network.name.clone().unwrap_or_default(),
            org_number: network.org_number.clone(),
            // A financial year is a calendar year.
            years: (from.year()..=to.year()).rev().filter_map(DateRange::year).collect(),
            accounts,
            projects,
            vouchers,
        })
    }
}

/// Returns the name of an account from the settings. Bookkeepers have names of their own; these
/// help readers of the file, and record the use of an account when it was exported.
fn name_of(account: u32, accounts: &Accounts) -> Option<&'static str> {
    let known = [
        (accounts.receivables, exported::RECEIVABLES),
        (accounts.bank, exported::BANK),
        (accounts.vat, "Utgående moms, 25 %"),
        (accounts.vat_12, "Utgående moms, 12 %"),
        (accounts.vat_6, "Utgående moms, 6 %"),
        (accounts.observation, exported::OBSERVATION),
        (accounts.rounding, "Öres- och kronutjämning"),
        (accounts.revenue, "Försäljning av tjänster"),
        (accounts.revenue_12, "Försäljning av tjänster, 12 % moms"),
        (accounts.revenue_6, "Försäljning av tjänster, 6 % moms"),
        (accounts.revenue_untaxed, "Försäljning av tjänster, momsfri"),
        (accounts.revenue_eu, "Försäljning av tjänster till annat EU-land"),
        (accounts.revenue_abroad, "Försäljning av tjänster utanför Sverige"),
        (accounts.reminder_fees, "Påminnelseavgifter"),
        (accounts.interest, "Ränteintäkter från kundfordringar"),
    ];
    let fees = [
        (accounts.revenue_outside_scope, "Intäkter som inte omfattas av moms"),
        (accounts.membership_fee, "Medlemsavgifter"),
        (accounts.service_fee, "Serviceavgifter"),
    ];
    let fees = fees.into_iter().filter_map(|(number, name)| Some((number?, name)));
    // A fee that shares the account of other revenue has its name.
    known
        .into_iter()
        .chain(fees)
        .find(|(number, _)| u32::from(*number) == account)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_has_a_name_of_its_own_unless_it_shares_an_account() {
        let accounts = Accounts::default();
        assert_eq!(name_of(8313, &accounts), Some("Ränteintäkter från kundfordringar"));
        assert_eq!(
            name_of(3990, &Accounts { interest: 3990, ..accounts }),
            Some("Påminnelseavgifter")
        );
        assert_eq!(name_of(3999, &accounts), None);
    }
}
