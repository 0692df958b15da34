//! Payments as the bank's files report them. They are stored forever, matched with an invoice or
//! not.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::BankPaymentId, kind::BankFinding, money::Money, partial::partial};

/// A payment as a bank's file reports it. It is stored forever, matched with an invoice or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "bank_payment")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BankPaymentId,
    /// The bank's identifier of the payment, the same in every file that reports it.
    pub bank_reference: String,
    /// The name of the first file that reported it.
    pub file_name: String,
    /// SHA-256 of that file, in hexadecimal.
    pub file_sha256: String,
    /// Time of the import.
    pub imported_at: DateTime<Utc>,
    /// The account or giro that received it.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Öre; negative for money that the bank withdrew.
    pub amount: Money,
    /// The payer's references, separated by spaces; null: none.
    pub reference: Option<String>,
    /// The payer's message; null: none.
    pub message: Option<String>,
    /// Name of the payer; null: not in the file.
    pub payer_name: Option<String>,
    /// Organisationsnummer of the payer; null: not in the file, or the payer is a person.
    pub payer_org_number: Option<String>,
    /// Result of the matching at import.
    pub finding: BankFinding,
    /// Sum of the invoice payments made of it, less reversals, öre.
    pub matched: Money,
    /// Day on which it was excluded from matching; null: it was not.
    pub set_aside_on: Option<NaiveDate>,
    /// Reason for the exclusion; null: it was not excluded.
    pub set_aside_reason: Option<String>,
    /// The bank's reference of the entry or deposit that contains this and other payments; null:
    /// the bank states none, or it is a total.
    pub entry_reference: Option<String>,
    /// The bank payment that stands for the same money, so that this one no longer counts; null: it
    /// counts.
    pub duplicate_of_id: Option<BankPaymentId>,
    /// Day in the books, if different from `booked_on`: the first open day, for a payment that was
    /// imported after its own day was closed.
    pub posted_on: Option<NaiveDate>,
}

impl Model {
    /// Returns the day in the books: the bank's day, unless that was closed when the payment was
    /// imported.
    #[must_use]
    pub fn day_in_books(&self) -> NaiveDate {
        self.posted_on.unwrap_or(self.booked_on)
    }
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, bank_reference: BankReference, file_name: FileName, file_sha256: FileSha256, imported_at: ImportedAt, account: Account, booked_on: BookedOn, amount: Amount, reference: Reference, message: Message, payer_name: PayerName, payer_org_number: PayerOrgNumber, finding: Finding, matched: Matched, set_aside_on: SetAsideOn, set_aside_reason: SetAsideReason, entry_reference: EntryReference, duplicate_of_id: DuplicateOfId, posted_on: PostedOn);
