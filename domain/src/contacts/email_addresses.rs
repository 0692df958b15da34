//! E-mail addresses that contacts share.

use ::entity::{
    contact::{Column, Entity},
    id::ContactId,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::error::Result;

/// Compares e-mail addresses without case, as subjects of tokens are compared. SQLite folds only A
/// to Z.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Returns `true` if a contact other than `except` has the e-mail address.
pub(crate) async fn has_email(
    db: &impl ConnectionTrait,
    email: &str,
    except: Option<ContactId>,
) -> Result<bool> {
    let others =
        Entity::find().select_only().column(Column::Email).filter(Column::Email.is_not_null());
    let except = except.map(|id| Column::Id.ne(id));
    let others: Vec<String> =
        others.filter(Condition::all().add_option(except)).into_tuple().all(db).await?;
    Ok(others.iter().any(|other| is_same(other, email)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        for (one, other, expected) in [
            ("anna@alfa.se", "Anna@Alfa.SE", true),
            ("åsa@alfa.se", "ÅSA@alfa.se", true),
            ("anna@alfa.se", "anna@beta.se", false),
            ("anna@alfa.se", "anna@alfa.se ", false),
        ] {
            assert_eq!(is_same(one, other), expected, "{one} {other}");
        }
    }
}
