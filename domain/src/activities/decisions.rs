//! Decisions (beslut): who decided on an activity, a fee or an agreement, when, and where it is
//! written.

use std::collections::HashMap;

use ::entity::{
    decision::{Column, Entity, Model},
    id::DecisionId,
    kind::DecisionBody,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{
    audit::{self, Change},
    database::among,
    error::{LINE, Result, ValidationErrors},
};

/// A decision, as somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct NewDecision {
    /// Who decided; unknown is a legal answer.
    pub body: DecisionBody,
    /// When; null: not known.
    pub on: Option<NaiveDate>,
    /// Paragraph of the minutes.
    pub paragraph: Option<String>,
    /// Where the minutes are.
    pub document: Option<String>,
}

impl NewDecision {
    /// The row, with every bad field noted under `path`.
    pub fn check(&self, path: &str, errors: &mut ValidationErrors) -> Model {
        Model {
            id: DecisionId::new(),
            body: self.body,
            decided_on: self.on,
            paragraph: errors.optional_text(
                &format!("{path}.paragraph"),
                self.paragraph.as_deref(),
                LINE,
            ),
            document: errors.optional_text(
                &format!("{path}.document"),
                self.document.as_deref(),
                LINE,
            ),
        }
    }
}

/// Whether two decisions say the same.
fn says_the_same(one: &Model, other: &Model) -> bool {
    Model { id: other.id, ..one.clone() } == *other
}

/// Writes a decision unless `before` says the same already; gives the identifier of the one that
/// holds. No decision is ever changed or removed: other rows may refer to it.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn write(
    change: &Change,
    before: Option<&Model>,
    new: Option<Model>,
) -> Result<Option<DecisionId>> {
    let Some(new) = new else { return Ok(None) };
    if let Some(before) = before.filter(|before| says_the_same(before, &new)) {
        return Ok(Some(before.id));
    }
    let id = new.id;
    audit::insert(change, new).await?;
    Ok(Some(id))
}

/// These decisions. Whoever sees what was decided sees who decided it, so the viewer must be known
/// to see that.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[DecisionId],
) -> Result<HashMap<DecisionId, Model>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = Entity::find()
        .filter(among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied()))
        .all(db)
        .await?;
    Ok(found.into_iter().map(|row| (row.id, row)).collect())
}
