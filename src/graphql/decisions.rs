//! Decisions as the API tells of them.

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

/// Who took a decision.
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
    /// Nobody knows, which is a legal answer.
    Unknown,
}

/// A decision (beslut): who decided, when, and where it is written.
#[derive(Clone, Description)]
pub struct Decision(decision::Model);

#[Object(use_type_description)]
impl Decision {
    /// Who decided.
    async fn body(&self) -> DecisionBody {
        self.0.body.into()
    }

    /// When; null when not known.
    async fn on(&self) -> Option<Date> {
        self.0.decided_on.map(Date)
    }

    /// Paragraph of the minutes; null when not known.
    async fn paragraph(&self) -> Option<&str> {
        self.0.paragraph.as_deref()
    }

    /// Where the minutes are; null when not known.
    async fn document(&self) -> Option<&str> {
        self.0.document.as_deref()
    }
}

/// The decision that each row of a batch refers to.
pub async fn decision_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<DecisionId>,
) -> Result<Option<Decision>> {
    Ok(decision_row_of(ctx, row, id).await?.map(Decision))
}

/// Its row, for fields that follow from it.
pub(super) async fn decision_row_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<DecisionId>,
) -> Result<Option<decision::Model>> {
    let Some(own) = id(row) else { return Ok(None) };
    let ids = distinct(row.batch_rows().iter().filter_map(id));
    let found = row.load(ctx, "decision", decisions::by_ids(database(ctx).read(), &ids)).await?;
    Ok(found.get(&own).cloned())
}

/// A decision, as somebody writes it.
#[derive(InputObject)]
pub struct DecisionInput {
    /// Who decided; UNKNOWN is a legal answer.
    body: DecisionBody,
    /// When; leave out when not known.
    on: Option<Parsed<Date>>,
    /// Paragraph of the minutes.
    paragraph: Option<String>,
    /// Where the minutes are.
    document: Option<String>,
}

impl DecisionInput {
    /// The decision, with what is wrong with it noted under `path`.
    pub(super) fn check(self, path: &str, errors: &mut ValidationErrors) -> decisions::NewDecision {
        decisions::NewDecision {
            body: self.body.into(),
            on: take(self.on, &format!("{path}.on"), errors).map(|day| day.0),
            paragraph: self.paragraph,
            document: self.document,
        }
    }
}
