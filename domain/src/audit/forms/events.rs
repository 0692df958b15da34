//! The forms of events without a row: digests of documents, mergers, removals, imported vouchers,
//! erasures, and the trail's own keys.

use ::entity::{
    id::{
        ActivityId, AgreementId, ArchivedDocumentId, CostId, InvoiceId, MemberId, SignatureId,
        StoredFileId,
    },
    kind::{Form, PersonKind, SubjectKind},
};
use chrono::NaiveDate;
use uuid::Uuid;

use super::super::recorded::{Recorded, fields};

/// Declares the form of a document of an invoice: one record for each invoice and kind of document,
/// identified by the invoice.
macro_rules! document {
    ($($(#[$doc:meta])* $name:ident as $form:ident),+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            /// The invoice.
            pub invoice_id: InvoiceId,
            /// Its number; `None` for one that was imported without.
            pub number: Option<String>,
            /// SHA-256 of the document's bytes, in hexadecimal.
            pub sha256: String,
        }

        fields!($name { invoice_id, number, sha256 });

        impl Recorded for $name {
            const FORM: Form = Form::$form;

            fn subject(&self) -> (SubjectKind, Uuid) {
                (SubjectKind::Invoice, self.invoice_id.0)
            }

            fn record_id(&self) -> Uuid {
                self.invoice_id.0
            }
        }
    )+};
}

document! {
    /// The digest of the contents of an issued invoice.
    InvoiceContent as InvoiceContent,
    /// The digest of an invoice's PDF.
    InvoicePdf as InvoicePdf,
    /// The digest of an invoice's XML.
    InvoiceXml as InvoiceXml
}

/// The digest of an uploaded signed copy of an agreement. The file's name may name a person, and is
/// in no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureFile {
    /// The file.
    pub id: StoredFileId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The signature that the copy shows.
    pub signature_id: SignatureId,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Number of bytes.
    pub size: i64,
}

fields!(SignatureFile { id, agreement_id, signature_id, sha256, size });

impl Recorded for SignatureFile {
    const FORM: Form = Form::SignatureFile;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Agreement, self.agreement_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.id.0
    }
}

/// The digest of an uploaded voucher of a cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostFile {
    /// The file.
    pub id: StoredFileId,
    /// The activity of the cost.
    pub activity_id: ActivityId,
    /// The cost.
    pub cost_id: CostId,
    /// Day of the cost, by which an entry is recognized as one about accounts.
    pub booked_on: NaiveDate,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Number of bytes.
    pub size: i64,
}

fields!(CostFile { id, activity_id, cost_id, booked_on, sha256, size });

impl Recorded for CostFile {
    const FORM: Form = Form::CostFile;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Activity, self.activity_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.id.0
    }
}

/// The digest of a version of an archived document. The file's name may name a person, and is in no
/// entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentFile {
    /// The file.
    pub id: StoredFileId,
    /// The document.
    pub document_id: ArchivedDocumentId,
    /// Number of the version, from 1.
    pub version: i32,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Number of bytes.
    pub size: i64,
}

fields!(DocumentFile { id, document_id, version, sha256, size });

impl Recorded for DocumentFile {
    const FORM: Form = Form::DocumentFile;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::ArchivedDocument, self.document_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.id.0
    }
}

/// The predecessors of a member, before and after a merger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merger {
    /// The member that continues.
    pub member_id: MemberId,
    /// Members that were merged into it, by name.
    pub predecessors: Vec<MemberId>,
}

fields!(Merger { member_id as "id", predecessors });

impl Recorded for Merger {
    const FORM: Form = Form::Merger;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Member, self.member_id.0)
    }

    fn record_id(&self) -> Uuid {
        self.member_id.0
    }
}

/// The removal of rows from the log of contact reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactReadsRemoval {
    /// The removed rows were of days before this one.
    pub before: NaiveDate,
    /// Number of removed rows.
    pub lines: u64,
}

fields!(ContactReadsRemoval { before, lines });

impl Recorded for ContactReadsRemoval {
    const FORM: Form = Form::ContactReadsRemoval;

    /// The log as a whole, which has no id.
    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::ContactReads, Uuid::nil())
    }

    fn record_id(&self) -> Uuid {
        Uuid::nil()
    }
}

/// Vouchers that an import added: those of imported batches, and those that were booked elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherImport {
    /// Number of added vouchers.
    pub vouchers: u64,
    /// SHA-256 of their sources, parts, numbers and batches, in hexadecimal.
    pub sha256: String,
}

fields!(VoucherImport { vouchers, sha256 });

impl Recorded for VoucherImport {
    const FORM: Form = Form::VoucherImport;

    /// The books as a whole.
    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Books, Uuid::nil())
    }

    fn record_id(&self) -> Uuid {
        Uuid::nil()
    }
}

/// The deletion of a person's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The key.
    pub key_id: Uuid,
    /// Kind of the person.
    pub person: PersonKind,
    /// The revisions whose fields can no longer be read, in order.
    pub revisions: Vec<i64>,
    /// The object that was erased.
    pub of: (SubjectKind, Uuid),
}

fields!(Erasure { key_id, person, revisions } skip { of });

impl Recorded for Erasure {
    const FORM: Form = Form::Erasure;

    fn subject(&self) -> (SubjectKind, Uuid) {
        self.of
    }

    fn record_id(&self) -> Uuid {
        self.key_id
    }
}

/// The one-time migration of a trail whose entries were neither signed nor sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailMigration {
    /// The last revision that was migrated.
    pub revision: i64,
    /// Its former hash, at which the former chain ends.
    pub old_head: String,
    /// Its new hash.
    pub new_head: String,
    /// Revisions that broke the former chain, in order; none in an intact trail.
    pub broken: Vec<i64>,
}

fields!(TrailMigration { revision, old_head, new_head, broken });

impl Recorded for TrailMigration {
    const FORM: Form = Form::TrailMigration;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::AuditTrail, Uuid::nil())
    }

    fn record_id(&self) -> Uuid {
        Uuid::nil()
    }
}

/// The appointment of another key that signs the trail, signed by the key before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailKey {
    /// The new key's id.
    pub key_id: String,
    /// The new key: 32 bytes in hexadecimal.
    pub public_key: String,
    /// The id of the key that it replaces.
    pub replaces: String,
}

fields!(TrailKey { key_id, public_key, replaces });

impl Recorded for TrailKey {
    const FORM: Form = Form::TrailKey;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::AuditTrail, Uuid::nil())
    }

    fn record_id(&self) -> Uuid {
        Uuid::nil()
    }
}
