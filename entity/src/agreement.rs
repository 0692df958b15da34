//! Agreements (avtal) between the network and a member or another organisation.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, AgreementId, DecisionId, MemberId, OrganisationId, TemplateVersionId},
    kind::{AgreementKind, AllocationBasis, Direction, FeeBasis, VatRate},
    money::{Money, PerMille},
    partial::partial,
};

/// An agreement (avtal) between the network and a member or another organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "agreement")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AgreementId,
    /// The importer's own identifier.
    pub import_key: Option<String>,
    /// `2026-0042`, gapless per year; null: a draft.
    pub number: Option<String>,
    /// Sort key of the number; empty for a draft.
    pub number_key: String,
    /// Kind of agreement.
    pub kind: AgreementKind,
    /// Direction of its payments.
    pub direction: Direction,
    /// The activity that it is about.
    pub activity_id: Option<ActivityId>,
    /// The counterparty, if a member.
    pub member_id: Option<MemberId>,
    /// The counterparty, if an organisation.
    pub organisation_id: Option<OrganisationId>,
    /// The template version that it was made from.
    pub template_version_id: Option<TemplateVersionId>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months by which it is renewed unless notice is given; null: no automatic renewal.
    pub renewal_months: Option<i32>,
    /// Time of the offer; null: a draft.
    pub offered_at: Option<DateTimeUtc>,
    /// Day on which both parties had signed.
    pub signed_on: Option<NaiveDate>,
    /// Day on which the draft or offer was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Day on which notice was given.
    pub notice_given_on: Option<NaiveDate>,
    /// Reason for its end or withdrawal.
    pub termination_reason: Option<String>,
    /// The agreement that this one replaces.
    pub replaces_id: Option<AgreementId>,
    /// First day of the signed agreement that replaces this one. A copy of the successor's start,
    /// so that status and deadlines need no second row.
    pub replaced_from: Option<NaiveDate>,
    /// The term's first deadline, calculated from its facts: last day of notice if it is renewed
    /// automatically, else its end; null: none. Indexed, to find expiring agreements.
    pub deadline_on: Option<NaiveDate>,
    /// Month of that deadline modulo `renewal_months`, if the term is renewed automatically: the
    /// same for all later deadlines.
    pub deadline_month: Option<i32>,
    /// Basis of the fee; null: no fee.
    pub fee_basis: Option<FeeBasis>,
    /// Fee, öre.
    pub fee_amount: Option<Money>,
    /// Rate of the fee.
    pub fee_per_mille: Option<PerMille>,
    /// Maximum of a per mille fee per year, öre; null: no cap (maxtak).
    pub fee_cap: Option<Money>,
    /// Minimum of a per mille fee per year, öre; null: no minimum.
    pub fee_minimum: Option<Money>,
    /// Allocation to which the rate applies; null: that of all parties, or no rate.
    pub fee_allocation_basis: Option<AllocationBasis>,
    /// VAT treatment of the fee.
    pub vat_rate: Option<VatRate>,
    /// Decision to conclude it.
    pub decision_id: Option<DecisionId>,
    /// Day on which the office confirmed or corrected the end that a notice caused by the former
    /// rule; null: not decided.
    pub notice_end_decided_on: Option<NaiveDate>,
}

impl Model {
    /// Returns `true` if its income is a grant (bidrag) and not a fee.
    #[must_use]
    pub fn is_grant(&self) -> bool {
        self.kind == AgreementKind::Cooperation && self.direction == Direction::Income
    }
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, number: Number, number_key: NumberKey, kind: Kind, direction: Direction, activity_id: ActivityId, member_id: MemberId, organisation_id: OrganisationId, template_version_id: TemplateVersionId, starts_on: StartsOn, ends_on: EndsOn, notice_months: NoticeMonths, renewal_months: RenewalMonths, offered_at: OfferedAt, signed_on: SignedOn, withdrawn_on: WithdrawnOn, notice_given_on: NoticeGivenOn, termination_reason: TerminationReason, replaces_id: ReplacesId, replaced_from: ReplacedFrom, deadline_on: DeadlineOn, deadline_month: DeadlineMonth, fee_basis: FeeBasis, fee_amount: FeeAmount, fee_per_mille: FeePerMille, fee_cap: FeeCap, fee_minimum: FeeMinimum, fee_allocation_basis: FeeAllocationBasis, vat_rate: VatRate, decision_id: DecisionId, notice_end_decided_on: NoticeEndDecidedOn);
