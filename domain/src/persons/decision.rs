//! Erases the persons in decisions.

use std::collections::BTreeSet;

use ::entity::{
    activity, agreement, audit_entry, decision, fee_schedule,
    id::DecisionId,
    kind::{Form, SubjectKind},
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    Found,
    retained::{ensure_ended, ensure_over},
};
use crate::{
    audit::{self, Change, Person, forms},
    error::Result,
};

/// Erases every decision that a record has or had, and updates all records that share the decision.
pub(super) async fn erase(
    change: &mut Change,
    form: Form,
    of: (SubjectKind, Uuid),
    today: NaiveDate,
) -> Result<Found> {
    let mut persons = BTreeSet::new();
    for id in decision_ids(change, form, of.1).await? {
        persons.insert(Person::decision(id));
        let Some(row) = decision::Entity::find_by_id(id).one(change.tx()).await? else { continue };
        let agreements = agreement::Entity::find()
            .filter(agreement::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        agreements.iter().try_for_each(|row| ensure_ended(row, today))?;
        let fees = fee_schedule::Entity::find()
            .filter(fee_schedule::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        fees.iter().try_for_each(|row| ensure_over("the fee", row.valid_to, today))?;
        let activities = activity::Entity::find()
            .filter(activity::Column::DecisionId.eq(id))
            .all(change.tx())
            .await?;
        if row.paragraph.is_none() && row.document.is_none() {
            continue;
        }
        let owners = Owners { agreements, fees, activities };
        let before = owners.records(change).await?;
        audit::replace(change, decision::Model { paragraph: None, document: None, ..row }).await?;
        let after = owners.records(change).await?;
        before
            .0
            .iter()
            .zip(&after.0)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
        before
            .1
            .iter()
            .zip(&after.1)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
        before
            .2
            .iter()
            .zip(&after.2)
            .try_for_each(|(before, after)| change.record(Some(before), Some(after)))?;
    }
    Ok((persons, of))
}

/// The records that refer to a decision.
struct Owners {
    agreements: Vec<agreement::Model>,
    fees: Vec<fee_schedule::Model>,
    activities: Vec<activity::Model>,
}

impl Owners {
    async fn records(
        &self,
        change: &Change,
    ) -> Result<(Vec<forms::Agreement>, Vec<forms::FeeSchedule>, Vec<forms::Activity>)> {
        Ok((
            forms::agreements(change.tx(), self.agreements.clone()).await?,
            forms::fee_schedules(change.tx(), self.fees.clone()).await?,
            forms::activities(change.tx(), self.activities.clone()).await?,
        ))
    }
}

/// Returns the decisions named in the audit entries of a record.
async fn decision_ids(change: &Change, form: Form, record: Uuid) -> Result<BTreeSet<DecisionId>> {
    use audit_entry::Column;
    let entries = audit_entry::Entity::find()
        .filter(Column::RecordId.eq(record))
        .filter(Column::Form.eq(form))
        .all(change.tx())
        .await?;
    let texts = entries.iter().flat_map(|entry| [&entry.before, &entry.after]).flatten();
    let id = |text: &String| {
        let text: serde_json::Value = serde_json::from_str(text).ok()?;
        Uuid::try_parse(text.get("decision")?.get("id")?.as_str()?).ok().map(DecisionId)
    };
    Ok(texts.filter_map(id).collect())
}
