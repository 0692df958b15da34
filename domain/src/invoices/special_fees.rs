//! Special fees of an activity in a run: each month of a participation once, by the agreement in
//! force on its first day.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    agreement,
    date_range::DateRange,
    id::{ActivityId, AgreementId},
    invoice_line,
    kind::{ChargeKind, FeeBasis},
    money::Money,
};
use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    Buyer,
    charge_status::{ChargeStatus, Invoiced},
    fee_lines, line_taxes,
    revenue_accounts::LineAccounts,
    run_months::{BilledMonths, Due},
    run_plan::{Item, Plan, Problem, UnpaidMonth, in_part, line},
};
use crate::{
    fees::{
        self, amounts,
        unpaid_months::{self, Paying},
    },
    tax_decisions::in_force::TaxDecisions,
    term_sql,
};

/// The days of a line, with their number of months of the year.
type Period = (DateRange, i64);

/// The facts about an activity's special fees of a year.
pub(super) struct SpecialFees {
    /// The activity, with its name.
    pub(super) activity: (ActivityId, String),
    pub(super) year: i32,
    /// The fee of each agreement, with the allocation that it is per mille of.
    pub(super) fees: HashMap<AgreementId, (amounts::Fee, Option<Money>)>,
    pub(super) invoiced: HashMap<Uuid, Invoiced>,
    pub(super) billed: BilledMonths,
    pub(super) accounts: LineAccounts,
    /// The tax decisions in force on the day of issue.
    pub(super) decisions: TaxDecisions,
}

impl SpecialFees {
    /// Returns the lines of an agreement's fee, and adds the reasons for months that are not
    /// invoiced to the plan.
    pub(super) fn items(&self, row: &agreement::Model, plan: &mut Plan) -> Vec<Item> {
        let Some(buyer) = Buyer::of(row.member_id, row.organisation_id) else {
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
                (self.year, fees::quote::describe(row.fee_allocation_basis.unwrap_or_default()));
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
        let (id, name) = &self.activity;
        let (id, vat_rate) = (*id, row.vat_rate.unwrap_or_default());
        let part = if months < 12 { format!(", {months} av 12 månader") } else { String::new() };
        let account = self.accounts.of_line(Some(id), vat_rate);
        let line = line(
            account,
            format!("Särskild avgift {name} {}{part}", self.year),
            Some(id),
            period,
            sum,
            vat_rate,
        );
        let mut line = invoice_line::Model { agreement_id: Some(row.id), ..line };
        line_taxes::complete(&mut line, Some((ChargeKind::SpecialFee, Some(id))), &self.decisions);
        let charge = fee_lines::of_run(ChargeKind::SpecialFee, self.year, round, line.id, row.id.0);
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
pub(super) fn unpaid_months(agreements: &[agreement::Model], year: i32) -> Vec<UnpaidMonth> {
    let mut of: BTreeMap<Buyer, (Vec<AgreementId>, Vec<Paying>)> = BTreeMap::new();
    for row in agreements {
        let Some(buyer) = Buyer::of(row.member_id, row.organisation_id) else {
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
fn period(row: &agreement::Model, year: i32) -> Option<DateRange> {
    let term = term_sql::of(row);
    if row.fee_basis == Some(FeeBasis::OneOff) || row.fee_basis.is_none() {
        return amounts::days(&term, year);
    }
    amounts::covered(&term, year)
}

#[cfg(test)]
mod tests {
    use ::entity::{
        id::{InvoiceId, MemberId},
        kind::VatRate,
    };

    use super::*;
    use crate::{
        config::Accounts,
        fees::billed_months::BilledLine,
        invoices::run_months::{Contract, Line},
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn agreement(member: MemberId, ore: i64) -> agreement::Model {
        agreement::Model {
            id: AgreementId::new(),
            number: Some("2026-001".into()),
            member_id: Some(member),
            fee_basis: Some(FeeBasis::FixedPerYear),
            fee_amount: Some(Money(ore)),
            vat_rate: Some(VatRate::Standard25),
            starts_on: day("2026-01-01"),
            signed_on: Some(day("2025-12-01")),
            ..agreement::Model::default()
        }
    }

    fn facts(row: &agreement::Model) -> SpecialFees {
        let (buyer, term) = (Buyer::Member(row.member_id.unwrap()), term_sql::of(row));
        SpecialFees {
            activity: (ActivityId::new(), "BIP".into()),
            year: 2026,
            fees: HashMap::from([(row.id, (amounts::Fee::of(row).unwrap(), None))]),
            invoiced: HashMap::new(),
            billed: BilledMonths {
                year: 2026,
                contracts: HashMap::from([(row.id, Contract { buyer, term })]),
                lines: Vec::new(),
            },
            accounts: LineAccounts::of_settings(Accounts::default()),
            decisions: TaxDecisions::default(),
        }
    }

    fn billed(facts: &mut SpecialFees, row: &agreement::Model, until: &str, net: i64, left: i64) {
        let billed = BilledLine {
            period: DateRange::new(day("2026-01-01"), day(until)),
            net: Money(net),
            left: Money(left),
        };
        facts.billed.lines.push(Line { agreement: row.id, invoice: InvoiceId::new(), billed });
        let sum = ::entity::total::Total::from(Money(net));
        let invoiced =
            Invoiced { lines: sum, left: sum, rounds: 1, of_runs: sum, ..Invoiced::default() };
        facts.invoiced.insert(row.id.0, invoiced);
    }

    fn lines(items: &[Item]) -> Vec<(&str, i64)> {
        items.iter().map(|item| (item.line.description.as_str(), item.line.unit_price.0)).collect()
    }

    #[test]
    fn a_fee_is_invoiced_once() {
        let row = agreement(MemberId::new(), 120_000);
        let mut facts = facts(&row);
        let mut plan = Plan::default();
        let items = facts.items(&row, &mut plan);
        assert_eq!(lines(&items), [("Särskild avgift BIP 2026", 120_000)]);
        assert_eq!((items[0].charge.round, items[0].charge.agreement_id), (1, Some(row.id)));
        assert_eq!(items[0].line.agreement_id, Some(row.id));
        billed(&mut facts, &row, "2026-12-31", 120_000, 120_000);
        assert!(facts.items(&row, &mut plan).is_empty());
        assert_eq!((plan.already, plan.problems), (1, vec![]));
    }

    #[test]
    fn months_that_are_not_billed_yet_are_invoiced_later() {
        // Ended in June when the year was invoiced, and prolonged since.
        let row = agreement(MemberId::new(), 120_000);
        let mut facts = facts(&row);
        billed(&mut facts, &row, "2026-06-30", 60_000, 60_000);
        let mut plan = Plan::default();
        let items = facts.items(&row, &mut plan);
        assert_eq!(lines(&items), [("Särskild avgift BIP 2026, 6 av 12 månader", 60_000)]);
        assert_eq!(
            (items[0].line.period_from, items[0].charge.round),
            (Some(day("2026-07-01")), 2)
        );
    }

    #[test]
    fn a_fee_that_can_not_be_calculated_is_a_problem() {
        let row = agreement(MemberId::new(), 120_000);
        let mut facts = facts(&row);
        facts.fees.clear();
        let mut plan = Plan::default();
        assert!(facts.items(&row, &mut plan).is_empty());
        assert_eq!(plan.problems.len(), 1);
        assert!(plan.problems[0].reason.contains("states no fee"), "{:?}", plan.problems);
    }

    #[test]
    fn due_periods_add_up_to_the_price_of_all_months() {
        let row = agreement(MemberId::new(), 100_001);
        let fee = amounts::Fee::of(&row).unwrap();
        let months = |numbers: &[u32]| {
            numbers.iter().filter_map(|month| NaiveDate::from_ymd_opt(2026, *month, 1)).collect()
        };
        let due = Due { months: months(&[1, 2, 3, 7, 8]), ..Due::default() };
        let rest = Due { months: months(&[4, 5, 6, 9, 10, 11, 12]), before: 5, ..Due::default() };
        let sum: Money = [due, rest]
            .iter()
            .flat_map(|due| prices(&fee, None, due))
            .map(|(_, price)| price)
            .sum();
        assert_eq!(sum, Money(100_001));
    }
}
