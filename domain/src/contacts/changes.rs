//! Changes to a contact: the row after an update, and after an erasure.

use ::entity::{contact::Model, kind::ContactRole};
use chrono::{DateTime, NaiveDate, Utc};

use crate::collation;

/// Changes to a contact; fields that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct ContactChanges {
    /// Role of the contact.
    pub role: Option<ContactRole>,
    /// Name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<Option<String>>,
    /// Phone.
    pub phone: Option<Option<String>>,
    /// First day in the role.
    pub valid_from: Option<Option<NaiveDate>>,
    /// Last day in the role.
    pub valid_to: Option<Option<NaiveDate>>,
    /// `true` if the person agreed to be named to everyone with a token; `false` withdraws it.
    pub name_published: Option<bool>,
}

impl ContactChanges {
    /// Returns the contact with these changes made on `today`.
    pub(super) fn applied(self, before: &Model, today: NaiveDate) -> Model {
        let before = before.clone();
        // A repeated agreement does not change its day.
        let name_published_on = match self.name_published {
            Some(true) => before.name_published_on.or(Some(today)),
            Some(false) => None,
            None => before.name_published_on,
        };
        Model {
            role: self.role.unwrap_or(before.role),
            name: self.name.unwrap_or(before.name),
            email: self.email.unwrap_or(before.email),
            phone: self.phone.unwrap_or(before.phone),
            valid_from: self.valid_from.unwrap_or(before.valid_from),
            valid_to: self.valid_to.unwrap_or(before.valid_to),
            name_published_on,
            ..before
        }
    }
}

/// Returns the contact as it is after its erasure: with a pseudonym instead of the name, and
/// without other personal data.
pub(super) fn erased(before: &Model, at: DateTime<Utc>) -> Model {
    let name = format!("Raderad kontakt {}", &before.id.0.simple().to_string()[24..]);
    Model {
        name_key: collation::key(&name),
        name,
        email: None,
        phone: None,
        name_published_on: None,
        erased_at: Some(at),
        ..before.clone()
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::ContactId;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn anna() -> Model {
        Model {
            id: ContactId(uuid::Uuid::from_u128(0x1234_5678)),
            role: ContactRole::Chair,
            name: "Anna".into(),
            email: Some("anna@alfa.se".into()),
            phone: Some("070-1".into()),
            valid_from: Some(day("2026-01-01")),
            ..Model::default()
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let today = day("2026-12-01");
        assert_eq!(ContactChanges::default().applied(&anna(), today), anna());
        let changes = ContactChanges {
            email: Some(None),
            valid_to: Some(Some(day("2026-12-31"))),
            ..ContactChanges::default()
        };
        let expected = Model { email: None, valid_to: Some(day("2026-12-31")), ..anna() };
        assert_eq!(changes.applied(&anna(), today), expected);
    }

    #[test]
    fn the_day_of_the_agreement_to_be_named_is_that_of_the_first_one() {
        let first = Some(day("2026-02-01"));
        for (before, is_published, expected) in [
            (None, None, None),
            (None, Some(true), Some(day("2026-12-01"))),
            (first, Some(true), first),
            (first, None, first),
            (first, Some(false), None),
        ] {
            let row = Model { name_published_on: before, ..anna() };
            let changes =
                ContactChanges { name_published: is_published, ..ContactChanges::default() };
            let found = changes.applied(&row, day("2026-12-01")).name_published_on;
            assert_eq!(found, expected, "{before:?} {is_published:?}");
        }
    }

    #[test]
    fn an_erased_contact_has_a_pseudonym_and_its_role() {
        let before = Model { name_published_on: Some(day("2026-02-01")), ..anna() };
        let at = "2026-12-01T12:00:00Z".parse().unwrap();
        let after = erased(&before, at);
        assert_eq!(
            (after.name.as_str(), after.email, after.phone, after.name_published_on),
            ("Raderad kontakt 12345678", None, None, None)
        );
        assert_eq!((after.role, after.valid_from), (before.role, before.valid_from));
        assert_eq!(after.erased_at, Some(at));
    }
}
