//! The columns of the CSV files.

use super::File;

const MEMBERS: &[&str] = &[
    "key",
    "name",
    "org_number",
    "county",
    "municipalities",
    "contact_area",
    "joined_on",
    "left_on",
    "billing_email",
    "peppol_id",
    "buyer_reference",
    "address_line",
    "postal_code",
    "city",
];
const ORGANISATIONS: &[&str] = &["key", "name", "org_number"];
const ALLOCATIONS: &[&str] = &["member", "year", "basis", "amount", "source"];
const CONTACTS: &[&str] =
    &["key", "member", "role", "name", "email", "phone", "valid_from", "valid_to"];
const ACTIVITIES: &[&str] =
    &["key", "slug", "name", "purpose", "goal", "funding", "starts_on", "ends_on"];
const FEE_SCHEDULES: &[&str] = &[
    "activity",
    "valid_from",
    "valid_to",
    "basis",
    "amount",
    "per_mille",
    "cap",
    "minimum",
    "vat_rate",
];
const TAX_DECISIONS: &[&str] = &[
    "fee",
    "activity",
    "valid_from",
    "vat_rate",
    "exemption_reason",
    "exemption_code",
    "decided_on",
    "reference",
];
const TEMPLATES: &[&str] = &[
    "slug",
    "title",
    "kind",
    "activity",
    "version",
    "state",
    "language",
    "body_file",
    "parameters_file",
];
const AGREEMENTS: &[&str] = &[
    "key",
    "number",
    "kind",
    "direction",
    "activity",
    "counterparty",
    "template",
    "template_version",
    "starts_on",
    "ends_on",
    "notice_months",
    "renewal_months",
    "offered_at",
    "signed_on",
    "notice_given_on",
    "fee_basis",
    "fee_amount",
    "fee_per_mille",
    "vat_rate",
];
const REFERENCE_RATES: &[&str] = &["valid_from", "rate", "source"];
const BANK_PAYMENTS: &[&str] = &[
    "bank_reference",
    "file_name",
    "file_sha256",
    "imported_at",
    "account",
    "booked_on",
    "amount",
    "reference",
    "message",
    "payer_name",
    "payer_org_number",
    "finding",
    "set_aside_on",
    "set_aside_reason",
];
const INVOICES: &[&str] = &["key", "number", "kind", "buyer", "issued_on", "due_on", "credits"];
const INVOICE_LINES: &[&str] = &[
    "invoice",
    "description",
    "activity",
    "agreement",
    "period_from",
    "period_to",
    "quantity",
    "unit_price",
    "vat_rate",
];
const PAYMENTS: &[&str] = &["invoice", "received_on", "amount", "reference"];
const ADJUSTMENTS: &[&str] = &["invoice", "kind", "dated_on", "amount", "reference"];
const REMINDERS: &[&str] = &["invoice", "sent_on", "fee"];
const FEE_CHARGES: &[&str] = &["invoice", "line", "kind", "year", "round"];
const INVOICE_DOCUMENTS: &[&str] = &["invoice", "format", "sha256", "file"];
const COSTS: &[&str] = &["activity", "booked_on", "amount", "description"];
const COST_FILES: &[&str] =
    &["activity", "booked_on", "description", "occurrence", "name", "media_type", "sha256", "file"];
const GRANTS: &[&str] = &["activity", "booked_on", "amount", "funder"];
const REQUISITIONS: &[&str] = &[
    "number",
    "agreement",
    "issued_on",
    "due_on",
    "amount",
    "period_from",
    "period_to",
    "description",
    "reference",
    "content",
];
const STATUS_REPORTS: &[&str] = &[
    "activity",
    "period",
    "health",
    "summary",
    "deviations",
    "next_steps",
    "reported_by",
    "reported_at",
];
const ARCHIVED_DOCUMENTS: &[&str] = &[
    "number",
    "kind",
    "title",
    "language",
    "dated_on",
    "registered_on",
    "versions",
    "agreement",
    "member",
    "organisation",
    "activity",
    "cost_booked_on",
    "cost_description",
    "cost_occurrence",
];
const ARCHIVED_FILES: &[&str] =
    &["document", "version", "name", "media_type", "sha256", "size", "uploaded_at", "file"];
const EXPORT_BATCHES: &[&str] =
    &["number", "made_at", "through_on", "vouchers", "vouchers_sha256", "sha256", "file"];
const VOUCHERS: &[&str] = &["source", "invoice", "reference", "series", "year", "number", "batch"];
const BOOKS_CLOSING: &[&str] = &["closed_through", "reason"];

impl File {
    /// Returns the required columns, in the order in which they are written.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Members => MEMBERS,
            Self::Organisations => ORGANISATIONS,
            Self::Allocations => ALLOCATIONS,
            Self::Contacts => CONTACTS,
            Self::Activities => ACTIVITIES,
            Self::FeeSchedules => FEE_SCHEDULES,
            Self::TaxDecisions => TAX_DECISIONS,
            Self::Templates => TEMPLATES,
            Self::Agreements => AGREEMENTS,
            Self::ReferenceRates => REFERENCE_RATES,
            Self::BankPayments => BANK_PAYMENTS,
            Self::Invoices => INVOICES,
            Self::InvoiceLines => INVOICE_LINES,
            Self::Payments => PAYMENTS,
            Self::Adjustments => ADJUSTMENTS,
            Self::Reminders => REMINDERS,
            Self::FeeCharges => FEE_CHARGES,
            Self::InvoiceDocuments => INVOICE_DOCUMENTS,
            Self::Costs => COSTS,
            Self::CostFiles => COST_FILES,
            Self::Grants => GRANTS,
            Self::Requisitions => REQUISITIONS,
            Self::StatusReports => STATUS_REPORTS,
            Self::ArchivedDocuments => ARCHIVED_DOCUMENTS,
            Self::ArchivedFiles => ARCHIVED_FILES,
            Self::ExportBatches => EXPORT_BATCHES,
            Self::Vouchers => VOUCHERS,
            Self::BooksClosing => BOOKS_CLOSING,
        }
    }

    /// Returns the optional columns, which are written after the required ones. The values of a
    /// column that a file doesn't have stay as they are stored.
    #[must_use]
    pub fn extra_columns(self) -> &'static [&'static str] {
        match self {
            Self::Members => &["successor", "leaving_reason", "former_names"],
            Self::Organisations => &[
                "billing_email",
                "peppol_id",
                "buyer_reference",
                "address_line",
                "postal_code",
                "city",
            ],
            Self::Contacts => &["organisation", "contact_area", "erased_at", "name_published_on"],
            Self::Activities => &["board_contact", "lead"],
            Self::Templates => &["published_at"],
            Self::Agreements => &[
                "withdrawn_on",
                "termination_reason",
                "replaces",
                "parameters",
                "fee_cap",
                "fee_minimum",
                "fee_allocation_basis",
                "notice_end_decided_on",
            ],
            Self::FeeSchedules => &["allocation_basis"],
            Self::Invoices => &[
                "ocr",
                "rounding",
                "corrects",
                "reason",
                "due_in_days",
                "order_reference",
                "our_reference",
                "buyer_reference",
            ],
            Self::InvoiceLines => {
                &["unit", "account", "credits_line", "vat", "exemption_reason", "exemption_code"]
            }
            Self::Payments => &["reverses", "reason", "bank_payment", "booked_on"],
            Self::Adjustments => &["bank_payment", "reverses", "reason", "booked_on"],
            Self::BankPayments => &["entry_reference", "duplicate_of", "posted_on"],
            Self::Requisitions => &["withdrawn_on", "withdrawal_reason"],
            Self::Costs => &["vat", "supplier", "reference", "agreement", "reverses", "reason"],
            Self::Grants => &["agreement", "reverses", "reason"],
            Self::ArchivedDocuments => &["erased_on", "erasure_reason"],
            Self::Vouchers => &["part"],
            Self::Allocations
            | Self::TaxDecisions
            | Self::ReferenceRates
            | Self::Reminders
            | Self::FeeCharges
            | Self::InvoiceDocuments
            | Self::CostFiles
            | Self::ArchivedFiles
            | Self::StatusReports
            | Self::ExportBatches
            | Self::BooksClosing => &[],
        }
    }
}
