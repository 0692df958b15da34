//! Reasons of conflicts: the stable codes that clients get with CONFLICT.

use crate::codes::code_enum;

code_enum! {
    /// Reason of a conflict.
    ///
    /// The code that clients get is the variant in capitals, as `ALREADY_SIGNED`. It is part of the
    /// API's contract and never changes.
    pub enum ConflictReason {
        /// The activity ended before the last day that the agreement has, or would get.
        ActivityEnded,
        /// The agreement begins before its activity.
        ActivityNotStarted,
        /// The last day that was agreed before the notice is not recorded, and must be stated.
        AgreedEndUnknown,
        /// Agreements are in force after the day; they must end first.
        AgreementsInForce,
        /// An agreement was changed after the member left, so that its former terms can't be
        /// restored.
        AgreementChanged,
        /// The activity or the period is closed already.
        AlreadyClosed,
        /// The fee of the period is on another invoice.
        AlreadyInvoiced,
        /// The invoice is issued, and never changes.
        AlreadyIssued,
        /// The member left already, or has a last day of membership.
        AlreadyLeft,
        /// The bank payment, or a part of it, is matched already.
        AlreadyMatched,
        /// The agreement was offered, and an offer never changes.
        AlreadyOffered,
        /// The version of the template is published, and never changes.
        AlreadyPublished,
        /// A reminder of the invoice was sent on that day.
        AlreadyReminded,
        /// Another agreement replaces this one.
        AlreadyReplaced,
        /// Another requisition covers the period.
        AlreadyRequisitioned,
        /// The version of the template is retired already.
        AlreadyRetired,
        /// The payment, refund, cost or grant is reversed already.
        AlreadyReversed,
        /// The party, or both parties, signed already.
        AlreadySigned,
        /// The request with this idempotency key was done, but its payload can't be built any more.
        AnswerLost,
        /// The requisitions of the agreement would exceed its grant.
        BeyondGrant,
        /// The amount exceeds the remainder of the invoice.
        BeyondInvoice,
        /// The difference is too large to write off.
        BeyondLimit,
        /// Another writer, as an import, holds the lock. Retry later.
        Busy,
        /// The clock is behind the last entry of the audit trail.
        ClockBehind,
        /// The budget of points per minute has too few left. Retry later.
        CostBudget,
        /// The invoice was credited.
        Credited,
        /// The document is a credit note, and the operation is for invoices.
        CreditNote,
        /// The invoice run has warnings that must be confirmed.
        DecidedLate,
        /// The signed document is not the one that was offered.
        DocumentDiffers,
        /// The document has more pages, or takes more time, than the renderer allows.
        DocumentTooLong,
        /// The kind, the funding or the activity of the agreement no longer allows it.
        DoesNotFit,
        /// The invoice is a draft, and is not owed.
        Draft,
        /// The bank payment stands for the same payment as another, or another stands for it.
        Duplicate,
        /// The agreement has ended.
        Ended,
        /// The contact, or the files of the document, are erased.
        Erased,
        /// A field of the template has no value, as a signatory that is not set.
        FactsMissing,
        /// A file or folder can't be read or written.
        File,
        /// The agreement has a fixed term, and notice can't end it earlier.
        FixedTerm,
        /// Members are merged into this one on that day or later.
        HasPredecessors,
        /// The parts of the payment's entry count instead of its total.
        InDetails,
        /// The total of the payment's entry counts instead of this part.
        InTotal,
        /// Other objects refer to it; the message counts them.
        InUse,
        /// The subject is the e-mail address of a contact.
        IsContact,
        /// The bank payment is a refund.
        IsRefund,
        /// The object is itself a reversal.
        IsReversal,
        /// The latest document of the series is dated after today.
        LatestInFuture,
        /// The member has a last day in the future.
        Leaving,
        /// The socket runs as many operations as it may.
        LimitOperations,
        /// The subject has as many subscriptions as it may.
        LimitSubscriptions,
        /// The invoice is fully credited.
        NothingLeft,
        /// The agreement has no end by notice to decide on.
        NothingToDecide,
        /// The invoice is settled to the öre.
        NothingToWriteOff,
        /// Notice of the agreement was given already.
        NoticeGiven,
        /// The deadline is not snoozed.
        NotSnoozed,
        /// The agreement is about no grant.
        NotAGrant,
        /// The counterparty is not a member on every day of the agreement.
        NotAMember,
        /// The period is open.
        NotClosed,
        /// Vouchers of the period are not exported.
        NotExported,
        /// The bank payment is not incoming.
        NotIncoming,
        /// The invoice is a draft.
        NotIssued,
        /// The invoice was not late on the day.
        NotLate,
        /// The member has no last day of membership.
        NotLeft,
        /// The agreement was not offered.
        NotOffered,
        /// The bank payment is not outgoing.
        NotOutgoing,
        /// The invoice was not overdue on the day.
        NotOverdue,
        /// The invoice is not overpaid.
        NotOverpaid,
        /// The version of the template is a draft.
        NotPublished,
        /// The bank payment is not excluded.
        NotExcluded,
        /// The person may not sign for the network on the day.
        NotSignatory,
        /// The agreement is not signed by both parties.
        NotSigned,
        /// The agreement is not in force yet.
        NotStarted,
        /// A line has no account, or one that is no account number.
        NoAccount,
        /// The allocation that the fee depends on is not known.
        NoAllocation,
        /// The agreement has no deadline.
        NoDeadline,
        /// The agreement has no document.
        NoDocument,
        /// No fee schedule applies on the day.
        NoFeeRule,
        /// No interest is owed that is not invoiced already.
        NoInterest,
        /// No notice of the agreement was given.
        NoNotice,
        /// The template has no published version.
        NoPublishedVersion,
        /// The draft has no template.
        NoTemplate,
        /// The template has no version.
        NoVersion,
        /// Another invoice has the OCR reference.
        OcrTaken,
        /// Less than a krona is unpaid.
        OreOnly,
        /// Another member or organisation has the organisation number.
        OrgNumberTaken,
        /// Interest invoices claim more interest than is owed.
        Overclaimed,
        /// Another agreement, fee or decision is in force on some of the same days.
        Overlaps,
        /// The invoice was paid.
        Paid,
        /// A payment with the same reference has another amount or day.
        PaymentDiffers,
        /// The payment with the same reference was reversed.
        PaymentReversed,
        /// The day is in a closed period.
        PeriodClosed,
        /// A similar payment is recorded; confirm that it is another one.
        PossibleDuplicate,
        /// A newer program migrated the database.
        ProgramTooOld,
        /// The reference rate of some of the days is not set.
        RateUnknown,
        /// A refund with the same reference has another amount or day.
        RefundDiffers,
        /// The refund with the same reference was reversed.
        RefundReversed,
        /// The register was set back to an earlier revision, as by a restored backup. Read the data
        /// again.
        RegisterRestored,
        /// Another request with the idempotency key did this at the same time.
        Repeated,
        /// Another agreement replaces this one.
        Replaced,
        /// A law requires retention of the data.
        Retained,
        /// The bank payment is excluded, or is a refund.
        Excluded,
        /// Another activity or template has the slug.
        SlugTaken,
        /// The version of the template is a draft; no agreement can be offered with it.
        TemplateNotPublished,
        /// The version of the template is retired; no agreement can be offered with it.
        TemplateRetired,
        /// The text of the template can't be rendered.
        TextUnusable,
        /// An amount exceeds the largest one.
        TooLarge,
        /// The server has as many connections as it may. Retry later.
        TooManyConnections,
        /// The subject has as many requests in progress as it may. Retry when one finishes.
        TooManyRequests,
        /// As many sockets are open as may be. Retry later.
        TooManySockets,
        /// No decision of the network sets the VAT rate of the price.
        VatUndecided,
        /// The version of the template is retired.
        VersionRetired,
        /// The agreement or the requisition was withdrawn.
        Withdrawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{Code, undescribed};

    /// The codes that clients know.
    const CODES: &str = "ACTIVITY_ENDED ACTIVITY_NOT_STARTED AGREED_END_UNKNOWN AGREEMENTS_IN_FORCE \
        AGREEMENT_CHANGED ALREADY_CLOSED ALREADY_INVOICED ALREADY_ISSUED ALREADY_LEFT \
        ALREADY_MATCHED ALREADY_OFFERED ALREADY_PUBLISHED ALREADY_REMINDED \
        ALREADY_REPLACED ALREADY_REQUISITIONED ALREADY_RETIRED ALREADY_REVERSED \
        ALREADY_SIGNED ANSWER_LOST BEYOND_GRANT BEYOND_INVOICE BEYOND_LIMIT BUSY \
        CLOCK_BEHIND COST_BUDGET CREDITED CREDIT_NOTE DECIDED_LATE DOCUMENT_DIFFERS \
        DOCUMENT_TOO_LONG DOES_NOT_FIT DRAFT DUPLICATE ENDED ERASED FACTS_MISSING FILE \
        FIXED_TERM HAS_PREDECESSORS IN_DETAILS IN_TOTAL IN_USE IS_CONTACT IS_REFUND \
        IS_REVERSAL LATEST_IN_FUTURE LEAVING LIMIT_OPERATIONS LIMIT_SUBSCRIPTIONS \
        NOTHING_LEFT NOTHING_TO_DECIDE NOTHING_TO_WRITE_OFF NOTICE_GIVEN NOT_SNOOZED \
        NOT_A_GRANT NOT_A_MEMBER NOT_CLOSED NOT_EXPORTED NOT_INCOMING NOT_ISSUED NOT_LATE \
        NOT_LEFT NOT_OFFERED NOT_OUTGOING NOT_OVERDUE NOT_OVERPAID NOT_PUBLISHED \
        NOT_EXCLUDED NOT_SIGNATORY NOT_SIGNED NOT_STARTED NO_ACCOUNT NO_ALLOCATION \
        NO_DEADLINE NO_DOCUMENT NO_FEE_RULE NO_INTEREST NO_NOTICE NO_PUBLISHED_VERSION \
        NO_TEMPLATE NO_VERSION OCR_TAKEN ORE_ONLY ORG_NUMBER_TAKEN OVERCLAIMED OVERLAPS \
        PAID PAYMENT_DIFFERS PAYMENT_REVERSED PERIOD_CLOSED POSSIBLE_DUPLICATE \
        PROGRAM_TOO_OLD RATE_UNKNOWN REFUND_DIFFERS REFUND_REVERSED REGISTER_RESTORED \
        REPEATED REPLACED RETAINED EXCLUDED SLUG_TAKEN TEMPLATE_NOT_PUBLISHED TEMPLATE_RETIRED \
        TEXT_UNUSABLE TOO_LARGE TOO_MANY_CONNECTIONS TOO_MANY_REQUESTS TOO_MANY_SOCKETS \
        VAT_UNDECIDED VERSION_RETIRED WITHDRAWN";

    #[test]
    fn clients_know_every_code() {
        let codes: Vec<&str> = ConflictReason::all().into_iter().map(Code::word).collect();
        assert_eq!(codes, CODES.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn every_code_has_a_description() {
        assert_eq!(undescribed::<ConflictReason>(), [""; 0]);
    }
}
