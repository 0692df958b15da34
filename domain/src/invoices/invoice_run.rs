//! The invoice run: a year's special fees of an activity, or the fees of every member, invoiced all
//! at once and each only once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    fee_charge,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::{ChargeKind, FeeBasis, InvoiceKind, VatRate},
    member,
    money::{Money, Quantity},
    total::Total,
};
use chrono::NaiveDate;
use sea_orm::{
    ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use super::{
    Buyer,
    aggregate::InvoiceAggregate,
    claim_terms::{Agreed, ClaimTerms},
    draft,
    fee_charges::{self, Standing, Whose},
    fee_decision,
    issue::{self, IssueRenderer},
    line_taxes,
    parties::{self, Buyers, buyer_of},
    revenue_accounts::LineAccounts,
    run_months::{InvoicedMonth, ToCredit},
    special_fees, vat_rates,
};
use crate::{
    activities::tax_decisions::{TaxDecisions, undecided},
    audit,
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    database::{Database, among, check, rows},
    error::{Error, Result, ValidationErrors},
    fees::{self, amounts},
    idempotency::{FromOutcome, Outcome},
    swedish,
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
    /// The network's own reference on every invoice.
    pub our_reference: Option<String>,
    /// The reference of the buyer, when the run is of one member; null: as its billing details have
    /// it.
    pub buyer_reference: Option<String>,
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

/// A month of a participation that no agreement pays: none is in force on its first day, or what
/// was invoiced of it was credited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpaidMonth {
    /// The counterparty.
    pub buyer: Buyer,
    /// The first agreement that is in force on a later day of the month, or whose month was
    /// credited.
    pub agreement: AgreementId,
    /// First day of the month.
    pub month: NaiveDate,
    /// `true` if the month was invoiced and credited again.
    #[serde(default)]
    pub is_credited: bool,
}

/// What a run would issue.
#[derive(Debug, Default)]
pub struct Plan {
    /// The invoices, without numbers.
    pub invoices: Vec<InvoiceAggregate>,
    /// The fee that each line is of.
    charges: HashMap<InvoiceLineId, fee_charge::Model>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// What is to be paid, öre.
    pub total: Money,
    /// How many fees have been invoiced already.
    pub already: i64,
    /// How many agreements have a fee per participant.
    pub manual: i64,
    /// Who can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    pub unpaid: Vec<UnpaidMonth>,
    /// Months that are left out, since invoices for other agreements have billed them.
    pub invoiced_months: Vec<InvoicedMonth>,
    /// What invoices have billed after the end of agreements.
    pub to_credit: Vec<ToCredit>,
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
    pub manual: i64,
    /// Who can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    #[serde(default)]
    pub unpaid: Vec<UnpaidMonth>,
    /// Months that are left out, since invoices for other agreements have billed them.
    #[serde(default)]
    pub invoiced_months: Vec<InvoicedMonth>,
    /// What invoices have billed after the end of agreements.
    #[serde(default)]
    pub to_credit: Vec<ToCredit>,
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
pub async fn preview(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    ask: &Ask,
    mut errors: ValidationErrors,
) -> Result<Plan> {
    viewer.require(Permission::ManageInvoices)?;
    let today = db.clock.today();
    let issued_on =
        issue::day_of_issue(db.read(), InvoiceKind::Invoice, ask.issued_on, today, &mut errors)
            .await?;
    plan(db, network, ask, issued_on, errors).await
}

/// Issues what [`preview`] shows: all of it or, when somebody can't be invoiced and nobody said to
/// skip that, nothing. `tell` is told how many invoices are written, of how many.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND for the activity, INVALID naming every
/// bad field and all that the network's settings lack, CONFLICT `NO_FEE_RULE` for members' fees of
/// a year without a rule, `VAT_UNDECIDED` for those that no tax decision is recorded of and that
/// state no VAT treatment themselves, `DECIDED_LATE` for a fee that was decided after the day of
/// issue or after its year unless that is confirmed, `TOO_LARGE` when the invoices come to more in
/// all than the register can count, `ALREADY_INVOICED`, `OCR_TAKEN` or `BUSY`.
pub async fn run(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    ask: &Ask,
    mut errors: ValidationErrors,
    mut tell: impl FnMut(usize, usize) + Send,
) -> Result<Done> {
    viewer.require(Permission::ManageInvoices)?;
    // Nobody writes while this is open, so that what is planned from what readers see still holds
    // when it is written.
    let mut change = audit::begin(db, viewer, "invoiceRun").await?;
    let issued_on = issue::day_of_issue(
        change.tx(),
        InvoiceKind::Invoice,
        ask.issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
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
    } = plan(db, network, ask, issued_on, errors).await?;
    if !warnings.is_empty() && !ask.confirm_decision {
        return Err(Error::conflict(
            "DECIDED_LATE",
            format!(
                "{}; give confirmDecision: true to invoice it all the same",
                warnings.join("; ")
            ),
        ));
    }
    if invoices.is_empty() || (!problems.is_empty() && !ask.skip_problems) {
        // Like a refusal, that is not stored: a retry tries again.
        change.undo().await?;
        return Ok(Done {
            already,
            manual,
            problems,
            warnings,
            unpaid,
            invoiced_months,
            to_credit,
            ..Done::default()
        });
    }
    let mut done = Done {
        net,
        total,
        already,
        manual,
        problems,
        warnings,
        unpaid,
        invoiced_months,
        to_credit,
        ..Done::default()
    };
    let mut renderer =
        IssueRenderer::load(&change, network, InvoiceKind::Invoice, issued_on, &invoices).await?;
    let count = invoices.len();
    let mut waiting = invoices.into_iter();
    loop {
        let issued: Vec<_> = waiting
            .by_ref()
            .take(CHUNK)
            .map(|aggregate| renderer.issue(aggregate))
            .collect::<Result<_>>()?;
        if issued.is_empty() {
            break;
        }
        let mut theirs = Vec::new();
        for aggregate in issued.iter().map(|issued| &issued.aggregate) {
            done.invoices.push(aggregate.row.id);
            theirs.extend(aggregate.lines.iter().filter_map(|line| charges.remove(&line.id)));
        }
        issue::write_new(&mut change, issued, theirs).await.map_err(already_invoiced)?;
        if done.invoices.len() == CHUNK && count > CHUNK {
            // Each further line looks for its invoice, and this may be the first run of all.
            check(change.tx(), "invoice").await?;
        }
        tell(done.invoices.len(), count);
    }
    change.commit_with(done.outcome()?).await?;
    Ok(done)
}

/// The database's own word, should two runs ever meet.
fn already_invoiced(error: Error) -> Error {
    let word = || {
        Error::conflict(
            "ALREADY_INVOICED",
            "somebody else has invoiced one of these fees meanwhile; run again for the rest",
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

/// A line to be, with whom it is for.
pub(super) struct Item {
    pub buyer: Buyer,
    pub agreement: Option<AgreementId>,
    pub line: invoice_line::Model,
    pub charge: fee_charge::Model,
}

async fn plan(
    db: &Database,
    network: &Network,
    ask: &Ask,
    issued_on: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<Plan> {
    errors.expect(amounts::YEARS.contains(&ask.year), "input.year", "must be 1900 to 2999");
    if let Some(members) = &ask.members {
        let select = Query::select()
            .column(member::Column::Id)
            .from(member::Entity)
            .and_where(among(db.backend(), Expr::col(member::Column::Id), members.iter().copied()))
            .take();
        let found: Vec<member::Model> = rows(db.read(), &select, &[member::Column::Id]).await?;
        errors.expect(
            found.len() == members.len(),
            "input.members",
            "has an id that is no member's",
        );
        errors.expect(
            !members.is_empty(),
            "input.members",
            "must not be empty; leave it out to invoice all",
        );
    }
    let references = References::check(ask, &mut errors);
    errors.finish()?;
    let mut plan = Plan::default();
    let items = match ask.fees {
        Fees::Special(activity) => {
            special_fees::items(db, network, ask, (activity, issued_on), &mut plan).await?
        }
        Fees::Service => {
            of_members(db, network, ask, (ChargeKind::ServiceFee, issued_on), &mut plan).await?
        }
        Fees::Membership => {
            of_members(db, network, ask, (ChargeKind::MembershipFee, issued_on), &mut plan).await?
        }
    };
    let agreed = Agreed::load(db.read(), items.iter().map(|item| &item.line)).await?;
    gather(network, issued_on, &agreed, items, &mut plan);
    for aggregate in &mut plan.invoices {
        (aggregate.row.our_reference, aggregate.row.buyer_reference) =
            (references.our.clone(), references.buyers.clone());
    }

    // What every invoice needs. What only taxed ones do is a problem of theirs.
    let mut lacks = ValidationErrors::default();
    if !plan.invoices.is_empty() {
        parties::seller(network, false, &mut lacks);
    }
    lacks.finish()?;
    let buyers = Buyers::load(
        db.read(),
        plan.invoices.iter().filter_map(|aggregate| buyer_of(&aggregate.row)),
    )
    .await?;
    let mut told = BTreeSet::new();
    let Plan { invoices, problems, .. } = &mut plan;
    invoices.retain(|aggregate| {
        let Some(buyer) = buyer_of(&aggregate.row) else { return false };
        let mut lacks = ValidationErrors::default();
        issue::parties_of(network, &buyers, aggregate, &mut lacks);
        vat_rates::check(aggregate, issued_on, &mut lacks);
        draft::check(network, "invoice", &mut aggregate.clone(), &mut lacks);
        let Err(error) = lacks.finish() else { return true };
        if told.insert(buyer) {
            problems.push(Problem { buyer, agreement: None, reason: error.to_string() });
        }
        false
    });
    let sum = |of: fn(&invoice::Model) -> Money| {
        let sum = plan
            .invoices
            .iter()
            .try_fold(0_i64, |sum, aggregate| sum.checked_add(of(&aggregate.row).0))
            .filter(|sum| *sum <= Money::MAX.0);
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

/// The references on each invoice of a run.
struct References {
    our: Option<String>,
    buyers: Option<String>,
}

impl References {
    fn check(ask: &Ask, errors: &mut ValidationErrors) -> Self {
        let mut text = |path: &str, text: Option<&String>| {
            errors.optional_document_line(path, text.map(String::as_str))
        };
        let (our, buyers) = (
            text("input.ourReference", ask.our_reference.as_ref()),
            text("input.buyerReference", ask.buyer_reference.as_ref()),
        );
        let is_of_one = ask.members.as_ref().is_some_and(|members| members.len() == 1);
        let message = "must be left out unless `members` names one member: every buyer has a reference of its own";
        errors.expect(buyers.is_none() || is_of_one, "input.buyerReference", message);
        Self { our, buyers }
    }
}

/// The fee of every member of the year, in order of name: whoever was a member on some day of it
/// pays the year's whole fee.
async fn of_members(
    db: &Database,
    network: &Network,
    ask: &Ask,
    (kind, issued_on): (ChargeKind, NaiveDate),
    plan: &mut Plan,
) -> Result<Vec<Item>> {
    use member::Column as C;
    let basis = if kind == ChargeKind::ServiceFee {
        FeeBasis::PerMilleOfAllocation
    } else {
        FeeBasis::FixedPerYear
    };
    let fee = if kind == ChargeKind::ServiceFee { "service fee" } else { "membership fee" };
    let rule = fees::rule(db, basis, ask.year).await?.ok_or_else(|| {
        Error::conflict(
            "NO_FEE_RULE",
            format!("no {fee} is in force on 1 January {}; set one with networkFeeSet", ask.year),
        )
    })?;
    let decisions = TaxDecisions::on(db.read(), issued_on).await?;
    let vat_rate =
        decisions.rate_of(&rule).ok_or_else(|| undecided(&format!("the {fee} of {}", ask.year)))?;
    plan.warnings.extend(fee_decision::of_rule(db.read(), &rule, issued_on, ask.year).await?);
    let (first, last) = amounts::year(ask.year)
        .ok_or_else(|| Error::invalid("input.year", "must be 1900 to 2999"))?;
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
    let allocations = fees::allocations(
        db,
        &Viewer::operator("invoices run"),
        &ids,
        ask.year,
        fees::basis_of(&rule),
    )
    .await?;
    let invoiced =
        fee_charges::invoiced(db.read(), &Whose::Members(kind, ask.members.clone()), ask.year)
            .await?;
    let accounts = LineAccounts::load(db.read(), network).await?;
    let mut items = Vec::new();
    for row in found {
        let buyer = Buyer::Member(row.id);
        let Some(quote) = fees::quote(&rule, allocations.get(&row.id).copied()) else {
            let of = fees::describe(fees::basis_of(&rule));
            let reason = format!(
                "{} has no allocation (tilldelning) {of} of {}; set it with allocationSet",
                row.name, ask.year
            );
            plan.problems.push(Problem { buyer, agreement: None, reason });
            continue;
        };
        if quote.amount == Money::ZERO {
            continue;
        }
        let round =
            match invoiced.get(&row.id.0).copied().unwrap_or_default().standing(quote.amount) {
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
                format!(
                    "Serviceavgift {} ({rate} ‰ av tilldelningen {} kr)",
                    ask.year,
                    swedish::kronor(allocation)
                )
            }
            _ => format!("Medlemsavgift {}", ask.year),
        };
        let mut line = line(
            accounts.of_fee(kind, vat_rate),
            text,
            None,
            (first, last),
            quote.amount,
            vat_rate,
        );
        line_taxes::complete(&mut line, Some((kind, None)), &decisions);
        let charge = fee_charges::of_run(kind, ask.year, round, line.id, row.id.0);
        items.push(Item { buyer, agreement: None, line, charge });
    }
    Ok(items)
}

/// What keeps a run from a fee of which so much is invoiced, so that nobody pays twice and nothing
/// is forgotten.
pub(super) fn in_part(whose: &str, year: i32, fee: Money, sum: Total, is_across: bool) -> String {
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

pub(super) fn line(
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

/// Makes invoices of the lines: one a buyer, or several when some are outside the scope of VAT or
/// have other terms of payment, in the order in which the buyers come.
fn gather(
    network: &Network,
    issued_on: NaiveDate,
    agreed: &Agreed,
    items: Vec<Item>,
    plan: &mut Plan,
) {
    let mut positions: BTreeMap<(Buyer, bool, ClaimTerms), usize> = BTreeMap::new();
    for Item { buyer, agreement, mut line, charge } in items {
        let is_member = matches!(buyer, Buyer::Member(_));
        let terms = agreed.terms(&network.invoicing, is_member, std::slice::from_ref(&line));
        let position = *positions
            .entry((buyer, line.vat_rate == VatRate::OutsideScope, terms))
            .or_insert(plan.invoices.len());
        if position == plan.invoices.len() {
            let (member_id, organisation_id) = match buyer {
                Buyer::Member(id) => (Some(id), None),
                Buyer::Organisation(id) => (None, Some(id)),
            };
            let due_on = Some(issue::due_on(issued_on, terms.days));
            let row = invoice::Model {
                id: InvoiceId::new(),
                member_id,
                organisation_id,
                due_on,
                ..invoice::Model::default()
            };
            plan.invoices.push(InvoiceAggregate { row, ..InvoiceAggregate::default() });
        }
        let aggregate = &mut plan.invoices[position];
        line.invoice_id = aggregate.row.id;
        line.position = i32::try_from(aggregate.lines.len() + 1).unwrap_or(i32::MAX);
        let id = line.id;
        aggregate.lines.push(line);
        if draft::calculate(network, aggregate) {
            plan.charges.insert(id, charge);
        } else {
            aggregate.lines.pop();
            plan.problems.push(Problem {
                buyer,
                agreement,
                reason: "the fee is too large for an invoice".to_owned(),
            });
        }
    }
    plan.invoices.retain_mut(|aggregate| {
        !aggregate.lines.is_empty() && draft::calculate(network, aggregate)
    });
}
