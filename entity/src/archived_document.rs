//! Archived documents (handlingar): what the network received or made, each with a registry number.
//! Their versions are uploaded files.

use chrono::NaiveDate;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::{
    id::{ActivityId, AgreementId, ArchivedDocumentId, CostId, MemberId, OrganisationId},
    kind::ArchivedDocumentKind,
    partial::partial,
};

/// An archived document (handling).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "archived_document")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ArchivedDocumentId,
    /// Registry number (diarienummer), `D2026-0001`, gapless per year of the registration.
    pub number: String,
    /// Kind of document.
    pub kind: ArchivedDocumentKind,
    /// Title.
    pub title: String,
    /// Language of the document, as `sv`.
    pub language: String,
    /// Day on which it was received, made or signed.
    pub dated_on: NaiveDate,
    /// Day of the registration.
    pub registered_on: NaiveDate,
    /// Number of its versions.
    pub versions: i32,
    /// The agreement that it is attached to.
    pub agreement_id: Option<AgreementId>,
    /// The member that it is attached to.
    pub member_id: Option<MemberId>,
    /// The organisation that it is attached to.
    pub organisation_id: Option<OrganisationId>,
    /// The activity that it is attached to.
    pub activity_id: Option<ActivityId>,
    /// The cost that it is attached to.
    pub cost_id: Option<CostId>,
    /// Day on which its files were erased; null: they are stored.
    pub erased_on: Option<NaiveDate>,
    /// Reason of the erasure.
    pub erasure_reason: Option<String>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

partial!(id: Id, number: Number, kind: Kind, title: Title, language: Language, dated_on: DatedOn, registered_on: RegisteredOn, versions: Versions, agreement_id: AgreementId, member_id: MemberId, organisation_id: OrganisationId, activity_id: ActivityId, cost_id: CostId, erased_on: ErasedOn, erasure_reason: ErasureReason);
