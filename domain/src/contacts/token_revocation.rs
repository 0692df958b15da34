//! Revocation of the tokens of a contact that ends or is erased.

use ::entity::{
    contact::{Column, Entity, Model},
    id::MemberId,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::email_addresses::is_same;
use crate::{audit::Change, auth::revocations, error::Result};

/// Returns the e-mail address and the association of a contact whose tokens must be revoked within
/// the change. That is the case when a change of today moves the last day to before today, since
/// tokens may have been issued after that day. Tokens issued before the last day expire without a
/// revocation.
pub(crate) fn ended_before(
    today: NaiveDate,
    before: &Model,
    after: &Model,
) -> Option<(String, MemberId)> {
    let has_ended = |row: &Model| row.valid_to.is_some_and(|last| last < today);
    before.email.clone().zip(before.member_id).filter(|_| has_ended(after) && !has_ended(before))
}

/// Revokes the tokens of an association's contact that has ended, by its e-mail address, unless
/// another contact of the association has the same address.
pub(crate) async fn revoke_tokens(
    change: &mut Change,
    today: NaiveDate,
    email: &str,
    member: MemberId,
) -> Result<()> {
    let continues = Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gte(today));
    let others =
        Entity::find().select_only().column(Column::Email).filter(Column::Email.is_not_null());
    let others: Vec<String> = others
        .filter(Column::MemberId.eq(member))
        .filter(continues)
        .into_tuple()
        .all(change.tx())
        .await?;
    if others.iter().any(|other| is_same(other, email)) {
        Ok(())
    } else {
        revocations::revoke_for_ended_contact(change, email, member).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn contact(valid_to: Option<&str>) -> Model {
        Model {
            email: Some("anna@alfa.se".into()),
            member_id: Some(MemberId::default()),
            valid_to: valid_to.map(day),
            ..Model::default()
        }
    }

    #[test]
    fn tokens_are_revoked_when_the_last_day_moves_to_the_past() {
        for (before, after, expected) in [
            (None, Some("2026-11-30"), true),
            (Some("2026-12-01"), Some("2026-11-30"), true),
            // Still valid today.
            (None, Some("2026-12-01"), false),
            (None, Some("2027-06-30"), false),
            (None, None, false),
            // Revoked already.
            (Some("2026-11-30"), Some("2026-10-31"), false),
            (Some("2026-11-30"), None, false),
        ] {
            let found = ended_before(day("2026-12-01"), &contact(before), &contact(after));
            assert_eq!(found.is_some(), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn only_an_address_of_a_member_has_tokens() {
        let (before, after) = (contact(None), contact(Some("2026-11-30")));
        let expected = Some(("anna@alfa.se".to_owned(), MemberId::default()));
        assert_eq!(ended_before(day("2026-12-01"), &before, &after), expected);
        for before in [Model { email: None, ..before.clone() }, Model { member_id: None, ..before }]
        {
            assert_eq!(ended_before(day("2026-12-01"), &before, &after), None);
        }
    }
}
