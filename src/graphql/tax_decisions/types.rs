//! GraphQL type of tax decisions.

use ::entity::tax_decision;
use async_graphql::{Context, Description, Enum, ID, Object};

use crate::graphql::{
    activities::types::{Activity, activity_of},
    batch::BatchRow,
    cost::cost,
    fees::types::VatRate,
    scalars::{Date, DateTime, node_id},
    times,
};
use domain::error::Result;

/// Kind of a fee.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::ChargeKind")]
pub enum FeeKind {
    /// Special fees (särskilda avgifter) of an activity, and its other revenue, as courses.
    SpecialFee,
    /// Service fee (serviceavgift) of members.
    ServiceFee,
    /// Membership fee (medlemsavgift) of members.
    MembershipFee,
}

/// A decision of the network on the VAT treatment of a fee, from a day on. Without one a fee has no
/// VAT treatment, unless it is stated with the fee, the agreement or the line.
#[derive(Clone, Description)]
pub struct TaxDecision(pub BatchRow<tax_decision::Model>);

#[Object(use_type_description)]
impl TaxDecision {
    /// Global id of the tax decision, opaque.
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

    /// Kind of the fee.
    async fn fee(&self) -> FeeKind {
        self.0.fee.into()
    }

    /// Activity, for SPECIAL_FEE; null for the fees of the network itself.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// First day of issue of invoices that it applies to, until the next decision on the same fee.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// VAT treatment.
    async fn vat_rate(&self) -> VatRate {
        self.0.vat_rate.into()
    }

    /// Reason of the exemption on invoices (BT-120); null unless `vatRate` is EXEMPT.
    async fn exemption_reason(&self) -> Option<&str> {
        self.0.exemption_reason.as_deref()
    }

    /// Code of the reason in the code list VATEX (BT-121), as `VATEX-EU-132-1I`; null when none
    /// applies.
    async fn exemption_code(&self) -> Option<&str> {
        self.0.exemption_code.as_deref()
    }

    /// Day of the decision.
    async fn decided_on(&self) -> Date {
        Date(self.0.decided_on)
    }

    /// Source of the decision, as `Styrelsen 2026-11-20 § 7`.
    async fn reference(&self) -> &str {
        &self.0.reference
    }
}
