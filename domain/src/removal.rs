//! Removal of records that were added by mistake: the result, and the references that prevent it.

use std::collections::BTreeSet;

use ::entity::contact;
use sea_orm::{EntityTrait, QueryFilter, sea_query::SimpleExpr};

use crate::{
    audit::{self, Change, Person},
    error::Result,
    idempotency::{FromOutcome, Outcome},
};

/// The result of removing a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Id of the removed record, in the API's format.
    pub api_id: String,
}

impl FromOutcome for Removed {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        outcome.deleted.first().map(|id| Self { api_id: id.to_string() })
    }
}

/// Takes the member or organisation that is removed from its contacts `theirs`, which are all
/// erased. Their rows remain, since an activity may refer to them. Returns their persons, whom the
/// change must erase again after its records.
pub(crate) async fn detach_erased_contacts(
    change: &mut Change,
    theirs: SimpleExpr,
) -> Result<BTreeSet<Person>> {
    let found = contact::Entity::find().filter(theirs).all(change.tx()).await?;
    let mut persons = BTreeSet::new();
    for before in found {
        let after = contact::Model { member_id: None, organisation_id: None, ..before.clone() };
        audit::replace(change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
        persons.insert(Person::contact(after.id));
    }
    Ok(persons)
}

/// Describes the records that refer to another one, each kind with its count: `2 agreements`. Kinds
/// without a record are left out.
#[must_use]
pub(crate) fn references(counts: &[(&str, u64)]) -> Vec<String> {
    let found = counts.iter().filter(|(_, count)| *count > 0);
    found.map(|(noun, count)| counted(noun, *count)).collect()
}

/// Formats a count with its noun, in the plural where needed.
fn counted(noun: &str, count: u64) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;

    use super::*;

    #[test]
    fn references_are_counted_in_words() {
        for (counts, expected) in [
            (vec![], vec![]),
            (vec![("agreement", 0)], vec![]),
            (
                vec![("agreement", 1), ("cost", 0), ("fee charge", 2)],
                vec!["1 agreement", "2 fee charges"],
            ),
        ] {
            assert_eq!(references(&counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn the_result_names_the_removed_record() {
        let outcome = Outcome::default().deleting(MemberId::default());
        let removed = Removed::from_outcome(&outcome);
        assert_eq!(removed.map(|removed| removed.api_id), Some(outcome.deleted[0].to_string()));
        assert_eq!(Removed::from_outcome(&Outcome::default()), None);
    }
}
