//! The closed sets of words that rows are made of; each is stored under the name that the API gives
//! it.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Declares a set of words, stored as text.
macro_rules! kind {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $($(#[$variant_doc])* #[sea_orm(string_value = $word)] #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word of the set, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as stored, printed and imported.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("is none of {}", Self::WORDS.join(", "))),
                }
            }
        }
    )+};
}

kind! {
    /// What an allocation (tilldelning) counts.
    AllocationBasis {
        /// The money of all four parties.
        #[default]
        AllParties = "ALL_PARTIES",
        /// The state's half alone.
        StateShare = "STATE_SHARE",
    }

    /// What a contact is to its member, organisation or contact area.
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
        /// Anything else.
        Other = "OTHER",
    }

    /// How an activity is paid for.
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

    /// What a fee is reckoned on.
    FeeBasis {
        /// The same sum each year.
        #[default]
        FixedPerYear = "FIXED_PER_YEAR",
        /// A per mille of the year's allocation.
        PerMilleOfAllocation = "PER_MILLE_OF_ALLOCATION",
        /// A sum per participant.
        PerParticipant = "PER_PARTICIPANT",
        /// One sum, once.
        OneOff = "ONE_OFF",
    }

    /// The VAT treatment (momssats) of a line.
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
        /// Exempt, with a reason in words.
        Exempt = "EXEMPT",
        /// Outside the scope of VAT; never on an invoice with the others.
        OutsideScope = "OUTSIDE_SCOPE",
    }

    /// The unit (enhet) of what a line counts.
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

    /// Who took a decision.
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
        /// Nobody knows, which is a legal answer.
        #[default]
        Unknown = "UNKNOWN",
    }

    /// What an agreement is for.
    AgreementKind {
        /// A member takes part in an activity.
        #[default]
        Participation = "PARTICIPATION",
        /// The network pays somebody to lead or do work.
        Assignment = "ASSIGNMENT",
        /// With an authority, a company or a university.
        Cooperation = "COOPERATION",
    }

    /// Which way the money of an agreement goes.
    Direction {
        /// The network is paid.
        Income = "INCOME",
        /// The network pays.
        Cost = "COST",
        /// No money.
        #[default]
        None = "NONE",
    }

    /// A side of an agreement.
    SignatureParty {
        /// NNS.
        #[default]
        Network = "NETWORK",
        /// The other side.
        Counterparty = "COUNTERPARTY",
    }

    /// How somebody signed.
    SignatureMethod {
        /// On paper.
        #[default]
        Paper = "PAPER",
        /// Electronically.
        ESignature = "E_SIGNATURE",
    }

    /// What falls due on a deadline.
    DeadlineKind {
        /// Last day to give notice before the term is prolonged.
        Notice = "NOTICE",
        /// Last day in force.
        #[default]
        End = "END",
    }

    /// Where a template version is in its life.
    TemplateState {
        /// May still change.
        #[default]
        Draft = "DRAFT",
        /// Never changes.
        Published = "PUBLISHED",
        /// Never changes, and no new agreement gets it.
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

    /// An adjustment of an invoice.
    AdjustmentKind {
        /// Återbetalning: what was paid too much was paid back.
        #[default]
        Refund = "REFUND",
        /// Öresutjämning: a difference was written off.
        WriteOff = "WRITE_OFF",
    }

    /// A file of an invoice.
    FileFormat {
        /// For people: PDF/A-3 with the other one in it.
        #[default]
        Pdf = "PDF",
        /// For programs: Peppol BIS Billing 3.
        Xml = "XML",
    }

    /// A fee of a year.
    ChargeKind {
        /// Särskild avgift, of an agreement.
        #[default]
        SpecialFee = "SPECIAL_FEE",
        /// Serviceavgift, of a member.
        ServiceFee = "SERVICE_FEE",
        /// Medlemsavgift, of a member.
        MembershipFee = "MEMBERSHIP_FEE",
    }

    /// How an activity is going.
    Health {
        /// As planned.
        #[default]
        Green = "GREEN",
        /// Needs attention.
        Yellow = "YELLOW",
        /// Needs a decision.
        Red = "RED",
    }

    /// Which table a line of the audit trail is about.
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
        /// A payment as a file of the bank tells of it.
        BankPayment = "BANK_PAYMENT",
        /// A reference rate.
        ReferenceRate = "REFERENCE_RATE",
        /// Tokens that were called back.
        Token = "TOKEN",
        /// The log of who read contacts.
        ContactReads = "CONTACT_READS",
        /// The books: closed periods and exported vouchers.
        Books = "BOOKS",
        /// The register's clock.
        Clock = "CLOCK",
        /// The audit trail itself: its keys and its migration.
        AuditTrail = "AUDIT_TRAIL",
    }

    /// The form of what an entry of the audit trail records: one record each, under names that stay
    /// when a table's do not.
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
        /// The digest of the HTML that an agreement was offered with.
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
        /// The digest of what an issued invoice says.
        InvoiceContent = "INVOICE_CONTENT",
        /// The digest of an invoice's PDF.
        InvoicePdf = "INVOICE_PDF",
        /// The digest of an invoice's XML.
        InvoiceXml = "INVOICE_XML",
        /// A payment as a file of the bank states it.
        BankPayment = "BANK_PAYMENT",
        /// A payment of an invoice as part of one of the bank.
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
        /// The removal of lines from the log of who read contacts.
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

    /// Kinds of persons in the audit trail. Each person has a key of their own.
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

    /// What was found out about a payment of a bank's file when it came in.
    BankFinding {
        /// Its OCR reference is that of one invoice; one in its text only when exactly this sum was
        /// to be paid.
        #[default]
        Ocr = "OCR",
        /// Its text names one invoice by its number, and exactly this sum was to be paid of it.
        Number = "NUMBER",
        /// It has several references, each that of an invoice, and the sums come out.
        References = "REFERENCES",
        /// It says nothing that could name an invoice.
        NoReference = "NO_REFERENCE",
        /// What it says is no invoice's reference or number.
        UnknownReference = "UNKNOWN_REFERENCE",
        /// What it says may mean one invoice or another, or what was recorded by hand may be it or
        /// not.
        Ambiguous = "AMBIGUOUS",
        /// It names invoices, but the sums don't come out.
        AmountDiffers = "AMOUNT_DIFFERS",
        /// It names an invoice that was issued after it came.
        BeforeIssue = "BEFORE_ISSUE",
        /// The bank took money back, or gave back money that was paid out: no payment of an
        /// invoice.
        NotIncoming = "NOT_INCOMING",
        /// The payer makes use of a credit note, which was taken off what it pays of the credited
        /// invoice.
        CreditNote = "CREDIT_NOTE",
        /// The payer deducts what is no credit note of an invoice that it pays with it.
        Deduction = "DEDUCTION",
    }
}

impl Unit {
    /// Its code in UN/ECE Recommendation 20, as e-invoices have it.
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

    /// Its Swedish abbreviation; `None` for pieces, which need none.
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
    /// The rate in per cent of the net sum (mervärdesskattelag 2023:200, 9 kap.).
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
