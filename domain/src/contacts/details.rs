//! Details of a contact that several of its mutations read or check.

use ::entity::{
    contact::{Entity, Model},
    id::ContactId,
};
use sea_orm::EntityTrait;

use crate::{
    audit::Change,
    collation,
    error::{Error, FieldErrorCode, LINE, Result, ValidationErrors},
    members::billing::is_email,
};

/// Trims the details of a contact, and adds an error for each one that is invalid.
pub(super) fn check(row: &mut Model, before: Option<&Model>, errors: &mut ValidationErrors) {
    row.name = errors.text("name", &row.name, LINE);
    errors.settable_change(
        "name",
        before.map(|before| before.name.as_str()),
        Some(row.name.as_str()),
    );
    row.name_key = collation::key(&row.name);
    row.email = errors.optional_text("email", row.email.as_deref(), LINE);
    row.phone = errors.optional_text("phone", row.phone.as_deref(), LINE);
    errors.expect(
        row.email.as_deref().is_none_or(is_email),
        "email",
        FieldErrorCode::NotAnEmailAddress.problem("is not an e-mail address"),
    );
    if let Some((from, _)) = row.valid_from.zip(row.valid_to).filter(|(from, to)| from > to) {
        let problem = FieldErrorCode::too_early(from, "must not be before the first day");
        errors.add("valid_to", problem);
    }
}

/// Returns the row of a contact.
///
/// # Errors
/// NOT_FOUND when the contact does not exist.
pub(super) async fn find(change: &Change, id: ContactId) -> Result<Model> {
    Entity::find_by_id(id)
        .one(change.tx())
        .await?
        .ok_or_else(|| Error::missing("contact_id", "there is no such contact"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(name: &str, email: Option<&str>, days: [Option<&str>; 2]) -> Model {
        let [valid_from, valid_to] = days.map(|day| day.map(|day| day.parse().unwrap()));
        Model {
            name: name.into(),
            email: email.map(str::to_owned),
            valid_from,
            valid_to,
            ..Model::default()
        }
    }

    #[test]
    fn each_bad_detail_is_reported() {
        let (first, last) = (Some("2026-01-01"), Some("2026-12-31"));
        for (mut row, expected) in [
            (contact("Anna", Some("anna@alfa.se"), [first, last]), vec![]),
            (contact("Anna", None, [first, first]), vec![]),
            (contact("Anna", None, [None, last]), vec![]),
            (contact(" ", None, [None, None]), vec!["name"]),
            (contact("Anna", Some("anna"), [last, first]), vec!["email", "valid_to"]),
        ] {
            let mut errors = ValidationErrors::default();
            check(&mut row, None, &mut errors);
            let found: Vec<_> = errors.into_inner().into_iter().map(|error| error.path).collect();
            assert_eq!(found, expected, "{row:?}");
        }
    }

    #[test]
    fn details_are_trimmed_and_the_name_has_its_key() {
        let mut row = contact(" Åsa ", Some(" "), [None, None]);
        check(&mut row, None, &mut ValidationErrors::default());
        assert_eq!((row.name.as_str(), row.email), ("Åsa", None));
        assert_eq!(row.name_key, collation::key("Åsa"));
    }
}
