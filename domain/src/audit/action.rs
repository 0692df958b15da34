//! Actions of the audit trail, each with the word that its entries store.

use strum::{Display, EnumIter, EnumString, IntoStaticStr};

use crate::database::Sharing;

/// The action of an audit entry: the mutation or command that made the change.
///
/// The stored word is the variant in camel case, as `agreementSign`. It never changes, since it is
/// part of the hash of an entry: a variant that is renamed leaves its former word in [`ALIASES`].
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[strum(serialize_all = "camelCase")]
pub enum Action {
    /// Closes an activity.
    ActivityClose,
    /// Starts an activity.
    ActivityStart,
    /// Updates an activity.
    ActivityUpdate,
    /// Drafts an agreement.
    AgreementDraft,
    /// Updates a draft of an agreement.
    AgreementDraftUpdate,
    /// Gives notice of an agreement.
    AgreementGiveNotice,
    /// Decides on the last day of an agreement that was given notice by a former rule.
    AgreementNoticeEndDecide,
    /// Withdraws the notice of an agreement.
    AgreementNoticeWithdraw,
    /// Offers an agreement.
    AgreementOffer,
    /// Drafts an agreement that replaces another.
    AgreementReplace,
    /// Records a signature of an agreement.
    AgreementSign,
    /// Withdraws an agreement that is not signed by both parties.
    AgreementWithdraw,
    /// Sets a member's allocation of a year.
    AllocationSet,
    /// Erases the files of an archived document.
    ArchivedDocumentErase,
    /// Registers an archived document.
    ArchivedDocumentRegister,
    /// Adds a version to an archived document.
    ArchivedDocumentReplace,
    /// Imports a file of a bank.
    BankFileImport,
    /// Marks a bank payment as the duplicate of another.
    BankPaymentMarkDuplicate,
    /// Matches a bank payment with an invoice.
    BankPaymentMatch,
    /// Excludes a bank payment from matching.
    BankPaymentExclude,
    /// Reopens a bank payment that was excluded.
    BankPaymentReopen,
    /// Accepts a clock that is behind the last entry of the trail.
    ClockAccept,
    /// Adds a contact.
    ContactAdd,
    /// Erases a contact.
    ContactErase,
    /// Deletes the log of reads of contacts.
    ContactReadsForget,
    /// Updates a contact.
    ContactUpdate,
    /// Records a cost of an activity.
    CostRecord,
    /// Reverses a cost of an activity.
    CostReverse,
    /// Snoozes the deadline of an agreement.
    DeadlineSnooze,
    /// Withdraws the snooze of a deadline.
    DeadlineUnsnooze,
    /// Sets a fee schedule.
    FeeScheduleSet,
    /// Records a grant of an activity.
    GrantRecord,
    /// Reverses a grant of an activity.
    GrantReverse,
    /// Imports a folder of files of the interchange.
    Import,
    /// Issues an invoice of interest.
    InterestInvoiceIssue,
    /// Credits an invoice.
    InvoiceCredit,
    /// Drafts an invoice.
    InvoiceDraft,
    /// Discards a draft of an invoice.
    InvoiceDraftDiscard,
    /// Updates a draft of an invoice.
    InvoiceDraftUpdate,
    /// Issues an invoice.
    InvoiceIssue,
    /// Stores the PDF of an invoice.
    InvoicePdfKeep,
    /// Reminds of an invoice.
    InvoiceRemind,
    /// Issues the invoices of an invoice run.
    InvoiceRun,
    /// Writes off a small difference of an invoice.
    InvoiceWriteOff,
    /// Admits a member.
    MemberAdmit,
    /// Gives a member its last day of membership.
    MemberLeave,
    /// Merges members into another.
    MemberMerge,
    /// Reverses a member's departure or merger.
    MemberReinstate,
    /// Removes a member that nothing refers to.
    MemberRemove,
    /// Updates a member.
    MemberUpdate,
    /// Adds an organisation.
    OrganisationAdd,
    /// Removes an organisation that nothing refers to.
    OrganisationRemove,
    /// Updates an organisation.
    OrganisationUpdate,
    /// Records a payment of an invoice.
    PaymentRecord,
    /// Reverses a payment of an invoice.
    PaymentReverse,
    /// Closes the books through a day.
    PeriodClose,
    /// Reopens the books from a day.
    PeriodReopen,
    /// Erases the data of a person.
    PersonErase,
    /// Sets a reference rate.
    ReferenceRateSet,
    /// Records a refund.
    RefundRecord,
    /// Reverses a refund.
    RefundReverse,
    /// Issues a requisition.
    RequisitionIssue,
    /// Withdraws a requisition.
    RequisitionWithdraw,
    /// Files a status report.
    StatusReportFile,
    /// Records a decision on the VAT of a fee or an activity.
    TaxDecisionRecord,
    /// Creates a template.
    TemplateCreate,
    /// Drafts a version of a template.
    TemplateVersionDraft,
    /// Publishes a version of a template.
    TemplateVersionPublish,
    /// Retires a version of a template.
    TemplateVersionRetire,
    /// Loads the bundled templates.
    TemplatesLoad,
    /// Mints a token.
    TokenMint,
    /// Revokes tokens.
    TokenRevoke,
    /// Replaces the key that signs the trail.
    TrailKeyReplace,
    /// Migrates the trail, or records with a migration what it did not record before. Not a change
    /// of the records: readers of an object's history leave it out.
    TrailMigrate,
    /// Exports a batch of vouchers.
    VoucherExport,
}

/// Former stored words of renamed actions. Entries with these words stay as they are.
const ALIASES: &[(&str, Action)] = &[
    ("bankPaymentSetAside", Action::BankPaymentExclude),
    ("bankPaymentTakeUp", Action::BankPaymentReopen),
    ("deadlineAcknowledge", Action::DeadlineSnooze),
    ("deadlineAcknowledgementWithdraw", Action::DeadlineUnsnooze),
];

impl Action {
    /// Returns the word that new entries store.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns every word under which entries store this action, former ones included, for SQL
    /// conditions.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let former =
            ALIASES.iter().filter(move |(_, action)| *action == self).map(|(word, _)| *word);
        std::iter::once(self.word()).chain(former)
    }

    /// Returns the action that entries store under this word; `None` for the word of a newer
    /// version, which readers show as it is.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let former = || ALIASES.iter().find(|(former, _)| *former == word);
        word.parse().ok().or_else(|| former().map(|(_, action)| *action))
    }

    /// Returns the commit that a change with this action needs.
    ///
    /// One that shares its commit takes little time, defers no check of the database to its commit,
    /// and reads within its transaction everything that another of them writes. So none of them
    /// changes fees, which an issue reads outside its transaction. A new name of an organisation
    /// changes all its documents in the index of the search, and a duplicate bank payment may need
    /// all exported files.
    pub(crate) fn sharing(self) -> Sharing {
        match self {
            Self::BankPaymentMatch
            | Self::BankPaymentExclude
            | Self::ContactAdd
            | Self::ContactUpdate
            | Self::CostRecord
            | Self::CostReverse
            | Self::DeadlineSnooze
            | Self::DeadlineUnsnooze
            | Self::GrantRecord
            | Self::GrantReverse
            | Self::InvoiceCredit
            | Self::InvoiceDraft
            | Self::InvoiceDraftDiscard
            | Self::InvoiceDraftUpdate
            | Self::InvoiceIssue
            | Self::InvoiceRemind
            | Self::InvoiceWriteOff
            | Self::OrganisationAdd
            | Self::PaymentRecord
            | Self::PaymentReverse
            | Self::RefundRecord
            | Self::RefundReverse
            | Self::StatusReportFile => Sharing::Shared,
            _ => Sharing::Alone,
        }
    }

    /// `true` if an entry with this stored word records this action.
    #[must_use]
    pub fn is_stored_as(self, word: &str) -> bool {
        Self::of_word(word) == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    /// The words of released versions: one that changes needs an alias.
    const STORED: &str = "activityClose activityStart activityUpdate agreementDraft \
        agreementDraftUpdate agreementGiveNotice agreementNoticeEndDecide agreementNoticeWithdraw \
        agreementOffer agreementReplace agreementSign agreementWithdraw allocationSet \
        archivedDocumentErase archivedDocumentRegister archivedDocumentReplace bankFileImport \
        bankPaymentMarkDuplicate bankPaymentMatch bankPaymentSetAside \
        bankPaymentTakeUp clockAccept contactAdd contactErase contactReadsForget contactUpdate \
        costRecord costReverse deadlineAcknowledge deadlineAcknowledgementWithdraw feeScheduleSet \
        grantRecord grantReverse import interestInvoiceIssue invoiceCredit invoiceDraft \
        invoiceDraftDiscard invoiceDraftUpdate invoiceIssue invoicePdfKeep invoiceRemind \
        invoiceRun invoiceWriteOff memberAdmit memberLeave memberMerge memberReinstate \
        memberRemove memberUpdate organisationAdd organisationRemove organisationUpdate \
        paymentRecord paymentReverse periodClose periodReopen personErase referenceRateSet \
        refundRecord refundReverse requisitionIssue requisitionWithdraw statusReportFile \
        taxDecisionRecord templateCreate templateVersionDraft templateVersionPublish \
        templateVersionRetire templatesLoad tokenMint tokenRevoke trailKeyReplace trailMigrate \
        voucherExport";

    #[test]
    fn stored_words_stay_readable() {
        let stored: Vec<&str> = STORED.split_whitespace().collect();
        for word in &stored {
            let action = Action::of_word(word).unwrap_or_else(|| panic!("{word} is unknown"));
            assert!(action.words().any(|own| own == *word) && action.is_stored_as(word));
        }
        for action in Action::iter() {
            assert_eq!(Action::of_word(action.word()), Some(action));
            assert_eq!(action.to_string(), action.word());
        }
        assert_eq!(Action::iter().count(), 75);
        assert_eq!(Action::of_word("memberPromote"), None, "the word of a newer version");
    }

    #[test]
    fn no_alias_is_the_word_of_another_action() {
        for (former, _) in ALIASES {
            assert!(former.parse::<Action>().is_err(), "{former} is the word of an action");
        }
    }
}
