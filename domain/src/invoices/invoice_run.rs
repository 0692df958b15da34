//! The invoice run: invoices a year's special fees of an activity, or the fees of every member,
//! each fee only once.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    date_range::DateRange,
    decision, fee_charge, fee_schedule,
    id::{InvoiceId, InvoiceLineId, MemberId},
    kind::{ChargeKind, FeeBasis, InvoiceKind, SubjectKind},
    member,
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use super::{
    aggregate::InvoiceAggregate,
    claim_terms::Agreed,
    fee_charges::{self, FeeSelection},
    fee_decision, issue_day,
    issue_renderer::{self, IssueRenderer},
    member_fees::MemberFees,
    parties::{self, Buyers, buyer_of},
    revenue_accounts::LineAccounts,
    run_months::{InvoicedMonth, ToCredit},
    run_plan::{Fees, Item, Plan, Problem, References, RunInput, UnpaidMonth},
    special_fee_loading,
};
use crate::{
    audit::{self, Action, Basis, Change, Seen},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    database::{Database, among, analyze, rows},
    error::{ConflictReason, Error, FieldErrorCode, FieldProblem, Result, ValidationErrors},
    fees::{self, amounts},
    idempotency::{FromOutcome, Outcome},
    query,
    tax_decisions::in_force::{TaxDecisions, undecided},
};

/// Invoices that are written together.
const CHUNK: usize = 250;

/// Result of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The invoices, in order of number.
    #[serde(skip)]
    pub invoices: Vec<InvoiceId>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// Sum to be paid, öre.
    pub total: Money,
    /// Number of fees that had been invoiced already.
    pub already: i64,
    /// Number of agreements with a fee per participant, which is invoiced manually.
    pub manual: i64,
    /// Buyers that can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    #[serde(default)]
    pub unpaid: Vec<UnpaidMonth>,
    /// Months that were left out because invoices for other agreements have billed them.
    #[serde(default)]
    pub invoiced_months: Vec<InvoicedMonth>,
    /// Months that invoices have billed after the end of agreements.
    #[serde(default)]
    pub to_credit: Vec<ToCredit>,
    /// Warnings that were confirmed, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl RunResult {
    fn outcome(&self) -> Result<Outcome> {
        Outcome::default().with_all(self.invoices.iter().copied()).detailed(self)
    }
}

impl FromOutcome for RunResult {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        let done: Self = serde_json::from_value(outcome.details.clone()).ok()?;
        Some(Self { invoices: outcome.ids().collect(), ..done })
    }
}

/// Returns the invoices that a run would issue. Changes nothing.
///
/// # Errors
/// As [`run`].
pub async fn preview(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    errors: ValidationErrors,
) -> Result<Plan> {
    ctx.require(Permission::ManageInvoices)?;
    let (_, plan) = dated(ctx, ctx.db.read(), network, input, (ctx.clock.today(), errors)).await?;
    Ok(plan)
}

/// Returns the day of issue and the plan of a run today. `errors` are those found while the input
/// was parsed.
async fn dated(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    network: &Network,
    input: &RunInput,
    (today, mut errors): (NaiveDate, ValidationErrors),
) -> Result<(NaiveDate, Plan)> {
    let issued_on =
        issue_day::day_of_issue(db, InvoiceKind::Invoice, input.issued_on, today, &mut errors)
            .await?;
    Ok((issued_on, plan(ctx, network, input, issued_on, errors).await?))
}

/// Issues the invoices of [`preview`]. If a buyer can't be invoiced and `skip_problems` is not set,
/// nothing is issued. `progress` is called with the number of written invoices and their total
/// number.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND for the activity; INVALID naming
/// every bad field and every missing setting of the network; CONFLICT `NO_FEE_RULE` for members'
/// fees of a year without a rule, `VAT_UNDECIDED` for members' fees without a recorded tax decision
/// and without a VAT treatment of their own, `DECIDED_LATE` for a fee that was decided after the
/// day of issue or after its year unless that is confirmed, `TOO_LARGE` if the invoices together
/// exceed the largest amount, `ALREADY_INVOICED`, `OCR_TAKEN` or `BUSY`.
pub async fn run(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    errors: ValidationErrors,
    mut progress: impl FnMut(usize, usize) + Send,
) -> Result<RunResult> {
    ctx.require(Permission::ManageInvoices)?;
    let (seen, today) = (Seen::now(ctx.db), ctx.clock.today());
    let planned = dated(ctx, ctx.db.read(), network, input, (today, errors.clone())).await;
    // The plan depends on all but who read contacts.
    let basis = Basis { seen: &seen, kind: SubjectKind::ContactReads, own: &[], is_alone: true };
    let mut change = audit::begin_after(ctx, Action::InvoiceRun, basis, &[]).await?;
    let day = day_of(change.at());
    let planned = if day == today && change.holds() {
        planned
    } else {
        // No one else writes while this transaction is open, so the plan from the read pool holds.
        Box::pin(dated(ctx, change.tx(), network, input, (day, errors))).await
    };
    let (issued_on, plan) = planned?;
    let Plan {
        invoices,
        mut charges,
        net,
        total,
        already,
        manual,
        problems,
        warnings,
        unpaid,
        invoiced_months,
        to_credit,
    } = plan;
    if !warnings.is_empty() && !input.confirm_decision {
        return Err(Error::conflict(
            ConflictReason::DecidedLate,
            format!("{}; confirm it to invoice it anyway", warnings.join("; ")),
        ));
    }
    let mut done = RunResult {
        already,
        manual,
        problems,
        warnings,
        unpaid,
        invoiced_months,
        to_credit,
        ..RunResult::default()
    };
    if invoices.is_empty() || (!done.problems.is_empty() && !input.skip_problems) {
        // Like a rejection, this result is not stored for idempotency: a retry runs again.
        change.undo().await?;
        return Ok(done);
    }
    (done.net, done.total) = (net, total);
    let mut renderer =
        IssueRenderer::load(&change, network, InvoiceKind::Invoice, issued_on, &invoices).await?;
    done.invoices =
        issue_all(&mut change, &mut renderer, invoices, &mut charges, &mut progress).await?;
    change.commit_with(done.outcome()?).await?;
    Ok(done)
}

/// Issues the invoices of a run in chunks, and returns their ids.
async fn issue_all(
    change: &mut Change,
    renderer: &mut IssueRenderer<'_>,
    invoices: Vec<InvoiceAggregate>,
    charges: &mut HashMap<InvoiceLineId, fee_charge::Model>,
    progress: &mut (impl FnMut(usize, usize) + Send),
) -> Result<Vec<InvoiceId>> {
    let count = invoices.len();
    let (mut waiting, mut done) = (invoices.into_iter(), Vec::with_capacity(count));
    loop {
        let issued: Vec<_> = waiting
            .by_ref()
            .take(CHUNK)
            .map(|aggregate| renderer.issue(aggregate))
            .collect::<Result<_>>()?;
        if issued.is_empty() {
            return Ok(done);
        }
        let mut theirs = Vec::new();
        for aggregate in issued.iter().map(|issued| &issued.aggregate) {
            done.push(aggregate.row.id);
            theirs.extend(aggregate.lines.iter().filter_map(|line| charges.remove(&line.id)));
        }
        issue_renderer::write_new(change, issued, theirs).await.map_err(already_invoiced)?;
        if done.len() == CHUNK && count > CHUNK {
            // Each further line looks up its invoice, and this may be the first run of all.
            analyze(change.tx(), "invoice").await?;
        }
        progress(done.len(), count);
    }
}

/// The unique key rejects a fee if two runs ever overlap.
fn already_invoiced(error: Error) -> Error {
    let word = || {
        Error::conflict(
            ConflictReason::AlreadyInvoiced,
            "one of these fees has been invoiced meanwhile; run again for the rest",
        )
    };
    [
        "fee_charge__agreement_id__year__round",
        "fee_charge__member_id__year__kind__round",
        "fee_charge__kept",
    ]
    .into_iter()
    .fold(error, |error, name| error.on_constraint(name, word()))
}

async fn plan(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    issued_on: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<Plan> {
    errors.expect(amounts::YEARS.contains(&input.year), "year", outside_years());
    if let Some(members) = &input.members {
        check_members(ctx.db, members, &mut errors).await?;
    }
    let references = References::check(input, &mut errors);
    errors.finish()?;
    let mut plan = Plan::default();
    let items = match input.fees {
        Fees::Special(activity) => {
            special_fee_loading::items(ctx, network, input, (activity, issued_on), &mut plan)
                .await?
        }
        Fees::Service => {
            of_members(ctx, network, input, (ChargeKind::ServiceFee, issued_on), &mut plan).await?
        }
        Fees::Membership => {
            of_members(ctx, network, input, (ChargeKind::MembershipFee, issued_on), &mut plan)
                .await?
        }
    };
    let agreed = Agreed::load(ctx.db.read(), items.iter().map(|item| &item.line)).await?;
    plan.gather(network, issued_on, &agreed, items);
    plan.refer(&references);

    // Requirements of every invoice. Requirements of taxed invoices only are reported as problems
    // of those.
    let mut lacks = ValidationErrors::default();
    if !plan.invoices.is_empty() {
        parties::seller(network, false, &mut lacks);
    }
    lacks.finish()?;
    let buyers = Buyers::load(
        ctx.db.read(),
        plan.invoices.iter().filter_map(|aggregate| buyer_of(&aggregate.row)),
    )
    .await?;
    plan.check(network, issued_on, &buyers);
    plan.add_up()?;
    Ok(plan)
}

/// Returns the problem of a year that is not supported.
fn outside_years() -> FieldProblem {
    FieldErrorCode::OutOfRange.problem("must be 1900 to 2999").with("min", 1900).with("max", 2999)
}

/// Returns the fee of every member of the year, in order of name. A member on any day of the year
/// pays the whole fee.
async fn of_members(
    ctx: Context<'_>,
    network: &Network,
    input: &RunInput,
    (kind, issued_on): (ChargeKind, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    let (basis, fee) = if kind == ChargeKind::ServiceFee {
        (FeeBasis::PerMilleOfAllocation, "service fee")
    } else {
        (FeeBasis::FixedPerYear, "membership fee")
    };
    let rule = fees::rule(ctx, basis, input.year).await?.ok_or_else(|| {
        Error::conflict(
            ConflictReason::NoFeeRule,
            format!("no {fee} is in force on 1 January {}; set one first", input.year),
        )
    })?;
    let decisions = TaxDecisions::on(ctx.db.read(), issued_on).await?;
    let vat_rate = decisions
        .rate_of(&rule)
        .ok_or_else(|| undecided(&format!("the {fee} of {}", input.year)))?;
    plan.warnings.extend(late_decision(ctx.db.read(), &rule, issued_on, input.year).await?);
    let days = amounts::year(input.year).ok_or_else(|| Error::invalid("year", outside_years()))?;
    let found = members_between(ctx.db, days, input.members.as_ref()).await?;
    let ids: Vec<MemberId> = found.iter().map(|row| row.id).collect();
    let viewer = Viewer::operator("invoices run");
    let allocations =
        fees::allocations(ctx.with_viewer(&viewer), &ids, input.year, fees::quote::basis_of(&rule))
            .await?;
    let selection = FeeSelection::Members(kind, input.members.clone());
    let invoiced = fee_charges::invoiced(ctx.db.read(), &selection, input.year).await?;
    let accounts = LineAccounts::load(ctx.db.read(), network).await?;
    let fees = MemberFees {
        kind,
        year: input.year,
        days,
        rule,
        vat_rate,
        allocations,
        invoiced,
        accounts,
        decisions,
    };
    Ok(found.iter().filter_map(|row| fees.item(row, plan)).collect())
}

/// Returns the members on some day of a range, in order of name; only these, if there are any.
async fn members_between(
    db: &Database,
    DateRange { from: first, to: last }: DateRange,
    only: Option<&BTreeSet<MemberId>>,
) -> Result<Vec<member::Model>> {
    use member::Column as C;
    let of = |column: C| -> SimpleExpr { Expr::col((member::Entity, column)) };
    let columns = [C::Id, C::Name];
    let mut select = Query::select();
    select
        .from(member::Entity)
        .and_where(of(C::JoinedOn).lte(last))
        .and_where(of(C::LeftOn).is_null().or(of(C::LeftOn).gte(first)))
        .order_by_expr(of(C::NameKey), Order::Asc)
        .order_by_expr(of(C::Id), Order::Asc);
    if let Some(members) = only {
        select.and_where(among(db.backend(), of(C::Id), members.iter().copied()));
    }
    query::rows(db.read(), select, &columns).await
}

/// Checks the members to which a run is limited.
async fn check_members(
    db: &Database,
    members: &BTreeSet<MemberId>,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let select = Query::select()
        .column(member::Column::Id)
        .from(member::Entity)
        .and_where(among(db.backend(), Expr::col(member::Column::Id), members.iter().copied()))
        .take();
    let found: Vec<member::Model> = rows(db.read(), &select, &[member::Column::Id]).await?;
    let problem = FieldErrorCode::Unknown.problem("has an id that belongs to no member");
    errors.expect(found.len() == members.len(), "member_ids", problem);
    let problem = FieldErrorCode::Empty.problem("must not be empty; leave it out to invoice all");
    errors.expect(!members.is_empty(), "member_ids", problem);
    Ok(())
}

/// Reads the decision of a rule and returns the reason as [`fee_decision::late_decision`] does. An
/// unknown day needs no confirmation.
async fn late_decision(
    db: &impl ConnectionTrait,
    rule: &fee_schedule::Model,
    issued_on: NaiveDate,
    year: i32,
) -> Result<Option<String>> {
    let Some(id) = rule.decision_id else { return Ok(None) };
    let decided_on =
        decision::Entity::find_by_id(id).one(db).await?.and_then(|decision| decision.decided_on);
    Ok(decided_on.and_then(|decided_on| fee_decision::late_decision(decided_on, issued_on, year)))
}
