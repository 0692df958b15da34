//! GraphQL types of the retention report.

use async_graphql::{Enum, SimpleObject};

use crate::graphql::{contacts::types::Contact, cost::list_size, scalars::Date};
use domain::retention::kind;

/// Kind of stored data with its own retention rule.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "kind::Kind")]
pub enum RetentionKind {
    /// Contacts that are no longer in their role and that no running activity refers to.
    FormerContacts,
    /// Log of reads of contacts.
    ContactReads,
    /// Agreements that have ended.
    EndedAgreements,
    /// Archived contracts and appendices, and archived vouchers of costs, whose files are stored.
    ArchivedDocuments,
    /// Issued invoices and credit notes.
    Invoices,
    /// Booked payments.
    Payments,
    /// Payments reported by files of the bank.
    BankPayments,
    /// Names, references and messages of payers in bank payments.
    Payers,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Entries of the audit trail.
    AuditTrail,
    /// Members, and other base data.
    Members,
}

/// Stored data of one kind.
#[derive(SimpleObject)]
pub struct RetentionHolding {
    /// Kind of the data.
    pub(super) kind: RetentionKind,
    /// Number of records.
    pub(super) record_count: i64,
    /// Earliest day from which a retention period runs, as the last day in a role or the day of an
    /// invoice; null: no period runs.
    pub(super) oldest: Option<Date>,
    /// First day on which the oldest record may be erased; null: it is retained.
    pub(super) erasable_from: Option<Date>,
    /// Number of records that may be erased on the day of the report.
    pub(super) due_count: i64,
    /// Legal ground of retaining or erasing it.
    pub(super) law: &'static str,
}

/// Report of stored data: records that may be erased, and records that must be retained, until when
/// and by which law.
#[derive(SimpleObject)]
pub struct RetentionReport {
    /// Day of the report.
    pub(super) as_of: Date,
    /// Stored data by kind.
    #[graphql(directive = list_size::apply(Some(20), None))]
    pub(super) holdings: Vec<RetentionHolding>,
    /// Contacts that may be erased, the longest out of their role first; at most 1000, and empty
    /// unless you may see contacts.
    #[graphql(directive = list_size::apply(Some(50), None))]
    pub(super) contacts: Vec<Contact>,
}
