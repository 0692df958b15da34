//! Activities as the API tells of them.

use std::sync::Arc;

use ::entity::{activity, activity_text, fee_schedule, id::ActivityId};
use async_graphql::{
    Context, Description, Enum, ID, InputObject, MaybeUndefined, Object, OneofObject,
};

use super::status_reports::{StatusReportFileInput, file, reports_of};
use super::{
    agreements::{Agreement, AgreementFilter, AgreementOrder, agreements_of},
    batch::{BatchRow, distinct, grouped, listed, take_rows},
    connection::{
        self, CONNECTION, Column, Connection, ConnectionNode, DIRECT, and, every, selected_columns,
    },
    contacts::{Contact, contact_of},
    cost::{cost, list_size},
    coverage::{Coverage, coverage_of},
    database,
    decisions::DecisionInput,
    fees::FeeSchedule,
    ledger::{Cost, Grant, bookings_of, supplier},
    mutation::mutation,
    request::LongText,
    revenue::{ActivityResult, BreakEven, BreakEvenByFee, BreakEvens},
    scalars::{Date, Money, Parsed, change, node_id, plain_change, row_id, take},
    viewer,
};
pub use super::{
    decisions::{Decision, decision_of},
    status_reports::{StatusReport, node as status_report_node},
};
use domain::{
    activities::{self, accounts, close, start},
    agreements,
    error::{Error, LINE, Result, ValidationErrors},
    fees::schedules,
    revenue,
};

/// How an activity is paid for.
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

/// Something that the network runs (verksamhet, uppdrag, nätverk, satsning): BIP, Indikatorer,
/// Stoppa våldet, JGL, a volunteer network.
#[derive(Clone, Description)]
pub struct Activity(pub BatchRow<activity::Model>);

#[Object(use_type_description)]
impl Activity {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("activity", self.0.id)
    }

    /// Its short name, which never changes: `bip`, `indikatorer`, `stoppa-valdet`.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for (syfte); null when nobody said.
    async fn purpose(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.purpose.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// What it is to reach (mål); null when nobody said.
    async fn goal(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        text(ctx, &self.0, |texts| texts.goal.as_ref())
            .await
            .map(|text| text.map(LongText))
            .transpose()
    }

    /// How it is paid for; empty when that is not decided.
    async fn funding(&self, ctx: &Context<'_>) -> Result<Vec<FundingKind>> {
        let kinds = self
            .0
            .load(ctx, "", activities::funding_of(database(ctx).read(), &ids(&self.0)))
            .await?;
        Ok(kinds.get(&self.0.id).into_iter().flatten().copied().map(Into::into).collect())
    }

    /// First day.
    async fn starts_on(&self) -> Date {
        Date(self.0.starts_on)
    }

    /// Last day; null: until further notice.
    async fn ends_on(&self) -> Option<Date> {
        self.0.ends_on.map(Date)
    }

    /// Who on the board follows it; null when nobody does, or you may not see the contact. Personal
    /// data: see the GDPR rules.
    async fn board_contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| row.board_contact_id).await.transpose()
    }

    /// Who leads it; null when nobody does, or you may not see the contact. Personal data: see the
    /// GDPR rules.
    async fn lead(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        contact_of(ctx, &self.0, |row| row.lead_contact_id).await.transpose()
    }

    /// Who decided that it be run; null when nobody said.
    async fn decision(&self, ctx: &Context<'_>) -> Option<Result<Decision>> {
        decision_of(ctx, &self.0, |row| row.decision_id).await.transpose()
    }

    /// The agreements about it that you may see.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn agreements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<AgreementFilter>,
        #[graphql(desc = "By number when left out.")] order_by: Option<AgreementOrder>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Agreement>> {
        agreements_of(
            ctx,
            &self.0,
            agreements::Of::Activity,
            |row| row.id.0,
            filter,
            order_by,
            connection::args(first, after, last, before),
        )
        .await
    }

    /// How many members have joined it by a participation agreement in force: "40 of 70". Reckoned
    /// over the members and agreements that you may see.
    #[graphql(directive = cost::apply("5".into()))]
    async fn coverage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of this day; today when left out.")] on: Option<Parsed<Date>>,
    ) -> Result<Coverage> {
        coverage_of(ctx, &self.0, on).await
    }

    /// What taking part costs and has cost, the latest price first.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn fee_schedules(&self, ctx: &Context<'_>) -> Result<Vec<FeeSchedule>> {
        let columns =
            and(selected_columns::<FeeSchedule>(ctx, DIRECT), fee_schedule::Column::ActivityId);
        let rows = self
            .0
            .load(ctx, "", async {
                let rows = schedules::of_activities(database(ctx), &ids(&self.0), &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.activity_id))
            })
            .await?;
        listed(ctx, rows.get(&Some(self.0.id)), FeeSchedule)
    }

    /// What was invoiced and paid in one year, what it cost and what is left; zero where you may
    /// not see revenue.
    async fn result(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year.")] year: i32,
    ) -> Result<ActivityResult> {
        let results = self
            .0
            .load(ctx, "", revenue::result_of(database(ctx), viewer(ctx), &ids(&self.0), year))
            .await?;
        Ok(ActivityResult::new(year, results.get(&self.0.id).cloned().unwrap_or_default()))
    }

    /// How many agreements at today's fee carry what it cost in a year. Null when it has no fixed
    /// yearly fee today, and where you may not see its costs.
    #[graphql(directive = cost::apply("20".into()))]
    async fn break_even(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year.")] year: i32,
    ) -> Option<Result<BreakEven>> {
        BreakEvens::of(ctx, &self.0, year)
            .await
            .map(|all| BreakEven::of(&all, self.0.id))
            .transpose()
    }

    /// How many must take part to carry what it cost in a year: a row for each of its fees that are
    /// in force today. Empty without any, and where you may not see its costs; the row of a fee per
    /// mille is left out where you may not see the allocations of all members.
    #[graphql(directive = cost::apply("20".into()), directive = list_size::apply(Some(5), None))]
    async fn break_even_by_fee(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year.")] year: i32,
    ) -> Result<Vec<BreakEvenByFee>> {
        let all = BreakEvens::of(ctx, &self.0, year).await?;
        let rows = BreakEvenByFee::each(&all, self.0.id);
        take_rows(ctx, rows.iter().map(BreakEvenByFee::rows).sum())?;
        Ok(rows)
    }

    /// Costs that were booked for it, the latest day first, their reversals included; none where
    /// you may not see its revenue.
    async fn costs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Cost>> {
        bookings_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }

    /// Grants that were booked for it, the latest day first, their reversals included; none where
    /// you may not see its revenue.
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Grant>> {
        bookings_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }

    /// How it is going, as the board was told, the latest report first.
    async fn status_reports(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<StatusReport>> {
        reports_of(ctx, &self.0, connection::args(first, after, last, before)).await
    }
}

/// The ids of a row and of all that came with it.
pub(super) fn ids(row: &BatchRow<activity::Model>) -> Vec<ActivityId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

/// A text of an activity. Those of its batch are loaded together, whichever of them are asked for.
async fn text(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    of: fn(&activity_text::Model) -> Option<&String>,
) -> Result<Option<String>> {
    let texts = row
        .share("texts".to_owned(), activities::texts_of(database(ctx).read(), &ids(row)))
        .await?;
    Ok(texts.get(&row.id).and_then(of).cloned())
}

impl ConnectionNode for Activity {
    type Row = activity::Model;
    const NAME: &'static str = "Activity";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use activity::Column as C;
        match field {
            "slug" => &[C::Slug],
            "name" => &[C::Name],
            "startsOn" => &[C::StartsOn],
            "endsOn" => &[C::EndsOn],
            "boardContact" => &[C::BoardContactId],
            "lead" => &[C::LeadContactId],
            "decision" => &[C::DecisionId],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[activity::Column::Id]
    }
}

/// The activity that each row of a batch names.
pub async fn activity_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<ActivityId>,
) -> Result<Option<Activity>> {
    let Some(own) = id(row) else { return Ok(None) };
    let found = row
        .load(ctx, "activity", async {
            let ids = distinct(row.batch_rows().iter().filter_map(id));
            let rows = activities::by_ids(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<Activity>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.id))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(Activity))
}

/// The activities with these slugs, in order of name.
pub async fn by_slugs(ctx: &Context<'_>, slugs: &[String]) -> Result<Vec<Activity>> {
    let found =
        activities::by_slugs(database(ctx), viewer(ctx), slugs, &every::<Activity>()).await?;
    Ok(BatchRow::each(found).into_iter().map(Activity).collect())
}

/// Loads the activities with these ids, in no particular order.
pub async fn by_ids(ctx: &Context<'_>, ids: &[ActivityId]) -> Result<Vec<Activity>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = activities::by_ids(database(ctx), viewer(ctx), ids, &every::<Activity>()).await?;
    Ok(BatchRow::each(found).into_iter().map(Activity).collect())
}

/// The activity with this id.
pub async fn node(ctx: &Context<'_>, id: ActivityId) -> Result<Option<Activity>> {
    let found = activities::by_ids(database(ctx), viewer(ctx), &[id], &every::<Activity>()).await?;
    Ok(found.into_iter().next().map(|row| Activity(BatchRow::single(row))))
}

/// An activity that was just changed, read anew.
pub(super) async fn changed(ctx: &Context<'_>, id: ActivityId) -> Result<Activity> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such activity".into()))
}

/// Names an activity in one of two ways.
#[derive(OneofObject)]
pub enum ActivityBy {
    /// By its id.
    Id(ID),
    /// By its slug.
    Slug(String),
}

/// Which activities; every part narrows the others.
#[derive(InputObject, Default)]
pub struct ActivityFilter {
    /// Paid for in any of these ways.
    funding: Option<Vec<FundingKind>>,
    /// Running on this day.
    active_on: Option<Parsed<Date>>,
    /// With all of these words in its name and slug. A word may be the beginning of one; capitals
    /// and accents don't count, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl ActivityFilter {
    fn check(self, errors: &mut ValidationErrors) -> activities::Filter {
        activities::Filter {
            funding: self.funding.unwrap_or_default().into_iter().map(Into::into).collect(),
            active_on: take(self.active_on, "filter.activeOn", errors).map(|day| day.0),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Questions about activities.
#[derive(Default)]
pub struct ActivityQuery;

#[Object]
impl ActivityQuery {
    /// What the network runs and has run, in order of name.
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<ActivityFilter>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Activity>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        domain::page::Page::check(&args, &activities::by_name(), &mut errors);
        errors.finish()?;
        let slice = activities::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &args,
            &selected_columns::<Activity>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { activities::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }

    /// One activity; null when there is none.
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] by: ActivityBy,
    ) -> Option<Result<Activity>> {
        find(ctx, by).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: ActivityBy) -> Result<Option<Activity>> {
    let columns = selected_columns::<Activity>(ctx, DIRECT);
    let mut errors = ValidationErrors::default();
    let found = match by {
        ActivityBy::Id(id) => {
            let id = row_id(&id, "activity", "by.id", &mut errors);
            errors.finish()?;
            activities::by_ids(database(ctx), viewer(ctx), &[id], &columns).await?
        }
        ActivityBy::Slug(slug) => {
            let slug = errors.text("by.slug", &slug, LINE);
            errors.finish()?;
            activities::by_slugs(database(ctx), viewer(ctx), &[slug], &columns).await?
        }
    };
    Ok(found.into_iter().next().map(|row| Activity(BatchRow::single(row))))
}

/// An activity to be started.
#[derive(InputObject)]
pub struct ActivityStartInput {
    /// Its short name: small letters a to z, digits and hyphens. It never changes, since tokens and
    /// scripts rely on it.
    slug: String,
    /// Its name.
    name: String,
    /// What it is for (syfte).
    purpose: Option<String>,
    /// What it is to reach (mål).
    goal: Option<String>,
    /// How it is paid for.
    funding: Vec<FundingKind>,
    /// First day.
    starts_on: Parsed<Date>,
    /// Last day; leave out: until further notice.
    ends_on: Option<Parsed<Date>>,
    /// Who on the board follows it: a contact.
    board_contact: Option<ID>,
    /// Who leads it: a contact.
    lead: Option<ID>,
    /// Who decided that it be run.
    decision: Option<DecisionInput>,
}

/// What changes about an activity; what is left out stays as it is.
#[derive(InputObject)]
pub struct ActivityUpdateInput {
    /// Which.
    activity: ID,
    /// Its name.
    name: Option<String>,
    /// Null: no longer said.
    purpose: MaybeUndefined<String>,
    /// Null: no longer said.
    goal: MaybeUndefined<String>,
    /// All ways in which it is paid for.
    funding: Option<Vec<FundingKind>>,
    /// First day.
    starts_on: Option<Parsed<Date>>,
    /// Last day; null: until further notice. Refused as in `activityClose` when agreements go on
    /// after it.
    ends_on: MaybeUndefined<Parsed<Date>>,
    /// Who on the board follows it: a contact; null: nobody.
    board_contact: MaybeUndefined<ID>,
    /// Who leads it: a contact; null: nobody.
    lead: MaybeUndefined<ID>,
    /// Who decided that it be run; null: no longer said.
    decision: MaybeUndefined<DecisionInput>,
}

/// How an activity ends.
#[derive(InputObject)]
pub struct ActivityCloseInput {
    /// Which.
    activity: ID,
    /// Its last day.
    ends_on: Parsed<Date>,
}

/// A cost of an activity.
#[derive(InputObject)]
pub struct CostRecordInput {
    /// Which activity.
    activity: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// The amount, without the VAT that is deducted: VAT that is not deducted is part of it.
    /// Negative when a cost is taken back; to correct a wrong one, use `costReverse`.
    amount: Parsed<Money>,
    /// What for.
    description: String,
    /// Input VAT (ingående moms) that is deducted, beside the amount, with its sign; leave out: not
    /// known.
    vat: Option<Parsed<Money>>,
    /// The supplier: a member or an organisation. Left out, it is the counterparty of the
    /// agreement.
    supplier_id: Option<ID>,
    /// The supplier's own number of its invoice.
    reference: Option<String>,
    /// The signed agreement by which the network owes it, about this activity or none.
    agreement_id: Option<ID>,
}

/// A grant (bidrag) to an activity.
#[derive(InputObject)]
pub struct GrantRecordInput {
    /// Which activity.
    activity: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// How much; negative when a grant is paid back.
    amount: Parsed<Money>,
    /// Who gives it.
    funder: String,
    /// The signed cooperation agreement by which it comes in, about this activity or none.
    agreement_id: Option<ID>,
}

fn contact<T: From<uuid::Uuid>>(
    id: MaybeUndefined<ID>,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Option<T>> {
    plain_change(id).map(|id| id.map(|id| row_id(&id, "contact", path, errors)))
}

/// Deeds on activities.
#[derive(Default)]
pub struct ActivityMutation;

#[Object]
impl ActivityMutation {
    /// Starts an activity. CONFLICT with reason SLUG_TAKEN when another one has the slug.
    async fn activity_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to start.")] input: ActivityStartInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let new = start::NewActivity {
            slug: input.slug,
            name: input.name,
            purpose: input.purpose,
            goal: input.goal,
            funding: input.funding.into_iter().map(Into::into).collect(),
            starts_on: input.starts_on.take("input.startsOn", &mut errors).0,
            ends_on: take(input.ends_on, "input.endsOn", &mut errors).map(|day| day.0),
            board_contact: input
                .board_contact
                .map(|id| row_id(&id, "contact", "input.boardContact", &mut errors)),
            lead: input.lead.map(|id| row_id(&id, "contact", "input.lead", &mut errors)),
            decision: input.decision.map(|decision| decision.check("input.decision", &mut errors)),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(start::start(mutation.db(), viewer(ctx), new, errors), |id| changed(ctx, id))
            .await
    }

    /// Changes what is known of an activity.
    async fn activity_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: ActivityUpdateInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity, "activity", "input.activity", &mut errors);
        let changes = start::ActivityChanges {
            name: input.name,
            purpose: plain_change(input.purpose),
            goal: plain_change(input.goal),
            funding: input.funding.map(|kinds| kinds.into_iter().map(Into::into).collect()),
            starts_on: take(input.starts_on, "input.startsOn", &mut errors).map(|day| day.0),
            ends_on: change(input.ends_on, "input.endsOn", &mut errors)
                .map(|day| day.map(|day| day.0)),
            board_contact: contact(input.board_contact, "input.boardContact", &mut errors),
            lead: contact(input.lead, "input.lead", &mut errors),
            decision: plain_change(input.decision)
                .map(|new| new.map(|new| new.check("input.decision", &mut errors))),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(start::update(mutation.db(), viewer(ctx), id, changes, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Sets an activity's last day. CONFLICT with reason AGREEMENTS_IN_FORCE and their numbers when
    /// participation agreements go on after it; ALREADY_CLOSED when it has ended before today.
    async fn activity_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and when.")] input: ActivityCloseInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.activity, "activity", "input.activity", &mut errors);
        let ends_on = input.ends_on.take("input.endsOn", &mut errors).0;
        let mutation = mutation(ctx);
        mutation
            .perform(close::close(mutation.db(), viewer(ctx), id, ends_on, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Books a cost of an activity; the same twice are two costs.
    async fn cost_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cost.")] input: CostRecordInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let new = accounts::NewBooking {
            activity: row_id(&input.activity, "activity", "input.activity", &mut errors),
            booked_on: input.booked_on.take("input.bookedOn", &mut errors).0,
            amount: input.amount.take("input.amount", &mut errors).0,
            text: input.description,
            agreement: input
                .agreement_id
                .map(|id| row_id(&id, "agreement", "input.agreementId", &mut errors)),
        };
        let details = accounts::CostDetails {
            supplier: input
                .supplier_id
                .and_then(|id| supplier(&id, "input.supplierId", &mut errors)),
            reference: input.reference,
            vat: take(input.vat, "input.vat", &mut errors).map(|vat| vat.0),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        mutation
            .perform(
                accounts::record_cost(mutation.db(), viewer(ctx), new, details, errors),
                |()| changed(ctx, id),
            )
            .await
    }

    /// Books a grant (bidrag) to an activity; the same twice are two grants.
    async fn grant_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The grant.")] input: GrantRecordInput,
    ) -> Result<Activity> {
        let mut errors = ValidationErrors::default();
        let new = accounts::NewBooking {
            activity: row_id(&input.activity, "activity", "input.activity", &mut errors),
            booked_on: input.booked_on.take("input.bookedOn", &mut errors).0,
            amount: input.amount.take("input.amount", &mut errors).0,
            text: input.funder,
            agreement: input
                .agreement_id
                .map(|id| row_id(&id, "agreement", "input.agreementId", &mut errors)),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        mutation
            .perform(accounts::record_grant(mutation.db(), viewer(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Files a report on an activity in your name, for the board. FORBIDDEN unless you lead the
    /// activity or are the office.
    async fn status_report_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The report.")] input: StatusReportFileInput,
    ) -> Result<StatusReport> {
        file(ctx, input).await
    }
}
