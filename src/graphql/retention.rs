//! What the register holds and for how long, as the API tells of it.

use async_graphql::{Context, Enum, Object, SimpleObject};

use super::{
    batch::BatchRow,
    connection::every,
    contacts::Contact,
    cost::{cost, list_size, unversioned},
    database, network,
    scalars::{Date, Parsed, take},
    viewer,
};
use domain::{
    error::{Result, ValidationErrors},
    members::contacts,
    retention,
};

/// What is held, in the parts that a law or a decision tells apart.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "retention::Kind")]
pub enum RetentionKind {
    /// People who are no longer in their role and whom no running activity names.
    FormerContacts,
    /// The log of who read contacts.
    ContactReads,
    /// Agreements that have ended.
    EndedAgreements,
    /// Issued invoices and credit notes.
    Invoices,
    /// Payments as they were booked.
    Payments,
    /// Payments as the bank told of them.
    BankPayments,
    /// Names, references and messages of payers in them.
    Payers,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Entries of the audit trail.
    AuditTrail,
    /// Members, and what else the register is about.
    Members,
}

/// What is held of one kind.
#[derive(SimpleObject)]
pub struct RetentionHolding {
    /// Of what.
    kind: RetentionKind,
    /// How many there are.
    count: i64,
    /// The earliest day that a term runs from, as the last day in a role or the day of an invoice;
    /// null: no term runs.
    oldest: Option<Date>,
    /// The first day on which the oldest may go; null: it stays.
    may_go_from: Option<Date>,
    /// How many may go on the day of the report.
    due: i64,
    /// Why it stays or may go.
    law: &'static str,
}

/// What the register holds, what of it may go, and what must stay until when by which law.
#[derive(SimpleObject)]
pub struct RetentionReport {
    /// As of this day.
    on: Date,
    /// Each kind.
    #[graphql(directive = list_size::apply(Some(20), None))]
    holdings: Vec<RetentionHolding>,
    /// The contacts that may be erased, the longest out of their role first; at most 1000, and none
    /// unless you may see them.
    #[graphql(directive = list_size::apply(Some(50), None))]
    contacts: Vec<Contact>,
}

/// The report's query.
#[derive(Default)]
pub struct RetentionQuery;

#[Object]
impl RetentionQuery {
    /// What the register holds, what of it may go, and what must stay until when by which law; for
    /// the OFFICE and AUDITORs, FORBIDDEN to others. `samregister retention --erase` erases what
    /// may go.
    #[graphql(directive = cost::apply("500".into()), directive = unversioned::apply())]
    async fn retention(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of this day; today when left out")] on: Option<Parsed<Date>>,
    ) -> Option<Result<RetentionReport>> {
        Some(report(ctx, on).await)
    }
}

async fn report(ctx: &Context<'_>, on: Option<Parsed<Date>>) -> Result<RetentionReport> {
    let mut errors = ValidationErrors::default();
    let on = take(on, "on", &mut errors).map(|on| on.0);
    errors.finish()?;
    let db = database(ctx);
    let report = retention::report(
        db,
        viewer(ctx),
        &network(ctx).retention,
        on.unwrap_or_else(|| db.clock.today()),
    )
    .await?;
    let is_asked = ctx.look_ahead().field("contacts").exists();
    let due = if is_asked {
        contacts::by_ids(db, viewer(ctx), &report.contacts, &every::<Contact>()).await?
    } else {
        Vec::new()
    };
    let mut due = BatchRow::each(due);
    due.sort_by_key(|row| (row.valid_to, row.id));
    let extra = |held: retention::Holding| RetentionHolding {
        kind: held.kind.into(),
        count: held.count,
        oldest: held.oldest.map(Date),
        may_go_from: held.may_go_from.map(Date),
        due: held.due,
        law: held.kind.law(),
    };
    Ok(RetentionReport {
        on: Date(report.on),
        holdings: report.holdings.into_iter().map(extra).collect(),
        contacts: due.into_iter().map(Contact).collect(),
    })
}
