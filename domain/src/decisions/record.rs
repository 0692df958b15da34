//! Stores the decision that a mutation states for an activity, a fee or an agreement.

use ::entity::{decision::Model, id::DecisionId};

use crate::{
    audit::{self, Change},
    error::Result,
};

/// Stores a decision unless `before` is equal to it. Returns the id of the decision that applies. A
/// decision is never changed or removed, because other rows may refer to it.
pub async fn record(
    change: &Change,
    before: Option<&Model>,
    new: Option<Model>,
) -> Result<Option<DecisionId>> {
    let Some(new) = new else { return Ok(None) };
    if let Some(before) = before.filter(|before| is_equal(before, &new)) {
        return Ok(Some(before.id));
    }
    let id = new.id;
    audit::insert(change, new).await?;
    Ok(Some(id))
}

/// Returns `true` if two decisions differ only in their ids.
fn is_equal(one: &Model, other: &Model) -> bool {
    Model { id: other.id, ..one.clone() } == *other
}

#[cfg(test)]
mod tests {
    use ::entity::kind::DecisionBody;

    use super::*;

    #[test]
    fn decisions_with_the_same_fields_are_equal() {
        let one = Model {
            id: DecisionId::new(),
            body: DecisionBody::Board,
            paragraph: Some("§ 7".into()),
            ..Model::default()
        };
        assert!(is_equal(&one, &Model { id: DecisionId::new(), ..one.clone() }));
        assert!(!is_equal(&one, &Model { paragraph: None, ..one.clone() }));
        assert!(!is_equal(&one, &Model { body: DecisionBody::Office, ..one.clone() }));
    }
}
