//! Payments as a bank file reports them, before they are matched.

use ::entity::{id::BankPaymentId, money::Money};
use chrono::NaiveDate;

/// A payment as reported by a bank file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// The bank's reference: the same in every file that reports the payment.
    pub bank_reference: String,
    /// The credited account or giro.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Incoming amount, öre; negative for a return by the bank and for a deduction.
    pub amount: Money,
    /// The payer's references.
    pub references: Vec<Reference>,
    /// The payer's message; null: none.
    pub message: Option<String>,
    /// Name of the payer; null: not reported by the bank.
    pub payer_name: Option<String>,
    /// Organisationsnummer of the payer, as `222000-1834`; null: not reported by the bank, or the
    /// payer is a person.
    pub payer_org_number: Option<String>,
    /// `true` if it reverses an earlier entry of the bank.
    pub is_reversal: bool,
    /// `true` if it is a credit note that the payer deducts from its other payments in the same
    /// deposit.
    pub is_deduction: bool,
    /// Line of the first payment of the group that must be matched together; null: it is matched
    /// alone.
    pub belongs_with: Option<u64>,
    /// The bank's reference of its entry or deposit; null: the bank reports none, or it is a total.
    pub entry_reference: Option<String>,
    /// Sum of that entry, öre.
    pub entry_total: Money,
    /// `true` for an entry that is reported without its payments.
    pub is_total: bool,
    /// The same money as other files report it.
    pub duplication: Duplication,
}

/// Relation of a payment to payments that other files reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplication {
    /// Nothing.
    #[default]
    None,
    /// The same money as this bank payment.
    Same(BankPaymentId),
    /// Possibly the same money as another bank payment: a user decides.
    Unclear,
    /// Part of this bank payment, which reported it as a total; its payments stand for it from now
    /// on.
    PartOf(BankPaymentId),
}

impl Incoming {
    /// `true` if the two must be matched together.
    #[must_use]
    pub fn belongs_together_with(&self, other: &Self) -> bool {
        self.belongs_with.is_some() && self.belongs_with == other.belongs_with
    }
}

/// A reference stated by a payer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Text of the reference.
    pub text: String,
    /// Part of the payment for this reference; null: not stated. Negative for a credit note that
    /// the payer deducts.
    pub amount: Option<Money>,
}
