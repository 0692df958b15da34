//! GraphQL types and queries of revenue.

pub mod break_even;

use async_graphql::{
    ComplexObject, Context, Description, Enum, ID, InputObject, Object, SimpleObject,
};

use super::{
    activities::{Activity, activity_of, by_ids},
    batch::{BatchRow, take_rows},
    caller,
    cost::{cost, list_size, unversioned},
    errors,
    file_links::link,
    members::{Member, member_of},
    scalars::{Date, Parsed, Sum, Url, node_id, row_id},
};

use domain::{
    error::{LINE, Result, ValidationErrors},
    revenue::{
        self, Forecast, Period, Report, ReportQuery,
        grouping::{Grouping, Range},
    },
};

/// Basis of revenue: the events that count, and their day.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "revenue::Basis")]
pub enum RevenueBasis {
    /// By invoice date: invoices less credit notes.
    Invoiced,
    /// By payment date: payments, allocated to the lines that they pay, pro rata to what credit
    /// notes have left of them. When a credit note reduces a line below what was paid of it, the
    /// excess moves, on the credit note's date, to the other lines or to `unattributed`.
    Paid,
    /// Accrued by day over the period that each line covers (periodisering); a line without a
    /// period counts on its invoice's date.
    Accrued,
}

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
    /// Slugs: only these activities, without revenue that belongs to none.
    activity_slugs: Option<Vec<String>>,
    /// Ids: only revenue invoiced to these members. Excludes costs and grants, which belong to no
    /// member.
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
        let slug = |(position, slug): (usize, String), errors: &mut ValidationErrors| {
            errors.text(&format!("activity_slugs[{position}]"), &slug, LINE)
        };
        let id = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("member_ids[{position}]"), errors)
        };
        ReportQuery {
            from,
            to,
            basis: self.basis.into(),
            group_by,
            activities: self.activity_slugs.map(|slugs| {
                slugs.into_iter().enumerate().map(|each| slug(each, errors)).collect()
            }),
            members: self
                .member_ids
                .map(|ids| ids.into_iter().enumerate().map(|each| id(each, errors)).collect()),
            counts,
            committed: self.committed,
        }
    }
}

/// Revenue, costs and result of a period.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RevenueReport {
    /// First day.
    from: Date,
    /// Last day.
    to: Date,
    /// Basis of the revenue.
    basis: RevenueBasis,
    /// Rows by period, name of activity and name of member; rows without an activity or a member
    /// last. Rows without any amount are left out.
    #[graphql(directive = list_size::apply(Some(50), None))]
    rows: Vec<RevenueRow>,
    /// Sum of all rows; null when rows are withheld from you, since the sum would be incomplete: see
    /// `withheld`. Null too when you may see no revenue at all.
    total: Option<RevenueRow>,
    /// Query parameters of the links to the report's files.
    #[graphql(skip)]
    parameters: String,
    /// Assumptions of a forecast, a sentence each, in a fixed order; empty for a report of the
    /// past. The workbook has them on the second sheet; the CSV file of them is
    /// `assumptionsCsvUrl`.
    assumptions: Vec<String>,
    /// Activities without a row, because of which the report has no total: in a forecast, those
    /// with per-mille fees of allocations that you may not see; in a report of the past, those of
    /// `activitySlugs` whose revenue you may not see.
    #[graphql(directive = list_size::apply(Some(20), None))]
    withheld: Vec<Activity>,
}

impl RevenueReport {
    /// Creates a report; `parameters` are those of the links to its files.
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
            parameters: parameters.to_owned(),
            assumptions,
            withheld: Vec::new(),
        }
    }
}

#[ComplexObject]
impl RevenueReport {
    /// Link to the rows as CSV: absolute, and signed so that it opens without a token for some
    /// minutes.
    #[graphql(directive = unversioned::apply())]
    async fn csv_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let path = format!("/files/revenue.csv?{}", self.parameters);
        link(ctx, &path, None, valid_for_seconds)
    }

    /// Link to the rows as an Excel workbook, with a chart by activity and year: absolute, and
    /// signed so that it opens without a token for some minutes.
    #[graphql(directive = unversioned::apply())]
    async fn xlsx_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let path = format!("/files/revenue.xlsx?{}", self.parameters);
        link(ctx, &path, None, valid_for_seconds)
    }

    /// Link to the assumptions of a forecast as CSV: absolute, and signed so that it opens without
    /// a token for some minutes. Null for a report of the past.
    #[graphql(directive = unversioned::apply())]
    async fn assumptions_csv_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Option<Result<Url>> {
        let path = format!("/files/revenue.csv?{}&sheet=assumptions", self.parameters);
        (!self.assumptions.is_empty()).then(|| link(ctx, &path, None, valid_for_seconds))
    }
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

/// Revenue, costs and result of an activity, a member and a period, in kronor.
#[derive(Description)]
pub struct RevenueRow(BatchRow<revenue::Row>);

#[Object(use_type_description)]
impl RevenueRow {
    /// The activity; null for revenue without an activity, as service fees, and when not grouped by
    /// activity.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.group.activity).await.transpose()
    }

    /// The invoiced member; null for other buyers, for costs and grants, and when not grouped by
    /// member.
    async fn member(&self, ctx: &Context<'_>) -> Option<Result<Member>> {
        member_of(ctx, &self.0, |row| row.group.member).await.transpose()
    }

    /// Period: `2026`, `2026-Q2` or `2026-04`; null when not grouped by time.
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

    /// Revenue with VAT: `net` plus `vat`.
    async fn gross(&self) -> Sum {
        self.0.sums.gross().into()
    }

    /// Net sum of the credit notes that `net` already deducts; zero by payment date.
    async fn credited(&self) -> Sum {
        self.0.sums.credited.into()
    }

    /// Costs booked in the period; null when you may not see all of them, as for a MEMBER. Zero in
    /// a forecast, and in a report of `memberIds`, which leave costs out.
    async fn cost(&self) -> Option<Sum> {
        self.0.sums.unless_withheld(self.0.sums.cost.into())
    }

    /// Grants booked in the period; null and zero as `cost`.
    async fn grants(&self) -> Option<Sum> {
        self.0.sums.unless_withheld(self.0.sums.grants.into())
    }

    /// Costs, without VAT, that agreements in force commit the network to. Of a yearly fee, the
    /// months whose first day is in the period and on which the agreement is in force; of a one-off
    /// fee, the full amount when the agreement begins in the period. Per-mille fees and fees per
    /// participant count as zero. Included in no other sum, not even `cost`. Null unless
    /// `input.committed` is true, in a forecast, and when `cost` is null.
    async fn committed_cost(&self) -> Option<Sum> {
        self.0.committed().map(|committed| committed.cost.into())
    }

    /// Costs booked in the period for agreements (`agreement` of a cost) that have a committed cost
    /// in it, less reversals. Null when `committedCost` is null.
    async fn committed_cost_booked(&self) -> Option<Sum> {
        self.0.committed().map(|committed| committed.booked.into())
    }

    /// Committed cost that is not booked: `committedCost` less `committedCostBooked`; negative if
    /// more is booked. Null when `committedCost` is null.
    async fn committed_cost_remaining(&self) -> Option<Sum> {
        self.0.committed().map(|committed| committed.left().into())
    }

    /// Result: `net` plus `grants` less `cost`; null when `cost` is null.
    async fn result(&self) -> Option<Sum> {
        self.0.sums.unless_withheld(self.0.sums.result().into())
    }

    /// By payment date, received sums that pay no line: overpayments, which are a debt to the
    /// payer, and the rounding to whole kronor. They are not revenue, belong to no activity and are
    /// included in no other sum; together with `gross` they are all that was received.
    async fn unattributed(&self) -> Sum {
        self.0.sums.unattributed.into()
    }

    /// Number of invoices and credit notes behind the row; by payment date, of those whose paid sum
    /// changed. Each counts a single time, so that the total may be less than the sum of the rows.
    /// In a forecast, the number of agreements with revenue.
    async fn invoice_count(&self) -> i64 {
        self.0.sums.invoices
    }
}

/// Revenue, costs and result of an activity in a calendar year, in kronor. All but `outstanding`
/// are without VAT.
///
/// Viewers who may see the activity's revenue get every sum. For others a sum is null when fewer
/// than `SAMREGISTER_MIN_COUNTERPARTIES` (3) counterparties other than themselves stand behind it,
/// or when another sum could be calculated with it. A sum behind which nothing stands is zero.
#[derive(Description)]
pub struct ActivityEconomy {
    year: i32,
    sums: revenue::ActivityResult,
}

impl ActivityEconomy {
    /// Creates the result of a calendar year.
    pub fn new(year: i32, sums: revenue::ActivityResult) -> Self {
        Self { year, sums }
    }
}

#[Object(use_type_description)]
impl ActivityEconomy {
    /// Calendar year.
    async fn year(&self) -> i32 {
        self.year
    }

    /// Invoiced during the year, after credit notes. Null when few buyers stand behind it.
    async fn invoiced(&self) -> Option<Sum> {
        self.sums.invoiced.map(Into::into)
    }

    /// Received by payments during the year, regardless of the invoice date. Null with `invoiced`
    /// or `outstanding`, and when few payers stand behind it.
    async fn paid(&self) -> Option<Sum> {
        self.sums.paid.map(Into::into)
    }

    /// Sum with VAT that is still to be paid, as of now, of invoices of the year. Negative when
    /// deductions exceed the activity's other lines. Null with `invoiced` or `paid`, and when few
    /// buyers stand behind it.
    async fn outstanding(&self) -> Option<Sum> {
        self.sums.outstanding.map(Into::into)
    }

    /// Costs booked during the year. Null when few suppliers stand behind it; each cost without a
    /// recorded supplier counts as one.
    async fn cost(&self) -> Option<Sum> {
        self.sums.cost.map(Into::into)
    }

    /// Grants booked during the year. Null when few funders stand behind it.
    async fn grants(&self) -> Option<Sum> {
        self.sums.grants.map(Into::into)
    }

    /// Result: `invoiced` plus `grants` less `cost`; null when one of them is null.
    async fn result(&self) -> Option<Sum> {
        self.sums.result.map(Into::into)
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
    Ok(RevenueReport { withheld, ..report })
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
    Ok(RevenueReport { withheld: by_ids(ctx, &withheld).await?, ..report })
}

/// Measures the futures of the types of this folder whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut super::future_sizes::Sizes<'_, '_>) {
    sizes.add(&ActivityEconomy::new(0, revenue::ActivityResult::default()));
    sizes.add(&RevenueRow(super::future_sizes::row()));
}
