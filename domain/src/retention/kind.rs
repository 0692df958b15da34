//! The kinds of data in the register: the retention period of each, its legal basis, and its
//! tables.

use super::period::{Period, SEVEN_YEARS};
use crate::config::Retention;

/// A kind of data with its own retention period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// People who are no longer in their role and lead no activity that continues.
    FormerContacts,
    /// The log of viewers who read contacts.
    ContactReads,
    /// Agreements that have ended.
    EndedAgreements,
    /// Archived contracts and appendices, and archived vouchers of costs.
    ArchivedDocuments,
    /// Issued invoices and credit notes.
    Invoices,
    /// Recorded payments, with adjustments and vouchers.
    Payments,
    /// Payments as the bank reported them.
    BankPayments,
    /// Names, references and messages of payers in bank payments.
    Payers,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Entries of the audit trail.
    AuditTrail,
    /// Members, and the other public facts in the register.
    Members,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the stable code of the kind, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the legal basis for retaining or erasing the kind.
    #[must_use]
    pub fn law(self) -> &'static str {
        match self {
            Self::FormerContacts => {
                "GDPR art. 5.1 e: no longer than needed; the network's decision says how long that is"
            }
            Self::ContactReads => {
                "GDPR art. 5.1 e and 32: for as long as misuse can be looked into; the network's decision says how long that is"
            }
            Self::EndedAgreements
            | Self::ArchivedDocuments
            | Self::Invoices
            | Self::Payments
            | Self::BankPayments
            | Self::Costs
            | Self::Grants => {
                "bokföringslagen (1999:1078) 7 kap. 2 §: through the seventh year after the calendar year in which the financial year ended"
            }
            Self::Payers => {
                "GDPR art. 5.1 e: no longer than the law on bookkeeping demands, or the network's decision says (bokföringslagen 7 kap. 2 §)"
            }
            Self::AuditTrail => {
                "bokföringslagen (1999:1078) 5 kap. 11 § and 7 kap. 2 §: behandlingshistorik, kept whole so that its chain can be followed"
            }
            Self::Members => "public facts about public bodies; billing e-mails change with them",
        }
    }

    /// Returns the tables that store the kind. The report counts the rows of the first one.
    #[must_use]
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Self::FormerContacts => &["contact"],
            Self::ContactReads => &["contact_read", "archived_document_read"],
            Self::EndedAgreements => &[
                "agreement",
                "agreement_document",
                "agreement_parameters",
                "agreement_signature",
                "deadline_acknowledgement",
                "requisition",
                "stored_file",
                "stored_content",
            ],
            Self::ArchivedDocuments => &["archived_document", "stored_file", "stored_content"],
            Self::Invoices => &[
                "invoice",
                "invoice_line",
                "invoice_content",
                "invoice_file",
                "fee_charge",
                "reminder",
                "attribution",
                "revenue_month",
                "revenue_member_year",
            ],
            Self::Payments => &["payment", "adjustment", "export_batch", "voucher"],
            Self::BankPayments => &["bank_payment", "bank_payment_part"],
            Self::Payers => &["bank_payment"],
            Self::Costs => &["cost", "stored_file", "stored_content"],
            Self::Grants => &["activity_grant"],
            Self::AuditTrail => &["audit_entry", "person_key", "sealed_entry"],
            Self::Members => &[
                "member",
                "member_billing",
                "member_former_name",
                "member_municipality",
                "contact_area",
                "organisation",
                "activity",
                "activity_text",
                "activity_funding",
                "status_report",
                "status_report_text",
                "decision",
                "allocation",
                "fee_schedule",
                "tax_decision",
                "reference_rate",
                "books_closing",
                "agreement_template",
                "agreement_template_version",
                "agreement_template_text",
            ],
        }
    }

    /// Returns the column of the day on which the retention period starts; `None` if there is no
    /// period.
    pub(super) fn day(self) -> Option<&'static str> {
        match self {
            Self::FormerContacts => Some("valid_to"),
            Self::ContactReads => Some("day"),
            Self::EndedAgreements => Some("ends_on"),
            Self::ArchivedDocuments => Some("dated_on"),
            Self::Invoices => Some("issued_on"),
            Self::Payments => Some("received_on"),
            Self::BankPayments | Self::Payers | Self::Costs | Self::Grants => Some("booked_on"),
            Self::AuditTrail | Self::Members => None,
        }
    }

    /// Returns the retention period of the kind, with the periods that the network decided.
    pub(super) fn period(self, decided: &Retention) -> Period {
        match self {
            Self::FormerContacts => Period::Months(decided.contact_months),
            Self::ContactReads => Period::Months(decided.read_log_months),
            Self::Payers => Period::Years(decided.payer_years),
            _ if self.day().is_some() => SEVEN_YEARS,
            _ => Period::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_kinds_never_change() {
        let codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        let expected = "FORMER_CONTACTS CONTACT_READS ENDED_AGREEMENTS ARCHIVED_DOCUMENTS INVOICES \
            PAYMENTS BANK_PAYMENTS PAYERS COSTS GRANTS AUDIT_TRAIL MEMBERS";
        assert_eq!(codes.join(" "), expected);
    }

    #[test]
    fn only_data_with_a_day_has_a_period_that_ends() {
        let decided = Retention { contact_months: 24, read_log_months: 12, payer_years: 10 };
        for &kind in Kind::ALL {
            let is_permanent = kind.period(&decided) == Period::Always;
            assert_eq!(is_permanent, kind.day().is_none(), "{kind:?}");
        }
        for (kind, expected) in [
            (Kind::FormerContacts, Period::Months(24)),
            (Kind::ContactReads, Period::Months(12)),
            (Kind::Payers, Period::Years(10)),
            (Kind::Invoices, SEVEN_YEARS),
            (Kind::AuditTrail, Period::Always),
        ] {
            assert_eq!(kind.period(&decided), expected, "{kind:?}");
        }
    }
}
