//! Correcting vouchers: differences between the bank's account and the observation account since a
//! voucher was exported.
//!
//! An exported voucher is never rewritten. A receipt may turn out to be a duplicate, to be reported
//! in details, or to be the same as a manually recorded payment. The difference is then a voucher
//! of its own, on the day of the first one or on the first open day after it.

use std::collections::HashMap;

use ::entity::{kind::VoucherSource, money::Money};
use documents::sie::{Transaction, Voucher};

use crate::{
    books::{
        Closing,
        exported::{Exported, ExportedVoucher, Key},
    },
    config::Accounts,
    payments::bank::observation::{Observed, Part},
};

/// A voucher that corrects the exported vouchers of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The source.
    pub key: Key,
    /// Number among the vouchers of the source: 2, 3 …
    pub part: i32,
    /// The voucher.
    pub voucher: Voucher,
}

/// Returns the vouchers that correct the exported vouchers of a bank payment.
pub(super) fn of_bank_payment(
    own: &Observed,
    exported: &Exported,
    closing: Closing,
    accounts: &Accounts,
) -> Vec<Correction> {
    wanted(own, exported)
        .into_iter()
        .filter_map(|(key, wanted)| correction(key, wanted, exported, closing, accounts))
        .collect()
}

/// Returns the amount that each source of a bank payment adds to the bank's account by the current
/// data.
fn wanted(own: &Observed, exported: &Exported) -> HashMap<Key, Money> {
    let of_part = |part: &Part| {
        if part.is_direct(&own.row, exported) { part.amount } else { Money::ZERO }
    };
    let parts = own.parts.iter().map(|part| (part.key, of_part(part)));
    parts.chain([((VoucherSource::BankPayment, own.row.id.into()), own.left(exported))]).collect()
}

/// Returns the voucher for the difference between the exported and the wanted sum on the bank's
/// account.
fn correction(
    key: Key,
    wanted: Money,
    exported: &Exported,
    closing: Closing,
    accounts: &Accounts,
) -> Option<Correction> {
    let parts = exported.of(key);
    let first = &parts.first()?.voucher;
    let difference = wanted - exported.bank(key);
    let account = |of: fn(&ExportedVoucher) -> Option<u32>, now: u16| {
        parts.iter().find_map(of).unwrap_or_else(|| now.into())
    };
    let bank = account(|own| own.bank_account, accounts.bank);
    let observation = account(|own| own.observation_account, accounts.observation);
    if difference == Money::ZERO || bank == observation {
        return None;
    }
    let line = |account, amount| Transaction { account, project: None, amount };
    Some(Correction {
        key,
        part: parts.last()?.part + 1,
        voucher: Voucher {
            series: first.series,
            number: None,
            date: closing.open_day(first.date),
            text: format!(
                "Rättelse av {}{} {}",
                first.series,
                first.number.unwrap_or_default(),
                first.date
            ),
            transactions: vec![line(bank, difference), line(observation, -difference)],
        },
    })
}

#[cfg(test)]
mod tests {
    use ::entity::{bank_payment, id::BankPaymentId};
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Returns a bank payment, exported with this sum on the observation account.
    fn exported(ore: i64) -> (Observed, Exported) {
        let row = bank_payment::Model {
            id: BankPaymentId::new(),
            booked_on: day("2026-11-10"),
            amount: Money(800),
            ..bank_payment::Model::default()
        };
        let line = |account, ore| Transaction { account, project: None, amount: Money(ore) };
        let voucher = ExportedVoucher {
            part: 1,
            voucher: Voucher {
                series: "B",
                number: Some(7),
                date: row.booked_on,
                text: String::new(),
                transactions: vec![line(1930, ore), line(2999, -ore)],
            },
            bank: Money(ore),
            receivables: Money::ZERO,
            bank_account: Some(1930),
            observation_account: Some(2999),
        };
        let exported =
            Exported::default().with((VoucherSource::BankPayment, row.id.into()), voucher);
        (Observed { row, parts: Vec::new() }, exported)
    }

    fn corrections(own: &Observed, exported: &Exported, through: Option<&str>) -> Vec<Correction> {
        let closing = Closing { through: through.map(day) };
        of_bank_payment(own, exported, closing, &Accounts::default())
    }

    #[test]
    fn an_exported_voucher_that_is_still_true_has_no_correction() {
        let (own, exported) = exported(800);
        assert_eq!(corrections(&own, &exported, None), []);
    }

    #[test]
    fn a_duplicate_is_corrected_on_the_accounts_of_its_voucher() {
        let (mut own, exported) = exported(800);
        own.row.duplicate_of_id = Some(BankPaymentId::new());
        let found = corrections(&own, &exported, None);
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!((only.part, only.voucher.date), (2, day("2026-11-10")));
        assert_eq!(only.voucher.text, "Rättelse av B7 2026-11-10");
        let sums: Vec<_> =
            only.voucher.transactions.iter().map(|own| (own.account, own.amount.0)).collect();
        assert_eq!(sums, [(1930, -800), (2999, 800)]);
        // On the first open day, if its own day is closed.
        let found = corrections(&own, &exported, Some("2026-11-30"));
        assert_eq!(found[0].voucher.date, day("2026-12-01"));
    }

    #[test]
    fn what_was_never_exported_has_no_correction() {
        let (own, _) = exported(800);
        assert_eq!(corrections(&own, &Exported::default(), None), []);
    }
}
