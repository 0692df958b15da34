//! GraphQL types of decisions.

use ::entity::{decision, id::DecisionId};
use async_graphql::{Context, Description, Enum, InputObject, Object};

use super::{
    batch::{BatchRow, distinct},
    database,
    scalars::{Date, Parsed, take},
};
use domain::{
    activities::decisions,
    error::{Result, ValidationErrors},
};

/// Body that took a decision.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::DecisionBody")]
pub enum DecisionBody {
    /// The annual meeting (årsstämma).
    AnnualMeeting,
    /// A members' meeting (medlemsmöte).
    MembersMeeting,
    /// The board (styrelse).
    Board,
    /// The working committee (arbetsutskott).
    WorkingCommittee,
    /// The office (kansli).
    Office,
    /// Not known, which is an accepted value.
    Unknown,
}

/// A decision (beslut): body, date and source.
#[derive(Clone, Description)]
pub struct Decision(pub decision::Model);

#[Object(use_type_description)]
impl Decision {
    /// Body that decided.
    async fn body(&self) -> DecisionBody {
        self.0.body.into()
    }

    /// Day of the decision; null when not known.
    async fn decided_on(&self) -> Option<Date> {
        self.0.decided_on.map(Date)
    }

    /// Paragraph of the minutes, as `§ 7`; null when not known.
    async fn paragraph(&self) -> Option<&str> {
        self.0.paragraph.as_deref()
    }

    /// Location of the minutes, as a file name or a link; null when not known.
    async fn document(&self) -> Option<&str> {
        self.0.document.as_deref()
    }
}

/// Returns the decision that each row of a batch refers to.
pub async fn decision_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<DecisionId>,
) -> Result<Option<Decision>> {
    Ok(decision_row_of(ctx, row, id).await?.map(Decision))
}

/// Returns the row of that decision, for fields that are derived from it.
pub(super) async fn decision_row_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<DecisionId>,
) -> Result<Option<decision::Model>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row.load(ctx, "decision", || async {
        let ids = distinct(row.batch_rows().iter().filter_map(id));
        decisions::by_ids(database(ctx).read(), &ids).await
    });
    Ok(found.await?.get(&own).cloned())
}

/// A decision to record.
#[derive(InputObject)]
pub struct DecisionInput {
    /// Body that decided; UNKNOWN is accepted.
    body: DecisionBody,
    /// Day of the decision; omit when not known.
    decided_on: Option<Parsed<Date>>,
    /// Paragraph of the minutes, as `§ 7`.
    paragraph: Option<String>,
    /// Location of the minutes, as a file name or a link.
    document: Option<String>,
}

impl DecisionInput {
    /// Converts the decision, and records its errors under `path`.
    pub(super) fn check(self, path: &str, errors: &mut ValidationErrors) -> decisions::NewDecision {
        decisions::NewDecision {
            body: self.body.into(),
            on: take(self.decided_on, &format!("{path}.decided_on"), errors).map(|day| day.0),
            paragraph: self.paragraph,
            document: self.document,
        }
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut super::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Decision(decision::Model::default()));
}
