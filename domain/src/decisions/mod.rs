//! Decisions (beslut) about an activity, a fee or an agreement: the deciding body, the day, and the
//! minutes.

pub mod record;

use std::collections::HashMap;

use ::entity::{
    decision::{Column, Entity, Model},
    id::DecisionId,
    kind::DecisionBody,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{
    database::among,
    error::{LINE, Result, ValidationErrors},
};

/// A decision as a user enters it.
#[derive(Clone, Debug, Default)]
pub struct NewDecision {
    /// The body that decided; it may be unknown.
    pub body: DecisionBody,
    /// Day of the decision; null: unknown.
    pub on: Option<NaiveDate>,
    /// Paragraph of the minutes.
    pub paragraph: Option<String>,
    /// Reference to the minutes.
    pub document: Option<String>,
}

impl NewDecision {
    /// Returns the row, and adds an error under `path` for each invalid field.
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

/// Returns these decisions. A viewer who can read the decided record can read its decision; the
/// caller has checked that.
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
