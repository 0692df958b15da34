//! A payment as a file of the bank tells of it: kept for ever, whether it was matched with an
//! invoice or not.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{id::BankPaymentId, kind::BankFinding, money::Money, partial::partial};

/// A payment as a file of the bank tells of it: kept for ever, whether it was matched with an
/// invoice or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "bank_payment")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BankPaymentId,
    /// What the bank knows it by, however many files tell of it.
    pub bank_reference: String,
    /// The name of the file that first told of it.
    pub file_name: String,
    /// SHA-256 of that file, in hexadecimal.
    pub file_sha256: String,
    /// When.
    pub imported_at: DateTime<Utc>,
    /// The account or giro that it came to.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Öre; below nought for what the bank took back.
    pub amount: Money,
    /// The payer's references, with blanks between; null: none.
    pub reference: Option<String>,
    /// The payer's words; null: none.
    pub message: Option<String>,
    /// Who paid; null: the bank does not say.
    pub payer_name: Option<String>,
    /// Organisationsnummer of who paid; null: the bank does not say, or it is a person.
    pub payer_org_number: Option<String>,
    /// What was found out about it when it came in.
    pub finding: BankFinding,
    /// What payments were made of it, less what of them was reversed, öre.
    pub matched: Money,
    /// Day on which it was set aside; null: it was not.
    pub set_aside_on: Option<NaiveDate>,
    /// Why; null: it was not.
    pub set_aside_reason: Option<String>,
    /// The bank's reference of the entry or deposit that it is one of several payments of; null:
    /// the bank gives none, or it is a total.
    pub entry_reference: Option<String>,
    /// The bank payment that stands for the same money, so that this one counts no more; null: it
    /// counts.
    pub duplicate_of_id: Option<BankPaymentId>,
    /// Day in the books, when it is another than `booked_on`: the first open day, for one that was
    /// imported after its own was closed.
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

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, bank_reference: BankReference, file_name: FileName, file_sha256: FileSha256, imported_at: ImportedAt, account: Account, booked_on: BookedOn, amount: Amount, reference: Reference, message: Message, payer_name: PayerName, payer_org_number: PayerOrgNumber, finding: Finding, matched: Matched, set_aside_on: SetAsideOn, set_aside_reason: SetAsideReason, entry_reference: EntryReference, duplicate_of_id: DuplicateOfId, posted_on: PostedOn);
