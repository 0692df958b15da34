//! Grants (bidrag) to activities.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, AgreementId, GrantId},
    money::Money,
    partial::partial,
};

/// A grant (bidrag) to an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "activity_grant")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GrantId,
    /// The activity.
    pub activity_id: ActivityId,
    /// Day in the books.
    pub booked_on: NaiveDate,
    /// Öre; negative for a reversal, or for a repayment of a grant.
    pub amount: Money,
    /// Name of the funder.
    pub funder: String,
    /// 1 for the first grant with this activity, day and funder, 2 for the next.
    pub occurrence: i32,
    /// The agreement under which it is paid.
    pub agreement_id: Option<AgreementId>,
    /// The grant that this one reverses.
    pub reverses_id: Option<GrantId>,
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
    funder: Funder,
    occurrence: Occurrence,
    agreement_id: AgreementId,
    reverses_id: ReversesId,
    reason: Reason
);
