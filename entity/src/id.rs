//! Identifiers: a type per table, so that a member's id can't be passed where an agreement's is
//! meant.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Declares the identifier of a table: a UUID of version 7, so that rows made later sort later and
/// a page of a table lies together on disk.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, later than all before it.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl sea_orm::TryFromU64 for $name {
            // SeaORM asks every primary key for this, for databases that number rows themselves.
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

id! {
    /// A member's.
    MemberId,
    /// A contact area's.
    ContactAreaId,
    /// An allocation's.
    AllocationId,
    /// A contact's.
    ContactId,
    /// That of a line in the log of who read contacts.
    ContactReadId,
    /// An organisation's.
    OrganisationId,
    /// A decision's.
    DecisionId,
    /// An activity's.
    ActivityId,
    /// A fee schedule's.
    FeeScheduleId,
    /// A tax decision's.
    TaxDecisionId,
    /// A cost's.
    CostId,
    /// A grant's.
    GrantId,
    /// A status report's.
    StatusReportId,
    /// A template's.
    TemplateId,
    /// A template version's.
    TemplateVersionId,
    /// An agreement's.
    AgreementId,
    /// A signature's.
    SignatureId,
    /// A deadline acknowledgement's.
    AcknowledgementId,
    /// An invoice's.
    InvoiceId,
    /// An invoice line's.
    InvoiceLineId,
    /// A payment's.
    PaymentId,
    /// A reminder's.
    ReminderId,
    /// A requisition's.
    RequisitionId,
    /// An adjustment's.
    AdjustmentId,
    /// A bank payment's.
    BankPaymentId,
    /// An export batch's.
    ExportBatchId,
    /// The closing of the books'.
    BooksClosingId,
    /// A reference rate's.
    ReferenceRateId,
    /// A token revocation's.
    TokenRevocationId,
}
