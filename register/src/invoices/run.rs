//! The invoice run: a year's special fees of an activity, or the fees of every member, invoiced all at once and each only once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    activity, agreement, fee_charge,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::{AgreementKind, ChargeKind, Direction, FeeBasis, InvoiceKind, VatRate},
    member,
    money::{Money, Quantity},
    total::Total,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use super::{
    Buyer,
    charges::{self, Standing, Whose},
    claim_terms::{Agreed, ClaimTerms},
    drafting, fee_decision,
    issuing::{self, Press},
    line_taxes,
    parties::{self, Buyers, buyer_of},
    revenue_accounts::LineAccounts,
    vat_rates,
    whole::Whole,
};
use crate::{
    activities::tax_decisions::{TaxDecisions, undecided},
    audit,
    auth::viewer::{Deed, Viewer},
    clock::day_of,
    config::Network,
    database::{Database, among, look_at, rows},
    error::{Error, Faults, Result},
    fees::{
        self, amounts,
        unpaid_months::{self, Paying},
    },
    idempotency::{FromOutcome, Outcome},
    swedish, terms,
};

/// Invoices that are written together.
const CHUNK: usize = 250;

/// Whose fees a run invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fees {
    /// The special fees (särskilda avgifter) of an activity's agreements.
    Special(ActivityId),
    /// The service fee (serviceavgift) of every member.
    Service,
    /// The membership fee (medlemsavgift) of every member.
    Membership,
}

/// What a run is to invoice.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which fees.
    pub fees: Fees,
    /// Of which calendar year.
    pub year: i32,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
    /// Only of these members; null: of all, and of organisations.
    pub members: Option<BTreeSet<MemberId>>,
    /// Whether what can't be invoiced holds up the rest.
    pub skip_problems: bool,
    /// `true` if a fee is invoiced although it was decided late: see [`fee_decision`].
    pub confirm_decision: bool,
}

/// Somebody who can't be invoiced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Who.
    pub buyer: Buyer,
    /// By which agreement; null for members' fees, and when the buyer itself lacks something.
    pub agreement: Option<AgreementId>,
    /// Reason.
    pub reason: String,
}

/// A month of a participation that no agreement pays, since none is in force on its first day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpaidMonth {
    /// The counterparty.
    pub buyer: Buyer,
    /// The first agreement that is in force on a later day of the month.
    pub agreement: AgreementId,
    /// First day of the month.
    pub month: NaiveDate,
}

/// What a run would issue.
#[derive(Debug, Default)]
pub struct Plan {
    /// The invoices, without numbers.
    pub invoices: Vec<Whole>,
    /// The fee that each line is of.
    charges: HashMap<InvoiceLineId, fee_charge::Model>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// What is to be paid, öre.
    pub total: Money,
    /// How many fees have been invoiced already.
    pub already: i64,
    /// How many agreements have a fee per participant.
    pub by_hand: i64,
    /// Who can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    pub unpaid: Vec<UnpaidMonth>,
    /// Warnings that need a confirmation, a sentence each.
    pub warnings: Vec<String>,
}

/// What a run issued.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The invoices, in order of number.
    #[serde(skip)]
    pub invoices: Vec<InvoiceId>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// What is to be paid, öre.
    pub total: Money,
    /// How many fees had been invoiced already.
    pub already: i64,
    /// How many agreements have a fee per participant, which is invoiced by hand.
    pub by_hand: i64,
    /// Who can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    #[serde(default)]
    pub unpaid: Vec<UnpaidMonth>,
    /// Warnings that were confirmed, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Done {
    fn outcome(&self) -> Result<Outcome> {
        Outcome::default().with_all(self.invoices.iter().copied()).detailed(self)
    }
}

impl FromOutcome for Done {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        let done: Self = serde_json::from_value(outcome.details.clone()).ok()?;
        Some(Self { invoices: outcome.ids().collect(), ..done })
    }
}

/// What a run would issue; changes nothing.
///
/// # Errors
/// As [`run`].
pub async fn preview(db: &Database, viewer: &Viewer, network: &Network, ask: &Ask, mut faults: Faults) -> Result<Plan> {
    viewer.require(Deed::KeepInvoices)?;
    let today = db.clock.today();
    let issued_on = issuing::day_of_issue(db.read(), InvoiceKind::Invoice, ask.issued_on, today, &mut faults).await?;
    plan(db, network, ask, issued_on, faults).await
}

/// Issues what [`preview`] shows: all of it or, when somebody can't be invoiced and nobody said to skip that, nothing. `tell` is told how
/// many invoices are written, of how many.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND for the activity, INVALID naming every bad field and all that the
/// network's settings lack, CONFLICT `NO_FEE_RULE` for members' fees of a year without a rule, `VAT_UNDECIDED` for those that no tax
/// decision is recorded of and that state no VAT treatment themselves, `DECIDED_LATE` for a fee that was decided after
/// the day of issue or after its year unless that is confirmed, `TOO_LARGE` when the invoices come to more in
/// all than the register can count, `ALREADY_INVOICED`, `OCR_TAKEN` or `BUSY`.
pub async fn run(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    ask: &Ask,
    mut faults: Faults,
    mut tell: impl FnMut(usize, usize) + Send,
) -> Result<Done> {
    viewer.require(Deed::KeepInvoices)?;
    // Nobody writes while this is open, so that what is planned from what readers see still holds when it is written.
    let mut change = audit::begin(db, viewer, "invoiceRun").await?;
    let issued_on = issuing::day_of_issue(change.tx(), InvoiceKind::Invoice, ask.issued_on, day_of(change.at()), &mut faults).await?;
    let Plan { invoices, mut charges, net, total, already, by_hand, problems, warnings, unpaid } =
        plan(db, network, ask, issued_on, faults).await?;
    if !warnings.is_empty() && !ask.confirm_decision {
        return Err(Error::conflict(
            "DECIDED_LATE",
            format!("{}; give confirmDecision: true to invoice it all the same", warnings.join("; ")),
        ));
    }
    if invoices.is_empty() || (!problems.is_empty() && !ask.skip_problems) {
        // Like a refusal, that is not stored: a retry tries again.
        change.undo().await?;
        return Ok(Done { already, by_hand, problems, warnings, unpaid, ..Done::default() });
    }
    let mut done = Done { net, total, already, by_hand, problems, warnings, unpaid, ..Done::default() };
    let mut press = Press::load(&change, network, InvoiceKind::Invoice, issued_on, &invoices).await?;
    let count = invoices.len();
    let mut waiting = invoices.into_iter();
    loop {
        let issued: Vec<_> = waiting.by_ref().take(CHUNK).map(|whole| press.issue(whole)).collect::<Result<_>>()?;
        if issued.is_empty() {
            break;
        }
        let mut theirs = Vec::new();
        for whole in issued.iter().map(|issued| &issued.whole) {
            done.invoices.push(whole.row.id);
            theirs.extend(whole.lines.iter().filter_map(|line| charges.remove(&line.id)));
        }
        issuing::write_new(&mut change, issued, theirs).await.map_err(already_invoiced)?;
        if done.invoices.len() == CHUNK && count > CHUNK {
            // Each further line looks for its invoice, and this may be the first run of all.
            look_at(change.tx(), "invoice").await?;
        }
        tell(done.invoices.len(), count);
    }
    change.commit_with(done.outcome()?).await?;
    Ok(done)
}

/// The database's own word, should two runs ever meet.
fn already_invoiced(error: Error) -> Error {
    let word = || Error::conflict("ALREADY_INVOICED", "somebody else has invoiced one of these fees meanwhile; run again for the rest");
    ["fee_charge__agreement_id__year__round", "fee_charge__member_id__year__kind__round", "fee_charge__kept"]
        .into_iter()
        .fold(error, |error, name| error.on_constraint(name, word()))
}

/// A line to be, with whom it is for.
struct Item {
    buyer: Buyer,
    agreement: Option<AgreementId>,
    line: invoice_line::Model,
    charge: fee_charge::Model,
}

async fn plan(db: &Database, network: &Network, ask: &Ask, issued_on: NaiveDate, mut faults: Faults) -> Result<Plan> {
    faults.expect(amounts::YEARS.contains(&ask.year), "input.year", "must be 1900 to 2999");
    if let Some(members) = &ask.members {
        let select = Query::select()
            .column(member::Column::Id)
            .from(member::Entity)
            .and_where(among(db.backend(), Expr::col(member::Column::Id), members.iter().copied()))
            .take();
        let found: Vec<member::Model> = rows(db.read(), &select, &[member::Column::Id]).await?;
        faults.expect(found.len() == members.len(), "input.members", "has an id that is no member's");
        faults.expect(!members.is_empty(), "input.members", "must not be empty; leave it out to invoice all");
    }
    faults.finish()?;
    let mut plan = Plan::default();
    let items = match ask.fees {
        Fees::Special(activity) => special(db, network, ask, (activity, issued_on), &mut plan).await?,
        Fees::Service => of_members(db, network, ask, (ChargeKind::ServiceFee, issued_on), &mut plan).await?,
        Fees::Membership => of_members(db, network, ask, (ChargeKind::MembershipFee, issued_on), &mut plan).await?,
    };
    let agreed = Agreed::load(db.read(), items.iter().map(|item| &item.line)).await?;
    gather(network, issued_on, &agreed, items, &mut plan);

    // What every invoice needs. What only taxed ones do is a problem of theirs.
    let mut lacks = Faults::default();
    if !plan.invoices.is_empty() {
        parties::seller(network, false, &mut lacks);
    }
    lacks.finish()?;
    let buyers = Buyers::load(db.read(), plan.invoices.iter().filter_map(|whole| buyer_of(&whole.row))).await?;
    let mut told = BTreeSet::new();
    let Plan { invoices, problems, .. } = &mut plan;
    invoices.retain(|whole| {
        let Some(buyer) = buyer_of(&whole.row) else { return false };
        let mut lacks = Faults::default();
        issuing::parties_of(network, &buyers, whole, &mut lacks);
        vat_rates::check(whole, issued_on, &mut lacks);
        drafting::check(network, "invoice", &mut whole.clone(), &mut lacks);
        let Err(error) = lacks.finish() else { return true };
        if told.insert(buyer) {
            problems.push(Problem { buyer, agreement: None, reason: error.to_string() });
        }
        false
    });
    let sum = |of: fn(&invoice::Model) -> Money| {
        let sum = plan.invoices.iter().try_fold(0_i64, |sum, whole| sum.checked_add(of(&whole.row).0)).filter(|sum| *sum <= Money::MAX.0);
        sum.map(Money).ok_or_else(|| {
            Error::conflict(
                "TOO_LARGE",
                "the invoices come to more than 10000000000.00 kronor in all; run for some of the members at a time",
            )
        })
    };
    (plan.net, plan.total) = (sum(|row| row.net)?, sum(|row| row.total)?);
    Ok(plan)
}

/// The signed agreements of an activity by which money comes in before the end of the year, in order of number.
async fn with_income(db: &Database, ask: &Ask, id: ActivityId) -> Result<Vec<agreement::Model>> {
    use agreement::Column as C;
    let last = NaiveDate::from_ymd_opt(ask.year, 12, 31).unwrap_or_default();
    let mut columns = fees::columns();
    columns.extend([C::OrganisationId, C::Number, C::NumberKey, C::VatRate]);
    let of = |column: C| -> SimpleExpr { Expr::col((agreement::Entity, column)) };
    let mut select = Query::select();
    select
        .columns(columns.iter().map(|column| (agreement::Entity, *column)))
        .from(agreement::Entity)
        .and_where(of(C::ActivityId).eq(id))
        .and_where(C::Direction.eq(Direction::Income))
        // What comes in by a cooperation agreement is a grant, and is requisitioned: see `requisitions::is_grant`.
        .and_where(C::Kind.ne(AgreementKind::Cooperation))
        .and_where(of(C::SignedOn).is_not_null())
        .and_where(of(C::WithdrawnOn).is_null())
        .and_where(of(C::StartsOn).lte(last))
        .order_by_expr(of(C::NumberKey), Order::Asc)
        .order_by_expr(of(C::Id), Order::Asc);
    if let Some(members) = &ask.members {
        select.and_where(among(db.backend(), of(C::MemberId), members.iter().copied()));
    }
    rows(db.read(), &select, &columns).await
}

/// The special fees of an activity's agreements by which money comes in, in order of number.
async fn special(
    db: &Database,
    network: &Network,
    ask: &Ask,
    (id, issued_on): (ActivityId, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    let activity = activity::Entity::find_by_id(id).one(db.read()).await?;
    let activity = activity.ok_or_else(|| Error::NotFound("there is no such activity".into()))?;
    let found = with_income(db, ask, id).await?;
    // Whoever may invoice a fee may reckon it, whatever else of a member's affairs it sees.
    let sums = fees::amounts_of(db, &Viewer::operator("invoices run"), &found, ask.year).await?;
    let invoiced = charges::invoiced(db.read(), &Whose::Activity(id), ask.year).await?;
    plan.unpaid = unpaid_months(&found, ask.year);
    let accounts = LineAccounts::load(db.read(), network).await?;
    let is_exempt = found.iter().any(|row| row.vat_rate == Some(VatRate::Exempt));
    let decisions = if is_exempt { TaxDecisions::on(db.read(), issued_on).await? } else { TaxDecisions::default() };
    let mut items = Vec::new();
    for row in found {
        let Some(buyer) = row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation)) else { continue };
        let mut problem = |reason: String| plan.problems.push(Problem { buyer, agreement: Some(row.id), reason });
        let Some(period) = period(&row, ask.year) else { continue };
        let number = row.number.as_deref().unwrap_or_default();
        let (Some(basis), Some(vat_rate)) = (row.fee_basis, row.vat_rate) else {
            problem(format!("agreement {number} brings money in, but says no fee"));
            continue;
        };
        let Some(sum) = sums.get(&row.id).copied() else {
            let (year, of) = (ask.year, fees::describe(row.fee_allocation_basis.unwrap_or_default()));
            problem(format!("the fee of agreement {number} is per mille of the allocation {of}, and none of {year} is known"));
            continue;
        };
        // Nobody knows how many take part: such fees are invoiced by hand, course by course.
        if basis == FeeBasis::PerParticipant {
            plan.by_hand += 1;
            continue;
        }
        if sum == Money::ZERO {
            continue;
        }
        let round = match invoiced.get(&row.id.0).copied().unwrap_or_default().standing(sum) {
            Standing::Due(round) => round,
            Standing::Invoiced => {
                plan.already += 1;
                continue;
            }
            Standing::Partly { sum: part, is_across } => {
                problem(in_part(&format!("agreement {number}"), ask.year, sum, part, is_across));
                continue;
            }
        };
        let months = if basis == FeeBasis::OneOff { 12 } else { amounts::months(&terms::of(&row), ask.year) };
        let part = if months < 12 { format!(", {months} av 12 månader") } else { String::new() };
        let account = accounts.of_line(Some(id), vat_rate);
        let line = line(account, format!("Särskild avgift {} {}{part}", activity.name, ask.year), Some(id), period, sum, vat_rate);
        let mut line = invoice_line::Model { agreement_id: Some(row.id), ..line };
        line_taxes::complete(&mut line, Some((ChargeKind::SpecialFee, Some(id))), &decisions);
        let charge = charges::of_run(ChargeKind::SpecialFee, ask.year, round, line.id, row.id.0);
        items.push(Item { buyer, agreement: Some(row.id), line, charge });
    }
    Ok(items)
}

/// Returns the months of a year that no agreement of an activity pays, by counterparty.
fn unpaid_months(agreements: &[agreement::Model], year: i32) -> Vec<UnpaidMonth> {
    let mut of: BTreeMap<Buyer, (Vec<AgreementId>, Vec<Paying>)> = BTreeMap::new();
    for row in agreements {
        let Some(buyer) = row.member_id.map(Buyer::Member).or(row.organisation_id.map(Buyer::Organisation)) else { continue };
        let is_yearly = matches!(row.fee_basis, Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation));
        let (ids, paying) = of.entry(buyer).or_default();
        ids.push(row.id);
        paying.push(Paying { term: terms::of(row), is_yearly });
    }
    let unpaid = of.into_iter().flat_map(|(buyer, (ids, paying))| {
        let months = unpaid_months::unpaid_months(&paying, year).into_iter();
        months.filter_map(move |(month, index)| Some(UnpaidMonth { buyer, agreement: *ids.get(index)?, month })).collect::<Vec<_>>()
    });
    unpaid.collect()
}

/// The days of the year that an agreement's fee is of; null when it is of none.
fn period(row: &agreement::Model, year: i32) -> Option<(NaiveDate, NaiveDate)> {
    let term = terms::of(row);
    if row.fee_basis == Some(FeeBasis::OneOff) || row.fee_basis.is_none() {
        return amounts::days(&term, year);
    }
    amounts::covered(&term, year)
}

/// The fee of every member of the year, in order of name: whoever was a member on some day of it pays the year's whole fee.
async fn of_members(
    db: &Database,
    network: &Network,
    ask: &Ask,
    (kind, issued_on): (ChargeKind, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    use member::Column as C;
    let basis = if kind == ChargeKind::ServiceFee { FeeBasis::PerMilleOfAllocation } else { FeeBasis::FixedPerYear };
    let fee = if kind == ChargeKind::ServiceFee { "service fee" } else { "membership fee" };
    let rule = fees::rule(db, basis, ask.year).await?.ok_or_else(|| {
        Error::conflict("NO_FEE_RULE", format!("no {fee} is in force on 1 January {}; set one with networkFeeSet", ask.year))
    })?;
    let decisions = TaxDecisions::on(db.read(), issued_on).await?;
    let vat_rate = decisions.rate_of(&rule).ok_or_else(|| undecided(&format!("the {fee} of {}", ask.year)))?;
    plan.warnings.extend(fee_decision::of_rule(db.read(), &rule, issued_on, ask.year).await?);
    let (first, last) = amounts::year(ask.year).ok_or_else(|| Error::invalid("input.year", "must be 1900 to 2999"))?;
    let of = |column: C| -> SimpleExpr { Expr::col((member::Entity, column)) };
    let columns = [C::Id, C::Name];
    let mut select = Query::select();
    select
        .columns(columns.iter().map(|column| (member::Entity, *column)))
        .from(member::Entity)
        .and_where(of(C::JoinedOn).lte(last))
        .and_where(of(C::LeftOn).is_null().or(of(C::LeftOn).gte(first)))
        .order_by_expr(of(C::NameKey), Order::Asc)
        .order_by_expr(of(C::Id), Order::Asc);
    if let Some(members) = &ask.members {
        select.and_where(among(db.backend(), of(C::Id), members.iter().copied()));
    }
    let found: Vec<member::Model> = rows(db.read(), &select, &columns).await?;
    let ids: Vec<MemberId> = found.iter().map(|row| row.id).collect();
    let allocations = fees::allocations(db, &Viewer::operator("invoices run"), &ids, ask.year, fees::basis_of(&rule)).await?;
    let invoiced = charges::invoiced(db.read(), &Whose::Members(kind, ask.members.clone()), ask.year).await?;
    let accounts = LineAccounts::load(db.read(), network).await?;
    let mut items = Vec::new();
    for row in found {
        let buyer = Buyer::Member(row.id);
        let Some(quote) = fees::quote(&rule, allocations.get(&row.id).copied()) else {
            let of = fees::describe(fees::basis_of(&rule));
            let reason = format!("{} has no allocation (tilldelning) {of} of {}; set it with allocationSet", row.name, ask.year);
            plan.problems.push(Problem { buyer, agreement: None, reason });
            continue;
        };
        if quote.amount == Money::ZERO {
            continue;
        }
        let round = match invoiced.get(&row.id.0).copied().unwrap_or_default().standing(quote.amount) {
            Standing::Due(round) => round,
            Standing::Invoiced => {
                plan.already += 1;
                continue;
            }
            Standing::Partly { sum, is_across } => {
                let reason = in_part(&row.name, ask.year, quote.amount, sum, is_across);
                plan.problems.push(Problem { buyer, agreement: None, reason });
                continue;
            }
        };
        let text = match (kind, quote.per_mille, quote.allocation) {
            (ChargeKind::ServiceFee, Some(rate), Some(allocation)) => {
                let rate = rate.to_string().replace('.', ",");
                format!("Serviceavgift {} ({rate} ‰ av tilldelningen {} kr)", ask.year, swedish::kronor(allocation))
            }
            _ => format!("Medlemsavgift {}", ask.year),
        };
        let mut line = line(accounts.of_fee(kind, vat_rate), text, None, (first, last), quote.amount, vat_rate);
        line_taxes::complete(&mut line, Some((kind, None)), &decisions);
        let charge = charges::of_run(kind, ask.year, round, line.id, row.id.0);
        items.push(Item { buyer, agreement: None, line, charge });
    }
    Ok(items)
}

/// What keeps a run from a fee of which so much is invoiced, so that nobody pays twice and nothing is forgotten.
fn in_part(whose: &str, year: i32, fee: Money, sum: Total, is_across: bool) -> String {
    if is_across {
        return format!(
            "the fee of {whose} for {year} is {fee}, and {sum} is invoiced for a period over New Year, of which nobody can tell what is the \
             year's; invoice the rest by hand, with a period within the year"
        );
    }
    format!(
        "the fee of {whose} for {year} is {fee}, of which {sum} is invoiced already; invoice the rest by hand, or credit what was invoiced"
    )
}

fn line(
    account: String,
    description: String,
    activity_id: Option<ActivityId>,
    (from, to): (NaiveDate, NaiveDate),
    sum: Money,
    vat_rate: VatRate,
) -> invoice_line::Model {
    invoice_line::Model {
        id: InvoiceLineId::new(),
        description,
        activity_id,
        period_from: Some(from),
        period_to: Some(to),
        quantity: Quantity(1000),
        unit_price: sum,
        vat_rate,
        account,
        ..invoice_line::Model::default()
    }
}

/// Makes invoices of the lines: one a buyer, or several when some are outside the scope of VAT or have other terms of payment, in the order
/// in which the buyers come.
fn gather(network: &Network, issued_on: NaiveDate, agreed: &Agreed, items: Vec<Item>, plan: &mut Plan) {
    let mut places: BTreeMap<(Buyer, bool, ClaimTerms), usize> = BTreeMap::new();
    for Item { buyer, agreement, mut line, charge } in items {
        let is_member = matches!(buyer, Buyer::Member(_));
        let terms = agreed.terms(&network.invoicing, is_member, std::slice::from_ref(&line));
        let place = *places.entry((buyer, line.vat_rate == VatRate::OutsideScope, terms)).or_insert(plan.invoices.len());
        if place == plan.invoices.len() {
            let (member_id, organisation_id) = match buyer {
                Buyer::Member(id) => (Some(id), None),
                Buyer::Organisation(id) => (None, Some(id)),
            };
            let due_on = Some(issuing::due_on(issued_on, terms.days));
            let row = invoice::Model { id: InvoiceId::new(), member_id, organisation_id, due_on, ..invoice::Model::default() };
            plan.invoices.push(Whole { row, ..Whole::default() });
        }
        let whole = &mut plan.invoices[place];
        line.invoice_id = whole.row.id;
        line.position = i32::try_from(whole.lines.len() + 1).unwrap_or(i32::MAX);
        let id = line.id;
        whole.lines.push(line);
        if drafting::reckon(network, whole) {
            plan.charges.insert(id, charge);
        } else {
            whole.lines.pop();
            plan.problems.push(Problem { buyer, agreement, reason: "the fee is too large for an invoice".to_owned() });
        }
    }
    plan.invoices.retain_mut(|whole| !whole.lines.is_empty() && drafting::reckon(network, whole));
}
