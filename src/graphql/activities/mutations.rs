//! Mutations of activities, their costs and grants.

use ::entity::id::{ContactId, CostId, GrantId};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use domain::{
    activities::{accounts, close, start},
    error::{Result, ValidationErrors},
};

use super::{
    FundingKind, changed,
    payloads::{
        ActivityClosePayload, ActivityStartPayload, ActivityUpdatePayload, CostRecordPayload,
        GrantRecordPayload, StatusReportFilePayload,
    },
};
use crate::graphql::{
    decisions::DecisionInput,
    ledger::{self, Cost, Grant, supplier},
    mutation::mutation,
    scalars::{Date, Money, Parsed, change, plain_change, row_id, take},
    status_reports::{StatusReportFileInput, file},
};

/// Input of `activityStart`.
#[derive(InputObject)]
pub struct ActivityStartInput {
    /// Short name: letters a to z, digits and hyphens, as `stoppa-valdet`. It can't be changed
    /// later, since tokens and scripts rely on it.
    slug: String,
    /// Name, as people read it.
    name: String,
    /// Purpose (syfte).
    purpose: Option<String>,
    /// Goal (mål).
    goal: Option<String>,
    /// Sources of funding; may be empty.
    funding: Vec<FundingKind>,
    /// First day on which it runs.
    starts_on: Parsed<Date>,
    /// Last day on which it runs; omit: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Id of the contact on the board that follows it.
    board_contact_id: Option<ID>,
    /// Id of the contact that leads it.
    lead_id: Option<ID>,
    /// Decision to run it.
    decision: Option<DecisionInput>,
}

/// Input of `activityUpdate`. Omitted fields stay unchanged.
#[derive(InputObject)]
pub struct ActivityUpdateInput {
    /// Id of the activity.
    activity_id: ID,
    /// New name.
    name: Option<String>,
    /// New purpose (syfte); null removes it.
    purpose: MaybeUndefined<String>,
    /// New goal (mål); null removes it.
    goal: MaybeUndefined<String>,
    /// All sources of funding; replaces the present ones.
    funding: Option<Vec<FundingKind>>,
    /// New first day.
    starts_on: Option<Parsed<Date>>,
    /// New last day; null: until further notice. Refused as in `activityClose` when participation
    /// agreements continue after it.
    ends_on: MaybeUndefined<Parsed<Date>>,
    /// Id of the contact on the board that follows it; null: none.
    board_contact_id: MaybeUndefined<ID>,
    /// Id of the contact that leads it; null: none.
    lead_id: MaybeUndefined<ID>,
    /// Decision to run it; null removes it.
    decision: MaybeUndefined<DecisionInput>,
}

/// Input of `activityClose`.
#[derive(InputObject)]
pub struct ActivityCloseInput {
    /// Id of the activity.
    activity_id: ID,
    /// Last day on which it runs.
    ends_on: Parsed<Date>,
}

/// Input of `costRecord`.
#[derive(InputObject)]
pub struct CostRecordInput {
    /// Id of the activity.
    activity_id: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// Amount in kronor without deducted VAT: VAT that is not deducted is part of it. Negative for
    /// a cost that the supplier pays back. Correct a wrong cost with `costReverse`.
    amount: Parsed<Money>,
    /// Purpose, as `Lokalhyra maj`.
    description: String,
    /// Deducted input VAT (ingående moms) in kronor, not part of `amount` and with the same sign;
    /// omit when not known.
    vat: Option<Parsed<Money>>,
    /// Id of the supplier, a member or an organisation. Omit for the counterparty of the agreement.
    supplier_id: Option<ID>,
    /// The supplier's invoice number.
    reference: Option<String>,
    /// Id of the signed agreement by which the network owes the cost. It must be about this
    /// activity or about none.
    agreement_id: Option<ID>,
    /// Id of the supplier's voucher, which you have uploaded with `POST /files` within a day.
    file_id: Option<ID>,
}

/// Input of `grantRecord`.
#[derive(InputObject)]
pub struct GrantRecordInput {
    /// Id of the activity.
    activity_id: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// Amount in kronor; negative for a grant that is paid back.
    amount: Parsed<Money>,
    /// Name of the body that pays the grant.
    funder: String,
    /// Id of the signed cooperation agreement by which the grant comes in. It must be about this
    /// activity or about none.
    agreement_id: Option<ID>,
}

fn contact(
    id: MaybeUndefined<ID>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Option<ContactId>> {
    plain_change(id).map(|id| id.map(|id| row_id(&id, path, errors)))
}

/// Mutations of activities.
#[derive(Default)]
pub struct ActivityMutation;

#[Object]
impl ActivityMutation {
    /// Starts an activity. CONFLICT with reason SLUG_TAKEN when another activity has the slug.
    ///
    /// Requires the role OFFICE.
    async fn activity_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity to start.")] input: Box<ActivityStartInput>,
    ) -> Option<Result<ActivityStartPayload>> {
        let mut errors = ValidationErrors::default();
        let new = start::NewActivity {
            slug: input.slug,
            name: input.name,
            purpose: input.purpose,
            goal: input.goal,
            funding: input.funding.into_iter().map(Into::into).collect(),
            starts_on: input.starts_on.take("starts_on", &mut errors).0,
            ends_on: take(input.ends_on, "ends_on", &mut errors).map(|day| day.0),
            board_contact: input
                .board_contact_id
                .map(|id| row_id(&id, "board_contact_id", &mut errors)),
            lead: input.lead_id.map(|id| row_id(&id, "lead_id", &mut errors)),
            decision: input.decision.map(|decision| decision.check("decision", &mut errors)),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(start::start(mutation.context(), new, errors), async |id| {
                    Ok(ActivityStartPayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Changes an activity. CONFLICT with reason AGREEMENTS_IN_FORCE when participation agreements
    /// would continue after its last day or start before its first day.
    ///
    /// Requires the role OFFICE.
    async fn activity_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: Box<ActivityUpdateInput>,
    ) -> Option<Result<ActivityUpdatePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity_id, "activity_id", &mut errors);
        let changes = start::ActivityChanges {
            name: input.name,
            purpose: plain_change(input.purpose),
            goal: plain_change(input.goal),
            funding: input.funding.map(|kinds| kinds.into_iter().map(Into::into).collect()),
            starts_on: take(input.starts_on, "starts_on", &mut errors).map(|day| day.0),
            ends_on: change(input.ends_on, "ends_on", &mut errors).map(|day| day.map(|day| day.0)),
            board_contact: contact(input.board_contact_id, "board_contact_id", &mut errors),
            lead: contact(input.lead_id, "lead_id", &mut errors),
            decision: plain_change(input.decision)
                .map(|new| new.map(|new| new.check("decision", &mut errors))),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(start::update(mutation.context(), id, changes, errors), async |()| {
                    Ok(ActivityUpdatePayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Sets an activity's last day. CONFLICT with reason AGREEMENTS_IN_FORCE and the numbers of the
    /// participation agreements that continue after it; ALREADY_CLOSED when the activity ended
    /// before today.
    ///
    /// Requires the role OFFICE.
    async fn activity_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity and its last day.")] input: Box<ActivityCloseInput>,
    ) -> Option<Result<ActivityClosePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity_id, "activity_id", &mut errors);
        let ends_on = input.ends_on.take("ends_on", &mut errors).0;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(close::close(mutation.context(), id, ends_on, errors), async |()| {
                    Ok(ActivityClosePayload { activity: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Books a cost of an activity. Without an Idempotency-Key, the same input twice books two
    /// costs. CONFLICT with reason PERIOD_CLOSED when `bookedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn cost_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cost to book.")] input: Box<CostRecordInput>,
    ) -> Option<Result<CostRecordPayload>> {
        let mut errors = ValidationErrors::default();
        let new = accounts::NewBooking {
            activity: row_id(&input.activity_id, "activity_id", &mut errors),
            booked_on: input.booked_on.take("booked_on", &mut errors).0,
            amount: input.amount.take("amount", &mut errors).0,
            text: input.description,
            agreement_id: input.agreement_id.map(|id| row_id(&id, "agreement_id", &mut errors)),
        };
        let details = accounts::CostDetails {
            supplier_id: input.supplier_id.and_then(|id| supplier(&id, "supplier_id", &mut errors)),
            reference: input.reference,
            vat: take(input.vat, "vat", &mut errors).map(|vat| vat.0),
            file_id: input.file_id.map(|id| row_id(&id, "file_id", &mut errors)),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    accounts::record_cost(mutation.context(), new, details, errors),
                    async |cost: CostId| {
                        Ok(CostRecordPayload {
                            cost: ledger::node::<Cost>(ctx, cost.0).await?,
                            activity: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Books a grant (bidrag) to an activity. Not idempotent: the same input twice books two
    /// grants. CONFLICT with reason PERIOD_CLOSED when `bookedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn grant_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The grant to book.")] input: Box<GrantRecordInput>,
    ) -> Option<Result<GrantRecordPayload>> {
        let mut errors = ValidationErrors::default();
        let new = accounts::NewBooking {
            activity: row_id(&input.activity_id, "activity_id", &mut errors),
            booked_on: input.booked_on.take("booked_on", &mut errors).0,
            amount: input.amount.take("amount", &mut errors).0,
            text: input.funder,
            agreement_id: input.agreement_id.map(|id| row_id(&id, "agreement_id", &mut errors)),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    accounts::record_grant(mutation.context(), new, errors),
                    async |grant: GrantId| {
                        Ok(GrantRecordPayload {
                            grant: ledger::node::<Grant>(ctx, grant.0).await?,
                            activity: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Files a status report on an activity for the board, in your name. FORBIDDEN unless you lead
    /// the activity or have the role OFFICE.
    async fn status_report_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The report to file.")] input: Box<StatusReportFileInput>,
    ) -> Option<Result<StatusReportFilePayload>> {
        let report = Box::pin(file(ctx, *input)).await;
        Some(report.map(|status_report| StatusReportFilePayload { status_report }))
    }
}
