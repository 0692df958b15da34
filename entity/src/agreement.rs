//! An agreement (avtal) between the network and a member or another organisation.

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
    /// The number so that it sorts as people count; empty for a draft.
    pub number_key: String,
    /// What it is for.
    pub kind: AgreementKind,
    /// Which way the money goes.
    pub direction: Direction,
    /// The activity that it is about.
    pub activity_id: Option<ActivityId>,
    /// The counterparty, when a member.
    pub member_id: Option<MemberId>,
    /// The counterparty, when none.
    pub organisation_id: Option<OrganisationId>,
    /// The template version that it was made from.
    pub template_version_id: Option<TemplateVersionId>,
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months that it is prolonged by when nobody gives notice; null: it just ends.
    pub renewal_months: Option<i32>,
    /// When it was offered; null: a draft.
    pub offered_at: Option<DateTimeUtc>,
    /// Day on which both had signed.
    pub signed_on: Option<NaiveDate>,
    /// Day on which the draft or offer was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Day on which notice was given.
    pub notice_given_on: Option<NaiveDate>,
    /// Why it ends or was withdrawn.
    pub termination_reason: Option<String>,
    /// The agreement that this one replaces.
    pub replaces_id: Option<AgreementId>,
    /// First day of the signed agreement that replaces this one: the successor's start, kept here
    /// so that status and deadlines need no second row.
    pub replaced_from: Option<NaiveDate>,
    /// The term's first deadline, from the facts alone: of notice when it is prolonged by itself,
    /// else its end; null: none. An index finds the expiring ones by it.
    pub deadline_on: Option<NaiveDate>,
    /// Month of that deadline within its round of renewal_months, when it is prolonged by itself:
    /// every later deadline falls on the same one.
    pub deadline_month: Option<i32>,
    /// What the fee is reckoned on; null: no fee.
    pub fee_basis: Option<FeeBasis>,
    /// Öre.
    pub fee_amount: Option<Money>,
    /// Rate.
    pub fee_per_mille: Option<PerMille>,
    /// The most that a year costs per mille, öre; null: no cap (maxtak).
    pub fee_cap: Option<Money>,
    /// The least that a year costs per mille, öre; null: no minimum.
    pub fee_minimum: Option<Money>,
    /// The allocation that the rate is of; null: of all parties, or none.
    pub fee_allocation_basis: Option<AllocationBasis>,
    /// VAT treatment of the fee.
    pub vat_rate: Option<VatRate>,
    /// Who decided it.
    pub decision_id: Option<DecisionId>,
    /// Day on which the office decided on the end that a notice gave by the former rule; null: it
    /// did not.
    pub notice_end_decided_on: Option<NaiveDate>,
}

impl Model {
    /// Returns `true` if what it brings in is a grant (bidrag) and no fee.
    #[must_use]
    pub fn is_grant(&self) -> bool {
        self.kind == AgreementKind::Cooperation && self.direction == Direction::Income
    }
}

/// No relations are declared: rules join by what the caller asked for.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, import_key: ImportKey, number: Number, number_key: NumberKey, kind: Kind, direction: Direction, activity_id: ActivityId, member_id: MemberId, organisation_id: OrganisationId, template_version_id: TemplateVersionId, starts_on: StartsOn, ends_on: EndsOn, notice_months: NoticeMonths, renewal_months: RenewalMonths, offered_at: OfferedAt, signed_on: SignedOn, withdrawn_on: WithdrawnOn, notice_given_on: NoticeGivenOn, termination_reason: TerminationReason, replaces_id: ReplacesId, replaced_from: ReplacedFrom, deadline_on: DeadlineOn, deadline_month: DeadlineMonth, fee_basis: FeeBasis, fee_amount: FeeAmount, fee_per_mille: FeePerMille, fee_cap: FeeCap, fee_minimum: FeeMinimum, fee_allocation_basis: FeeAllocationBasis, vat_rate: VatRate, decision_id: DecisionId, notice_end_decided_on: NoticeEndDecidedOn);
