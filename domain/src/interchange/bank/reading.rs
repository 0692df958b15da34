//! The contents of a bank's file.

use std::collections::BTreeSet;

use ::entity::money::Money;
use documents::typesetting;
use unicode_normalization::UnicodeNormalization;

use crate::{
    config::OwnAccounts,
    error::{LINE, TEXT, ValidationErrors},
    payments::bank::incoming::Incoming,
};

/// Maximum number of errors of a file that are reported; further ones add nothing new.
const MAX_ERRORS: usize = 1000;

/// The layout of a bank's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Bankgirot's BgMax, of the service Bankgiro Inbetalningar.
    BgMax,
    /// ISO 20022 camt.053, BankToCustomerStatement.
    Camt053,
    /// ISO 20022 camt.054, BankToCustomerDebitCreditNotification.
    Camt054,
}

impl Layout {
    /// Returns the name of the layout.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BgMax => "BgMax",
            Self::Camt053 => "camt.053",
            Self::Camt054 => "camt.054",
        }
    }
}

/// A payment of a file that is not the network's to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPayment {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// Its amount, in its currency.
    pub amount: String,
    /// The currency, as `EUR`.
    pub currency: String,
    /// The account or giro to which it was paid.
    pub account: String,
    /// Reason for which it is left out.
    pub reason: SkipReason,
}

/// Reason for which a payment is not the network's to book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum SkipReason {
    /// It was paid to an account that is not the network's own.
    Account,
    /// It is in another currency than kronor.
    Currency,
}

impl SkipReason {
    /// Returns the reason as a word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// The contents of a file, as its reader found them.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Accounts or giros of the file.
    pub accounts: BTreeSet<String>,
    /// `true` if one of them is the network's own.
    pub has_own: bool,
    /// The first line of each account that is not the network's own, with its description.
    foreign: Vec<(u64, String)>,
    pub payments: Vec<Incoming>,
    /// Payments out of an own account, some of which may be refunds.
    pub outgoing: Vec<Incoming>,
    /// Payments that are not the network's to book.
    pub skipped: Vec<SkippedPayment>,
    /// Number of entries that are not incoming payments: outgoing payments, and entries that the
    /// bank has not booked.
    pub passed_over: usize,
    /// Errors by line.
    pub errors: Vec<(u64, String)>,
}

impl Reading {
    pub fn error(&mut self, line: u64, reason: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push((line, reason.into()));
        }
    }

    /// Records an account of the file.
    pub fn of_account(&mut self, line: u64, account: &str, called: &str, is_own: bool) {
        self.accounts.insert(account.to_owned());
        self.has_own |= is_own;
        if !is_own && !account.is_empty() && self.foreign.iter().all(|(_, known)| known != called) {
            self.foreign.push((line, called.to_owned()));
        }
    }

    /// Adds an error for each account of a file that has none of the network's own.
    pub fn require_own_account(&mut self, own: &OwnAccounts) {
        if self.has_own {
            return;
        }
        for (line, called) in std::mem::take(&mut self.foreign) {
            self.error(line, format!("is of {called}, {}", own.describe()));
        }
    }

    /// Makes every text one that the register can export and import. A text of the bank that is not
    /// is an error. A text of a payer is corrected, so that it doesn't keep its payment out.
    pub fn make_readable(&mut self) {
        let mut payments = std::mem::take(&mut self.payments);
        // A line with an error may be the one that names the account.
        let is_sound = self.errors.is_empty();
        for payment in &mut payments {
            let mut errors = ValidationErrors::default();
            if is_sound || !payment.account.is_empty() {
                errors.text("account", &payment.account, LINE);
            }
            errors.text("bank reference", &payment.bank_reference, LINE);
            for error in errors.into_inner() {
                self.error(
                    payment.line,
                    format!("has a payment whose {} {}", error.path, error.message),
                );
            }
            payment.message = payment.message.take().and_then(|text| readable(&text));
            payment.payer_name = payment.payer_name.take().and_then(|text| readable(&text));
            payment.references.iter_mut().for_each(|reference| {
                reference.text = readable(&reference.text).unwrap_or_default()
            });
        }
        self.payments = payments;
        // An outgoing payment that the register can't store is no refund.
        let can_be_stored = |payment: &Incoming| {
            let mut errors = ValidationErrors::default();
            errors.text("account", &payment.account, LINE);
            errors.text("bank reference", &payment.bank_reference, LINE);
            errors.is_empty()
        };
        let count = self.outgoing.len();
        self.outgoing.retain(can_be_stored);
        self.passed_over += count - self.outgoing.len();
        for payment in &mut self.outgoing {
            // The register doesn't need the recipient of a refund.
            (payment.payer_name, payment.payer_org_number) = (None, None);
            payment.message = payment.message.take().and_then(|text| readable(&text));
            payment.references.iter_mut().for_each(|reference| {
                reference.text = readable(&reference.text).unwrap_or_default()
            });
        }
    }
}

/// Makes a payer's text one that the register accepts: control characters become spaces, and
/// stacked combining marks and everything after [`TEXT`] characters are removed. Returns `None` if
/// nothing visible is left.
fn readable(text: &str) -> Option<String> {
    let stacks_marks = typesetting::stacks_marks(text);
    let (mut readable, mut marks) = (String::with_capacity(text.len()), 0);
    for char in text.trim().chars().take(TEXT) {
        if stacks_marks {
            // The same count as when a text is validated.
            let after = std::iter::once(char).nfkd().fold(marks, |marks, part| {
                if typesetting::count_marks(part.encode_utf8(&mut [0; 4])) > 0 {
                    marks + 1
                } else {
                    0
                }
            });
            if after > typesetting::MAX_MARKS {
                continue;
            }
            marks = after;
        }
        readable.push(if char.is_control() && char != '\n' { ' ' } else { char });
    }
    (!typesetting::shows_nothing(&readable)).then(|| readable.trim().to_owned())
}

/// Returns an amount in öre; `None` if it exceeds the largest amount.
pub(super) fn within_bounds(ore: i64) -> Option<Money> {
    Some(Money(ore)).filter(|amount| amount.0.abs() <= Money::MAX.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_payers_are_made_readable() {
        let stacked = format!("a{}b", "\u{301}".repeat(31));
        for (text, expected) in [
            ("  två\n  rader  ", Some("två\n  rader")),
            ("\u{1}a\tb\u{85}c", Some("a b c")),
            ("\n", None),
            ("\u{200b}\u{fe0f}", None),
            ("❤\u{fe0f}", Some("❤\u{fe0f}")),
            (&stacked, Some(&*stacked.replacen('\u{301}', "", 1))),
        ] {
            assert_eq!(readable(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(readable(&"å".repeat(TEXT + 1)), Some("å".repeat(TEXT)));
        let marks = readable(&format!("a{}", "\u{344}\u{302}".repeat(40))).unwrap_or_default();
        assert!(!typesetting::stacks_marks(&marks) && marks.chars().count() >= 20, "{marks:?}");
    }
}
