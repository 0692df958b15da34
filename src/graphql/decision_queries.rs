//! GraphQL type and query of the list of decisions.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    decision, decision_use,
    id::{ActivityId, AgreementId, FeeScheduleId},
    kind::SubjectKind,
};
use async_graphql::{Context, Description, Enum, InputObject, Object, Union};

use super::{
    OrderDirection,
    activities::Activity,
    agreements::Agreement,
    batch::{BatchRow, grouped},
    caller,
    connection::{self, Column, Connection, ConnectionNode, DIRECT, ListRequest, selected_columns},
    cost::cost,
    decisions::{Decision, DecisionBody},
    fees::FeeSchedule,
    scalars::{Date, Parsed, take},
};
use domain::{
    activities, agreements, decisions,
    error::{Error, LINE, Result, ValidationErrors},
    fees::schedules,
};

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
        prices = schedules::by_ids(caller.db, &of_prices, &columns).await?;
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

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use decision_use::Column as C;
        match field {
            "decision" => &[C::DecisionId, C::Body, C::DecidedOn, C::Paragraph, C::Document],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[decision_use::Column::SubjectId, decision_use::Column::SubjectKind]
    }
}

/// Filter of decisions. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct DecisionFilter {
    /// Taken by one of these bodies.
    body: Option<Vec<DecisionBody>>,
    /// Has a subject of one of these types.
    subject_type: Option<Vec<DecisionSubjectType>>,
    /// `decidedOn` is this day or later. Excludes decisions without a known day.
    decided_from: Option<Parsed<Date>>,
    /// `decidedOn` is this day or earlier. Excludes decisions without a known day.
    decided_to: Option<Parsed<Date>>,
    /// All of these words occur in the paragraph or the document, or all of them in the search
    /// words of the subject: an activity's name, an agreement's number, counterparty and
    /// parameters. A word may be the beginning of a longer one. Case and accents are ignored, but
    /// å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl DecisionFilter {
    fn check(self, errors: &mut ValidationErrors) -> decisions::Filter {
        decisions::Filter {
            bodies: self.body.into_iter().flatten().map(Into::into).collect(),
            subjects: self.subject_type.into_iter().flatten().map(Into::into).collect(),
            decided_from: take(self.decided_from, "filter.decidedFrom", errors).map(|day| day.0),
            decided_to: take(self.decided_to, "filter.decidedTo", errors).map(|day| day.0),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that decisions are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DecisionOrderField {
    /// By day of the decision; decisions without a known day first.
    DecidedOn,
}

/// Order of decisions. Ties are ordered by the id of the subject.
#[derive(InputObject)]
pub struct DecisionOrder {
    /// Field to order by.
    field: DecisionOrderField,
    /// Direction of the order.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

impl DecisionOrder {
    fn is_descending(&self) -> bool {
        match self.field {
            DecisionOrderField::DecidedOn => self.direction.is_descending(),
        }
    }
}

/// Queries of decisions.
#[derive(Default)]
pub struct DecisionQuery;

#[Object]
impl DecisionQuery {
    /// Decisions about activities, prices and the agreements that you may see, each with its
    /// subject; the latest first unless `orderBy` says otherwise. A decision with several subjects
    /// has a row for each.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn decisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<DecisionFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<DecisionOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<DecisionUse>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let order = decisions::by_day(order_by.is_none_or(|order| order.is_descending()));
        let args = connection::args(first, after, last, before);
        connection::connection(
            ctx,
            ListRequest::<DecisionUse, _>::new(ctx, filter, order, args),
            errors,
            |ctx, list| {
                Box::pin(decisions::list(
                    caller(ctx),
                    &list.filter,
                    &list.order,
                    &list.args,
                    &list.columns,
                    ValidationErrors::default(),
                ))
            },
            |ctx, filter| Box::pin(decisions::count(caller(ctx), filter)),
        )
        .await
    }
}
