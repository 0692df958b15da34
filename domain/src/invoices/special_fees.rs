//! Special fees of an activity in a run: each month of a participation once, by the agreement in
//! force on its first day.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId},
    invoice_line,
    kind::{AgreementKind, ChargeKind, Direction, FeeBasis, VatRate},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{
    Buyer,
    fee_charges::{self, ChargeStatus, FeeSelection, Invoiced},
    line_taxes,
    revenue_accounts::LineAccounts,
    run_months::{BilledMonths, Due},
    run_plan::{Item, Plan, Problem, RunInput, UnpaidMonth, in_part, line},
};
use crate::{
    activities::tax_decisions::TaxDecisions,
    auth::viewer::Viewer,
    config::Network,
    context::Context,
    database::{Database, among, rows},
    error::{Error, Result},
    fees::{
        self, amounts,
        unpaid_months::{self, Paying},
    },
    term_sql,
};

/// First and last day of a line, with its number of months of the year.
type Period = ((NaiveDate, NaiveDate), i64);

/// Returns the lines of the special fees of an activity's agreements by which money comes in, in
/// order of agreement number.
///
/// # Errors
/// NOT_FOUND for the activity.
pub(super) async fn items(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    (id, issued_on): (ActivityId, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    let activity = activity::Entity::find_by_id(id).one(ctx.db.read()).await?;
    let activity = activity.ok_or_else(|| Error::NotFound("there is no such activity".into()))?;
    let found = signed_agreements(ctx.db, input, id).await?;
    plan.unpaid = unpaid_months(&found, input.year);
    let is_exempt = found.iter().any(|row| row.vat_rate == Some(VatRate::Exempt));
    let viewer = Viewer::operator("invoices run");
    let special = Special {
        decisions: if is_exempt {
            TaxDecisions::on(ctx.db.read(), issued_on).await?
        } else {
            TaxDecisions::default()
        },
        // A viewer who may invoice a fee may calculate it, even without read access to the member's
        // affairs.
        fees: fees::with_allocations(ctx.with_viewer(&viewer), &found, input.year).await?,
        invoiced: fee_charges::invoiced(ctx.db.read(), &FeeSelection::Activity(id), input.year)
            .await?,
        billed: BilledMonths::load(ctx.db.read(), id, input.year).await?,
        accounts: LineAccounts::load(ctx.db.read(), network).await?,
        activity: &activity,
        year: input.year,
    };
    plan.to_credit = special.billed.to_credit(|buyer| match (buyer, &input.members) {
        (Buyer::Member(member), Some(members)) => members.contains(&member),
        (Buyer::Organisation(_), Some(_)) => false,
        (_, None) => true,
    });
    Ok(found.iter().flat_map(|row| special.items(row, plan)).collect())
}

/// Returns the signed agreements of an activity that bring in fees and have begun by the end of the
/// year, in order of number.
async fn signed_agreements(
    db: &Database,
    input: &RunInput,
    activity: ActivityId,
) -> Result<Vec<agreement::Model>> {
    use agreement::Column as C;
    let last = NaiveDate::from_ymd_opt(input.year, 12, 31).unwrap_or_default();
    let mut columns = fees::columns();
    columns.extend([C::OrganisationId, C::Number, C::NumberKey, C::VatRate]);
    let of = |column: C| -> SimpleExpr { Expr::col((agreement::Entity, column)) };
    let mut select = Query::select();
    select
        .columns(columns.iter().map(|column| (agreement::Entity, *column)))
        .from(agreement::Entity)
        .and_where(of(C::ActivityId).eq(activity))
        .and_where(C::Direction.eq(Direction::Income))
        // Money that comes in by a cooperation agreement is a grant, which is requisitioned: see
        // `requisitions::is_grant`.
        .and_where(C::Kind.ne(AgreementKind::Cooperation))
        .and_where(of(C::SignedOn).is_not_null())
        .and_where(of(C::WithdrawnOn).is_null())
        .and_where(of(C::StartsOn).lte(last))
        .order_by_expr(of(C::NumberKey), Order::Asc)
        .order_by_expr(of(C::Id), Order::Asc);
    if let Some(members) = &input.members {
        select.and_where(among(db.backend(), of(C::MemberId), members.iter().copied()));
    }
    rows(db.read(), &select, &columns).await
}

/// A run of an activity's special fees.
struct Special<'a> {
    activity: &'a activity::Model,
    year: i32,
    fees: HashMap<AgreementId, (amounts::Fee, Option<Money>)>,
    invoiced: HashMap<Uuid, Invoiced>,
    billed: BilledMonths,
    accounts: LineAccounts,
    decisions: TaxDecisions,
}

impl Special<'_> {
    /// Returns the lines of an agreement's fee, and adds the reasons for months that are not
    /// invoiced to the plan.
    fn items(&self, row: &agreement::Model, plan: &mut Plan) -> Vec<Item> {
        let Some(buyer) =
            row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation))
        else {
            return Vec::new();
        };
        let Some(period) = period(row, self.year) else { return Vec::new() };
        let number = row.number.as_deref().unwrap_or_default();
        let whose = format!("agreement {number}");
        let mut problem = |reason: String| {
            plan.problems.push(Problem { buyer, agreement: Some(row.id), reason });
            Vec::new()
        };
        let (Some(basis), Some((fee, allocation))) =
            (row.fee_basis.filter(|_| row.vat_rate.is_some()), self.fees.get(&row.id))
        else {
            return problem(format!("agreement {number} brings in money but states no fee"));
        };
        let Some(sum) = amounts::amount_for(fee, *allocation, &term_sql::of(row), self.year) else {
            let (year, of) =
                (self.year, fees::describe(row.fee_allocation_basis.unwrap_or_default()));
            return problem(format!(
                "the fee of agreement {number} is per mille of the allocation {of}, and none of {year} is known"
            ));
        };
        // The number of participants is unknown: these fees are invoiced manually, course by
        // course.
        if basis == FeeBasis::PerParticipant {
            plan.manual += 1;
            return Vec::new();
        }
        if sum == Money::ZERO {
            return Vec::new();
        }
        let invoiced = self.invoiced.get(&row.id.0).copied().unwrap_or_default();
        let status = invoiced.status(sum);
        if let ChargeStatus::Partly { sum: part, is_across } = status {
            return problem(in_part(&whose, self.year, sum, part, is_across));
        }
        let first_round = if let ChargeStatus::Due(round) = status { Some(round) } else { None };
        let due =
            (basis != FeeBasis::OneOff).then(|| self.billed.due(row.id, first_round.is_some()));
        let (due, first_round) = match (due, first_round) {
            (None, Some(round)) => return vec![self.item(row, buyer, (period, 12), sum, round)],
            (Some(due), Some(round)) if due.is_complete() => {
                let months = amounts::months(&term_sql::of(row), self.year);
                return vec![self.item(row, buyer, (period, months), sum, round)];
            }
            (Some(due), round) => (due, round),
            (None, None) => (Due::default(), None),
        };
        plan.unpaid.extend(due.credited.iter().map(|month| UnpaidMonth {
            buyer,
            agreement: row.id,
            month: *month,
            is_credited: true,
        }));
        plan.invoiced_months.extend(due.by_others.iter().cloned());
        let priced = prices(fee, *allocation, &due);
        let rest: Money = priced.iter().map(|(_, price)| *price).sum();
        let status = first_round
            .map(ChargeStatus::Due)
            .or_else(|| invoiced.status_of_rest(sum, rest))
            .filter(|_| !priced.is_empty());
        match status {
            Some(ChargeStatus::Due(round)) => (round..)
                .zip(priced)
                .map(|(round, (period, price))| self.item(row, buyer, period, price, round))
                .collect(),
            Some(ChargeStatus::Partly { sum: part, is_across }) => {
                problem(in_part(&whose, self.year, sum, part, is_across))
            }
            Some(ChargeStatus::Invoiced) | None => {
                plan.already += 1;
                Vec::new()
            }
        }
    }

    /// Returns the line for these days, with their number of months of the year.
    fn item(
        &self,
        row: &agreement::Model,
        buyer: Buyer,
        (period, months): Period,
        sum: Money,
        round: i32,
    ) -> Item {
        let (id, vat_rate) = (self.activity.id, row.vat_rate.unwrap_or_default());
        let part = if months < 12 { format!(", {months} av 12 månader") } else { String::new() };
        let account = self.accounts.of_line(Some(id), vat_rate);
        let line = line(
            account,
            format!("Särskild avgift {} {}{part}", self.activity.name, self.year),
            Some(id),
            period,
            sum,
            vat_rate,
        );
        let mut line = invoice_line::Model { agreement_id: Some(row.id), ..line };
        line_taxes::complete(&mut line, Some((ChargeKind::SpecialFee, Some(id))), &self.decisions);
        let charge =
            fee_charges::of_run(ChargeKind::SpecialFee, self.year, round, line.id, row.id.0);
        Item { buyer, agreement: Some(row.id), line, charge }
    }
}

/// Returns the due periods with their prices. Together with the months billed before, they add up
/// to the price of all months at once.
fn prices(fee: &amounts::Fee, allocation: Option<Money>, due: &Due) -> Vec<(Period, Money)> {
    let mut before = due.before;
    let price = |(period, months): Period| {
        let until =
            fee.of_months(allocation, before + months)? - fee.of_months(allocation, before)?;
        before += months;
        Some(((period, months), until))
    };
    due.periods().into_iter().filter_map(price).filter(|(_, price)| *price > Money::ZERO).collect()
}

/// Returns the months of a year that no agreement of an activity pays, by counterparty.
fn unpaid_months(agreements: &[agreement::Model], year: i32) -> Vec<UnpaidMonth> {
    let mut of: BTreeMap<Buyer, (Vec<AgreementId>, Vec<Paying>)> = BTreeMap::new();
    for row in agreements {
        let Some(buyer) =
            row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation))
        else {
            continue;
        };
        let is_yearly =
            matches!(row.fee_basis, Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation));
        let (ids, paying) = of.entry(buyer).or_default();
        ids.push(row.id);
        paying.push(Paying { term: term_sql::of(row), is_yearly });
    }
    let unpaid = of.into_iter().flat_map(|(buyer, (ids, paying))| {
        let months = unpaid_months::unpaid_months(&paying, year).into_iter();
        let unpaid = |(month, index): (NaiveDate, usize)| {
            Some(UnpaidMonth { buyer, agreement: *ids.get(index)?, month, is_credited: false })
        };
        months.filter_map(unpaid).collect::<Vec<_>>()
    });
    unpaid.collect()
}

/// Returns the days of the year that an agreement's fee is for; `None` if there are none.
fn period(row: &agreement::Model, year: i32) -> Option<(NaiveDate, NaiveDate)> {
    let term = term_sql::of(row);
    if row.fee_basis == Some(FeeBasis::OneOff) || row.fee_basis.is_none() {
        return amounts::days(&term, year);
    }
    amounts::covered(&term, year)
}
