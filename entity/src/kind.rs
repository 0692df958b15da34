//! Enumerations in rows. Each value is stored under its name in the API.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The reason why a text is no value of an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of {}", .0.join(", "))]
pub struct UnknownWord(&'static [&'static str]);

impl UnknownWord {
    /// Returns the error of a text that is no word of `T`, for `parse_err_fn` of strum.
    #[must_use]
    pub fn of<T: strum::VariantNames>(_: &str) -> Self {
        Self(T::VARIANTS)
    }
}

/// Declares an enumeration that is stored as text.
macro_rules! kind {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(
            Clone,
            Copy,
            Debug,
            Default,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            strum::EnumIter,
            DeriveActiveEnum,
            Serialize,
            Deserialize,
            strum::Display,
            strum::EnumString,
            strum::IntoStaticStr,
            strum::VariantNames,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        #[strum(parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<$name>)]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[sea_orm(string_value = $word)]
                #[serde(rename = $word)]
                #[strum(serialize = $word)]
                $variant
            ),+
        }

        impl $name {
            /// Every value as stored, in order.
            pub const WORDS: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

            /// Returns the value as stored, printed and imported.
            #[must_use]
            pub fn word(self) -> &'static str {
                self.into()
            }
        }
    )+};
}

kind! {
    /// Parties whose money an allocation (tilldelning) includes.
    AllocationBasis {
        /// The money of all four parties.
        #[default]
        AllParties = "ALL_PARTIES",
        /// The state's half only.
        StateShare = "STATE_SHARE",
    }

    /// Role of a contact in its member, organisation or contact area.
    ContactRole {
        /// Förbundschef.
        #[default]
        ChiefExecutive = "CHIEF_EXECUTIVE",
        /// Ordförande.
        Chair = "CHAIR",
        /// Ekonomi.
        Finance = "FINANCE",
        /// Styrelseledamot.
        BoardMember = "BOARD_MEMBER",
        /// Kontakt för en verksamhet.
        ActivityContact = "ACTIVITY_CONTACT",
        /// Any other role.
        Other = "OTHER",
    }

    /// Kind of funding of an activity.
    FundingKind {
        /// Särskild avgift, by agreement.
        #[default]
        SpecialFee = "SPECIAL_FEE",
        /// Kursintäkter; payers may be non-members.
        CourseIncome = "COURSE_INCOME",
        /// Statsbidrag or another grant.
        Grant = "GRANT",
        /// Run with a partner.
        Partner = "PARTNER",
        /// Serviceavgift.
        ServiceFee = "SERVICE_FEE",
        /// Run by volunteers; never lacks agreements.
        Volunteer = "VOLUNTEER",
    }

    /// Basis of the calculation of a fee.
    FeeBasis {
        /// The same sum each year.
        #[default]
        FixedPerYear = "FIXED_PER_YEAR",
        /// A per mille of the year's allocation.
        PerMilleOfAllocation = "PER_MILLE_OF_ALLOCATION",
        /// A sum per participant.
        PerParticipant = "PER_PARTICIPANT",
        /// One sum, one time.
        OneOff = "ONE_OFF",
    }

    /// VAT treatment (momssats) of a line.
    VatRate {
        /// 25 %.
        #[default]
        Standard25 = "STANDARD_25",
        /// 12 %.
        Reduced12 = "REDUCED_12",
        /// 6 %.
        Reduced6 = "REDUCED_6",
        /// 0 %.
        Zero = "ZERO",
        /// Exempt, with a reason.
        Exempt = "EXEMPT",
        /// Outside the scope of VAT; never on an invoice with the others.
        OutsideScope = "OUTSIDE_SCOPE",
    }

    /// Unit (enhet) of a line's quantity.
    Unit {
        /// Styck.
        #[default]
        Piece = "PIECE",
        /// Person.
        Person = "PERSON",
        /// Timme.
        Hour = "HOUR",
        /// Dag.
        Day = "DAY",
        /// Vecka.
        Week = "WEEK",
        /// Månad.
        Month = "MONTH",
        /// År.
        Year = "YEAR",
        /// Kilometer.
        Kilometer = "KILOMETER",
    }

    /// Body that took a decision.
    DecisionBody {
        /// Årsstämma.
        AnnualMeeting = "ANNUAL_MEETING",
        /// Medlemsmöte.
        MembersMeeting = "MEMBERS_MEETING",
        /// Styrelse.
        Board = "BOARD",
        /// Arbetsutskott.
        WorkingCommittee = "WORKING_COMMITTEE",
        /// Kansli.
        Office = "OFFICE",
        /// Not known, which is a valid value.
        #[default]
        Unknown = "UNKNOWN",
    }

    /// Kind of an agreement.
    AgreementKind {
        /// A member takes part in an activity.
        #[default]
        Participation = "PARTICIPATION",
        /// The network pays a person or company to lead or do work.
        Assignment = "ASSIGNMENT",
        /// With an authority, a company or a university.
        Cooperation = "COOPERATION",
    }

    /// Direction of the payments of an agreement.
    Direction {
        /// The network is paid.
        Income = "INCOME",
        /// The network pays.
        Cost = "COST",
        /// No payments.
        #[default]
        None = "NONE",
    }

    /// A party to an agreement.
    SignatureParty {
        /// NNS.
        #[default]
        Network = "NETWORK",
        /// The other party.
        Counterparty = "COUNTERPARTY",
    }

    /// Method of a signature.
    SignatureMethod {
        /// On paper.
        #[default]
        Paper = "PAPER",
        /// Electronically.
        ESignature = "E_SIGNATURE",
    }

    /// Kind of a deadline.
    DeadlineKind {
        /// Last day to give notice before the term is renewed.
        Notice = "NOTICE",
        /// Last day in force.
        #[default]
        End = "END",
    }

    /// State of a template version.
    TemplateState {
        /// May still change.
        #[default]
        Draft = "DRAFT",
        /// Never changes.
        Published = "PUBLISHED",
        /// Never changes, and no new agreement uses it.
        Retired = "RETIRED",
    }

    /// Invoice or credit note.
    InvoiceKind {
        /// Faktura.
        #[default]
        Invoice = "INVOICE",
        /// Kreditfaktura.
        CreditNote = "CREDIT_NOTE",
    }

    /// Kind of the source of a voucher (verifikation).
    VoucherSource {
        /// An invoice or credit note.
        #[default]
        Invoice = "INVOICE",
        /// A payment or the reversal of one.
        Payment = "PAYMENT",
        /// A reminder with a fee.
        Reminder = "REMINDER",
        /// A refund or a write-off.
        Adjustment = "ADJUSTMENT",
        /// A bank payment that was not matched on its day.
        BankPayment = "BANK_PAYMENT",
    }

    /// Kind of an adjustment of an invoice.
    AdjustmentKind {
        /// Återbetalning: an overpayment was repaid.
        #[default]
        Refund = "REFUND",
        /// Öresutjämning: a difference was written off.
        WriteOff = "WRITE_OFF",
    }

    /// Format of an invoice's file.
    FileFormat {
        /// For people: PDF/A-3 with the XML embedded.
        #[default]
        Pdf = "PDF",
        /// For programs: Peppol BIS Billing 3.
        Xml = "XML",
    }

    /// Kind of a yearly fee.
    ChargeKind {
        /// Särskild avgift, of an agreement.
        #[default]
        SpecialFee = "SPECIAL_FEE",
        /// Serviceavgift, of a member.
        ServiceFee = "SERVICE_FEE",
        /// Medlemsavgift, of a member.
        MembershipFee = "MEMBERSHIP_FEE",
    }

    /// Kind of an archived document.
    ArchivedDocumentKind {
        /// Undertecknat avtal.
        SignedContract = "SIGNED_CONTRACT",
        /// Bilaga.
        Appendix = "APPENDIX",
        /// Protokoll.
        Minutes = "MINUTES",
        /// Beslut.
        Decision = "DECISION",
        /// Rapport.
        Report = "REPORT",
        /// Any other document.
        #[default]
        Other = "OTHER",
    }

    /// Health of an activity in a status report.
    Health {
        /// As planned.
        #[default]
        Green = "GREEN",
        /// Needs attention.
        Yellow = "YELLOW",
        /// Needs a decision.
        Red = "RED",
    }

    /// Kind of the object whose history an audit entry belongs to.
    SubjectKind {
        /// A member, with its billing details, municipalities and allocations.
        #[default]
        Member = "MEMBER",
        /// A contact area.
        ContactArea = "CONTACT_AREA",
        /// A contact.
        Contact = "CONTACT",
        /// An organisation.
        Organisation = "ORGANISATION",
        /// An activity, with its fee schedules, costs and grants.
        Activity = "ACTIVITY",
        /// A status report.
        StatusReport = "STATUS_REPORT",
        /// A fee schedule of the network itself.
        FeeSchedule = "FEE_SCHEDULE",
        /// A template or one of its versions.
        Template = "TEMPLATE",
        /// An agreement.
        Agreement = "AGREEMENT",
        /// An invoice, with its lines and payments.
        Invoice = "INVOICE",
        /// A payment in a bank's file.
        BankPayment = "BANK_PAYMENT",
        /// A reference rate.
        ReferenceRate = "REFERENCE_RATE",
        /// Revoked tokens.
        Token = "TOKEN",
        /// The log of who read contacts.
        ContactReads = "CONTACT_READS",
        /// The books: closed periods and exported vouchers.
        Books = "BOOKS",
        /// An archived document.
        ArchivedDocument = "ARCHIVED_DOCUMENT",
        /// The register's clock.
        Clock = "CLOCK",
        /// The audit trail itself: its keys and its migration.
        AuditTrail = "AUDIT_TRAIL",
    }

    /// Form of the record in an audit entry. The names are independent of table names and never
    /// change.
    Form {
        /// A member with its municipalities, billing details and former names.
        #[default]
        Member = "MEMBER",
        /// A member's allocation of a year.
        Allocation = "ALLOCATION",
        /// A contact area.
        ContactArea = "CONTACT_AREA",
        /// A contact.
        Contact = "CONTACT",
        /// An organisation with its billing details.
        Organisation = "ORGANISATION",
        /// An activity with its texts, funding and decision.
        Activity = "ACTIVITY",
        /// A cost of an activity.
        Cost = "COST",
        /// A grant to an activity.
        Grant = "GRANT",
        /// A requisition of a grant.
        Requisition = "REQUISITION",
        /// A fee schedule with its decision.
        FeeSchedule = "FEE_SCHEDULE",
        /// A tax decision of the network.
        TaxDecision = "TAX_DECISION",
        /// A status report with its texts.
        StatusReport = "STATUS_REPORT",
        /// A template.
        Template = "TEMPLATE",
        /// A template version with its text and parameters.
        TemplateVersion = "TEMPLATE_VERSION",
        /// An agreement with its parameters, decision, document's digests and signatures.
        Agreement = "AGREEMENT",
        /// The digest of an agreement's HTML document, frozen at the offer.
        AgreementHtml = "AGREEMENT_HTML",
        /// An acknowledgement of a deadline.
        Acknowledgement = "ACKNOWLEDGEMENT",
        /// An invoice with its lines and payments.
        Invoice = "INVOICE",
        /// A fee that a run invoiced with a line.
        FeeCharge = "FEE_CHARGE",
        /// A reminder of an invoice.
        Reminder = "REMINDER",
        /// A refund or a write-off of an invoice.
        Adjustment = "ADJUSTMENT",
        /// The digest of an issued invoice's content.
        InvoiceContent = "INVOICE_CONTENT",
        /// The digest of an invoice's PDF.
        InvoicePdf = "INVOICE_PDF",
        /// The digest of an invoice's XML.
        InvoiceXml = "INVOICE_XML",
        /// The digest of an uploaded signed copy of an agreement.
        SignatureFile = "SIGNATURE_FILE",
        /// The digest of an uploaded voucher of a cost.
        CostFile = "COST_FILE",
        /// An archived document.
        ArchivedDocument = "ARCHIVED_DOCUMENT",
        /// The digest of a version of an archived document.
        DocumentFile = "DOCUMENT_FILE",
        /// A payment in a bank's file.
        BankPayment = "BANK_PAYMENT",
        /// A payment of an invoice as part of a bank payment.
        BankPaymentPart = "BANK_PAYMENT_PART",
        /// A reference rate.
        ReferenceRate = "REFERENCE_RATE",
        /// A batch of vouchers that was exported to the bookkeeping program.
        ExportBatch = "EXPORT_BATCH",
        /// The day through which the books are closed.
        BooksClosing = "BOOKS_CLOSING",
        /// A revocation of tokens.
        TokenRevocation = "TOKEN_REVOCATION",
        /// The minting of a token.
        TokenMinting = "TOKEN_MINTING",
        /// A merger: the successor with its predecessors.
        Merger = "MERGER",
        /// The removal of rows from the log of who read contacts.
        ContactReadsRemoval = "CONTACT_READS_REMOVAL",
        /// Vouchers that an import added.
        VoucherImport = "VOUCHER_IMPORT",
        /// The deletion of a person's key, which erases the person from the trail.
        Erasure = "ERASURE",
        /// The acceptance of a clock that was set back.
        ClockAcceptance = "CLOCK_ACCEPTANCE",
        /// The one-time migration of a trail whose entries were neither signed nor encrypted.
        TrailMigration = "TRAIL_MIGRATION",
        /// The appointment of another key that signs the trail.
        TrailKey = "TRAIL_KEY",
    }

    /// Kind of a person in the audit trail. Each person has a key of their own.
    PersonKind {
        /// A contact.
        #[default]
        Contact = "CONTACT",
        /// The signatory of an agreement, by the signature.
        Signatory = "SIGNATORY",
        /// The payer, by the payment of the bank's file.
        Payer = "PAYER",
        /// The subject of a token, by its digest.
        Subject = "SUBJECT",
        /// The person named in a decision, by the decision.
        Decision = "DECISION",
        /// The person named in the billing details of a member or an organisation, or in the
        /// references of an invoice, by its id.
        Buyer = "BUYER",
    }

    /// Result of matching a payment of a bank's file at import.
    BankFinding {
        /// Its OCR reference is that of one invoice. A reference in its message counts only if
        /// exactly this sum was unpaid.
        #[default]
        Ocr = "OCR",
        /// Its message names one invoice by its number, and exactly this sum of it was unpaid.
        Number = "NUMBER",
        /// It has several references, each of an invoice, and the sums agree.
        References = "REFERENCES",
        /// It has nothing that could identify an invoice.
        NoReference = "NO_REFERENCE",
        /// Its reference or number belongs to no invoice.
        UnknownReference = "UNKNOWN_REFERENCE",
        /// It may be for one invoice or another, or may be the same as a manually recorded payment.
        Ambiguous = "AMBIGUOUS",
        /// It names invoices, but the sums do not agree.
        AmountDiffers = "AMOUNT_DIFFERS",
        /// It names an invoice that was issued after the payment.
        BeforeIssue = "BEFORE_ISSUE",
        /// The bank took money back, or returned money that was paid out: no payment of an invoice.
        NotIncoming = "NOT_INCOMING",
        /// The payer uses a credit note, which was deducted from its payment of the credited
        /// invoice.
        CreditNote = "CREDIT_NOTE",
        /// The payer deducts a sum that is no credit note of an invoice in the same payment.
        Deduction = "DEDUCTION",
    }
}

impl Unit {
    /// Returns its code in UN/ECE Recommendation 20, for e-invoices.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Piece => "C62",
            Self::Person => "IE",
            Self::Hour => "HUR",
            Self::Day => "DAY",
            Self::Week => "WEE",
            Self::Month => "MON",
            Self::Year => "ANN",
            Self::Kilometer => "KMT",
        }
    }

    /// Returns its Swedish abbreviation; `None` for pieces, which need none.
    #[must_use]
    pub fn abbreviation(self) -> Option<&'static str> {
        match self {
            Self::Piece => None,
            Self::Person => Some("pers"),
            Self::Hour => Some("tim"),
            Self::Day => Some("dag"),
            Self::Week => Some("v"),
            Self::Month => Some("mån"),
            Self::Year => Some("år"),
            Self::Kilometer => Some("km"),
        }
    }
}

impl VatRate {
    /// Returns the rate in per cent of the net sum (mervärdesskattelag 2023:200, 9 kap.).
    #[must_use]
    pub fn percent(self) -> i64 {
        match self {
            Self::Standard25 => 25,
            Self::Reduced12 => 12,
            Self::Reduced6 => 6,
            Self::Zero | Self::Exempt | Self::OutsideScope => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn a_value_is_stored_printed_and_parsed_as_the_same_word() {
        for (rate, word) in VatRate::iter().zip(VatRate::WORDS) {
            assert_eq!((rate.to_value().as_str(), rate.word()), (*word, *word));
            assert_eq!((rate.to_string().as_str(), word.parse()), (*word, Ok(rate)));
        }
        assert_eq!(VatRate::WORDS.first(), Some(&"STANDARD_25"));
        assert_eq!(
            "PDFA".parse::<FileFormat>().map_err(|error| error.to_string()),
            Err("is none of PDF, XML".to_owned())
        );
    }
}
