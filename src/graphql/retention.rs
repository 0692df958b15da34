//! GraphQL types and query of the retention report.

use async_graphql::{Context, Enum, Object, SimpleObject};

use super::{
    batch::BatchRow,
    caller,
    connection::every,
    contacts::Contact,
    cost::{cost, list_size, unversioned},
    network,
    scalars::{Date, Parsed, take},
};
use domain::{
    error::{Result, ValidationErrors},
    members::contacts,
    retention,
};

/// Kind of stored data with its own retention rule.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "retention::Kind")]
pub enum RetentionKind {
    /// Contacts that are no longer in their role and that no running activity refers to.
    FormerContacts,
    /// Log of reads of contacts.
    ContactReads,
    /// Agreements that have ended.
    EndedAgreements,
    /// Issued invoices and credit notes.
    Invoices,
    /// Booked payments.
    Payments,
    /// Payments reported by files of the bank.
    BankPayments,
    /// Names, references and messages of payers in bank payments.
    Payers,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Entries of the audit trail.
    AuditTrail,
    /// Members, and other base data.
    Members,
}

/// Stored data of one kind.
#[derive(SimpleObject)]
pub struct RetentionHolding {
    /// Kind of the data.
    kind: RetentionKind,
    /// Number of records.
    record_count: i64,
    /// Earliest day from which a retention period runs, as the last day in a role or the day of an
    /// invoice; null: no period runs.
    oldest: Option<Date>,
    /// First day on which the oldest record may be erased; null: it is retained.
    may_go_from: Option<Date>,
    /// Number of records that may be erased on the day of the report.
    due_count: i64,
    /// Legal ground of retaining or erasing it.
    law: &'static str,
}

/// Report of stored data: records that may be erased, and records that must be retained, until when
/// and by which law.
#[derive(SimpleObject)]
pub struct RetentionReport {
    /// Day of the report.
    as_of: Date,
    /// Stored data by kind.
    #[graphql(directive = list_size::apply(Some(20), None))]
    holdings: Vec<RetentionHolding>,
    /// Contacts that may be erased, the longest out of their role first; at most 1000, and empty
    /// unless you may see contacts.
    #[graphql(directive = list_size::apply(Some(50), None))]
    contacts: Vec<Contact>,
}

/// Queries of retention.
#[derive(Default)]
pub struct RetentionQuery;

#[Object]
impl RetentionQuery {
    /// Report of stored data, and of what may be erased or must be retained. For OFFICE and
    /// AUDITOR; FORBIDDEN to other roles. `samregister retention --erase` erases what may be
    /// erased.
    #[graphql(directive = cost::apply("500".into()), directive = unversioned::apply())]
    async fn retention(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the report; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<RetentionReport>> {
        Some(Box::pin(report(ctx, as_of)).await)
    }
}

async fn report(ctx: &Context<'_>, as_of: Option<Parsed<Date>>) -> Result<RetentionReport> {
    let mut errors = ValidationErrors::default();
    let on = take(as_of, "as_of", &mut errors).map(|on| on.0);
    errors.finish()?;
    let caller = caller(ctx);
    let report = retention::report(
        caller,
        &network(ctx).retention,
        on.unwrap_or_else(|| caller.clock.today()),
    )
    .await?;
    let is_selected = ctx.look_ahead().field("contacts").exists();
    let due = if is_selected {
        contacts::by_ids(caller, &report.contacts, &every::<Contact>()).await?
    } else {
        Vec::new()
    };
    let mut due = BatchRow::each(due);
    due.sort_by_key(|row| (row.valid_to, row.id));
    let extra = |held: retention::Holding| RetentionHolding {
        kind: held.kind.into(),
        record_count: held.count,
        oldest: held.oldest.map(Date),
        may_go_from: held.may_go_from.map(Date),
        due_count: held.due,
        law: held.kind.law(),
    };
    Ok(RetentionReport {
        as_of: Date(report.on),
        holdings: report.holdings.into_iter().map(extra).collect(),
        contacts: due.into_iter().map(Contact).collect(),
    })
}
