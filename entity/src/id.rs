//! Identifiers: a type per table, so that a member's id can't be passed as an agreement's.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::id_sequence;

/// Declares the identifier of a table: a UUID of version 7, so that later rows sort later and the
/// rows of a page are adjacent on disk.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident: $node_type:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns a new identifier, which sorts after all earlier ones.
            #[must_use]
            pub fn new() -> Self {
                Self(id_sequence::next().unwrap_or_else(Uuid::now_v7))
            }
        }

        impl sea_orm::TryFromU64 for $name {
            // SeaORM requires this of every primary key, for databases that number rows themselves.
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

        impl Identifier for $name {
            const NODE_TYPE: NodeType = NodeType::$node_type;
        }
    )*

        /// The type of an object, as its global id begins: `member` in `member_0193…`.
        ///
        /// The word is the variant in snake case. Clients store global ids, so it never changes.
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            strum::Display,
            strum::EnumString,
            strum::IntoStaticStr,
        )]
        #[strum(serialize_all = "snake_case")]
        pub enum NodeType {
            $(#[doc = concat!("The type of a [`", stringify!($name), "`].")] $node_type),*
        }
    };
}

/// An identifier of the objects of one type.
pub trait Identifier: Copy + From<Uuid> + Into<Uuid> {
    /// The type of the objects.
    const NODE_TYPE: NodeType;

    /// Returns the global id: the word of the type and the UUID, as `member_0193…`.
    fn global_id(self) -> String {
        let id: Uuid = self.into();
        format!("{}_{}", Self::NODE_TYPE, id.simple())
    }
}

impl NodeType {
    /// Returns the word with which the global ids of this type begin.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

id! {
    /// Id of a member.
    MemberId: Member,
    /// Id of a contact area.
    ContactAreaId: ContactArea,
    /// Id of an allocation.
    AllocationId: Allocation,
    /// Id of a contact.
    ContactId: Contact,
    /// Id of a row in the log of who read contacts.
    ContactReadId: ContactRead,
    /// Id of an organisation.
    OrganisationId: Organisation,
    /// Id of a decision.
    DecisionId: Decision,
    /// Id of an activity.
    ActivityId: Activity,
    /// Id of a fee schedule.
    FeeScheduleId: FeeSchedule,
    /// Id of a tax decision.
    TaxDecisionId: TaxDecision,
    /// Id of a cost.
    CostId: Cost,
    /// Id of a grant.
    GrantId: Grant,
    /// Id of a status report.
    StatusReportId: StatusReport,
    /// Id of a template.
    TemplateId: Template,
    /// Id of a template version.
    TemplateVersionId: TemplateVersion,
    /// Id of an agreement.
    AgreementId: Agreement,
    /// Id of a signature.
    SignatureId: Signature,
    /// Id of a deadline acknowledgement.
    AcknowledgementId: Acknowledgement,
    /// Id of an invoice.
    InvoiceId: Invoice,
    /// Id of an invoice line.
    InvoiceLineId: InvoiceLine,
    /// Id of a payment.
    PaymentId: Payment,
    /// Id of a reminder.
    ReminderId: Reminder,
    /// Id of a requisition.
    RequisitionId: Requisition,
    /// Id of an adjustment.
    AdjustmentId: Adjustment,
    /// Id of a bank payment.
    BankPaymentId: BankPayment,
    /// Id of an export batch.
    ExportBatchId: ExportBatch,
    /// Id of the closing of the books.
    BooksClosingId: BooksClosing,
    /// Id of a reference rate.
    ReferenceRateId: ReferenceRate,
    /// Id of a token revocation.
    TokenRevocationId: TokenRevocation,
    /// Id of an uploaded file.
    StoredFileId: StoredFile,
    /// Id of an archived document.
    ArchivedDocumentId: ArchivedDocument,
    /// Id of a row in the log of who read archived documents.
    ArchivedDocumentReadId: ArchivedDocumentRead,
    /// An audit entry's: its revision in the low half.
    AuditEntryId: AuditEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in global ids, which clients and outcomes of mutations store.
    const WORDS: &str = "member contact_area allocation contact contact_read organisation decision \
        activity fee_schedule tax_decision cost grant status_report template template_version \
        agreement signature acknowledgement invoice invoice_line payment reminder requisition \
        adjustment bank_payment export_batch books_closing reference_rate token_revocation \
        stored_file archived_document archived_document_read audit_entry";

    #[test]
    fn global_ids_stay_readable() {
        for word in WORDS.split_whitespace() {
            let node_type: NodeType = word.parse().unwrap_or_else(|_| panic!("{word} is unknown"));
            assert_eq!((node_type.word(), node_type.to_string()), (word, word.to_owned()));
        }
        let id = MemberId(Uuid::nil());
        assert_eq!(id.global_id(), "member_00000000000000000000000000000000");
    }
}
