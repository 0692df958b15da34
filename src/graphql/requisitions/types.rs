//! GraphQL type of requisitions of grants.

use ::entity::{id::RequisitionId, requisition};
use async_graphql::{Context, Description, ID, Object};

use crate::graphql::{
    agreements::types::{Agreement, agreement_of},
    batch::BatchRow,
    caller,
    connection::{Column, ConnectionNode, every},
    cost::{cost, unversioned},
    file_links::link,
    request::LongText,
    scalars::{Date, DateTime, Money, Url, node_id},
    times,
};
use domain::{
    error::{Error, Result},
    requisitions::{self, withdraw},
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

    /// `true` if you may withdraw the requisition (`requisitionWithdraw`): it is not withdrawn yet.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_withdraw(&self, ctx: &Context<'_>) -> bool {
        withdraw::can_withdraw(caller(ctx), &self.0)
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

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use requisition::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "number" => &[C::Number],
            "agreement" => &[C::AgreementId],
            "issuedOn" => &[C::IssuedOn],
            "dueOn" => &[C::DueOn],
            "amount" => &[C::Amount],
            "periodFrom" => &[C::PeriodFrom],
            "periodTo" => &[C::PeriodTo],
            "description" => &[C::Description],
            "reference" => &[C::Reference],
            "withdrawnOn" | "viewerCanWithdraw" => &[C::WithdrawnOn],
            "withdrawalReason" => &[C::WithdrawalReason],
            "id" | "createdAt" | "updatedAt" | "pdfUrl" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[requisition::Column::Id]
    }
}

/// Reads the requisition after a mutation.
pub(super) async fn changed(ctx: &Context<'_>, id: RequisitionId) -> Result<Requisition> {
    let found = requisitions::by_ids(caller(ctx), &[id], &every::<Requisition>()).await?.pop();
    let row = found.ok_or_else(|| Error::NotFound("there is no such requisition".into()))?;
    Ok(Requisition(BatchRow::single(row)))
}
