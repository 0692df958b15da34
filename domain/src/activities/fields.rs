//! The fields of an activity as a user enters them, and their checks.

use ::entity::{
    activity, activity_text,
    id::{ActivityId, ContactId},
    kind::FundingKind,
};
use chrono::NaiveDate;

use super::lifecycle;
use crate::{
    audit::forms::Activity,
    collation,
    decisions::NewDecision,
    error::{FieldErrorCode, LINE, TEXT, ValidationErrors},
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

impl NewActivity {
    /// Returns the activity with its checked fields. Its decision has not been stored yet.
    pub(super) fn check(&self, errors: &mut ValidationErrors) -> Activity {
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

impl ActivityChanges {
    /// Returns the row and the texts with the changed fields, not checked yet.
    pub(super) fn apply(&self, before: &Activity) -> (activity::Model, activity_text::Model) {
        let (mut row, mut texts) = (before.row.clone(), before.texts.clone());
        row.name = self.name.clone().unwrap_or(row.name);
        texts.purpose = self.purpose.clone().unwrap_or(texts.purpose);
        texts.goal = self.goal.clone().unwrap_or(texts.goal);
        row.starts_on = self.starts_on.unwrap_or(row.starts_on);
        row.ends_on = self.ends_on.unwrap_or(row.ends_on);
        row.board_contact_id = self.board_contact.unwrap_or(row.board_contact_id);
        row.lead_contact_id = self.lead.unwrap_or(row.lead_contact_id);
        (row, texts)
    }
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
pub(super) fn check(
    row: &mut activity::Model,
    texts: &mut activity_text::Model,
    before: Option<&Activity>,
    errors: &mut ValidationErrors,
) {
    row.name = errors.text("name", &row.name, LINE);
    row.name_key = collation::key(&row.name);
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
    lifecycle::check_days(row.starts_on, row.ends_on, errors);
}

/// Returns the kinds in their order, each one time.
pub(super) fn distinct(funding: &[FundingKind]) -> Vec<FundingKind> {
    let mut kinds = funding.to_vec();
    kinds.sort();
    kinds.dedup();
    kinds
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

    #[test]
    fn only_stated_changes_apply() {
        let before = Activity {
            row: activity::Model {
                name: "BIP".into(),
                ends_on: Some(NaiveDate::default()),
                lead_contact_id: Some(ContactId::new()),
                ..activity::Model::default()
            },
            texts: activity_text::Model {
                goal: Some("Alla".into()),
                purpose: Some("Stöd".into()),
                ..activity_text::Model::default()
            },
            ..Activity::default()
        };
        let (row, texts) = ActivityChanges::default().apply(&before);
        assert_eq!((&row, &texts), (&before.row, &before.texts));
        let changes = ActivityChanges {
            ends_on: Some(None),
            goal: Some(None),
            lead: Some(None),
            ..ActivityChanges::default()
        };
        let (row, texts) = changes.apply(&before);
        assert_eq!((row.name.as_str(), row.ends_on, row.lead_contact_id), ("BIP", None, None));
        assert_eq!((texts.goal.as_deref(), texts.purpose.as_deref()), (None, Some("Stöd")));
    }

    #[test]
    fn funding_is_ordered_and_distinct() {
        let kinds = [FundingKind::Volunteer, FundingKind::SpecialFee, FundingKind::Volunteer];
        assert_eq!(distinct(&kinds), [FundingKind::SpecialFee, FundingKind::Volunteer]);
    }
}
