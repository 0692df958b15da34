//! GraphQL types of activities.

use ::entity::{
    activity, activity_text, fee_schedule,
    id::{ActivityId, ContactId},
};
use async_graphql::{Context, Description, Enum, ID, Object, SimpleObject};

use crate::graphql::{
    activities::coverage::{Coverage, coverage_of},
    agreements::{
        queries::{AgreementFilter, AgreementOrder, agreements_of},
        types::Agreement,
    },
    batch::{BatchRow, distinct, grouped, listed, take_rows},
    caller,
    connection::{self, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns},
    contacts::types::{Contact, ContactRole, contact_of},
    cost::{cost, list_size, unversioned},
    database,
    decisions::types::{Decision, decision_of},
    fees::types::FeeSchedule,
    ledger::types::{Cost, Grant, bookings_of},
    network,
    request::LongText,
    revenue::{
        break_even::{BreakEven, BreakEvenByFee, BreakEvens},
        types::ActivityEconomy,
    },
    scalars::{Date, DateTime, Parsed, node_id},
    status_reports::types::{StatusReport, reports_of},
    times,
};

use domain::{
    activities::{self, status::status},
    agreements, contacts,
    error::{Error, Result},
    fees::schedules,
    revenue, status_reports,
};

/// Source of funding of an activity.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::FundingKind")]
pub enum FundingKind {
    /// A special fee (särskild avgift), by agreement.
    SpecialFee,
    /// Course income (kursintäkter); payers may be no members.
    CourseIncome,
    /// A government grant (statsbidrag) or another one.
    Grant,
    /// Run with a partner.
    Partner,
    /// The service fee (serviceavgift).
    ServiceFee,
    /// Run by volunteers: needs no agreements.
    Volunteer,
}

/// Status of an activity.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "activities::status::Status")]
pub enum ActivityStatus {
    /// Not yet begun.
    Upcoming,
    /// Running.
    Active,
    /// Ended.
    Closed,
}

/// Duty of a person for an activity.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
pub enum ActivityDuty {
    /// Leads the activity.
    Lead,
    /// Follows the activity on the board.
    BoardContact,
}

/// A person with a duty for an activity, as every viewer may see it.
#[derive(SimpleObject)]
pub struct ActivityRepresentative {
    /// Duty for the activity.
    duty: ActivityDuty,
    /// Role of the person at its association, organisation or contact area.
    role: ContactRole,
    /// Name; null unless the person agreed to be named (`Contact.namePublishedOn`).
    name: Option<String>,
}

/// Something that the network runs (verksamhet, uppdrag, nätverk, satsning): BIP, Indikatorer,
/// Stoppa våldet, JGL, a volunteer network.
#[derive(Clone, Description)]
pub struct Activity(pub BatchRow<activity::Model>);

#[Object(use_type_description)]
impl Activity {
    /// Global id of the activity, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Short name in URLs and scripts, which never changes: `bip`, `indikatorer`, `stoppa-valdet`.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Name, as people read it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Purpose (syfte), as free text; null when not recorded.
    async fn purpose(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.purpose.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// Goal (mål), as free text; null when not recorded.
    async fn goal(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.goal.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// Sources of funding; empty when not decided.
    async fn funding(&self, ctx: &Context<'_>) -> Result<Vec<FundingKind>> {
        let kinds = self
            .0
            .load(ctx, "", || async {
                activities::funding_of(database(ctx).read(), &ids(&self.0)).await
            })
            .await?;
        Ok(kinds.get(&self.0.id).into_iter().flatten().copied().map(Into::into).collect())
    }

    /// First day on which it runs.
    async fn starts_on(&self) -> Date {
        Date(self.0.starts_on)
    }

    /// Last day on which it runs; null: until further notice.
    async fn ends_on(&self) -> Option<Date> {
        self.0.ends_on.map(Date)
    }

    /// Status as of today.
    async fn status(&self, ctx: &Context<'_>) -> ActivityStatus {
        status(self.0.starts_on, self.0.ends_on, caller(ctx).clock.today()).into()
    }

    /// Contact on the board that follows the activity; null when there is none, or you may not see
    /// the contact. Personal data: see the GDPR rules.
    async fn board_contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| row.board_contact_id).await.transpose()
    }

    /// Contact that leads the activity; null when there is none, or you may not see the contact.
    /// Personal data: see the GDPR rules.
    async fn lead(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| row.lead_contact_id).await.transpose()
    }

    /// Lead and board contact as roles, in this order, for every viewer; empty when none is
    /// recorded. Names only of persons who agreed to be named.
    #[graphql(directive = list_size::apply(Some(2), None))]
    async fn representatives(&self, ctx: &Context<'_>) -> Result<Vec<ActivityRepresentative>> {
        let named = |row: &activity::Model| [row.lead_contact_id, row.board_contact_id];
        let found = self
            .0
            .load(ctx, "", || async {
                let ids = distinct(self.0.batch_rows().iter().flat_map(named).flatten());
                contacts::published(caller(ctx), &ids).await
            })
            .await?;
        let duties = [ActivityDuty::Lead, ActivityDuty::BoardContact];
        let representative = |(duty, id): (ActivityDuty, Option<ContactId>)| {
            let contact = found.get(&id?)?;
            let (role, name) = (contact.role.into(), contact.name.clone());
            Some(ActivityRepresentative { duty, role, name })
        };
        Ok(duties.into_iter().zip(named(&self.0)).filter_map(representative).collect())
    }

    /// Decision to run the activity; null when not recorded.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// Agreements about the activity that you may see.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<AgreementFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<AgreementOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        agreements_of(
            ctx,
            &self.0,
            agreements::Parent::Activity,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// Number of members that take part by a participation agreement in force, of all members: "40
    /// of 70". The numbers are the same for every viewer.
    #[graphql(directive = cost::apply("5".into()))]
    async fn coverage(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Day of the calculation; defaults to today. A later day is INVALID unless you may see every agreement about the activity and every member."
        )]
        as_of: Option<Parsed<Date>>,
    ) -> Result<Coverage> {
        coverage_of(ctx, &self.0, as_of).await
    }

    /// Prices of taking part, present and past, the latest first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn fee_schedules(&self, ctx: &Context<'_>) -> Result<Vec<FeeSchedule>> {
        let columns =
            and(selected_columns::<FeeSchedule>(ctx, DIRECT), fee_schedule::Column::ActivityId);
        let rows = self
            .0
            .load(ctx, "", || async {
                let rows = schedules::of_activities(caller(ctx), &ids(&self.0), &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.activity_id))
            })
            .await?;
        listed(ctx, rows.get(&Some(self.0.id)), FeeSchedule)
    }

    /// Invoiced and paid sums, costs and result of one calendar year. True for every viewer: a sum
    /// that would reveal the amounts of single counterparties to you is null.
    #[graphql(directive = cost::apply("20".into()))]
    async fn economy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Result<ActivityEconomy> {
        let results = self
            .0
            .load(ctx, "", || async {
                let required = network(ctx).counterparties_required();
                revenue::result_of(caller(ctx), &ids(&self.0), year, required).await
            })
            .await?;
        Ok(ActivityEconomy::new(year, results.get(&self.0.id).cloned().unwrap_or_default()))
    }

    /// Number of agreements at today's fee that cover the costs of a year. Null when the activity
    /// has no fixed yearly fee today, or you may not see its costs.
    #[graphql(directive = cost::apply("20".into()))]
    async fn break_even(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Option<Result<BreakEven>> {
        BreakEvens::of(ctx, &self.0, year)
            .await
            .map(|all| BreakEven::of(&all, self.0.id))
            .transpose()
    }

    /// Number of participants that cover the costs of a year, a row for each fee in force today.
    /// Empty when no fee is in force; null when you may not see its costs. The row of a per-mille
    /// fee is left out when you may not see the allocations of all members.
    #[graphql(directive = cost::apply("20".into()), directive = list_size::apply(Some(5), None))]
    async fn break_even_by_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Option<Result<Vec<BreakEvenByFee>>> {
        let found = async {
            let all = BreakEvens::of(ctx, &self.0, year).await?;
            let rows = BreakEvenByFee::each(&all, self.0.id);
            take_rows(ctx, rows.iter().flatten().map(BreakEvenByFee::rows).sum())?;
            Ok(rows)
        };
        found.await.transpose()
    }

    /// Costs booked for the activity, including reversals, the latest day first; empty when you may
    /// not see its revenue.
    async fn costs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Cost>> {
        bookings_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }

    /// Grants booked for the activity, including reversals, the latest day first; empty when you
    /// may not see its revenue.
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Grant>> {
        bookings_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }

    /// Status reports to the board, the latest first.
    async fn status_reports(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<StatusReport>> {
        reports_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }

    /// `true` if you may change the activity (`activityUpdate`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        activities::update::can_update(caller(ctx))
    }

    /// `true` if you may close the activity (`activityClose`): it has not ended. Agreements in
    /// force may still prevent it.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_close(&self, ctx: &Context<'_>) -> bool {
        activities::close::can_close(caller(ctx), &self.0)
    }

    /// `true` if you may report on the activity (`statusReportFile`): you lead it, or are the
    /// OFFICE.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_report(&self, ctx: &Context<'_>) -> bool {
        status_reports::file::can_report(caller(ctx), &self.0)
    }
}

/// Returns the ids of all rows of the batch.
pub(in crate::graphql) fn ids(row: &BatchRow<activity::Model>) -> Vec<ActivityId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

/// Returns a text of an activity. The texts of its batch are loaded together, whichever of them are
/// selected.
async fn text(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    of: fn(&activity_text::Model) -> Option<&String>,
) -> Result<Option<String>> {
    let texts = row
        .share("texts".to_owned(), || async {
            activities::texts_of(database(ctx).read(), &ids(row)).await
        })
        .await?;
    Ok(texts.get(&row.id).and_then(of).cloned())
}

impl ConnectionNode for Activity {
    type Row = activity::Model;
    const NAME: &'static str = "Activity";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use activity::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "slug" => &[C::Slug],
            "name" => &[C::Name],
            "startsOn" => &[C::StartsOn],
            "endsOn" => &[C::EndsOn],
            "status" => &[C::StartsOn, C::EndsOn],
            "boardContact" => &[C::BoardContactId],
            "lead" => &[C::LeadContactId],
            "representatives" => &[C::LeadContactId, C::BoardContactId],
            "decision" => &[C::DecisionId],
            "viewerCanClose" => &[C::EndsOn],
            "viewerCanReport" => &[C::Slug],
            "id" | "createdAt" | "updatedAt" | "purpose" | "goal" | "funding" | "agreements"
            | "coverage" | "feeSchedules" | "economy" | "breakEven" | "breakEvenByFee"
            | "costs" | "grants" | "statusReports" | "viewerCanUpdate" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[activity::Column::Id]
    }
}

/// Returns the activity that each row of a batch refers to.
pub async fn activity_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<ActivityId>,
) -> Result<Option<Activity>> {
    connection::referenced::<Activity, _, _>(
        ctx,
        row,
        id,
        |row: &activity::Model| row.id,
        |ctx, ids, columns| Box::pin(activities::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Returns the activities with these slugs, in order of name.
pub async fn by_slugs(ctx: &Context<'_>, slugs: &[String]) -> Result<Vec<Activity>> {
    let found = activities::by_slugs(caller(ctx), slugs, &every::<Activity>()).await?;
    Ok(BatchRow::each(found).into_iter().map(Activity).collect())
}

/// Loads the activities with these ids, in no particular order.
pub async fn by_ids(ctx: &Context<'_>, ids: &[ActivityId]) -> Result<Vec<Activity>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = activities::by_ids(caller(ctx), ids, &every::<Activity>()).await?;
    Ok(BatchRow::each(found).into_iter().map(Activity).collect())
}

/// Returns the activity with this id.
pub async fn node(ctx: &Context<'_>, id: ActivityId) -> Result<Option<Activity>> {
    let found = activities::by_ids(caller(ctx), &[id], &every::<Activity>()).await?;
    Ok(found.into_iter().next().map(|row| Activity(BatchRow::single(row))))
}

/// Reads an activity again after a mutation.
pub(in crate::graphql) async fn changed(ctx: &Context<'_>, id: ActivityId) -> Result<Activity> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such activity".into()))
}
