//! GraphQL query of the audit trail.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::SecondsFormat;

use super::types::AuditEntry;
use crate::graphql::{
    caller,
    connection::{self, Connection, ListRequest},
    order::{OrderInput as _, order_input},
    scalars::{DateTime, NodeId, Parsed, take},
};
use domain::{
    audit,
    error::{FieldErrorCode, Result, ValidationErrors},
};

/// Filter of the audit trail. All conditions must hold.
#[derive(InputObject, Default)]
pub struct AuditFilter {
    /// Written by this actor: the subject of a token, exactly.
    actor: Option<String>,
    /// Id of the changed object.
    subject_id: Option<ID>,
    /// `recordedAt` is this time or later.
    recorded_from: Option<Parsed<DateTime>>,
    /// `recordedAt` is before this time.
    recorded_before: Option<Parsed<DateTime>>,
}

impl AuditFilter {
    fn check(self, errors: &mut ValidationErrors) -> audit::Filter {
        let ends = (&self.recorded_from, &self.recorded_before);
        if let (Some(Parsed::Good(from)), Some(Parsed::Good(before))) = ends {
            let problem = FieldErrorCode::TooEarly
                .problem("must not be before recordedFrom")
                .with("min", from.0.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            errors.expect(from.0 <= before.0, "filter.recordedBefore", problem);
        }
        let from = take(self.recorded_from, "filter.recordedFrom", errors).map(|from| from.0);
        let to = take(self.recorded_before, "filter.recordedBefore", errors).map(|to| to.0);
        audit::Filter {
            actor: errors.optional_text("filter.actor", self.actor.as_deref(), domain::error::LINE),
            subject: self.subject_id.map(|id| {
                errors.take("filter.subjectId", id.parse::<NodeId>().map(|read| read.id))
            }),
            from,
            to,
        }
    }
}

/// Field to order the audit trail by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum AuditEntryOrderField {
    /// By time, which is also the order of the revisions.
    RecordedAt,
}

order_input! {
    /// Order of the audit trail.
    AuditEntryOrder by AuditEntryOrderField
}

/// Queries of the audit trail.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Entries of the audit trail, the latest first unless `orderBy` says otherwise; empty when you
    /// may not read it. OFFICE and AUDITOR read all of it. FINANCE reads the entries about what it
    /// may change: costs, grants, allocations, fees, invoices, payments, reference rates and the
    /// books.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AuditFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<
            AuditEntryOrder,
        >,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let is_descending = order_by.is_none_or(|order| match order.parts() {
            (AuditEntryOrderField::RecordedAt, is_descending) => is_descending,
        });
        let order = audit::order(is_descending);
        let args = connection::args(first, after, last, before);
        connection::large_connection(
            ctx,
            ListRequest::<AuditEntry, _>::new(filter, order, args, errors),
            |ctx, filter, page| Box::pin(audit::list(caller(ctx), filter, page)),
            |ctx, filter, at_most| Box::pin(audit::count(caller(ctx), filter, at_most)),
        )
        .await
    }
}
