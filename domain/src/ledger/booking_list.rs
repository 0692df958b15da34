//! Lists of costs and grants for reports: all that match a filter, with the names of their
//! activity, supplier and agreement.

use std::collections::{HashMap, HashSet};

use ::entity::{
    activity, agreement, cost, grant,
    id::{ActivityId, AgreementId},
};
use uuid::Uuid;

use super::{Booked, Filter, booked_for::Supplier};
use crate::{
    activities, agreements,
    booking_status::BookingStatus,
    context::Context,
    error::Result,
    invoices::{Buyer, fact_loading},
};

/// A cost or a grant with the names of its activity, supplier and agreement.
#[derive(Clone, Debug)]
pub struct Listed<M> {
    /// The row.
    pub row: M,
    /// Slug and name of the activity.
    pub activity: (String, String),
    /// Name of the supplier of a cost.
    pub supplier: Option<String>,
    /// Number of the agreement.
    pub agreement: Option<String>,
    /// Status of the row.
    pub status: BookingStatus,
}

/// Returns every cost that the viewer can read and that matches the filter, the earliest day first.
pub async fn costs(ctx: Context<'_>, filter: &Filter) -> Result<Vec<Listed<cost::Model>>> {
    let rows = super::all::<cost::Model>(ctx, filter).await?;
    let facts = rows
        .iter()
        .map(|row| {
            (row.activity_id, row.agreement_id, Supplier::of(row.member_id, row.organisation_id))
        })
        .collect();
    listed(ctx, rows, facts).await
}

/// Returns every grant that the viewer can read and that matches the filter, the earliest day
/// first.
pub async fn grants(ctx: Context<'_>, filter: &Filter) -> Result<Vec<Listed<grant::Model>>> {
    let rows = super::all::<grant::Model>(ctx, filter).await?;
    let facts = rows.iter().map(|row| (row.activity_id, row.agreement_id, None)).collect();
    listed(ctx, rows, facts).await
}

/// Activity, agreement and supplier of a row.
type Facts = (ActivityId, Option<AgreementId>, Option<Supplier>);

fn buyer(supplier: Supplier) -> Buyer {
    match supplier {
        Supplier::Member(id) => Buyer::Member(id),
        Supplier::Organisation(id) => Buyer::Organisation(id),
    }
}

async fn listed<M: Booked>(
    ctx: Context<'_>,
    rows: Vec<M>,
    facts: Vec<Facts>,
) -> Result<Vec<Listed<M>>> {
    let distinct: HashSet<ActivityId> = facts.iter().map(|(activity, ..)| *activity).collect();
    let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
    let activities =
        activities::by_ids(ctx, &distinct.into_iter().collect::<Vec<_>>(), &columns).await?;
    let activities: HashMap<ActivityId, (String, String)> =
        activities.into_iter().map(|row| (row.id, (row.slug, row.name))).collect();
    let distinct: HashSet<AgreementId> =
        facts.iter().filter_map(|(_, agreement, _)| *agreement).collect();
    let columns = [agreement::Column::Id, agreement::Column::Number];
    let agreements =
        agreements::by_ids(ctx, &distinct.into_iter().collect::<Vec<_>>(), &columns).await?;
    let agreements: HashMap<AgreementId, String> =
        agreements.into_iter().filter_map(|row| Some((row.id, row.number?))).collect();
    let suppliers: Vec<Buyer> =
        facts.iter().filter_map(|(_, _, supplier)| supplier.map(buyer)).collect();
    let suppliers = fact_loading::names(ctx, suppliers).await?;
    let ids: Vec<Uuid> = rows.iter().map(Booked::booking_id).collect();
    let columns = [M::COLUMNS.id, M::COLUMNS.reverses];
    let reversed: HashSet<Uuid> = super::reversals_of::<M>(ctx, &ids, &columns)
        .await?
        .iter()
        .filter_map(Booked::reverses)
        .collect();
    let listed = |(row, (activity, agreement, supplier)): (M, Facts)| Listed {
        status: BookingStatus::of(row.reverses().is_some(), reversed.contains(&row.booking_id())),
        activity: activities.get(&activity).cloned().unwrap_or_default(),
        supplier: supplier.and_then(|supplier| suppliers.get(&buyer(supplier)).cloned()),
        agreement: agreement.and_then(|agreement| agreements.get(&agreement).cloned()),
        row,
    };
    Ok(rows.into_iter().zip(facts).map(listed).collect())
}
