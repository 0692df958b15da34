//! GraphQL types of revenue.

use async_graphql::{ComplexObject, Context, Description, Enum, Object, SimpleObject};

use crate::graphql::{
    activities::types::{Activity, activity_of},
    batch::BatchRow,
    cost::{list_size, unversioned},
    file_links::link,
    members::types::{Member, member_of},
    scalars::{Date, Sum, Url},
};

use domain::{
    error::Result,
    revenue::{self, Report, grouping::Range},
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
    /// last. Rows without any amount are left out. A report of more than 100 000 rows is INVALID
    /// (TOO_MANY).
    #[graphql(directive = list_size::apply(Some(50), None))]
    rows: Vec<RevenueRow>,
    /// Sum of all rows; null when rows are withheld from you, since the sum would be incomplete:
    /// see `withheld`. Null too when you may see no revenue at all.
    total: Option<RevenueRow>,
    /// Query parameters of the links to the report's files.
    #[graphql(skip)]
    parameters: String,
    /// Assumptions of a forecast, a sentence each in English, in a fixed order; empty for a report
    /// of the past. The workbook has them in Swedish on the second sheet; the CSV file of them is
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
    pub(super) fn new(
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

    /// Returns the report with the activities that it withholds.
    pub(super) fn withholding(self, withheld: Vec<Activity>) -> Self {
        Self { withheld, ..self }
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

/// Measures the futures of the types of this folder whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&ActivityEconomy::new(0, revenue::ActivityResult::default()));
    sizes.add(&RevenueRow(crate::graphql::future_sizes::row()));
}
