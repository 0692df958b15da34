//! GraphQL types of decisions.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    decision, decision_use,
    id::{ActivityId, AgreementId, DecisionId, FeeScheduleId},
    kind::SubjectKind,
};
use async_graphql::{Context, Description, Enum, InputObject, Object, Union};

use crate::graphql::{
    activities::types::Activity,
    agreements::types::Agreement,
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{Column, ConnectionNode, DIRECT, selected_columns},
    database,
    fees::types::FeeSchedule,
    scalars::{Date, Parsed, take},
};
use domain::{
    activities, agreements, decisions,
    error::{Error, Result, ValidationErrors},
    fees::schedules,
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

/// A decision (beslut): body, date and source. It is recorded and changed with its subject, whose
/// `createdAt` and `updatedAt` apply.
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
pub(in crate::graphql) async fn decision_row_of<M: Send + Sync>(
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
    pub(in crate::graphql) fn check(
        self,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> decisions::NewDecision {
        decisions::NewDecision {
            body: self.body.into(),
            on: take(self.decided_on, &format!("{path}.decided_on"), errors).map(|day| day.0),
            paragraph: self.paragraph,
            document: self.document,
        }
    }
}

/// Subject of a decision.
#[derive(Clone, Union)]
pub enum DecisionSubject {
    /// An activity that was started by the decision.
    Activity(Activity),
    /// An agreement that was concluded by the decision.
    Agreement(Agreement),
    /// A price that was set by the decision.
    FeeSchedule(FeeSchedule),
}

/// Type of the subject of a decision.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DecisionSubjectType {
    /// An activity.
    Activity,
    /// An agreement.
    Agreement,
    /// A fee schedule.
    FeeSchedule,
}

impl From<DecisionSubjectType> for SubjectKind {
    fn from(subject: DecisionSubjectType) -> Self {
        match subject {
            DecisionSubjectType::Activity => Self::Activity,
            DecisionSubjectType::Agreement => Self::Agreement,
            DecisionSubjectType::FeeSchedule => Self::FeeSchedule,
        }
    }
}

/// A decision (beslut) with its subject.
#[derive(Clone, Description)]
pub struct DecisionUse(BatchRow<decision_use::Model>);

/// Subjects of a batch of decisions, by id.
struct Subjects {
    activities: HashMap<ActivityId, Vec<Activity>>,
    agreements: HashMap<AgreementId, Vec<Agreement>>,
    fee_schedules: HashMap<FeeScheduleId, Vec<FeeSchedule>>,
}

#[Object(use_type_description)]
impl DecisionUse {
    /// Decision.
    async fn decision(&self) -> Decision {
        let row = &*self.0;
        Decision(decision::Model {
            id: row.decision_id,
            body: row.body,
            decided_on: row.decided_on,
            paragraph: row.paragraph.clone(),
            document: row.document.clone(),
        })
    }

    /// Activity, agreement or price that was decided on.
    async fn subject(&self, ctx: &Context<'_>) -> Result<DecisionSubject> {
        let found: Arc<Subjects> =
            self.0.load(ctx, "subject", || subjects(ctx, self.0.batch_rows())).await?;
        let id = self.0.subject_id;
        let subject = match self.0.subject_kind {
            SubjectKind::Activity => found
                .activities
                .get(&ActivityId(id))
                .and_then(|rows| rows.first().cloned())
                .map(DecisionSubject::Activity),
            SubjectKind::Agreement => found
                .agreements
                .get(&AgreementId(id))
                .and_then(|rows| rows.first().cloned())
                .map(DecisionSubject::Agreement),
            _ => found
                .fee_schedules
                .get(&FeeScheduleId(id))
                .and_then(|rows| rows.first().cloned())
                .map(DecisionSubject::FeeSchedule),
        };
        subject.ok_or_else(|| Error::NotFound("there is no such decision".into()))
    }
}

/// Loads the subjects of decisions, with one statement for each type that occurs.
async fn subjects(ctx: &Context<'_>, rows: &[decision_use::Model]) -> Result<Subjects> {
    let caller = caller(ctx);
    let ids = |kind: SubjectKind| {
        rows.iter().filter(move |row| row.subject_kind == kind).map(|row| row.subject_id)
    };
    let of_activities: Vec<ActivityId> = ids(SubjectKind::Activity).map(Into::into).collect();
    let of_agreements: Vec<AgreementId> = ids(SubjectKind::Agreement).map(Into::into).collect();
    let of_prices: Vec<FeeScheduleId> = ids(SubjectKind::FeeSchedule).map(Into::into).collect();
    let (mut activities, mut agreements, mut prices) = (Vec::new(), Vec::new(), Vec::new());
    if !of_activities.is_empty() {
        let columns = selected_columns::<Activity>(ctx, DIRECT);
        activities = activities::by_ids(caller, &of_activities, &columns).await?;
    }
    if !of_agreements.is_empty() {
        let columns = selected_columns::<Agreement>(ctx, DIRECT);
        agreements = agreements::by_ids(caller, &of_agreements, &columns).await?;
    }
    if !of_prices.is_empty() {
        let columns = selected_columns::<FeeSchedule>(ctx, DIRECT);
        prices = schedules::by_ids(caller, &of_prices, &columns).await?;
    }
    let activities = BatchRow::each(activities).into_iter().map(Activity);
    let agreements = BatchRow::each(agreements).into_iter().map(Agreement);
    let prices = BatchRow::each(prices).into_iter().map(FeeSchedule);
    Ok(Subjects {
        activities: grouped(activities, |activity| activity.0.id),
        agreements: grouped(agreements, |agreement| agreement.0.id),
        fee_schedules: grouped(prices, |price| price.0.id),
    })
}

impl ConnectionNode for DecisionUse {
    type Row = decision_use::Model;
    const NAME: &'static str = "DecisionUse";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use decision_use::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "decision" => &[C::DecisionId, C::Body, C::DecidedOn, C::Paragraph, C::Document],
            "subject" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[decision_use::Column::SubjectId, decision_use::Column::SubjectKind]
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Decision(decision::Model::default()));
}
