//! GraphQL API: schema, types, queries and mutations, a file or folder per topic. Only this folder
//! and `http` depend on GraphQL.
//!
//! Resolvers translate between the API and the domain; they decide nothing. Permissions and rules
//! are in `domain`.

pub mod activities;
pub mod agreements;
pub mod archived_documents;
pub mod audit;
pub mod subscription;
pub mod books;
pub mod client;
pub mod contacts;
pub mod cost;
pub mod decisions;
#[cfg(test)]
mod declared_columns;
pub mod diary;
pub mod document_list;
pub mod error_codes;
pub mod errors;
pub mod fees;
pub mod file_links;
#[cfg(test)]
mod future_sizes;
pub mod input_shapes;
pub mod interest;
pub mod invoices;
pub mod language;
pub mod ledger;
mod library_errors;
pub mod batch;
pub mod members;
pub mod mutation;
pub mod node;
pub mod order;
pub mod organisations;
pub mod connection;
pub mod payments;
pub mod persons;
pub mod receivables;
pub mod request;
pub mod requisitions;
pub mod retention;
pub mod revenue;
pub mod scalars;
pub mod slug_list;
pub mod status_reports;
pub mod stored_files;
pub mod tax_decisions;
pub mod templates;
pub mod times;

use async_graphql::{
    Context, Enum, MergedObject, Object, SDLExportOptions, Schema, SchemaBuilder, SimpleObject,
    ValidationMode,
};

use self::{
    cost::{list_size, unversioned},
    node::Node,
    subscription::Subscription,
};
use domain::{
    auth::viewer, clock::Clock, config::Network, context::Context as Caller, database::Database,
    error::Result,
};

/// The schema type of the API.
pub type Register = Schema<Query, Mutation, Subscription>;

/// Root query type. Objects that you may not see are left out of lists, or null.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    ViewerQuery,
    members::queries::MemberQuery,
    activities::queries::ActivityQuery,
    fees::queries::FeeQuery,
    agreements::queries::AgreementQuery,
    agreements::queries::ConsistencyQuery,
    agreements::queries::MatrixQuery,
    templates::queries::TemplateQuery,
    templates::queries::PlaceholderQuery,
    invoices::queries::InvoiceQuery,
    invoices::queries::InvoiceRunQuery,
    payments::bank::queries::BankPaymentQuery,
    payments::queries::PaymentQuery,
    receivables::queries::ReminderQuery,
    document_list::queries::DocumentQuery,
    archived_documents::queries::ArchivedDocumentQuery,
    archived_documents::reads::ArchivedDocumentReadQuery,
    diary::queries::DiaryQuery,
    interest::queries::RateQuery,
    revenue::queries::RevenueQuery,
    audit::queries::AuditQuery,
    subscription::RevisionQuery,
    contacts::queries::ContactQuery,
    organisations::queries::OrganisationQuery,
    decisions::queries::DecisionQuery,
    status_reports::queries::StatusReportQuery,
    retention::queries::RetentionQuery,
    agreements::queries::NoticeEndQuery,
    books::ClosingQuery,
    ledger::queries::LedgerQuery,
    tax_decisions::queries::TaxDecisionQuery,
    language::enum_labels::EnumLabelQuery,
);

/// Root mutation type. Each mutation takes one `input`, returns what it changed, and is atomic.
/// Mutations of one document run one after the other. A bulk mutation applies another one to many
/// `items`; with `partial`, each item is atomic, and not all of them together.
///
/// A failed mutation is a top-level error with `extensions.code`: UNAUTHENTICATED, FORBIDDEN,
/// NOT_FOUND (with the id's field in `extensions.fields`), INVALID (with `extensions.fields` naming
/// every invalid field: `path` in the input, `code`, a `FieldErrorCode`, `message` and the values
/// that it states, as `max`), CONFLICT (with `extensions.reason`, a `ConflictReason`), INTERNAL.
/// The payload of a failed mutation is null, and the other mutations of the document are executed.
/// `extensions.done` lists the response keys of the committed ones.
///
/// Any mutation may fail with CONFLICT and reason BUSY while another writer, as an import, holds
/// the database for long: nothing was changed; retry after `extensions.retryAfterSeconds`. CONFLICT
/// with reason PROGRAM_TOO_OLD after a newer program migrated the database: this server writes
/// nothing until it is upgraded.
#[derive(MergedObject, Default)]
pub struct Mutation(
    members::mutations::MemberMutation,
    contacts::mutations::ContactMutation,
    persons::mutations::PersonMutation,
    organisations::mutations::OrganisationMutation,
    activities::mutations::ActivityMutation,
    ledger::mutations::RecordMutation,
    status_reports::mutations::StatusReportMutation,
    fees::mutations::FeeMutation,
    agreements::mutations::AgreementMutation,
    agreements::mutations::DeadlineMutation,
    agreements::mutations::NoticeMutation,
    members::mutations::MemberReversalMutation,
    organisations::mutations::OrganisationRemovalMutation,
    invoices::mutations::InvoiceMutation,
    templates::mutations::TemplateMutation,
    payments::mutations::PaymentMutation,
    receivables::mutations::ReminderMutation,
    payments::mutations::AdjustmentMutation,
    payments::bank::mutations::BankPaymentMutation,
    interest::mutations::RateMutation,
    books::ClosingMutation,
    interest::mutations::InterestMutation,
    requisitions::mutations::RequisitionMutation,
    ledger::mutations::ReverseMutation,
    tax_decisions::mutations::TaxDecisionMutation,
    members::bulk_mutations::AllocationBulkMutation,
    agreements::bulk_mutations::AgreementBulkMutation,
    invoices::bulk_mutations::InvoiceBulkMutation,
    receivables::bulk_mutations::ReminderBulkMutation,
    archived_documents::mutations::ArchivedDocumentMutation,
);

/// Creates the schema; without data for `None`, to print it. The caller is passed with each
/// request, as [`viewer::Viewer`] in its data.
#[must_use]
pub fn schema(register: Option<(Database, Clock, Network)>) -> Register {
    builder(register).finish()
}

/// Creates the same schema for requests that are known to pass validation, which it omits.
pub(crate) fn schema_without_validation(db: Database, clock: Clock, network: Network) -> Register {
    builder(Some((db, clock, network))).validation_mode(ValidationMode::Fast).finish()
}

fn builder(
    register: Option<(Database, Clock, Network)>,
) -> SchemaBuilder<Query, Mutation, Subscription> {
    // The cost of a document is limited before execution: see `http::query_cost`.
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription)
        .limit_recursive_depth(100)
        .register_output_type::<error_codes::ErrorCodes>();
    match register {
        Some((db, clock, network)) => builder.data(db).data(clock).data(network),
        None => builder,
    }
}

/// Returns the database of a request.
pub(crate) fn database<'c>(ctx: &Context<'c>) -> &'c Database {
    ctx.data_unchecked()
}

/// Returns the context of the rules that a query asks.
pub(crate) fn caller<'c>(ctx: &Context<'c>) -> Caller<'c> {
    let caller = Caller::new(database(ctx), *ctx.data_unchecked::<Clock>(), viewer(ctx));
    caller.with_read_mark(ctx.data_opt())
}

/// Returns the network's settings.
pub(crate) fn network<'c>(ctx: &Context<'c>) -> &'c Network {
    ctx.data_unchecked()
}

/// Returns the caller.
pub(crate) fn viewer<'c>(ctx: &Context<'c>) -> &'c viewer::Viewer {
    ctx.data_unchecked()
}

/// Queries of the caller.
#[derive(Default)]
pub struct ViewerQuery;

/// Role of a caller.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer::Role")]
pub enum ViewerRole {
    /// Office of the network (kansli): reads and changes everything but keys.
    Office,
    /// Changes invoices, fees and revenue, and reads the audit trail of these.
    Finance,
    /// Reads everything but the audit trail.
    Board,
    /// Reads everything, including the audit trail.
    Auditor,
    /// Reads and changes its own activities.
    ActivityLead,
    /// Reads its own association only.
    Member,
    /// A program with the permissions of its scopes.
    Service,
}

/// Permission to change a part of the register.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer::Permission")]
pub enum Permission {
    /// Change members, contacts, organisations and activities.
    ManageRegister,
    /// Change allocations, fees, costs, grants and reference rates, and close periods.
    ManageAccounts,
    /// Draft, publish and retire templates.
    ManageTemplates,
    /// Draft, offer, sign and end agreements, and snooze their deadlines.
    ManageAgreements,
    /// Draft, issue and credit invoices, remind of them, and record their payments.
    ManageInvoices,
    /// Report on activities: on all of them for the OFFICE, else on your own.
    Report,
    /// Mint and revoke tokens; no token has it, since it is done on the server only.
    ManageKeys,
}

/// The caller, with roles, permissions and scopes.
#[derive(SimpleObject)]
pub struct Viewer {
    /// Subject of the token, which the audit trail records as actor.
    subject: String,
    /// Roles of the caller; their permissions add up.
    roles: Vec<ViewerRole>,
    /// Permissions of the token, by its roles and scopes. The state of an object may forbid more:
    /// see `viewerCan…` of objects.
    permissions: Vec<Permission>,
    /// Association of a MEMBER; null for other roles.
    member: Option<members::types::Member>,
    /// Activities of an ACTIVITY_LEAD; empty for other roles.
    #[graphql(directive = list_size::apply(Some(5), None))]
    activities: Vec<activities::types::Activity>,
    /// Scopes of a SERVICE; empty for other roles.
    scopes: Vec<String>,
}

#[Object]
impl ViewerQuery {
    /// The caller, as the token names it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let own = viewer(ctx);
        let look_ahead = ctx.look_ahead();
        let member = match own.member {
            Some(id) if look_ahead.field("member").exists() => {
                Box::pin(members::types::node(ctx, id)).await?
            }
            _ => None,
        };
        let activities = if look_ahead.field("activities").exists() {
            Box::pin(activities::types::by_slugs(ctx, &own.activities)).await?
        } else {
            Vec::new()
        };
        Ok(Viewer {
            subject: own.subject.clone(),
            roles: own.roles.iter().copied().map(Into::into).collect(),
            permissions: own.permissions().map(Into::into).collect(),
            member,
            activities,
            scopes: own.scopes.clone(),
        })
    }
}

/// Returns the schema in SDL, as in `schema.graphql`.
#[must_use]
pub fn sdl(schema: &Register) -> String {
    schema.sdl_with_options(SDLExportOptions::new().include_specified_by())
}
