//! GraphQL type of the diary.

use ::entity::diary_entry;
use async_graphql::{Context, Description, Enum, Object};

use crate::graphql::{
    batch::BatchRow,
    connection::{Column, ConnectionNode},
    node::{self, Node},
    scalars::{Date, NodeId},
};
use domain::{diary::Kind, error::Result};

/// Kind of an entry of the diary.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Kind")]
pub enum DiaryEntryKind {
    /// A document of the archive (handling).
    ArchivedDocument,
    /// An agreement (avtal) that was offered.
    Agreement,
    /// An issued invoice (faktura) or credit note (kreditfaktura).
    Invoice,
    /// A requisition (rekvisition) of a grant.
    Requisition,
}

/// An entry of the diary (diarium): a record with a registry number.
#[derive(Clone, Description)]
pub struct DiaryEntry(pub BatchRow<diary_entry::Model>);

#[Object(use_type_description)]
impl DiaryEntry {
    /// Kind of the record.
    async fn kind(&self) -> DiaryEntryKind {
        Kind::of(&self.0).into()
    }

    /// Number of the record: `D2026-0001` of a document.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Title of a document; of other records the name of their kind in Swedish, as `Avtal`.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Day on which it got its number: of the registration, of the offer, or of issue.
    async fn registered_on(&self) -> Date {
        Date(self.0.registered_on)
    }

    /// Record with the number; null if it was deleted while the list was read.
    async fn node(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let found = self.0.load(ctx, "", || async {
            let ids: Vec<NodeId> = self.0.batch_rows().iter().map(subject).collect();
            node::by_ids(ctx, &ids).await
        });
        match found.await {
            Ok(found) => found.get(&subject(&self.0)).cloned().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Returns the global id of the record of an entry.
fn subject(row: &diary_entry::Model) -> NodeId {
    NodeId { node_type: Kind::of(row).node_type(), id: row.id }
}

impl ConnectionNode for DiaryEntry {
    type Row = diary_entry::Model;
    const NAME: &'static str = "DiaryEntry";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use diary_entry::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "number" => &[C::Number],
            "title" => &[C::Title],
            "registeredOn" => &[C::RegisteredOn],
            "kind" | "node" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[diary_entry::Column::Id, diary_entry::Column::NodeType]
    }
}
