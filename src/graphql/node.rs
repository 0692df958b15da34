//! Things by their ids, whatever their noun.

use std::collections::HashMap;

use ::entity::id::ContactAreaId;
use async_graphql::{Context, ID, Interface, Object};
use uuid::Uuid;

use super::{
    activities::Activity,
    agreements::Agreement,
    audit::{self, AuditEntry},
    batch::{BatchRow, grouped},
    connection::{ConnectionNode, every},
    contacts::{Contact, ContactArea},
    cost::list_size,
    database,
    invoices::{Invoice, bank::BankPayment},
    ledger::{Cost, Grant},
    members::Member,
    organisations::Organisation,
    request::RequestCache,
    requisitions::Requisition,
    scalars::NodeId,
    status_reports::StatusReport,
    tax_decisions::TaxDecision,
    templates::{AgreementTemplate, AgreementTemplateVersion},
    viewer,
};
use domain::{
    activities, agreements,
    error::{Error, Result, ValidationErrors},
    invoices, members, organisations,
    revenue::bookings,
    templates,
};

/// Anything with a globally unique id.
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
    /// A payment as the bank's file tells of it.
    BankPayment(BankPayment),
    /// An entry of the audit trail.
    AuditEntry(AuditEntry),
}

/// The nodes with these ids that the viewer sees: a statement for each noun among them.
pub(crate) async fn by_ids(ctx: &Context<'_>, ids: &[NodeId]) -> Result<HashMap<NodeId, Node>> {
    let mut found = HashMap::new();
    for (noun, ids) in grouped(ids, |id| id.noun.clone()) {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.id).collect();
        for (id, node) in of_noun(ctx, &noun, &ids).await? {
            found.insert(NodeId { noun: noun.clone(), id }, node);
        }
    }
    Ok(found)
}

/// The same for fields of a query, which changes nothing: an id that several fields or positions
/// name is loaded once.
async fn by_distinct_ids(ctx: &Context<'_>, ids: &[NodeId]) -> Result<HashMap<NodeId, Node>> {
    let load = |ids: Vec<NodeId>| async move { by_ids(ctx, &ids).await };
    match ctx.data_opt::<RequestCache>() {
        Some(cache) => cache.nodes(ids, load).await,
        None => load(ids.to_vec()).await,
    }
}

/// Ids of one noun's type.
fn typed<T: From<Uuid>>(ids: &[Uuid]) -> Vec<T> {
    ids.iter().copied().map(T::from).collect()
}

/// Each row as its node, with its id.
fn nodes<N: ConnectionNode>(
    rows: Vec<N::Row>,
    id: fn(&N::Row) -> Uuid,
    node: fn(N) -> Node,
) -> Vec<(Uuid, Node)> {
    BatchRow::each(rows).into_iter().map(|row| (id(&row), node(N::of(row)))).collect()
}

async fn of_noun(ctx: &Context<'_>, noun: &str, ids: &[Uuid]) -> Result<Vec<(Uuid, Node)>> {
    let (db, viewer) = (database(ctx), viewer(ctx));
    Ok(match noun {
        "member" => nodes(
            members::by_ids(db, viewer, &typed(ids), &every::<Member>()).await?,
            |row| row.id.0,
            Node::Member,
        ),
        "contact_area" => {
            let areas = members::areas_by_ids(db, &typed::<ContactAreaId>(ids)).await?;
            areas
                .into_values()
                .map(|row| (row.id.0, Node::ContactArea(ContactArea(BatchRow::single(row)))))
                .collect()
        }
        "contact" => nodes(
            members::contacts::by_ids(db, viewer, &typed(ids), &every::<Contact>()).await?,
            |row| row.id.0,
            Node::Contact,
        ),
        "organisation" => nodes(
            organisations::by_ids(db, viewer, &typed(ids), &every::<Organisation>()).await?,
            |row| row.id.0,
            Node::Organisation,
        ),
        "activity" => nodes(
            activities::by_ids(db, viewer, &typed(ids), &every::<Activity>()).await?,
            |row| row.id.0,
            Node::Activity,
        ),
        "status_report" => {
            let rows = activities::status_reports::by_ids(
                db,
                viewer,
                &typed(ids),
                &every::<StatusReport>(),
            )
            .await?;
            nodes(rows, |row| row.id.0, Node::StatusReport)
        }
        "agreement" => nodes(
            agreements::by_ids(db, viewer, &typed(ids), &every::<Agreement>()).await?,
            |row| row.id.0,
            Node::Agreement,
        ),
        "template" => nodes(
            templates::by_ids(db, viewer, &typed(ids), &every::<AgreementTemplate>()).await?,
            |row| row.id.0,
            Node::Template,
        ),
        "template_version" => {
            let rows = templates::versions_by_ids(
                db,
                viewer,
                &typed(ids),
                &every::<AgreementTemplateVersion>(),
            )
            .await?;
            nodes(rows, |row| row.id.0, Node::TemplateVersion)
        }
        "invoice" => nodes(
            invoices::by_ids(db, viewer, &typed(ids), &every::<Invoice>()).await?,
            |row| row.id.0,
            Node::Invoice,
        ),
        "requisition" => {
            let rows =
                invoices::requisitions::by_ids(db, viewer, &typed(ids), &every::<Requisition>())
                    .await?;
            nodes(rows, |row| row.id.0, Node::Requisition)
        }
        "cost" => nodes(
            bookings::by_ids::<::entity::cost::Model>(db, viewer, ids, &every::<Cost>()).await?,
            |row| row.id.0,
            Node::Cost,
        ),
        "grant" => nodes(
            bookings::by_ids::<::entity::grant::Model>(db, viewer, ids, &every::<Grant>()).await?,
            |row| row.id.0,
            Node::Grant,
        ),
        "tax_decision" => {
            let rows = BatchRow::each(activities::tax_decisions::by_ids(db, &typed(ids)).await?);
            rows.into_iter().map(|row| (row.id.0, Node::TaxDecision(TaxDecision(row)))).collect()
        }
        "bank_payment" => nodes(
            domain::payments::bank::by_ids(db, viewer, &typed(ids), &every::<BankPayment>())
                .await?,
            |row| row.id.0,
            Node::BankPayment,
        ),
        "audit_entry" => nodes(
            audit::by_ids(ctx, ids).await?,
            |row| audit::id_of(row.revision),
            Node::AuditEntry,
        ),
        _ => Vec::new(),
    })
}

/// Things by their ids.
#[derive(Default)]
pub struct NodeQuery;

/// Ids that one request may ask for.
const MAX_IDS: usize = 100;

#[Object]
impl NodeQuery {
    /// The thing with this id; null when there is none, or none that you may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An `id` that the register gave you")] id: ID,
    ) -> Option<Result<Node>> {
        match id.parse::<NodeId>() {
            Ok(id) => by_distinct_ids(ctx, std::slice::from_ref(&id))
                .await
                .map(|mut found| found.remove(&id))
                .transpose(),
            Err(reason) => Some(Err(Error::invalid("id", reason))),
        }
    }

    /// The things with these ids, in their order; null in the place of one that there is not, or
    /// that you may not see. At most 100.
    #[graphql(directive = list_size::apply(None, Some(vec!["ids".into()])))]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids that the register gave you")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let mut errors = ValidationErrors::default();
        errors.expect(ids.len() <= MAX_IDS, "ids", &format!("must be at most {MOST}"));
        let read = |(position, id): (usize, &ID)| {
            id.parse::<NodeId>()
                .map_err(|reason| errors.add(format!("ids.{position}"), reason))
                .ok()
        };
        let ids: Vec<NodeId> = ids.iter().enumerate().filter_map(read).collect();
        errors.finish()?;
        let found = by_distinct_ids(ctx, &ids).await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }
}
