//! GraphQL type of the list of documents.

use ::entity::listed_document;
use async_graphql::{Context, Description, Enum, Object};

use crate::graphql::{
    batch::BatchRow,
    connection::{Column, ConnectionNode},
    cost::unversioned,
    file_links::link,
    node::{self, Node},
    scalars::{Date, NodeId, Sha256, Url},
};
use domain::{
    document_list::{self, Kind},
    error::Result,
};

/// Kind of a document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Kind")]
pub enum DocumentKind {
    /// An agreement (avtal) as it was offered.
    Agreement,
    /// An invoice (faktura) or credit note (kreditfaktura).
    Invoice,
    /// A reminder (påminnelse) of an invoice.
    Reminder,
    /// A requisition (rekvisition) of a grant.
    Requisition,
}

/// A document that exists as a PDF.
#[derive(Clone, Description)]
pub struct Document(pub BatchRow<listed_document::Model>);

#[Object(use_type_description)]
impl Document {
    /// Kind of the document.
    async fn kind(&self) -> DocumentKind {
        Kind::of(&self.0).into()
    }

    /// Agreement, invoice, reminder or requisition that it documents; null if it was deleted while
    /// the list was read.
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

    /// Title in Swedish: `Faktura 1001`.
    async fn title(&self) -> String {
        document_list::title(&self.0)
    }

    /// Day of its creation: of the offer, of issue, or of the reminder.
    async fn created_on(&self) -> Date {
        Date(self.0.created_on)
    }

    /// SHA-256 of the PDF's bytes, in hexadecimal; null while the PDF is not stored, as before the
    /// first download of an invoice, and for reminders and requisitions.
    async fn sha256(&self) -> Option<Sha256> {
        self.0.sha256.as_deref().map(Sha256::new)
    }

    /// Link to the PDF/A file: absolute, and signed so that it opens without a token for some
    /// minutes.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let folder = match Kind::of(&self.0) {
            Kind::Agreement => "agreements",
            Kind::Invoice => "invoices",
            Kind::Reminder => "reminders",
            Kind::Requisition => "requisitions",
        };
        let path = format!("/files/{folder}/{}_{}.pdf", self.0.node_type, self.0.id.simple());
        link(ctx, &path, self.0.sha256.as_deref(), valid_for_seconds)
    }
}

/// Returns the global id of the subject of a document.
fn subject(row: &listed_document::Model) -> NodeId {
    NodeId { node_type: Kind::of(row).node_type(), id: row.id }
}

impl ConnectionNode for Document {
    type Row = listed_document::Model;
    const NAME: &'static str = "Document";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use listed_document::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "title" => &[C::Label, C::Number],
            "createdOn" => &[C::CreatedOn],
            "sha256" | "pdfUrl" => &[C::Sha256],
            "kind" | "node" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[listed_document::Column::Id, listed_document::Column::NodeType]
    }
}
