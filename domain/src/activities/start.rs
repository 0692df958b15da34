//! Starts activities and updates their data.

use ::entity::{
    activity, activity_funding, activity_text, contact,
    id::{ActivityId, ContactId},
    kind::FundingKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    agreements_in_force,
    decisions::{self, NewDecision},
};
use crate::{
    audit::{
        self, Action, Change,
        forms::{Activity, activities},
    },
    auth::viewer::{Permission, Viewer},
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, TEXT, ValidationErrors},
    swedish,
};

/// Maximum length of a slug in characters. Slugs occur in addresses and tokens.
pub const SLUG: usize = 60;

/// Input for starting an activity.
#[derive(Clone, Debug, Default)]
pub struct NewActivity {
    /// Short name for addresses and filters: lowercase letters a to z, digits and hyphens.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Purpose (syfte).
    pub purpose: Option<String>,
    /// Goal (mål).
    pub goal: Option<String>,
    /// Kinds of funding; empty: not decided.
    pub funding: Vec<FundingKind>,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// The board member who follows the activity.
    pub board_contact: Option<ContactId>,
    /// The person who leads it.
    pub lead: Option<ContactId>,
    /// The decision to start it.
    pub decision: Option<NewDecision>,
}

/// Changes to an activity; fields that are `None` stay unchanged. The slug never changes, since
/// tokens and scripts rely on it.
#[derive(Clone, Debug, Default)]
pub struct ActivityChanges {
    /// Name.
    pub name: Option<String>,
    /// Purpose (syfte).
    pub purpose: Option<Option<String>>,
    /// Goal (mål).
    pub goal: Option<Option<String>>,
    /// All kinds of funding.
    pub funding: Option<Vec<FundingKind>>,
    /// First day.
    pub starts_on: Option<NaiveDate>,
    /// Last day; `Some(None)`: until further notice.
    pub ends_on: Option<Option<NaiveDate>>,
    /// The board member who follows the activity.
    pub board_contact: Option<Option<ContactId>>,
    /// The person who leads it.
    pub lead: Option<Option<ContactId>>,
    /// The decision to start it.
    pub decision: Option<Option<NewDecision>>,
}

/// Returns the current form of an activity for the audit trail.
///
/// # Errors
/// NOT_FOUND when the activity does not exist.
pub async fn snapshot(db: &impl ConnectionTrait, id: ActivityId) -> Result<Activity> {
    let row = find(db, id).await?;
    let alone = Activity { row: row.clone(), ..Activity::default() };
    Ok(activities(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Returns the activity like [`snapshot`], for a change whose input may be invalid. If the activity
/// does not exist, the errors of the input come first, since one of them may be about its id.
///
/// # Errors
/// INVALID when there are errors, NOT_FOUND when the activity does not exist.
pub(super) async fn snapshot_or_errors(
    change: &Change,
    id: ActivityId,
    errors: &mut ValidationErrors,
) -> Result<Activity> {
    let found = snapshot(change.tx(), id).await;
    if found.is_err() {
        std::mem::take(errors).finish()?;
    }
    found
}

/// Returns the row of an activity, for changes to its records.
///
/// # Errors
/// NOT_FOUND when the activity does not exist.
pub async fn find(db: &impl ConnectionTrait, id: ActivityId) -> Result<activity::Model> {
    activity::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(|| Error::NotFound("there is no such activity".into()))
}

/// Returns `true` if a text can be a slug: lowercase letters a to z, digits and hyphens between
/// them.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    let letters =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    letters && !text.starts_with('-') && !text.ends_with('-')
}

/// Checks the fields that starting and updating an activity have in common.
fn check(
    row: &mut activity::Model,
    texts: &mut activity_text::Model,
    before: Option<&Activity>,
    errors: &mut ValidationErrors,
) {
    row.name = errors.text("name", &row.name, LINE);
    row.name_key = swedish::key(&row.name);
    texts.purpose = errors.optional_text("purpose", texts.purpose.as_deref(), TEXT);
    texts.goal = errors.optional_text("goal", texts.goal.as_deref(), TEXT);
    errors.settable_change(
        "name",
        before.map(|before| before.row.name.as_str()),
        Some(row.name.as_str()),
    );
    errors.settable_change(
        "purpose",
        before.and_then(|before| before.texts.purpose.as_deref()),
        texts.purpose.as_deref(),
    );
    errors.settable_change(
        "goal",
        before.and_then(|before| before.texts.goal.as_deref()),
        texts.goal.as_deref(),
    );
    let in_order = row.ends_on.is_none_or(|ends_on| row.starts_on <= ends_on);
    errors.expect(
        in_order,
        "ends_on",
        FieldErrorCode::TooEarly.problem("must not be before the first day"),
    );
}

impl NewActivity {
    /// Returns the activity with its checked fields. Its decision has not been stored yet.
    fn check(&self, errors: &mut ValidationErrors) -> Activity {
        let slug = errors.text("slug", &self.slug, SLUG);
        errors.expect(
            is_slug(&slug),
            "slug",
            FieldErrorCode::NotASlug.problem("must have small letters a to z, digits and hyphens between them only, as stoppa-valdet"),
        );
        let mut row = activity::Model {
            id: ActivityId::new(),
            slug,
            name: self.name.clone(),
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            board_contact_id: self.board_contact,
            lead_contact_id: self.lead,
            ..activity::Model::default()
        };
        let mut texts = activity_text::Model {
            activity_id: row.id,
            purpose: self.purpose.clone(),
            goal: self.goal.clone(),
        };
        check(&mut row, &mut texts, None, errors);
        let decision = self.decision.as_ref().map(|decision| decision.check("decision", errors));
        Activity { row, texts, funding: distinct(&self.funding), decision }
    }
}

fn distinct(funding: &[FundingKind]) -> Vec<FundingKind> {
    let mut kinds = funding.to_vec();
    kinds.sort();
    kinds.dedup();
    kinds
}

async fn write_texts(change: &Change, texts: activity_text::Model) -> Result<()> {
    activity_text::Entity::delete_by_id(texts.activity_id).exec(change.tx()).await?;
    audit::insert(change, texts).await
}

async fn write_funding(change: &Change, activity: ActivityId, kinds: &[FundingKind]) -> Result<()> {
    activity_funding::Entity::delete_many()
        .filter(activity_funding::Column::ActivityId.eq(activity))
        .exec(change.tx())
        .await?;
    for kind in kinds {
        audit::insert(change, activity_funding::Model { activity_id: activity, kind: *kind })
            .await?;
    }
    Ok(())
}

/// Fails with NOT_FOUND if one of these contacts does not exist.
async fn expect_contacts(change: &Change, contacts: [Option<ContactId>; 2]) -> Result<()> {
    for id in contacts.into_iter().flatten() {
        let found = contact::Entity::find_by_id(id).one(change.tx()).await?;
        found.ok_or_else(|| Error::NotFound("there is no such contact".into()))?;
    }
    Ok(())
}

/// Starts an activity. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID naming every bad field, NOT_FOUND for a
/// contact, CONFLICT `SLUG_TAKEN`.
pub async fn start(
    ctx: Context<'_>,
    new: NewActivity,
    mut errors: ValidationErrors,
) -> Result<ActivityId> {
    ctx.require(Permission::ManageRegister)?;
    let Activity { mut row, texts, funding, decision } = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::ActivityStart).await?;
    expect_contacts(&change, [row.board_contact_id, row.lead_contact_id]).await?;
    row.decision_id = decisions::write(&change, None, decision).await?;
    let (id, slug) = (row.id, row.slug.clone());
    audit::insert(&change, row).await.map_err(|error| {
        error.on_constraint(
            "activity__slug",
            Error::conflict(
                ConflictReason::SlugTaken,
                format!("another activity has the slug {slug}; choose another"),
            ),
        )
    })?;
    write_texts(&change, texts).await?;
    write_funding(&change, id, &funding).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(None, Some(&after))?;
    change.commit_with(id).await?;
    Ok(id)
}

/// Returns `true` if the viewer may update activities.
#[must_use]
pub fn can_update(viewer: &Viewer) -> bool {
    viewer.has(Permission::ManageRegister)
}

/// Updates an activity. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND for the activity or a contact, INVALID
/// naming every bad field, CONFLICT `AGREEMENTS_IN_FORCE` when it would end before its agreements
/// do, or begin after they do.
pub async fn update(
    ctx: Context<'_>,
    id: ActivityId,
    changes: ActivityChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ActivityUpdate).await?;
    let before = snapshot_or_errors(&change, id, &mut errors).await?;
    let (mut row, mut texts) = (before.row.clone(), before.texts.clone());
    row.name = changes.name.unwrap_or(row.name);
    texts.purpose = changes.purpose.unwrap_or(texts.purpose);
    texts.goal = changes.goal.unwrap_or(texts.goal);
    row.starts_on = changes.starts_on.unwrap_or(row.starts_on);
    row.ends_on = changes.ends_on.unwrap_or(row.ends_on);
    row.board_contact_id = changes.board_contact.unwrap_or(row.board_contact_id);
    row.lead_contact_id = changes.lead.unwrap_or(row.lead_contact_id);
    check(&mut row, &mut texts, Some(&before), &mut errors);
    let decision = changes
        .decision
        .map(|decision| decision.map(|decision| decision.check("decision", &mut errors)));
    errors.finish()?;

    if let Some(ends_on) = row.ends_on.filter(|_| row.ends_on != before.row.ends_on) {
        agreements_in_force::expect_no_agreements_after(&change, &row, ends_on).await?;
    }
    if row.starts_on > before.row.starts_on {
        agreements_in_force::expect_no_agreements_before(&change, &row).await?;
    }
    expect_contacts(&change, [row.board_contact_id, row.lead_contact_id]).await?;
    if let Some(decision) = decision {
        row.decision_id = decisions::write(&change, before.decision.as_ref(), decision).await?;
    }
    audit::replace(&change, row).await?;
    if texts != before.texts {
        write_texts(&change, texts).await?;
    }
    if let Some(funding) = &changes.funding {
        write_funding(&change, id, &distinct(funding)).await?;
    }
    let after = snapshot(change.tx(), id).await?;
    if after != before {
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_fit_in_addresses() {
        for slug in ["bip", "stoppa-valdet", "2026"] {
            assert!(is_slug(slug), "{slug}");
        }
        for text in ["BIP", "våld", "-bip", "bip-", "a b", "a_b", "🙂"] {
            assert!(!is_slug(text), "{text}");
        }
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let new = NewActivity {
            slug: "Å".into(),
            name: " ".into(),
            goal: Some("\0".into()),
            starts_on: NaiveDate::default(),
            ends_on: NaiveDate::default().pred_opt(),
            decision: Some(NewDecision {
                paragraph: Some("x".repeat(301)),
                ..NewDecision::default()
            }),
            ..NewActivity::default()
        };
        let mut errors = ValidationErrors::default();
        new.check(&mut errors);
        let paths: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["slug", "name", "goal", "ends_on", "decision.paragraph"]);
    }
}
