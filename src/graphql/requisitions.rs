//! GraphQL type and mutations of requisitions of grants.

use ::entity::{id::RequisitionId, requisition};
use async_graphql::{Context, Description, ID, InputObject, Object, SimpleObject};

use super::{
    agreements::{Agreement, agreement_of},
    batch::BatchRow,
    caller,
    connection::{Column, ConnectionNode, every},
    cost::cost,
    cost::unversioned,
    file_links::link,
    mutation::mutation,
    network,
    request::LongText,
    scalars::{Date, DateTime, Money, Parsed, Url, node_id, row_id, take},
    times,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    invoices::requisitions::{self, NewRequisition},
};

/// A requisition (rekvisition): a request for payment of a grant, by a cooperation agreement. Its
/// content never changes. Record the payment with `grantRecord`.
#[derive(Clone, Description)]
pub struct Requisition(pub BatchRow<requisition::Model>);

#[Object(use_type_description)]
impl Requisition {
    /// Global id of the requisition, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Number, gapless per year: `R2026-0001`.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Agreement on the grant; null when you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| Some(row.agreement_id)).await.transpose()
    }

    /// Day of issue.
    async fn issued_on(&self) -> Date {
        Date(self.0.issued_on)
    }

    /// Last day to pay.
    async fn due_on(&self) -> Date {
        Date(self.0.due_on)
    }

    /// Requested amount in kronor.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// First day of the period of the grant.
    async fn period_from(&self) -> Date {
        Date(self.0.period_from)
    }

    /// Last day of the period of the grant.
    async fn period_to(&self) -> Date {
        Date(self.0.period_to)
    }

    /// Purpose of the grant, in Swedish.
    async fn description(&self) -> LongText<&str> {
        LongText(&self.0.description)
    }

    /// Funder's own reference, as a case number (diarienummer); null: none.
    async fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Day on which it was withdrawn; null unless withdrawn.
    async fn withdrawn_on(&self) -> Option<Date> {
        self.0.withdrawn_on.map(Date)
    }

    /// Reason of the withdrawal; null unless withdrawn.
    async fn withdrawal_reason(&self) -> Option<&str> {
        self.0.withdrawal_reason.as_deref()
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
        let path = format!("/files/requisitions/{}.pdf", node_id(self.0.id).as_str());
        link(ctx, &path, None, valid_for_seconds)
    }
}

impl ConnectionNode for Requisition {
    type Row = requisition::Model;
    const NAME: &'static str = "Requisition";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use requisition::Column as C;
        match field {
            "number" => &[C::Number],
            "agreement" => &[C::AgreementId],
            "issuedOn" => &[C::IssuedOn],
            "dueOn" => &[C::DueOn],
            "amount" => &[C::Amount],
            "periodFrom" => &[C::PeriodFrom],
            "periodTo" => &[C::PeriodTo],
            "description" => &[C::Description],
            "reference" => &[C::Reference],
            "withdrawnOn" => &[C::WithdrawnOn],
            "withdrawalReason" => &[C::WithdrawalReason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[requisition::Column::Id]
    }
}

/// Input of `requisitionIssue`.
#[derive(InputObject)]
pub struct RequisitionIssueInput {
    /// Id of the signed cooperation agreement by which the money comes in.
    agreement_id: ID,
    /// Requested amount in kronor, above 0.00.
    amount: Parsed<Money>,
    /// First day of the period of the grant.
    period_from: Parsed<Date>,
    /// Last day of the period of the grant.
    period_to: Parsed<Date>,
    /// Purpose of the grant for the funder, in Swedish.
    description: String,
    /// Funder's own reference, as a case number (diarienummer).
    reference: Option<String>,
    /// Day of issue: not after today, nor before the latest requisition or the signing of the
    /// agreement. Defaults to today.
    issued_on: Option<Parsed<Date>>,
}

/// Payload of `requisitionIssue`.
#[derive(SimpleObject)]
pub struct RequisitionIssuePayload {
    /// The requisition.
    requisition: Requisition,
}

/// Input of `requisitionWithdraw`.
#[derive(InputObject)]
pub struct RequisitionWithdrawInput {
    /// Id of the requisition.
    requisition_id: ID,
    /// Reason of the withdrawal, which is stored.
    reason: String,
}

/// Payload of `requisitionWithdraw`.
#[derive(SimpleObject)]
pub struct RequisitionWithdrawPayload {
    /// The requisition.
    requisition: Requisition,
}

/// Mutations of requisitions.
#[derive(Default)]
pub struct RequisitionMutation;

#[Object]
impl RequisitionMutation {
    /// Issues a requisition (rekvisition) of a grant, with the next number of its year and a PDF in
    /// Swedish. The days to pay are the agreement's (`payment_days`), else those of the settings. A
    /// grant is never part of an invoice run (`invoiceRun`).
    ///
    /// The period must lie within the agreement's term. CONFLICT with reason NOT_A_GRANT unless the
    /// agreement is a COOPERATION with direction INCOME, NOT_SIGNED, ALREADY_REQUISITIONED when
    /// another requisition of the agreement that is not withdrawn covers a day of the period, or
    /// BEYOND_GRANT when the requisitions of the period's years would exceed the grant of these
    /// years. INVALID for an `issuedOn` before the latest requisition or before the agreement was
    /// signed.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn requisition_issue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The requisition to issue.")] input: Box<RequisitionIssueInput>,
    ) -> Option<Result<RequisitionIssuePayload>> {
        Some(Box::pin(issue(ctx, *input)).await)
    }

    /// Withdraws a requisition that was issued by mistake: its document and number remain, and its
    /// period can be requisitioned again. The funder is not notified. CONFLICT with reason
    /// WITHDRAWN.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn requisition_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The requisition to withdraw.")] input: Box<RequisitionWithdrawInput>,
    ) -> Option<Result<RequisitionWithdrawPayload>> {
        Some(Box::pin(withdraw(ctx, *input)).await)
    }
}

async fn withdraw(
    ctx: &Context<'_>,
    input: RequisitionWithdrawInput,
) -> Result<RequisitionWithdrawPayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.requisition_id, "requisition_id", &mut errors);
    let mutation = mutation(ctx);
    let withdrawn = requisitions::withdraw(mutation.context(), id, &input.reason, errors);
    let payload = async |id: RequisitionId| {
        Ok(RequisitionWithdrawPayload { requisition: changed(ctx, id).await? })
    };
    mutation.perform(withdrawn, payload).await
}

async fn issue(ctx: &Context<'_>, input: RequisitionIssueInput) -> Result<RequisitionIssuePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewRequisition {
        agreement: row_id(&input.agreement_id, "agreement_id", &mut errors),
        amount: input.amount.take("amount", &mut errors).0,
        period_from: input.period_from.take("period_from", &mut errors).0,
        period_to: input.period_to.take("period_to", &mut errors).0,
        description: input.description,
        reference: input.reference,
        issued_on: take(input.issued_on, "issued_on", &mut errors).map(|day| day.0),
    };
    let mutation = mutation(ctx);
    let payload = async |id: RequisitionId| {
        Ok(RequisitionIssuePayload { requisition: changed(ctx, id).await? })
    };
    mutation
        .perform(requisitions::issue(mutation.context(), network(ctx), new, errors), payload)
        .await
}

/// Reads the requisition after a mutation.
async fn changed(ctx: &Context<'_>, id: RequisitionId) -> Result<Requisition> {
    let found = requisitions::by_ids(caller(ctx), &[id], &every::<Requisition>()).await?.pop();
    let row = found.ok_or_else(|| Error::NotFound("there is no such requisition".into()))?;
    Ok(Requisition(BatchRow::single(row)))
}
