//! GraphQL queries of revenue: the report and the forecast.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::{RevenueBasis, RevenueReport};
use crate::graphql::{
    activities::types::by_ids,
    batch::take_rows,
    caller,
    cost::cost,
    errors,
    scalars::{Date, Parsed, node_id, row_id},
    slug_list,
};

use domain::{
    error::{Result, ValidationErrors},
    revenue::{
        self, Forecast, Period, ReportQuery,
        grouping::{Grouping, Range},
    },
};

/// Grouping of the rows of a report.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum RevenueGroup {
    /// By activity; revenue without an activity, as service fees, has its own rows.
    Activity,
    /// By member; revenue from other buyers, and all costs and grants, have their own rows.
    Member,
    /// By calendar year.
    Year,
    /// By quarter.
    Quarter,
    /// By calendar month.
    Month,
}

/// Parameters of a revenue report.
#[derive(InputObject)]
pub struct RevenueInput {
    /// First day.
    from: Parsed<Date>,
    /// Last day; less than 100 years after `from`.
    to: Parsed<Date>,
    /// Basis of the revenue.
    #[graphql(default_with = "RevenueBasis::Invoiced")]
    basis: RevenueBasis,
    /// Grouping: a row for each combination with an amount. Of several periods the shortest
    /// applies. Empty: one row.
    #[graphql(default_with = "vec![RevenueGroup::Activity]")]
    group_by: Vec<RevenueGroup>,
    /// Slugs: only these activities, each of which must exist, without revenue that belongs to
    /// none. Nothing when empty.
    activity_slugs: Option<Vec<String>>,
    /// Ids: only revenue invoiced to these members. Excludes costs and grants, which belong to no
    /// member. Nothing when empty.
    member_ids: Option<Vec<ID>>,
    /// `true` to include `committedCost` and the related fields, with rows for combinations that
    /// have nothing else.
    #[graphql(default)]
    committed: bool,
}

impl RevenueInput {
    fn check(self, counts: (bool, bool), errors: &mut ValidationErrors) -> ReportQuery {
        let from = self.from.take("from", errors).0;
        let to = self.to.take("to", errors).0;
        // The order of days is not checked when one of them is invalid.
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
        let id = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("member_ids[{position}]"), errors)
        };
        ReportQuery {
            from,
            to,
            basis: self.basis.into(),
            group_by,
            activities: self
                .activity_slugs
                .map(|slugs| slug_list::argument(slugs, "activity_slugs", errors)),
            members: self
                .member_ids
                .map(|ids| ids.into_iter().enumerate().map(|each| id(each, errors)).collect()),
            counts,
            committed: self.committed,
        }
    }
}

/// Queries of revenue.
#[derive(Default)]
pub struct RevenueQuery;

#[Object]
impl RevenueQuery {
    /// Revenue, and for self-funded activities costs and result, over a period. A MEMBER sees what
    /// was invoiced to it, without costs and grants; an ACTIVITY_LEAD its activities. The totals of
    /// an activity and year that everyone may see are in `Activity.economy`.
    #[graphql(directive = cost::apply("300".into()))]
    async fn revenue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The parameters of the report.")] input: Box<RevenueInput>,
    ) -> Result<RevenueReport> {
        Box::pin(report(ctx, *input)).await
    }

    /// Forecast of the revenue of active agreements in a coming year, by activity. Counts
    /// agreements with direction INCOME that are signed and have not ended as known today, prorated
    /// by the months on whose first day they are in force. A per-mille fee of an allocation that is
    /// not yet known uses the latest known one. A fee per participant counts as zero, since the
    /// number of participants is not yet known. An activity with a per-mille fee of an allocation
    /// that you may not see has no row and is in `withheld`; then there is no total. `assumptions`
    /// lists all assumptions.
    #[graphql(directive = cost::apply("200".into()))]
    async fn revenue_forecast(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Calendar year, as `2027`.")] year: i32,
    ) -> Result<RevenueReport> {
        Box::pin(forecast(ctx, year)).await
    }
}

async fn report(ctx: &Context<'_>, input: RevenueInput) -> Result<RevenueReport> {
    let look_ahead = ctx.look_ahead();
    let counts = (
        look_ahead.field("rows").field("invoiceCount").exists(),
        look_ahead.field("total").field("invoiceCount").exists(),
    );
    let (mut errors, basis) = (ValidationErrors::default(), input.basis);
    let ask = input.check(counts, &mut errors);
    let report = revenue::report(caller(ctx), &ask, errors).await.map_err(errors::within_input)?;
    take_rows(ctx, report.rows.len())?;
    let withheld = by_ids(ctx, &report.withheld).await?;
    let days = Range { from: ask.from, to: ask.to };
    let report = RevenueReport::new(days, basis, report, &parameters(&ask), Vec::new());
    Ok(report.withholding(withheld))
}

async fn forecast(ctx: &Context<'_>, year: i32) -> Result<RevenueReport> {
    let Forecast { days, report, withheld, assumptions, .. } =
        revenue::forecast(caller(ctx), year).await?;
    let report = RevenueReport::new(
        days,
        RevenueBasis::Invoiced,
        report,
        &format!("forecast={year}"),
        assumptions,
    );
    Ok(report.withholding(by_ids(ctx, &withheld).await?))
}

/// Returns the query parameters of the files of a report. Valid slugs and ids need no escaping.
fn parameters(ask: &ReportQuery) -> String {
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
        let ids: Vec<String> = members.iter().map(|member| node_id(*member).0).collect();
        parameters.push_str(&format!("&member={}", ids.join(",")));
    }
    parameters
}
