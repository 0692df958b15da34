//! The API: how the register is asked. The only folder, with `server`, that knows GraphQL.
//!
//! A file a noun: its types, its questions and its deeds. They translate and decide nothing: what may be seen and done stands in the rules.

pub mod activities;
pub mod agreements;
pub mod audit;
pub mod coverage;
pub mod decisions;
pub mod errors;
pub mod fees;
pub mod invoices;
pub mod loaders;
pub mod members;
pub mod organisations;
pub mod page;
pub mod revenue;
pub mod scalars;
pub mod status_reports;
pub mod templates;

use std::collections::HashMap;

use async_graphql::{Context, EmptySubscription, Enum, ID, Interface, MergedObject, Object, Schema, SimpleObject};

use self::scalars::NodeId;
use crate::{
    auth::viewer,
    database::Database,
    error::{Error, Faults, Result},
};

/// The schema.
pub type Register = Schema<Query, Mutation, EmptySubscription>;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    ViewerQuery,
    members::MemberQuery,
    activities::ActivityQuery,
    agreements::AgreementQuery,
    templates::TemplateQuery,
    invoices::InvoiceQuery,
    revenue::RevenueQuery,
    audit::AuditQuery,
);

/// Everything that can be done. Each deed takes one `input`, returns the thing it changed, and is done whole or not at all.
///
/// A broken rule is a top-level error with `extensions.code`: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID (with
/// `extensions.fields` naming every bad field), CONFLICT (with `extensions.reason`), INTERNAL.
#[derive(MergedObject, Default)]
pub struct Mutation(members::MemberMutation, organisations::OrganisationMutation, activities::ActivityMutation, fees::FeeMutation);

/// The schema of a register. Who asks goes with each request, as [`viewer::Viewer`] in its data.
#[must_use]
pub fn schema(db: Option<Database>) -> Register {
    // What a document may cost is measured before it comes here: see `server::limits`.
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription).limit_recursive_depth(100);
    let builder = builder.limit_directives(50);
    match db {
        Some(db) => builder.data(db).finish(),
        None => builder.finish(),
    }
}

/// The register that a request is about.
pub(crate) fn database<'c>(ctx: &Context<'c>) -> &'c Database {
    ctx.data_unchecked()
}

/// Who asks.
pub(crate) fn viewer<'c>(ctx: &Context<'c>) -> &'c viewer::Viewer {
    ctx.data_unchecked()
}

/// Which way a list runs.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum OrderDirection {
    /// Smallest, earliest, a first.
    Asc,
    /// Largest, latest, ö first.
    Desc,
}

impl OrderDirection {
    fn is_descending(self) -> bool {
        self == Self::Desc
    }
}

/// Anything with a globally unique id.
#[derive(Interface, Clone)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and globally unique."))]
pub enum Node {
    /// A member.
    Member(members::Member),
    /// A contact area.
    ContactArea(members::ContactArea),
    /// A contact.
    Contact(members::Contact),
    /// An organisation.
    Organisation(organisations::Organisation),
    /// An activity.
    Activity(activities::Activity),
    /// A status report.
    StatusReport(activities::StatusReport),
    /// An agreement.
    Agreement(agreements::Agreement),
    /// A template.
    Template(templates::AgreementTemplate),
    /// A version of a template.
    TemplateVersion(templates::AgreementTemplateVersion),
    /// An invoice.
    Invoice(invoices::Invoice),
    /// An entry of the audit trail.
    AuditEntry(audit::AuditEntry),
}

/// The nodes with these ids that the viewer sees; a statement for each, so for few of them.
pub(crate) async fn nodes_by_ids(ctx: &Context<'_>, ids: &[NodeId]) -> Result<HashMap<NodeId, Node>> {
    let mut found = HashMap::new();
    for id in ids {
        if !found.contains_key(id) && let Some(node) = node(ctx, id).await? {
            found.insert(id.clone(), node);
        }
    }
    Ok(found)
}

async fn node(ctx: &Context<'_>, id: &NodeId) -> Result<Option<Node>> {
    Ok(match id.noun.as_str() {
        "member" => members::node(ctx, id.id.into()).await?.map(Node::Member),
        "contact_area" => members::contact_area_node(ctx, id.id.into()).await?.map(Node::ContactArea),
        "contact" => members::contact_node(ctx, id.id.into()).await?.map(Node::Contact),
        "organisation" => organisations::node(ctx, id.id.into()).await?.map(Node::Organisation),
        "activity" => activities::node(ctx, id.id.into()).await?.map(Node::Activity),
        "status_report" => activities::status_report_node(ctx, id.id.into()).await?.map(Node::StatusReport),
        "agreement" => agreements::node(ctx, id.id.into()).await?.map(Node::Agreement),
        "template" => templates::node(ctx, id.id.into()).await?.map(Node::Template),
        "template_version" => templates::version_node(ctx, id.id.into()).await?.map(Node::TemplateVersion),
        "invoice" => invoices::node(ctx, id.id.into()).await?.map(Node::Invoice),
        "audit_entry" => audit::node(ctx, id.id).await?.map(Node::AuditEntry),
        _ => None,
    })
}

/// Things by their ids.
#[derive(Default)]
pub struct NodeQuery;

/// Ids that one request may ask for.
const NODES: usize = 100;

#[Object]
impl NodeQuery {
    /// The thing with this id; null when there is none, or none that you may see.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Node>> {
        match id.parse::<NodeId>() {
            Ok(id) => node(ctx, &id).await.transpose(),
            Err(reason) => Some(Err(Error::invalid("id", reason))),
        }
    }

    /// The things with these ids, in their order; null in the place of one that there is not, or that you may not see. At most 100.
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>> {
        let mut faults = Faults::default();
        faults.expect(ids.len() <= NODES, "ids", &format!("must be at most {NODES}"));
        let ids: Vec<Option<NodeId>> = ids
            .iter()
            .enumerate()
            .map(|(place, id)| id.parse().map_err(|reason: String| faults.add(format!("ids.{place}"), reason)).ok())
            .collect();
        faults.finish()?;
        let ids: Vec<NodeId> = ids.into_iter().flatten().collect();
        let found = nodes_by_ids(ctx, &ids).await?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }
}

/// Who the token says you are.
#[derive(Default)]
pub struct ViewerQuery;

/// What you are in the register.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer::Role")]
pub enum Role {
    /// The network's office (kansli): everything but keys.
    Office,
    /// Invoices, fees and revenue.
    Finance,
    /// Reads all.
    Board,
    /// Reads all, and the audit trail.
    Auditor,
    /// Its own activities.
    ActivityLead,
    /// Its own association only.
    Member,
    /// A program: what its scopes say.
    Service,
}

/// Who you are, and what you may do.
#[derive(SimpleObject)]
pub struct Viewer {
    /// The token's subject, who stands in the audit trail.
    subject: String,
    /// What you are; every role adds to the others.
    roles: Vec<Role>,
    /// Your own association; null unless you are a MEMBER.
    member: Option<members::Member>,
    /// Your activities, for an ACTIVITY_LEAD.
    activities: Vec<activities::Activity>,
    /// Your scopes, for a SERVICE.
    scopes: Vec<String>,
}

#[Object]
impl ViewerQuery {
    /// Who the token says you are, and what you may do.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let own = viewer(ctx);
        let look_ahead = ctx.look_ahead();
        let member = match own.member {
            Some(id) if look_ahead.field("member").exists() => members::node(ctx, id).await?,
            _ => None,
        };
        let activities = if look_ahead.field("activities").exists() { activities::by_slugs(ctx, &own.activities).await? } else { Vec::new() };
        Ok(Viewer {
            subject: own.subject.clone(),
            roles: own.roles.iter().copied().map(Into::into).collect(),
            member,
            activities,
            scopes: own.scopes.clone(),
        })
    }
}

/// The schema in its own language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl(schema: &Register) -> String {
    schema.sdl()
}
