//! The API: how the register is asked. The only folder, with `server`, that knows GraphQL.
//!
//! A file a noun: its types, its questions and its deeds. They translate and decide nothing: what
//! may be seen and done stands in the rules.

pub mod activities;
pub mod agreements;
pub mod audit;
pub mod subscription;
pub mod books;
pub mod contact_reads;
pub mod contacts;
pub mod cost;
pub mod coverage;
pub mod decisions;
pub mod documents;
pub mod errors;
pub mod fees;
pub mod invoices;
pub mod ledger;
pub mod batch;
pub mod matrix;
pub mod members;
pub mod mutation;
pub mod node;
pub mod organisations;
pub mod connection;
pub mod persons;
pub mod request;
pub mod requisitions;
pub mod retention;
pub mod revenue;
pub mod scalars;
pub mod scenarios;
pub mod status_reports;
pub mod tax_decisions;
pub mod templates;

use async_graphql::{Context, Enum, MergedObject, Object, Schema, SimpleObject};

use self::{cost::list_size, subscription::Subscription};
use domain::{auth::viewer, config::Network, database::Database, error::Result};

/// The schema.
pub type Register = Schema<Query, Mutation, Subscription>;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    ViewerQuery,
    members::MemberQuery,
    activities::ActivityQuery,
    fees::FeeQuery,
    scenarios::ScenarioQuery,
    agreements::AgreementQuery,
    agreements::ConsistencyQuery,
    matrix::MatrixQuery,
    templates::TemplateQuery,
    templates::placeholders::PlaceholderQuery,
    invoices::InvoiceQuery,
    invoices::InvoiceRunQuery,
    invoices::bank::BankPaymentQuery,
    invoices::RateQuery,
    revenue::RevenueQuery,
    audit::AuditQuery,
    subscription::RevisionQuery,
    contacts::ContactQuery,
    contact_reads::ContactReadQuery,
    retention::RetentionQuery,
    agreements::NoticeEndQuery,
    books::ClosingQuery,
    ledger::LedgerQuery,
    tax_decisions::TaxDecisionQuery,
);

/// Root mutation type. Each mutation takes one `input`, returns what it changed, and is atomic.
/// Those of one document are done one after the other.
///
/// A broken rule is a top-level error with `extensions.code`: UNAUTHENTICATED, FORBIDDEN,
/// NOT_FOUND, INVALID (with `extensions.fields` naming every bad field), CONFLICT (with
/// `extensions.reason`), INTERNAL. Any mutation may fail with CONFLICT and the reason BUSY while
/// others write for long, as an import does: nothing was changed; retry after
/// `extensions.retryAfterSeconds`. When one mutation of a document fails, `data` is null and
/// `extensions.done` lists the response keys of those that were committed. CONFLICT with the reason
/// `PROGRAM_TOO_OLD` after a newer program migrated the register: this server writes nothing until
/// it is upgraded.
#[derive(MergedObject, Default)]
pub struct Mutation(
    members::mutations::MemberMutation,
    contacts::ContactMutation,
    persons::PersonMutation,
    organisations::OrganisationMutation,
    activities::ActivityMutation,
    fees::FeeMutation,
    agreements::mutations::AgreementMutation,
    agreements::DeadlineMutation,
    agreements::NoticeMutation,
    members::ReversalMutation,
    invoices::mutations::InvoiceMutation,
    templates::mutations::TemplateMutation,
    invoices::payments::PaymentMutation,
    invoices::adjustments::AdjustmentMutation,
    invoices::bank::BankPaymentMutation,
    invoices::RateMutation,
    books::ClosingMutation,
    invoices::interest::InterestMutation,
    requisitions::RequisitionMutation,
    ledger::LedgerMutation,
    tax_decisions::TaxDecisionMutation,
);

/// The schema of a register, and of the network whose it is. Who asks goes with each request, as
/// [`viewer::Viewer`] in its data.
#[must_use]
pub fn schema(register: Option<(Database, Network)>) -> Register {
    // What a document may cost is measured before it comes here: see `server::limits`.
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription)
        .limit_recursive_depth(100);
    match register {
        Some((db, network)) => builder.data(db).data(network).finish(),
        None => builder.finish(),
    }
}

/// The register that a request is about.
pub(crate) fn database<'c>(ctx: &Context<'c>) -> &'c Database {
    ctx.data_unchecked()
}

/// What the network itself is called.
pub(crate) fn network<'c>(ctx: &Context<'c>) -> &'c Network {
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

/// Who the token says you are.
#[derive(Default)]
pub struct ViewerQuery;

/// What you are in the register.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer::Role")]
pub enum Role {
    /// The network's office (kansli): everything but keys.
    Office,
    /// Invoices, fees and revenue, and the audit log of these.
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
    #[graphql(directive = list_size::apply(Some(5), None))]
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
        let activities = if look_ahead.field("activities").exists() {
            activities::by_slugs(ctx, &own.activities).await?
        } else {
            Vec::new()
        };
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
