//! The history of an object: the columns by which the trail names it in its entries.

use ::entity::{
    audit_entry::{Column, Entity},
    id::NodeType,
    kind::{Form, SubjectKind},
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend,
    sea_query::{Expr, SimpleExpr},
};
use uuid::Uuid;

use crate::database::among;

/// The entries about an object of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The object is the subject of its entries, of this kind.
    Subject(SubjectKind),
    /// The entries have its record, in this form, and belong to the history of another object, of
    /// one of these kinds.
    Record(Form, &'static [SubjectKind]),
}

impl History {
    /// Returns the history of objects of a type; `None` if the trail records them only as a part
    /// of another object.
    #[must_use]
    pub fn of(node_type: NodeType) -> Option<Self> {
        Some(match node_type {
            NodeType::Member => Self::Subject(SubjectKind::Member),
            NodeType::ContactArea => Self::Subject(SubjectKind::ContactArea),
            NodeType::Contact => Self::Subject(SubjectKind::Contact),
            NodeType::Organisation => Self::Subject(SubjectKind::Organisation),
            NodeType::Activity => Self::Subject(SubjectKind::Activity),
            NodeType::StatusReport => Self::Subject(SubjectKind::StatusReport),
            NodeType::Template | NodeType::TemplateVersion => Self::Subject(SubjectKind::Template),
            NodeType::Agreement => Self::Subject(SubjectKind::Agreement),
            NodeType::Invoice => Self::Subject(SubjectKind::Invoice),
            NodeType::BankPayment => Self::Subject(SubjectKind::BankPayment),
            NodeType::ReferenceRate => Self::Subject(SubjectKind::ReferenceRate),
            NodeType::ArchivedDocument => Self::Subject(SubjectKind::ArchivedDocument),
            NodeType::Allocation => Self::Record(Form::Allocation, &[SubjectKind::Member]),
            NodeType::FeeSchedule => {
                Self::Record(Form::FeeSchedule, &[SubjectKind::Activity, SubjectKind::FeeSchedule])
            }
            NodeType::Cost => Self::Record(Form::Cost, &[SubjectKind::Activity]),
            NodeType::Grant => Self::Record(Form::Grant, &[SubjectKind::Activity]),
            NodeType::Requisition => Self::Record(Form::Requisition, &[SubjectKind::Agreement]),
            NodeType::Acknowledgement => {
                Self::Record(Form::Acknowledgement, &[SubjectKind::Agreement])
            }
            NodeType::Reminder => Self::Record(Form::Reminder, &[SubjectKind::Invoice]),
            NodeType::Adjustment => Self::Record(Form::Adjustment, &[SubjectKind::Invoice]),
            NodeType::TaxDecision => Self::Record(Form::TaxDecision, &[SubjectKind::Books]),
            NodeType::ExportBatch => Self::Record(Form::ExportBatch, &[SubjectKind::Books]),
            NodeType::BooksClosing => Self::Record(Form::BooksClosing, &[SubjectKind::Books]),
            NodeType::TokenRevocation => Self::Record(Form::TokenRevocation, &[SubjectKind::Token]),
            NodeType::ContactRead
            | NodeType::ArchivedDocumentRead
            | NodeType::Decision
            | NodeType::Signature
            | NodeType::StoredFile
            | NodeType::InvoiceLine
            | NodeType::Payment
            | NodeType::AuditEntry => return None,
        })
    }

    /// Returns the kinds of the subjects of its entries.
    pub(crate) fn subjects(&self) -> &[SubjectKind] {
        match self {
            Self::Subject(kind) => std::slice::from_ref(kind),
            Self::Record(_, kinds) => kinds,
        }
    }

    /// Returns the column with the object's id.
    pub(crate) fn id(self) -> SimpleExpr {
        Expr::col((
            Entity,
            match self {
                Self::Subject(_) => Column::SubjectId,
                Self::Record(..) => Column::RecordId,
            },
        ))
    }

    /// Returns the condition that an entry is about an object of this type.
    pub(crate) fn is_own(self) -> SimpleExpr {
        match self {
            Self::Subject(kind) => Column::SubjectKind.eq(kind),
            Self::Record(form, _) => Column::Form.eq(form),
        }
    }

    /// Selects the entries about these objects.
    pub(crate) fn entries(self, backend: DbBackend, ids: &[Uuid]) -> Condition {
        Condition::all().add(among(backend, self.id(), ids.iter().copied())).add(self.is_own())
    }
}
