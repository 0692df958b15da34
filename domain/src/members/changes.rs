//! Changes to a member, and the conditions for their fields.

use ::entity::{id::MemberId, member, member_billing, number::OrgNumber};
use chrono::NaiveDate;

use super::{
    billing::NewBilling,
    municipalities::{self, expect_no_bar},
};
use crate::{
    collation,
    error::{FieldErrorCode, LINE, ValidationErrors},
};

/// Changes to a member; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct MemberChanges {
    /// New name; the old one is stored as a former name.
    pub name: Option<String>,
    /// Organisation number; `Some(None)` removes it.
    pub org_number: Option<Option<OrgNumber>>,
    /// County (län); `Some(None)` removes it.
    pub county: Option<Option<String>>,
    /// All of its municipalities.
    pub municipalities: Option<Vec<String>>,
    /// Name of the contact area; `Some(None)` removes it.
    pub contact_area_name: Option<Option<String>>,
    /// First day of membership.
    pub joined_on: Option<NaiveDate>,
    /// All of its billing details.
    pub billing: Option<NewBilling>,
}

/// The changes to a member with their fields trimmed; fields that are `None` stay unchanged.
pub(super) struct Checked {
    /// The row, without its contact area.
    pub row: member::Model,
    /// Name of the contact area.
    pub contact_area_name: Option<Option<String>>,
    /// All of its municipalities, in order.
    pub municipalities: Option<Vec<String>>,
    /// All of its billing details.
    pub billing: Option<member_billing::Model>,
}

impl MemberChanges {
    /// Returns the changes to the member with this id, and adds an error for each invalid field.
    pub(super) fn check(
        self,
        id: MemberId,
        before: &member::Model,
        errors: &mut ValidationErrors,
    ) -> Checked {
        let mut row = before.clone();
        if let Some(name) = &self.name {
            row.name = errors.text("name", name, LINE);
            errors.settable_change("name", Some(before.name.as_str()), Some(row.name.as_str()));
            expect_no_bar("name", &row.name, errors);
            row.name_key = collation::key(&row.name);
        }
        if let Some(number) = self.org_number {
            row.org_number = number;
        }
        if let Some(county) = &self.county {
            row.county = errors.optional_text("county", county.as_deref(), LINE);
        }
        if let Some(joined_on) = self.joined_on {
            row.joined_on = joined_on;
            if let Some(left_on) = row.left_on.filter(|left_on| joined_on > *left_on) {
                let message = "must not be after the last day of membership";
                errors.add("joined_on", FieldErrorCode::too_late(left_on, message));
            }
        }
        let contact_area_name = self
            .contact_area_name
            .as_ref()
            .map(|area| errors.optional_text("contact_area_name", area.as_deref(), LINE));
        let municipalities =
            self.municipalities.as_ref().map(|names| municipalities::check(names, errors));
        let billing = self.billing.as_ref().map(|billing| billing.check(id, "billing.", errors));
        Checked { row, contact_area_name, municipalities, billing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn alfa() -> member::Model {
        member::Model {
            name: "Alfa".into(),
            name_key: collation::key("Alfa"),
            county: Some("Skåne".into()),
            joined_on: day("2020-01-01"),
            left_on: Some(day("2026-12-31")),
            ..member::Model::default()
        }
    }

    fn checked(changes: MemberChanges) -> (Checked, Vec<String>) {
        let mut errors = ValidationErrors::default();
        let checked = changes.check(MemberId::default(), &alfa(), &mut errors);
        (checked, errors.into_inner().into_iter().map(|error| error.path).collect())
    }

    #[test]
    fn without_changes_everything_stays() {
        let (checked, paths) = checked(MemberChanges::default());
        assert_eq!((checked.row, paths.len()), (alfa(), 0));
        assert_eq!((checked.contact_area_name, checked.municipalities), (None, None));
        assert_eq!(checked.billing, None);
    }

    #[test]
    fn a_new_name_has_its_key_and_null_removes_a_detail() {
        let (checked, paths) = checked(MemberChanges {
            name: Some(" Östra Alfa ".into()),
            county: Some(None),
            contact_area_name: Some(Some(" norra ".into())),
            ..MemberChanges::default()
        });
        assert_eq!(paths, [""; 0]);
        assert_eq!((checked.row.name.as_str(), checked.row.county), ("Östra Alfa", None));
        assert_eq!(checked.row.name_key, collation::key("Östra Alfa"));
        assert_eq!(checked.contact_area_name, Some(Some("norra".to_owned())));
    }

    #[test]
    fn a_membership_begins_before_it_ends() {
        for (joined_on, expected) in
            [("2026-12-30", vec![]), ("2026-12-31", vec![]), ("2027-01-01", vec!["joined_on"])]
        {
            let (_, paths) = checked(MemberChanges {
                joined_on: Some(day(joined_on)),
                ..MemberChanges::default()
            });
            assert_eq!(paths, expected, "{joined_on}");
        }
    }

    #[test]
    fn every_bad_field_is_reported() {
        let (_, paths) = checked(MemberChanges {
            name: Some("Alfa|Beta".into()),
            municipalities: Some(vec!["Ale".into(), "Åre|Ale".into()]),
            billing: Some(NewBilling { email: Some("alfa".into()), ..NewBilling::default() }),
            ..MemberChanges::default()
        });
        assert_eq!(paths, ["name", "municipalities[1]", "billing.email"]);
    }
}
