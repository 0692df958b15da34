//! The plan of an invoice run: its parameters, invoices and problems.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    date_range::DateRange,
    fee_charge,
    id::{ActivityId, AgreementId, InvoiceId, InvoiceLineId, MemberId},
    invoice, invoice_line,
    kind::VatRate,
    money::{Money, Quantity},
    total::Total,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    Buyer,
    aggregate::InvoiceAggregate,
    claim_terms::{self, Agreed, ClaimTerms},
    draft_checks,
    parties::{self, Buyers, buyer_of},
    run_months::{InvoicedMonth, ToCredit},
    vat_rates,
};
use crate::{
    config::Network,
    error::{ConflictReason, Error, FieldErrorCode, Origin, Result, ValidationErrors},
};

/// Fees that a run invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fees {
    /// The special fees (särskilda avgifter) of an activity's agreements.
    Special(ActivityId),
    /// The service fee (serviceavgift) of every member.
    Service,
    /// The membership fee (medlemsavgift) of every member.
    Membership,
}

/// Input of a run.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// Fees to invoice.
    pub fees: Fees,
    /// Calendar year of the fees.
    pub year: i32,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
    /// Restriction to these members; null: all members and organisations.
    pub members: Option<BTreeSet<MemberId>>,
    /// `true` if buyers that can't be invoiced do not stop the rest.
    pub skip_problems: bool,
    /// `true` if a fee is invoiced although it was decided late: see
    /// [`fee_decision`](super::fee_decision).
    pub confirm_decision: bool,
    /// The network's own reference on every invoice.
    pub our_reference: Option<String>,
    /// The buyer's reference, if the run is of one member; null: from the billing details.
    pub buyer_reference: Option<String>,
}

/// A buyer that can't be invoiced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The buyer.
    pub buyer: Buyer,
    /// The agreement; null for members' fees, and if the buyer itself lacks a required fact.
    pub agreement: Option<AgreementId>,
    /// Reason.
    pub reason: String,
}

/// A month of a participation that no agreement pays: none is in force on its first day, or its
/// invoice was credited.
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
    /// `true` if the month was invoiced and credited.
    #[serde(default)]
    pub is_credited: bool,
}

/// The invoices that a run would issue.
#[derive(Debug, Default)]
pub struct Plan {
    /// The invoices, without numbers.
    pub invoices: Vec<InvoiceAggregate>,
    /// Fee charge of each line.
    pub(super) charges: HashMap<InvoiceLineId, fee_charge::Model>,
    /// Sum of their lines, öre.
    pub net: Money,
    /// Sum to be paid, öre.
    pub total: Money,
    /// Number of fees that are invoiced already.
    pub already: i64,
    /// Number of agreements with a fee per participant.
    pub manual: i64,
    /// Buyers that can't be invoiced.
    pub problems: Vec<Problem>,
    /// Months of participations that no agreement pays.
    pub unpaid: Vec<UnpaidMonth>,
    /// Months that are left out because invoices for other agreements have billed them.
    pub invoiced_months: Vec<InvoicedMonth>,
    /// Months that invoices have billed after the end of agreements.
    pub to_credit: Vec<ToCredit>,
    /// Warnings that need a confirmation, a sentence each.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Groups the lines into invoices, in order of the buyers: one for each buyer, or several if
    /// some lines are outside the scope of VAT or have other terms of payment.
    pub(super) fn gather(
        &mut self,
        network: &Network,
        issued_on: NaiveDate,
        agreed: &Agreed,
        items: Vec<Item>,
    ) {
        let mut positions: BTreeMap<(Buyer, bool, ClaimTerms), usize> = BTreeMap::new();
        for Item { buyer, agreement, mut line, charge } in items {
            let is_member = matches!(buyer, Buyer::Member(_));
            let terms = agreed.terms(&network.invoicing, is_member, std::slice::from_ref(&line));
            let position = *positions
                .entry((buyer, line.vat_rate == VatRate::OutsideScope, terms))
                .or_insert(self.invoices.len());
            if position == self.invoices.len() {
                let (member_id, organisation_id) = match buyer {
                    Buyer::Member(id) => (Some(id), None),
                    Buyer::Organisation(id) => (None, Some(id)),
                };
                let due_on = Some(claim_terms::due_on(issued_on, terms.days));
                let row = invoice::Model {
                    id: InvoiceId::new(),
                    member_id,
                    organisation_id,
                    due_on,
                    ..invoice::Model::default()
                };
                self.invoices.push(InvoiceAggregate { row, ..InvoiceAggregate::default() });
            }
            let aggregate = &mut self.invoices[position];
            line.invoice_id = aggregate.row.id;
            line.position = i32::try_from(aggregate.lines.len() + 1).unwrap_or(i32::MAX);
            let id = line.id;
            aggregate.lines.push(line);
            if draft_checks::calculate(network, aggregate) {
                self.charges.insert(id, charge);
            } else {
                aggregate.lines.pop();
                self.problems.push(Problem {
                    buyer,
                    agreement,
                    reason: "the fee is too large for an invoice".to_owned(),
                });
            }
        }
        self.invoices.retain_mut(|aggregate| {
            !aggregate.lines.is_empty() && draft_checks::calculate(network, aggregate)
        });
    }

    /// Sets the references on each invoice.
    pub(super) fn refer(&mut self, references: &References) {
        for aggregate in &mut self.invoices {
            (aggregate.row.our_reference, aggregate.row.buyer_reference) =
                (references.our.clone(), references.buyers.clone());
        }
    }

    /// Moves the invoices that can't be issued to the problems, one for each buyer.
    pub(super) fn check(&mut self, network: &Network, issued_on: NaiveDate, buyers: &Buyers) {
        let mut checked = BTreeSet::new();
        let Plan { invoices, problems, .. } = self;
        invoices.retain(|aggregate| {
            let Some(buyer) = buyer_of(&aggregate.row) else { return false };
            let mut lacks = ValidationErrors::of(Origin::Record);
            parties::parties_of(network, buyers, aggregate, &mut lacks);
            vat_rates::check(aggregate, issued_on, &mut lacks);
            draft_checks::check(network, "invoice", &mut aggregate.clone(), &mut lacks);
            let Err(error) = lacks.finish() else { return true };
            if checked.insert(buyer) {
                problems.push(Problem { buyer, agreement: None, reason: error.to_string() });
            }
            false
        });
    }

    /// Calculates the sums of the invoices together.
    ///
    /// # Errors
    /// CONFLICT `TOO_LARGE` if they exceed the largest amount.
    pub(super) fn add_up(&mut self) -> Result<()> {
        let sum = |of: fn(&invoice::Model) -> Money| {
            let sum = self
                .invoices
                .iter()
                .try_fold(0_i64, |sum, aggregate| sum.checked_add(of(&aggregate.row).0))
                .filter(|sum| *sum <= Money::MAX.0);
            sum.map(Money).ok_or_else(|| {
                Error::conflict(
                    ConflictReason::TooLarge,
                    "the invoices exceed 10000000000.00 kronor in total; run for some of the members at a time",
                )
            })
        };
        (self.net, self.total) = (sum(|row| row.net)?, sum(|row| row.total)?);
        Ok(())
    }
}

/// References on each invoice of a run.
pub(super) struct References {
    our: Option<String>,
    buyers: Option<String>,
}

impl References {
    /// Checks the references of a run.
    pub(super) fn check(input: &RunInput, errors: &mut ValidationErrors) -> Self {
        let mut text = |path: &str, text: Option<&String>| {
            errors.optional_document_line(path, text.map(String::as_str))
        };
        let (our, buyers) = (
            text("our_reference", input.our_reference.as_ref()),
            text("buyer_reference", input.buyer_reference.as_ref()),
        );
        let is_of_one = input.members.as_ref().is_some_and(|members| members.len() == 1);
        let message = "must be left out unless `members` names one member: every buyer has a reference of its own";
        let problem = FieldErrorCode::NotAllowed.problem(message);
        errors.expect(buyers.is_none() || is_of_one, "buyer_reference", problem);
        Self { our, buyers }
    }
}

/// A planned line with its buyer.
pub(super) struct Item {
    pub buyer: Buyer,
    pub agreement: Option<AgreementId>,
    pub line: invoice_line::Model,
    pub charge: fee_charge::Model,
}

/// Returns the reason why a run leaves out a fee of which this sum is invoiced, so that the fee is
/// neither paid twice nor forgotten.
pub(super) fn in_part(payer: &str, year: i32, fee: Money, sum: Total, is_across: bool) -> String {
    if is_across {
        return format!(
            "the fee of {payer} for {year} is {fee}, and {sum} is invoiced for a period across New Year with an unknown part in the year; \
             invoice the rest manually, with a period within the year"
        );
    }
    format!(
        "the fee of {payer} for {year} is {fee}, of which {sum} is invoiced already; invoice the rest manually, or credit the invoiced part"
    )
}

/// Returns a line of a run: one piece of a sum for some days.
pub(super) fn line(
    account: String,
    description: String,
    activity_id: Option<ActivityId>,
    DateRange { from, to }: DateRange,
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

#[cfg(test)]
mod tests {
    use ::entity::{id::OrganisationId, kind::ChargeKind};

    use super::*;
    use crate::invoices::fee_lines::of_run;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn item(buyer: Buyer, ore: i64, vat_rate: VatRate) -> Item {
        let days = DateRange::new(day("2026-01-01"), day("2026-12-31"));
        let line = line("3041".into(), "Avgift".into(), None, days, Money(ore), vat_rate);
        let charge = of_run(ChargeKind::SpecialFee, 2026, 1, line.id, AgreementId::new().0);
        Item { buyer, agreement: None, line, charge }
    }

    fn gathered(items: Vec<Item>) -> Plan {
        let mut plan = Plan::default();
        plan.gather(&Network::default(), day("2026-02-01"), &Agreed::default(), items);
        plan
    }

    #[test]
    fn a_buyer_gets_one_invoice_and_another_for_lines_outside_the_scope_of_vat() {
        use VatRate::{OutsideScope, Standard25};
        let (member, organisation) =
            (Buyer::Member(MemberId::new()), Buyer::Organisation(OrganisationId::new()));
        let mut plan = gathered(vec![
            item(member, 10_000, Standard25),
            item(organisation, 20_000, Standard25),
            item(member, 30_000, Standard25),
            item(member, 40_000, OutsideScope),
        ]);
        let sums: Vec<_> = plan
            .invoices
            .iter()
            .map(|own| (buyer_of(&own.row), own.lines.len(), own.row.net.0))
            .collect();
        assert_eq!(
            sums,
            [(Some(member), 2, 40_000), (Some(organisation), 1, 20_000), (Some(member), 1, 40_000)]
        );
        assert_eq!(plan.charges.len(), 4);
        let first = &plan.invoices[0];
        assert_eq!(first.lines.iter().map(|line| line.position).collect::<Vec<_>>(), [1, 2]);
        assert!(first.lines.iter().all(|line| line.invoice_id == first.row.id));
        assert_eq!(first.row.due_on, Some(day("2026-03-03")), "30 days");
        plan.add_up().unwrap();
        assert_eq!((plan.net, plan.total), (Money(100_000), Money(115_000)));
    }

    #[test]
    fn a_fee_that_is_too_large_is_a_problem() {
        let buyer = Buyer::Member(MemberId::new());
        let plan = gathered(vec![item(buyer, Money::MAX.0, VatRate::Standard25)]);
        assert_eq!((plan.invoices.len(), plan.charges.len(), plan.problems.len()), (0, 0, 1));
        // Each is small enough, but not all of them together.
        let items = (0..2)
            .map(|_| item(Buyer::Member(MemberId::new()), Money::MAX.0, VatRate::OutsideScope));
        let mut plan = gathered(items.collect());
        assert_eq!(plan.invoices.len(), 2);
        assert!(plan.add_up().is_err());
    }

    #[test]
    fn invoices_that_lack_a_fact_are_a_problem_of_their_buyer() {
        use VatRate::{OutsideScope, Standard25};
        let buyer = Buyer::Member(MemberId::new());
        let mut plan =
            gathered(vec![item(buyer, 10_000, Standard25), item(buyer, 10_000, OutsideScope)]);
        plan.check(&Network::default(), day("2026-02-01"), &Buyers::default());
        assert_eq!((plan.invoices.len(), plan.problems.len()), (0, 1));
        assert_eq!(plan.problems[0].buyer, buyer);
    }

    #[test]
    fn a_buyers_reference_is_of_a_run_for_one_member() {
        let input = |members: Option<usize>| RunInput {
            fees: Fees::Service,
            year: 2026,
            issued_on: None,
            members: members.map(|count| (0..count).map(|_| MemberId::new()).collect()),
            skip_problems: false,
            confirm_decision: false,
            our_reference: Some("Anna".into()),
            buyer_reference: Some("4711".into()),
        };
        for (members, is_good) in [(None, false), (Some(1), true), (Some(2), false)] {
            let mut errors = ValidationErrors::default();
            let references = References::check(&input(members), &mut errors);
            assert_eq!(errors.is_empty(), is_good, "{members:?}");
            let mut plan = gathered(vec![item(Buyer::Member(MemberId::new()), 1, VatRate::Exempt)]);
            plan.refer(&references);
            assert_eq!(plan.invoices[0].row.our_reference.as_deref(), Some("Anna"));
        }
    }
}
