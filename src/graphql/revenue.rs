//! Revenue as the API tells of it.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    kind, member,
    money::{Money as Ore, PerMille},
    total::Total,
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    activities::{Activity, activity_of, by_ids, ids},
    batch::{BatchRow, distinct, take_rows},
    cost::{cost, list_size},
    database,
    fees::FeeBasis,
    members::{Member, member_of},
    scalars::{Date, Money, Parsed, Sum, node_id, row_id},
    viewer,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    members,
    revenue::{
        self, Ask, Committed, Forecast, Period, Report,
        ledger::{Grouping, Range},
    },
};

/// What counts as revenue, and on which day.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "revenue::Basis")]
pub enum RevenueBasis {
    /// By invoice date: invoices, less credit notes.
    Invoiced,
    /// By payment date: what came in, shared out over the lines of what it paid by what credit
    /// notes have left of them. What a credit note leaves beyond its line moves, on the credit
    /// note's date, to the other lines or to `unattributed`.
    Paid,
    /// Spread by day over the period that each line covers (periodisering); a line without a period
    /// counts on its invoice's date.
    Accrued,
}

/// What rows of a report are made for.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum RevenueGroup {
    /// Each activity; what belongs to none, as service fees, has rows of its own.
    Activity,
    /// Each member; what was invoiced to others, and all costs and grants, have rows of their own.
    Member,
    /// Each calendar year.
    Year,
    /// Each quarter of a year.
    Quarter,
    /// Each calendar month.
    Month,
}

/// What a revenue report is to be about.
#[derive(InputObject)]
pub struct RevenueInput {
    /// First day.
    from: Parsed<Date>,
    /// Last day; less than 100 years after `from`.
    to: Parsed<Date>,
    /// What counts, and on which day.
    #[graphql(default_with = "RevenueBasis::Invoiced")]
    basis: RevenueBasis,
    /// What rows are made for: a row for each combination that has any money. Of several lengths of
    /// time the shortest counts. Empty: one row.
    #[graphql(default_with = "vec![RevenueGroup::Activity]")]
    group_by: Vec<RevenueGroup>,
    /// Slugs: these activities alone, and nothing that belongs to none.
    activities: Option<Vec<String>>,
    /// What was invoiced to these members alone. Costs and grants, which belong to no member, are
    /// left out.
    members: Option<Vec<ID>>,
    /// `true` to count `committedCost` and its kin too, with rows for what has nothing else.
    #[graphql(default)]
    committed: bool,
}

impl RevenueInput {
    fn check(self, counts: (bool, bool), errors: &mut ValidationErrors) -> Ask {
        let from = self.from.take("input.from", errors).0;
        let to = self.to.take("input.to", errors).0;
        // Days that can't be read can't be out of order either.
        let to = if errors.is_empty() { to } else { from };
        let has = |group| self.group_by.contains(&group);
        let periods = [
            (RevenueGroup::Month, Period::Month),
            (RevenueGroup::Quarter, Period::Quarter),
            (RevenueGroup::Year, Period::Year),
        ];
        let period = periods.into_iter().find(|(group, _)| has(*group)).map(|(_, period)| period);
        let group_by = Grouping {
            activity: has(RevenueGroup::Activity),
            member: has(RevenueGroup::Member),
            period,
        };
        let slug = |(position, slug): (usize, String), errors: &mut ValidationErrors| {
            errors.text(&format!("input.activities.{position}"), &slug, LINE)
        };
        let id = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, "member", &format!("input.members.{position}"), errors)
        };
        Ask {
            from,
            to,
            basis: self.basis.into(),
            group_by,
            activities: self.activities.map(|slugs| {
                slugs.into_iter().enumerate().map(|each| slug(each, errors)).collect()
            }),
            members: self
                .members
                .map(|ids| ids.into_iter().enumerate().map(|each| id(each, errors)).collect()),
            counts,
            committed: self.committed,
        }
    }
}

/// Revenue, cost and result over a period.
#[derive(SimpleObject)]
pub struct RevenueReport {
    /// First day.
    from: Date,
    /// Last day.
    to: Date,
    /// What counts, and on which day.
    basis: RevenueBasis,
    /// By period, name of activity and name of member; those without an activity or a member last.
    /// Rows without any money are left out.
    #[graphql(directive = list_size::apply(Some(50), None))]
    rows: Vec<RevenueRow>,
    /// The sum of the rows, to the öre; null if something is withheld from you, since a sum without
    /// it would not be true: see `withheld`.
    total: Option<RevenueRow>,
    /// Where the rows are as CSV, below the API's own address; it takes the same token as the API.
    csv_url: String,
    /// Where they are as a workbook, with a chart by activity and year; it takes the same token as
    /// the API.
    xlsx_url: String,
    /// What a forecast rests on, a sentence each, always in the same order and words; empty for a
    /// report of what has happened. In the workbook they are the second sheet, and as CSV they are
    /// a file of their own: `csvUrl` with `&sheet=assumptions`.
    assumptions: Vec<String>,
    /// Activities in no row of a forecast, which then has no total, since they have fees per mille
    /// of allocations that you may not see.
    #[graphql(directive = list_size::apply(Some(20), None))]
    withheld: Vec<Activity>,
}

impl RevenueReport {
    /// `parameters` ask the files for the same.
    fn new(
        range: Range,
        basis: RevenueBasis,
        report: Report,
        parameters: &str,
        assumptions: Vec<String>,
    ) -> Self {
        let total = report.total.map(|sums| revenue::Row { sums, ..revenue::Row::default() });
        Self {
            from: Date(range.from),
            to: Date(range.to),
            basis,
            rows: BatchRow::each(report.rows).into_iter().map(RevenueRow).collect(),
            total: total.map(|total| RevenueRow(BatchRow::single(total))),
            csv_url: format!("/files/revenue.csv?{parameters}"),
            xlsx_url: format!("/files/revenue.xlsx?{parameters}"),
            assumptions,
            withheld: Vec::new(),
        }
    }
}

/// The parameters that ask a file for the same. Slugs that are known and ids need no escaping.
fn parameters(ask: &Ask) -> String {
    let basis = match ask.basis {
        revenue::Basis::Invoiced => "invoiced",
        revenue::Basis::Paid => "paid",
        revenue::Basis::Accrued => "accrued",
    };
    let period = ask.group_by.period.map(|period| match period {
        Period::Year => "year",
        Period::Quarter => "quarter",
        Period::Month => "month",
    });
    let groups: Vec<_> = [
        ask.group_by.activity.then_some("activity"),
        ask.group_by.member.then_some("member"),
        period,
    ]
    .into_iter()
    .flatten()
    .collect();
    let groups = if groups.is_empty() { "none".to_owned() } else { groups.join(",") };
    let mut parameters = format!("from={}&to={}&basis={basis}&group-by={groups}", ask.from, ask.to);
    if ask.committed {
        parameters.push_str("&committed=true");
    }
    if let Some(slugs) = &ask.activities {
        parameters.push_str(&format!("&activity={}", slugs.join(",")));
    }
    if let Some(members) = &ask.members {
        let ids: Vec<String> = members.iter().map(|member| node_id("member", *member).0).collect();
        parameters.push_str(&format!("&member={}", ids.join(",")));
    }
    parameters
}

/// What came in for an activity, a member and a period, what it cost and what is left.
#[derive(Description)]
pub struct RevenueRow(BatchRow<revenue::Row>);

#[Object(use_type_description)]
impl RevenueRow {
    /// The activity; null for what belongs to none, as service fees, and when rows are not made for
    /// each activity.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.group.activity).await.transpose()
    }

    /// The member that was invoiced; null for other buyers, for costs and grants, and when rows are
    /// not made for each member.
    async fn member(&self, ctx: &Context<'_>) -> Option<Result<Member>> {
        member_of(ctx, &self.0, |row| row.group.member).await.transpose()
    }

    /// `2026`, `2026-Q2` or `2026-04`; null when rows are not made by time.
    async fn period(&self) -> Option<&str> {
        self.0.group.period.as_deref()
    }

    /// Revenue without VAT, after credit notes.
    async fn net(&self) -> Sum {
        self.0.sums.net.into()
    }

    /// VAT, after credit notes.
    async fn vat(&self) -> Sum {
        self.0.sums.vat.into()
    }

    /// Net and VAT.
    async fn gross(&self) -> Sum {
        self.0.sums.gross().into()
    }

    /// Net sum of the credit notes that are deducted in `net` already; zero by payment date.
    async fn credited(&self) -> Sum {
        self.0.sums.credited.into()
    }

    /// Costs booked in the period.
    async fn cost(&self) -> Sum {
        self.0.sums.cost.into()
    }

    /// Grants booked in the period.
    async fn grants(&self) -> Sum {
        self.0.sums.grants.into()
    }

    /// Costs, without VAT, that agreements in force commit the network to: of a yearly fee the
    /// months whose first day is in the period and on which the agreement is in force, of a fee
    /// paid once the whole when the agreement begins in the period. Fees per mille and per
    /// participant count zero. Beside `cost`, and in no other sum. Null unless `input.committed` is
    /// true, and in a forecast.
    async fn committed_cost(&self) -> Option<Sum> {
        self.0.sums.committed.map(|committed| committed.cost.into())
    }

    /// Costs that were booked in the period for agreements (`agreement` of a cost) that come to
    /// something in it, less reversals. Null as `committedCost`.
    async fn committed_cost_booked(&self) -> Option<Sum> {
        self.0.sums.committed.map(|committed| committed.booked.into())
    }

    /// Committed cost that is not booked: `committedCost` less `committedCostBooked`, below zero if
    /// more is booked. Null as `committedCost`.
    async fn committed_cost_left(&self) -> Option<Sum> {
        self.0.sums.committed.map(|committed| committed.left().into())
    }

    /// What is left: net and grants without cost.
    async fn result(&self) -> Sum {
        self.0.sums.result().into()
    }

    /// By payment date, what came in and pays no line: overpayments, which are a debt to the payer,
    /// and the rounding to whole kronor. It is no revenue, belongs to no activity and is in no
    /// other sum: with `gross` it is all that came in.
    async fn unattributed(&self) -> Sum {
        self.0.sums.unattributed.into()
    }

    /// How many invoices and credit notes are behind it, or by payment date of how many what is
    /// paid changed, each once; so the total may be less than the rows together. In a forecast: how
    /// many agreements bring something.
    async fn invoices(&self) -> i64 {
        self.0.sums.invoices
    }
}

/// What a year brought an activity, and what is left of it. All but `outstanding` is without VAT.
#[derive(Description)]
pub struct ActivityResult {
    year: i32,
    sums: revenue::ActivityResult,
}

impl ActivityResult {
    /// What a calendar year brought.
    pub fn new(year: i32, sums: revenue::ActivityResult) -> Self {
        Self { year, sums }
    }
}

#[Object(use_type_description)]
impl ActivityResult {
    /// Calendar year.
    async fn year(&self) -> i32 {
        self.year
    }

    /// Invoiced during the year, after credit notes.
    async fn invoiced(&self) -> Sum {
        self.sums.invoiced.into()
    }

    /// Came in by payments during the year, whenever it was invoiced.
    async fn paid(&self) -> Sum {
        self.sums.paid.into()
    }

    /// With VAT: what is still to be paid, as of now, of what was invoiced during the year. Below
    /// zero when deductions are more than the activity's other lines.
    async fn outstanding(&self) -> Sum {
        self.sums.outstanding.into()
    }

    /// Costs booked during the year.
    async fn cost(&self) -> Sum {
        self.sums.cost.into()
    }

    /// Grants booked during the year.
    async fn grants(&self) -> Sum {
        self.sums.grants.into()
    }

    /// What is left: invoiced and grants without cost.
    async fn result(&self) -> Sum {
        self.sums.result.into()
    }
}

/// What activities that were loaded together need to carry themselves.
pub struct BreakEvens {
    found: HashMap<ActivityId, revenue::BreakEven>,
    /// What those are called who are missing anywhere in it.
    names: HashMap<MemberId, String>,
}

impl BreakEvens {
    /// Of the activities that came with this one, in a calendar year; the same for each field that
    /// is made of it.
    pub async fn of(
        ctx: &Context<'_>,
        activity: &BatchRow<activity::Model>,
        year: i32,
    ) -> Result<Arc<Self>> {
        let fetch = async {
            let found =
                revenue::break_even_of(database(ctx), viewer(ctx), &ids(activity), year).await?;
            let missing = distinct(
                found
                    .values()
                    .flat_map(|own| &own.by_fee)
                    .flat_map(|by_fee| by_fee.missing.iter().copied()),
            );
            let columns = [member::Column::Id, member::Column::Name];
            let names = members::by_ids(database(ctx), viewer(ctx), &missing, &columns).await?;
            Ok(Self { names: names.into_iter().map(|row| (row.id, row.name)).collect(), found })
        };
        activity.share(format!("break-even {year}"), fetch).await
    }
}

/// How many agreements at today's fee an activity needs to carry its cost.
#[derive(Clone, Copy, Description)]
pub struct BreakEven {
    cost: Total,
    grants: Total,
    committed: Committed,
    joined: i64,
    agreements: i64,
    fee: Ore,
}

impl BreakEven {
    /// What it takes at an activity's fixed yearly fee; null when there is none above zero.
    pub fn of(all: &BreakEvens, activity: ActivityId) -> Option<Self> {
        let found = all.found.get(&activity)?;
        let fixed =
            found.by_fee.iter().find(|by_fee| by_fee.basis == kind::FeeBasis::FixedPerYear)?;
        let fee = fixed.fee.filter(|fee| fee.0 > 0)?;
        Some(Self {
            cost: found.cost,
            grants: found.grants,
            committed: found.committed,
            joined: found.joined,
            agreements: fixed.count?,
            fee,
        })
    }
}

#[Object(use_type_description)]
impl BreakEven {
    /// The least number of agreements whose fees for a whole year cover `cost` less `grants`; zero
    /// when grants cover it.
    async fn agreements(&self) -> i64 {
        self.agreements
    }

    /// Today's fee of one agreement for a whole year, net of VAT.
    async fn fee(&self) -> Money {
        self.fee.into()
    }

    /// Costs booked during the year.
    async fn cost(&self) -> Sum {
        self.cost.into()
    }

    /// Grants booked during the year.
    async fn grants(&self) -> Sum {
        self.grants.into()
    }

    /// Costs, without VAT, that agreements in force commit the network to in the year, by the
    /// months that they pay for; beside `cost`, which has what is booked. Fees per mille and per
    /// participant count zero.
    async fn committed_cost(&self) -> Sum {
        self.committed.cost.into()
    }

    /// Costs that were booked in the year for agreements (`agreement` of a cost) that come to
    /// something in it, less reversals.
    async fn committed_cost_booked(&self) -> Sum {
        self.committed.booked.into()
    }

    /// Committed cost that is not booked, below zero if more is booked.
    async fn committed_cost_left(&self) -> Sum {
        self.committed.left().into()
    }

    /// How many participation agreements are in force today.
    async fn joined(&self) -> i64 {
        self.joined
    }
}

/// How many must take part for one of today's fees alone to carry an activity's cost. What is
/// counted is said by `basis`: agreements that run the whole year (FIXED_PER_YEAR), agreements that
/// begin in the year (ONE_OFF), participants (PER_PARTICIPANT), or members that each pay by their
/// own allocation (PER_MILLE_OF_ALLOCATION).
#[derive(Clone, Description)]
pub struct BreakEvenByFee {
    found: revenue::ByFee,
    missing: Vec<String>,
}

impl BreakEvenByFee {
    /// What it takes by each of an activity's fees.
    pub fn each(all: &BreakEvens, activity: ActivityId) -> Vec<Self> {
        let missing = |by_fee: &revenue::ByFee| {
            by_fee.missing.iter().filter_map(|id| all.names.get(id).cloned()).collect::<Vec<_>>()
        };
        let by_fee = all.found.get(&activity).into_iter().flat_map(|own| &own.by_fee);
        by_fee.map(|by_fee| Self { missing: missing(by_fee), found: by_fee.clone() }).collect()
    }

    /// Rows that it takes in an answer: itself, and the members that it names.
    pub fn rows(&self) -> usize {
        1 + self.missing.len()
    }
}

#[Object(use_type_description)]
impl BreakEvenByFee {
    /// What the fee is reckoned on.
    async fn basis(&self) -> FeeBasis {
        self.found.basis.into()
    }

    /// The fee of each, net of VAT; null per mille.
    async fn fee(&self) -> Option<Money> {
        self.found.fee.map(Into::into)
    }

    /// The rate; null unless per mille.
    async fn per_mille(&self) -> Option<f64> {
        self.found.per_mille.map(PerMille::as_f64)
    }

    /// What is to be covered: costs booked during the year less grants, never below zero.
    async fn need(&self) -> Sum {
        self.found.need.into()
    }

    /// The least number whose fees cover that: per mille of the members that pay the most. Null
    /// when all together fall short.
    async fn count(&self) -> Option<i64> {
        self.found.count
    }

    /// How many there are: participation agreements in force today, or signed ones that begin in
    /// the year when the fee is paid once. Null for participants, whom the register does not count.
    async fn joined(&self) -> Option<i64> {
        self.found.joined
    }

    /// How many more it takes beside those that have joined; per mille those of the others that pay
    /// the most. Null for participants, and when all together fall short.
    async fn more(&self) -> Option<i64> {
        self.found.more
    }

    /// What is lacking when all pay together; zero when they cover it.
    async fn shortfall(&self) -> Sum {
        self.found.shortfall.into()
    }

    /// What those members are called whose allocation (tilldelning) is not known for the year or
    /// any before it: they are in no number.
    async fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What it rests on, a sentence each.
    async fn assumptions(&self) -> &[String] {
        &self.found.assumptions
    }
}

/// Questions about revenue.
#[derive(Default)]
pub struct RevenueQuery;

#[Object]
impl RevenueQuery {
    /// Revenue, and for self-funded activities cost and result, over a period. A MEMBER sees what
    /// it was invoiced itself, without costs and grants; an ACTIVITY_LEAD its activities.
    #[graphql(directive = cost::apply("300".into()))]
    async fn revenue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is to be about.")] input: RevenueInput,
    ) -> Result<RevenueReport> {
        let look_ahead = ctx.look_ahead();
        let counts = (
            look_ahead.field("rows").field("invoices").exists(),
            look_ahead.field("total").field("invoices").exists(),
        );
        let (mut errors, basis) = (ValidationErrors::default(), input.basis);
        let ask = input.check(counts, &mut errors);
        let report = revenue::report(database(ctx), viewer(ctx), &ask, errors).await?;
        take_rows(ctx, report.rows.len())?;
        Ok(RevenueReport::new(
            Range { from: ask.from, to: ask.to },
            basis,
            report,
            &parameters(&ask),
            Vec::new(),
        ))
    }

    /// What active agreements will bring in a coming year, by activity: those that bring money, are
    /// signed, and have not ended as known today; a year that one covers only in part is prorated
    /// by the months on whose first day it is in force. A fee per mille of an allocation that is
    /// not known yet is of the latest one that is; a fee per participant counts zero, since their
    /// number is not known yet. An activity with a fee per mille of an allocation that you may not
    /// see is in no row, but in `withheld`, and then there is no total. `assumptions` says all that
    /// it rests on.
    #[graphql(directive = cost::apply("200".into()))]
    async fn revenue_forecast(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year")] year: i32,
    ) -> Result<RevenueReport> {
        let Forecast { days, report, withheld, assumptions, .. } =
            revenue::forecast(database(ctx), viewer(ctx), year).await?;
        let report = RevenueReport::new(
            days,
            RevenueBasis::Invoiced,
            report,
            &format!("forecast={year}"),
            assumptions,
        );
        Ok(RevenueReport { withheld: by_ids(ctx, &withheld).await?, ..report })
    }
}
