//! GraphQL interface `Node`: objects by their global ids.

use std::collections::HashMap;

use ::entity::{
    adjustment,
    id::{ContactAreaId, NodeType},
    invoice_line,
    kind::AdjustmentKind,
    payment, reminder,
};
use async_graphql::{Context, ID, Interface, Object};
use uuid::Uuid;

use super::{
    activities::types::Activity,
    agreements::{terms::Signature, types::Agreement},
    archived_documents::types::ArchivedDocument,
    audit::{self, types::AuditEntry},
    batch::{BatchRow, grouped},
    caller,
    connection::{ConnectionNode, every},
    contacts::types::{Contact, ContactArea},
    cost::list_size,
    fees::types::FeeSchedule,
    interest::types::ReferenceRate,
    invoices::types::{Invoice, lines::InvoiceLine},
    ledger::types::{Cost, Grant},
    members::types::{Allocation, Member},
    organisations::types::Organisation,
    payments::{
        bank::types::BankPayment,
        types::{Payment, Refund, WriteOff},
    },
    receivables::types::Reminder,
    request::RequestCache,
    requisitions::types::Requisition,
    scalars::{InvalidId, NodeId},
    status_reports::types::StatusReport,
    stored_files::types::StoredFile,
    tax_decisions::types::TaxDecision,
    templates::types::{AgreementTemplate, AgreementTemplateVersion},
};
use domain::{
    activities, agreements, archived_documents, contacts,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    fees::schedules,
    file_access,
    interest::reference_rates,
    invoices::{self, parts},
    members::{self, allocations},
    organisations, requisitions, templates,
};

/// An object with a global id.
#[derive(Interface, Clone)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and globally unique."))]
pub enum Node {
    /// A member.
    Member(Member),
    /// A contact area.
    ContactArea(ContactArea),
    /// A contact.
    Contact(Contact),
    /// An organisation.
    Organisation(Organisation),
    /// An activity.
    Activity(Activity),
    /// A status report.
    StatusReport(StatusReport),
    /// An agreement.
    Agreement(Agreement),
    /// A template.
    Template(AgreementTemplate),
    /// A version of a template.
    TemplateVersion(AgreementTemplateVersion),
    /// An invoice.
    Invoice(Invoice),
    /// A requisition of a grant.
    Requisition(Requisition),
    /// A cost of an activity.
    Cost(Cost),
    /// A grant to an activity.
    Grant(Grant),
    /// A tax decision of the network.
    TaxDecision(TaxDecision),
    /// A payment reported by a file of the bank.
    BankPayment(BankPayment),
    /// A fee schedule.
    FeeSchedule(FeeSchedule),
    /// A line of an invoice.
    InvoiceLine(InvoiceLine),
    /// A payment of an invoice, or its reversal.
    Payment(Payment),
    /// A refund of an invoice, or its reversal.
    Refund(Refund),
    /// A write-off of an invoice, or its reversal.
    WriteOff(WriteOff),
    /// A reminder of an invoice.
    Reminder(Reminder),
    /// A reference rate.
    ReferenceRate(ReferenceRate),
    /// An entry of the audit trail.
    AuditEntry(AuditEntry),
    /// A yearly allocation of a member.
    Allocation(Allocation),
    /// A signature of an agreement.
    Signature(Signature),
    /// An uploaded file.
    StoredFile(StoredFile),
    /// A document of the archive.
    ArchivedDocument(ArchivedDocument),
}

/// Returns the nodes with these ids that the viewer may see, with one statement per node type.
pub(crate) async fn by_ids(ctx: &Context<'_>, ids: &[NodeId]) -> Result<HashMap<NodeId, Node>> {
    let mut found = HashMap::new();
    for (node_type, ids) in grouped(ids, |id| id.node_type) {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.id).collect();
        for (id, node) in of_type(ctx, node_type, &ids).await? {
            found.insert(NodeId { node_type, id }, node);
        }
    }
    Ok(found)
}

/// Returns the nodes with these ids for the fields of a query; an id that several fields request is
/// loaded a single time.
async fn by_distinct_ids(ctx: &Context<'_>, ids: &[NodeId]) -> Result<HashMap<NodeId, Node>> {
    let Some(cache) = ctx.data_opt::<RequestCache>() else { return by_ids(ctx, ids).await };
    let loaded = cache.shared("nodes".to_owned(), LoadedNodes::default);
    let mut known = loaded.0.lock().await;
    let mut missing: Vec<NodeId> =
        ids.iter().filter(|id| !known.contains_key(id)).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        let mut found = by_ids(ctx, &missing).await?;
        known.extend(missing.into_iter().map(|id| (id, found.remove(&id))));
    }
    Ok(ids.iter().filter_map(|id| Some((*id, known.get(id)?.clone()?))).collect())
}

/// The nodes of a request by their ids; `None` for one that the viewer may not see.
#[derive(Default)]
struct LoadedNodes(tokio::sync::Mutex<HashMap<NodeId, Option<Node>>>);

/// Converts UUIDs to the ids of a row type.
fn typed<T: From<Uuid>>(ids: &[Uuid]) -> Vec<T> {
    ids.iter().copied().map(T::from).collect()
}

/// Converts rows to nodes with their ids.
fn nodes<N: ConnectionNode>(
    rows: Vec<N::Row>,
    id: fn(&N::Row) -> Uuid,
    node: fn(N) -> Node,
) -> Vec<(Uuid, Node)> {
    BatchRow::each(rows).into_iter().map(|row| (id(&row), node(N::of(row)))).collect()
}

async fn of_type(
    ctx: &Context<'_>,
    node_type: NodeType,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Node)>> {
    let caller = caller(ctx);
    Ok(match node_type {
        NodeType::Member => nodes(
            members::by_ids(caller, &typed(ids), &every::<Member>()).await?,
            |row| row.id.0,
            Node::Member,
        ),
        NodeType::ContactArea => {
            let areas = contacts::areas::by_ids(caller, &typed::<ContactAreaId>(ids)).await?;
            BatchRow::each(areas.into_values().collect())
                .into_iter()
                .map(|row| (row.id.0, Node::ContactArea(ContactArea(row))))
                .collect()
        }
        NodeType::Contact => nodes(
            contacts::by_ids(caller, &typed(ids), &every::<Contact>()).await?,
            |row| row.id.0,
            Node::Contact,
        ),
        NodeType::Organisation => nodes(
            organisations::by_ids(caller, &typed(ids), &every::<Organisation>()).await?,
            |row| row.id.0,
            Node::Organisation,
        ),
        NodeType::Activity => nodes(
            activities::by_ids(caller, &typed(ids), &every::<Activity>()).await?,
            |row| row.id.0,
            Node::Activity,
        ),
        NodeType::StatusReport => {
            let rows =
                domain::status_reports::by_ids(caller, &typed(ids), &every::<StatusReport>())
                    .await?;
            nodes(rows, |row| row.id.0, Node::StatusReport)
        }
        NodeType::Agreement | NodeType::Template | NodeType::TemplateVersion => {
            of_agreement_type(ctx, node_type, ids).await?
        }
        NodeType::Invoice
        | NodeType::Requisition
        | NodeType::Cost
        | NodeType::Grant
        | NodeType::TaxDecision
        | NodeType::BankPayment
        | NodeType::FeeSchedule
        | NodeType::ReferenceRate
        | NodeType::AuditEntry => of_accounting_type(ctx, node_type, ids).await?,
        NodeType::InvoiceLine | NodeType::Payment | NodeType::Adjustment | NodeType::Reminder => {
            of_invoice_part(ctx, node_type, ids).await?
        }
        NodeType::Allocation => {
            let rows = BatchRow::each(allocations::by_ids(caller, &typed(ids)).await?);
            rows.into_iter().map(|row| (row.id.0, Node::Allocation(Allocation(row)))).collect()
        }
        NodeType::Signature => {
            let rows = agreements::documents::signatures_by_ids(caller, &typed(ids)).await?;
            let rows = BatchRow::each(rows);
            rows.into_iter().map(|row| (row.id.0, Node::Signature(Signature(row)))).collect()
        }
        NodeType::StoredFile | NodeType::ArchivedDocument => {
            of_archive_type(ctx, node_type, ids).await?
        }
        NodeType::ContactRead
        | NodeType::ArchivedDocumentRead
        | NodeType::Decision
        | NodeType::Acknowledgement
        | NodeType::ExportBatch
        | NodeType::BooksClosing
        | NodeType::TokenRevocation => Vec::new(),
    })
}

/// Fetches agreements, templates or versions of templates.
async fn of_agreement_type(
    ctx: &Context<'_>,
    node_type: NodeType,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Node)>> {
    let caller = caller(ctx);
    Ok(match node_type {
        NodeType::Agreement => nodes(
            agreements::by_ids(caller, &typed(ids), &every::<Agreement>()).await?,
            |row| row.id.0,
            Node::Agreement,
        ),
        NodeType::Template => nodes(
            templates::by_ids(caller, &typed(ids), &every::<AgreementTemplate>()).await?,
            |row| row.id.0,
            Node::Template,
        ),
        NodeType::TemplateVersion => {
            let rows = templates::versions_by_ids(
                caller,
                &typed(ids),
                &every::<AgreementTemplateVersion>(),
            )
            .await?;
            nodes(rows, |row| row.id.0, Node::TemplateVersion)
        }
        _ => Vec::new(),
    })
}

/// Fetches uploaded files or documents of the archive.
async fn of_archive_type(
    ctx: &Context<'_>,
    node_type: NodeType,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Node)>> {
    let caller = caller(ctx);
    Ok(match node_type {
        NodeType::StoredFile => {
            let rows = BatchRow::each(file_access::by_ids(caller, &typed(ids)).await?);
            rows.into_iter().map(|row| (row.id.0, Node::StoredFile(StoredFile(row)))).collect()
        }
        NodeType::ArchivedDocument => {
            let columns = every::<ArchivedDocument>();
            let rows = archived_documents::by_ids(caller, &typed(ids), &columns).await?;
            nodes(rows, |row| row.id.0, Node::ArchivedDocument)
        }
        _ => Vec::new(),
    })
}

/// Fetches the nodes of a type of the accounts or the audit trail.
async fn of_accounting_type(
    ctx: &Context<'_>,
    node_type: NodeType,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Node)>> {
    let caller = caller(ctx);
    Ok(match node_type {
        NodeType::Invoice => nodes(
            invoices::by_ids(caller, &typed(ids), &every::<Invoice>()).await?,
            |row| row.id.0,
            Node::Invoice,
        ),
        NodeType::Requisition => {
            let rows = requisitions::by_ids(caller, &typed(ids), &every::<Requisition>()).await?;
            nodes(rows, |row| row.id.0, Node::Requisition)
        }
        NodeType::Cost => nodes(
            domain::ledger::by_ids::<::entity::cost::Model>(caller, ids, &every::<Cost>()).await?,
            |row| row.id.0,
            Node::Cost,
        ),
        NodeType::Grant => nodes(
            domain::ledger::by_ids::<::entity::grant::Model>(caller, ids, &every::<Grant>())
                .await?,
            |row| row.id.0,
            Node::Grant,
        ),
        NodeType::TaxDecision => {
            let rows = BatchRow::each(domain::tax_decisions::by_ids(caller, &typed(ids)).await?);
            rows.into_iter().map(|row| (row.id.0, Node::TaxDecision(TaxDecision(row)))).collect()
        }
        NodeType::BankPayment => nodes(
            domain::payments::bank::by_ids(caller, &typed(ids), &every::<BankPayment>()).await?,
            |row| row.id.0,
            Node::BankPayment,
        ),
        NodeType::FeeSchedule => nodes(
            schedules::by_ids(caller, &typed(ids), &every::<FeeSchedule>()).await?,
            |row| row.id.0,
            Node::FeeSchedule,
        ),
        NodeType::ReferenceRate => {
            let rows = reference_rates::by_ids(caller.db.read(), &typed(ids)).await?;
            BatchRow::each(rows)
                .into_iter()
                .map(|row| (row.id.0, Node::ReferenceRate(ReferenceRate(row))))
                .collect()
        }
        NodeType::AuditEntry => nodes(
            audit::types::by_ids(ctx, ids).await?,
            |row| audit::types::id_of(row.revision).0,
            Node::AuditEntry,
        ),
        _ => Vec::new(),
    })
}

/// Fetches the nodes of a type of the parts of invoices.
async fn of_invoice_part(
    ctx: &Context<'_>,
    node_type: NodeType,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Node)>> {
    let caller = caller(ctx);
    Ok(match node_type {
        NodeType::InvoiceLine => nodes(
            parts::by_ids::<invoice_line::Model>(caller, ids, &every::<InvoiceLine>()).await?,
            |row| row.id.0,
            Node::InvoiceLine,
        ),
        NodeType::Payment => nodes(
            parts::by_ids::<payment::Model>(caller, ids, &every::<Payment>()).await?,
            |row| row.id.0,
            Node::Payment,
        ),
        NodeType::Reminder => nodes(
            parts::by_ids::<reminder::Model>(caller, ids, &every::<Reminder>()).await?,
            |row| row.id.0,
            Node::Reminder,
        ),
        NodeType::Adjustment => {
            let rows = BatchRow::each(
                parts::by_ids::<adjustment::Model>(caller, ids, &every::<Refund>()).await?,
            );
            let node = |row: BatchRow<adjustment::Model>| match row.kind {
                AdjustmentKind::Refund => Node::Refund(Refund(row)),
                AdjustmentKind::WriteOff => Node::WriteOff(WriteOff(row)),
            };
            rows.into_iter().map(|row| (row.id.0, node(row))).collect()
        }
        _ => Vec::new(),
    })
}

/// Queries of nodes.
#[derive(Default)]
pub struct NodeQuery;

/// Maximum number of ids in a request.
const MAX_IDS: usize = 100;

#[Object]
impl NodeQuery {
    /// The object with this id; null when there is none, or you may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id, as in the field `id` of an object.")] id: ID,
    ) -> Option<Result<Node>> {
        match id.parse::<NodeId>() {
            Ok(id) => Box::pin(by_distinct_ids(ctx, std::slice::from_ref(&id)))
                .await
                .map(|mut found| found.remove(&id))
                .transpose(),
            Err(InvalidId::UnknownType) => None,
            Err(reason) => Some(Err(Error::invalid("id", reason))),
        }
    }

    /// The objects with these ids, in their order; null for each that does not exist, or that you
    /// may not see. A text that has not the form of an id is INVALID. At most 100 ids.
    #[graphql(directive = list_size::apply(None, Some(vec!["ids".into()])))]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids, as in the field `id` of objects; at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let mut errors = ValidationErrors::default();
        errors.expect(
            ids.len() <= MAX_IDS,
            "ids",
            FieldErrorCode::TooMany
                .problem(format!("must have at most {MAX_IDS} items"))
                .with("max", MAX_IDS),
        );
        let read = |(position, id): (usize, &ID)| match id.parse::<NodeId>() {
            Ok(id) => Some(id),
            Err(InvalidId::UnknownType) => None,
            Err(reason) => {
                errors.add(format!("ids.{position}"), reason);
                None
            }
        };
        let ids: Vec<Option<NodeId>> = ids.iter().enumerate().map(read).collect();
        errors.finish()?;
        let known: Vec<NodeId> = ids.iter().flatten().copied().collect();
        let found = Box::pin(by_distinct_ids(ctx, &known)).await?;
        Ok(ids.iter().map(|id| found.get(id.as_ref()?).cloned()).collect())
    }
}
