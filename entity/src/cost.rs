//! Costs of activities.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, AgreementId, CostId, MemberId, OrganisationId},
    money::Money,
    partial::partial,
};

/// A cost of an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "cost")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CostId,
    /// The activity.
    pub activity_id: ActivityId,
    /// Day in the books.
    pub booked_on: NaiveDate,
    /// Öre, without deducted VAT; negative for a reversal or another correction.
    pub amount: Money,
    /// Description of the goods or service.
    pub description: String,
    /// 1 for the first cost with this activity, day and description, 2 for the next. Together they
    /// identify the row in an import.
    pub occurrence: i32,
    /// Deducted input VAT, öre, in addition to the amount; null: not known.
    pub vat: Option<Money>,
    /// The supplier, if a member.
    pub member_id: Option<MemberId>,
    /// The supplier, if an organisation.
    pub organisation_id: Option<OrganisationId>,
    /// The supplier's own number of its invoice.
    pub reference: Option<String>,
    /// The agreement under which the network owes it.
    pub agreement_id: Option<AgreementId>,
    /// The cost that this one reverses.
    pub reverses_id: Option<CostId>,
    /// Reason for the reversal; null: it is no reversal.
    pub reason: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(
    id: Id,
    activity_id: ActivityId,
    booked_on: BookedOn,
    amount: Amount,
    description: Description,
    occurrence: Occurrence,
    vat: Vat,
    member_id: MemberId,
    organisation_id: OrganisationId,
    reference: Reference,
    agreement_id: AgreementId,
    reverses_id: ReversesId,
    reason: Reason
);
