//! Fees of every member in a run: the service fee or the membership fee of a year.

use std::collections::HashMap;

use ::entity::{
    date_range::DateRange,
    fee_schedule,
    id::MemberId,
    kind::{ChargeKind, VatRate},
    member,
    money::Money,
};
use documents::swedish;
use uuid::Uuid;

use super::{
    Buyer,
    charge_status::{ChargeStatus, Invoiced},
    fee_lines, line_taxes,
    revenue_accounts::LineAccounts,
    run_plan::{Item, Plan, Problem, in_part, line},
};
use crate::{
    fees::quote::{Quote, basis_of, describe, quote},
    tax_decisions::in_force::TaxDecisions,
};

/// The facts about a fee that every member of a year pays.
pub(super) struct MemberFees {
    pub(super) kind: ChargeKind,
    pub(super) year: i32,
    /// The days of the year.
    pub(super) days: DateRange,
    /// The rule in force on 1 January.
    pub(super) rule: fee_schedule::Model,
    pub(super) vat_rate: VatRate,
    /// Allocations of the members on the basis of the rule.
    pub(super) allocations: HashMap<MemberId, Money>,
    pub(super) invoiced: HashMap<Uuid, Invoiced>,
    pub(super) accounts: LineAccounts,
    /// The tax decisions in force on the day of issue.
    pub(super) decisions: TaxDecisions,
}

impl MemberFees {
    /// Returns the line of a member's fee; `None` if there is nothing to invoice, which is counted
    /// or reported in the plan. A member on any day of the year pays the whole fee.
    pub(super) fn item(&self, row: &member::Model, plan: &mut Plan) -> Option<Item> {
        let buyer = Buyer::Member(row.id);
        let Some(quote) = quote(&self.rule, self.allocations.get(&row.id).copied()) else {
            let of = describe(basis_of(&self.rule));
            let reason = format!(
                "{} has no allocation (tilldelning) {of} of {}; set it first",
                row.name, self.year
            );
            plan.problems.push(Problem { buyer, agreement: None, reason });
            return None;
        };
        if quote.amount == Money::ZERO {
            return None;
        }
        let round = match self.status(row.id, quote.amount) {
            ChargeStatus::Due(round) => round,
            ChargeStatus::Invoiced => {
                plan.already += 1;
                return None;
            }
            ChargeStatus::Partly { sum, is_across } => {
                let reason = in_part(&row.name, self.year, quote.amount, sum, is_across);
                plan.problems.push(Problem { buyer, agreement: None, reason });
                return None;
            }
        };
        let mut line = line(
            self.accounts.of_fee(self.kind, self.vat_rate),
            description(self.kind, self.year, &quote),
            None,
            self.days,
            quote.amount,
            self.vat_rate,
        );
        line_taxes::complete(&mut line, Some((self.kind, None)), &self.decisions);
        let charge = fee_lines::of_run(self.kind, self.year, round, line.id, row.id.0);
        Some(Item { buyer, agreement: None, line, charge })
    }

    fn status(&self, member: MemberId, fee: Money) -> ChargeStatus {
        self.invoiced.get(&member.0).copied().unwrap_or_default().status(fee)
    }
}

/// Returns the text of a line about a fee of every member.
fn description(kind: ChargeKind, year: i32, quote: &Quote) -> String {
    match (kind, quote.per_mille, quote.allocation) {
        (ChargeKind::ServiceFee, Some(rate), Some(allocation)) => {
            let rate = rate.to_string().replace('.', ",");
            let allocation = swedish::kronor(allocation);
            format!("Serviceavgift {year} ({rate} ‰ av tilldelningen {allocation} kr)")
        }
        _ => format!("Medlemsavgift {year}"),
    }
}

#[cfg(test)]
mod tests {
    use ::entity::{kind::FeeBasis, total::Total};

    use super::*;
    use crate::config::Accounts;

    fn facts(kind: ChargeKind, rule: fee_schedule::Model) -> MemberFees {
        let day = |text: &str| text.parse().unwrap();
        MemberFees {
            kind,
            year: 2026,
            days: DateRange::new(day("2026-01-01"), day("2026-12-31")),
            rule,
            vat_rate: VatRate::OutsideScope,
            allocations: HashMap::new(),
            invoiced: HashMap::new(),
            accounts: LineAccounts::of_settings(Accounts::default()),
            decisions: TaxDecisions::default(),
        }
    }

    fn membership_fee() -> MemberFees {
        let rule = fee_schedule::Model {
            basis: FeeBasis::FixedPerYear,
            amount: Some(Money(1_000_000)),
            ..fee_schedule::Model::default()
        };
        facts(ChargeKind::MembershipFee, rule)
    }

    fn member() -> member::Model {
        member::Model {
            id: MemberId::new(),
            name: "Samordningsförbundet Alfa".into(),
            ..member::Model::default()
        }
    }

    #[test]
    fn a_member_pays_the_fee_of_the_year_once() {
        let (mut facts, row, mut plan) = (membership_fee(), member(), Plan::default());
        let item = facts.item(&row, &mut plan).unwrap();
        assert_eq!(item.line.description, "Medlemsavgift 2026");
        assert_eq!(item.line.unit_price, Money(1_000_000));
        assert_eq!((item.charge.round, item.charge.member_id), (1, Some(row.id)));
        assert_eq!(item.line.period_from.zip(item.line.period_to), Some(facts.days.into()));
        let sum = Total::from(Money(1_000_000));
        let invoiced =
            Invoiced { lines: sum, left: sum, rounds: 1, of_runs: sum, ..Invoiced::default() };
        facts.invoiced.insert(row.id.0, invoiced);
        assert!(facts.item(&row, &mut plan).is_none());
        assert_eq!((plan.already, plan.problems.len()), (1, 0));
        // Credited since: the next round.
        let credited = Invoiced { left: Total::ZERO, of_runs: Total::ZERO, ..invoiced };
        facts.invoiced.insert(row.id.0, credited);
        assert_eq!(facts.item(&row, &mut plan).map(|item| item.charge.round), Some(2));
    }

    #[test]
    fn a_fee_that_is_partly_invoiced_is_a_problem() {
        let (mut facts, row, mut plan) = (membership_fee(), member(), Plan::default());
        let part = Total::from(Money(400_000));
        facts
            .invoiced
            .insert(row.id.0, Invoiced { lines: part, left: part, ..Invoiced::default() });
        assert!(facts.item(&row, &mut plan).is_none());
        let reasons: Vec<_> = plan.problems.iter().map(|found| found.reason.as_str()).collect();
        assert_eq!(reasons, [in_part(&row.name, 2026, Money(1_000_000), part, false)]);
    }

    #[test]
    fn a_service_fee_needs_an_allocation() {
        let rule = fee_schedule::Model {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: "2.5".parse().ok(),
            ..fee_schedule::Model::default()
        };
        let (mut facts, row, mut plan) =
            (facts(ChargeKind::ServiceFee, rule), member(), Plan::default());
        assert!(facts.item(&row, &mut plan).is_none());
        assert!(plan.problems[0].reason.contains("has no allocation"), "{:?}", plan.problems);
        facts.allocations.insert(row.id, Money(1_000_000_000));
        let item = facts.item(&row, &mut plan).unwrap();
        assert_eq!(item.line.unit_price, Money(2_500_000));
        assert!(
            item.line.description.starts_with("Serviceavgift 2026 (2,5 ‰ av"),
            "{:?}",
            item.line
        );
    }
}
