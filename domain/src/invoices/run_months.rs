//! Months of yearly fees that issued invoices have billed already. A run never bills them again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    date_range::DateRange,
    id::{AgreementId, InvoiceId},
    money::Money,
    term::Term,
};
use chrono::{Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::Buyer;
use crate::fees::{amounts, billed_months::BilledLine};

/// A month that a run leaves out because an invoice for another agreement of the same participation
/// has billed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoicedMonth {
    /// The counterparty.
    pub buyer: Buyer,
    /// The agreement in force on the first day of the month.
    pub agreement: AgreementId,
    /// First day of the month.
    pub month: NaiveDate,
    /// The invoice that has billed it.
    pub invoice: InvoiceId,
}

/// Months that an invoice has billed after the end of an agreement, which was set later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToCredit {
    /// The counterparty.
    pub buyer: Buyer,
    /// The agreement.
    pub agreement: AgreementId,
    /// The invoice.
    pub invoice: InvoiceId,
    /// First days of the months.
    pub months: Vec<NaiveDate>,
    /// Öre without VAT.
    pub net: Money,
}

/// Months of an agreement's yearly fee that a run bills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// First days of the months; empty when all are billed.
    pub months: Vec<NaiveDate>,
    /// Number of months of the agreement that its own lines have billed.
    pub before: i64,
    /// Months that other agreements' lines have billed.
    pub by_others: Vec<InvoicedMonth>,
    /// Months of its own that were billed and credited again.
    pub credited: Vec<NaiveDate>,
}

impl Due {
    /// `true` if the run bills everything that the agreement pays in the year.
    pub fn is_complete(&self) -> bool {
        self.before == 0 && self.by_others.is_empty()
    }

    /// Returns the months as periods without a gap, each with its number of months.
    pub fn periods(&self) -> Vec<(DateRange, i64)> {
        let mut found: Vec<(DateRange, i64)> = Vec::new();
        for month in &self.months {
            let Some(last) =
                month.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt())
            else {
                continue;
            };
            match found.last_mut() {
                Some((days, count)) if days.to.succ_opt() == Some(*month) => {
                    (days.to, *count) = (last, *count + 1)
                }
                _ => found.push((DateRange::new(*month, last), 1)),
            }
        }
        found
    }
}

/// An agreement of the activity with a yearly fee.
pub(super) struct Contract {
    pub(super) buyer: Buyer,
    pub(super) term: Term,
}

/// A line of an issued invoice for such an agreement.
pub(super) struct Line {
    pub(super) agreement: AgreementId,
    pub(super) invoice: InvoiceId,
    pub(super) billed: BilledLine,
}

/// The lines that have billed months of a year, for the agreements of an activity with yearly fees.
pub(super) struct BilledMonths {
    pub(super) year: i32,
    pub(super) contracts: HashMap<AgreementId, Contract>,
    pub(super) lines: Vec<Line>,
}

impl BilledMonths {
    /// Returns the months of an agreement with a yearly fee that a run bills. Excludes months that
    /// lines for other agreements of the same counterparty have billed after their end. Excludes
    /// months that its own lines have billed, unless it `is_billed_again`.
    pub fn due(&self, agreement: AgreementId, is_billed_again: bool) -> Due {
        let Some(contract) = self.contracts.get(&agreement) else { return Due::default() };
        let own = || {
            self.lines.iter().filter(move |line| line.agreement == agreement && !is_billed_again)
        };
        let billed: BTreeSet<NaiveDate> = own().flat_map(|line| line.billed.months()).collect();
        let others = self.by_others(agreement, contract);
        let mut due = Due::default();
        for month in amounts::months_paid(&contract.term, self.year) {
            if billed.contains(&month) {
                due.before += 1;
            } else if let Some(invoice) = others.get(&month) {
                due.by_others.push(InvoicedMonth {
                    buyer: contract.buyer,
                    agreement,
                    month,
                    invoice: *invoice,
                });
            } else {
                due.months.push(month);
            }
        }
        let still: BTreeSet<NaiveDate> =
            own().flat_map(|line| line.billed.still_billed(&contract.term)).collect();
        let credited =
            own().flat_map(|line| line.billed.credited(&contract.term)).collect::<BTreeSet<_>>();
        let is_unpaid = |month: &NaiveDate| {
            !still.contains(month) && !others.contains_key(month) && self.is_in_year(*month)
        };
        due.credited = credited.into_iter().filter(is_unpaid).collect();
        due
    }

    /// Returns the months that invoices to these counterparties have billed after the end of their
    /// agreements, in order of invoice number.
    pub fn to_credit(&self, is_asked: impl Fn(Buyer) -> bool) -> Vec<ToCredit> {
        let found = |line: &Line| {
            let contract =
                self.contracts.get(&line.agreement).filter(|contract| is_asked(contract.buyer))?;
            let late = line.billed.after_end(&contract.term);
            let (buyer, agreement, invoice) = (contract.buyer, line.agreement, line.invoice);
            let is_found = late.months.iter().any(|month| self.is_in_year(*month));
            is_found.then_some(ToCredit {
                buyer,
                agreement,
                invoice,
                months: late.months,
                net: late.net,
            })
        };
        self.lines.iter().filter_map(found).collect()
    }

    /// Returns the months that lines for other agreements of the counterparty have billed after
    /// their end, each with the first such invoice.
    fn by_others(
        &self,
        agreement: AgreementId,
        contract: &Contract,
    ) -> BTreeMap<NaiveDate, InvoiceId> {
        let mut found = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.agreement != agreement) {
            let Some(other) =
                self.contracts.get(&line.agreement).filter(|other| other.buyer == contract.buyer)
            else {
                continue;
            };
            for month in line.billed.after_end(&other.term).months {
                found.entry(month).or_insert(line.invoice);
            }
        }
        found
    }

    fn is_in_year(&self, day: NaiveDate) -> bool {
        amounts::year(self.year).is_some_and(|days| days.contains(day))
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;
    use chrono::Datelike;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn numbers<'m>(months: impl IntoIterator<Item = &'m NaiveDate>) -> Vec<u32> {
        months.into_iter().map(Datelike::month).collect()
    }

    #[test]
    fn consecutive_months_are_one_period() {
        let months = ["2026-01-01", "2026-02-01", "2026-05-01"].map(day).to_vec();
        let due = Due { months, ..Due::default() };
        assert_eq!(
            due.periods(),
            [
                (DateRange::new(day("2026-01-01"), day("2026-02-28")), 2),
                (DateRange::new(day("2026-05-01"), day("2026-05-31")), 1)
            ]
        );
    }

    #[test]
    fn months_are_billed_once_for_any_agreement() {
        let (first, second, other) = (AgreementId::new(), AgreementId::new(), AgreementId::new());
        let (buyer, stranger) = (Buyer::Member(MemberId::new()), Buyer::Member(MemberId::new()));
        let term = |starts_on: &str, ends_on: Option<&str>| Term {
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2025-12-01")),
            ..Term::default()
        };
        let contracts = HashMap::from([
            (first, Contract { buyer, term: term("2026-01-01", Some("2026-06-30")) }),
            (second, Contract { buyer, term: term("2026-07-01", None) }),
            (other, Contract { buyer: stranger, term: term("2026-07-01", None) }),
        ]);
        let invoice = InvoiceId::new();
        let billed = BilledLine {
            period: DateRange::new(day("2026-01-01"), day("2026-12-31")),
            net: Money(1200),
            left: Money(1000),
        };
        let mut months = BilledMonths {
            year: 2026,
            contracts,
            lines: vec![Line { agreement: first, invoice, billed }],
        };

        // Two months are credited, and are billed to the successor.
        let due = months.due(second, true);
        assert_eq!((numbers(&due.months), due.before, due.is_complete()), (vec![11, 12], 0, false));
        assert_eq!(numbers(due.by_others.iter().map(|billed| &billed.month)), [7, 8, 9, 10]);
        assert!(months.due(other, true).is_complete());
        let due = months.due(first, false);
        assert_eq!((due.months, due.before, due.credited), (vec![], 6, vec![]));
        let found = months.to_credit(|_| true);
        assert_eq!(
            (numbers(&found[0].months), found[0].net, found.len()),
            (vec![7, 8, 9, 10], Money(400), 1)
        );
        assert_eq!(months.to_credit(|asked| asked == stranger), []);

        // In force again for the whole year: the credited months are reported, and the unbilled
        // ones are due.
        months.contracts.insert(first, Contract { buyer, term: term("2026-01-01", None) });
        months.contracts.remove(&second);
        let due = months.due(first, false);
        assert_eq!(
            (numbers(&due.months), due.before, numbers(&due.credited)),
            (vec![], 12, vec![11, 12])
        );
        months.lines[0].billed = BilledLine {
            period: DateRange::new(day("2026-01-01"), day("2026-06-30")),
            net: Money(600),
            left: Money(600),
        };
        let due = months.due(first, false);
        assert_eq!(
            (numbers(&due.months), due.before, due.credited),
            ((7..=12).collect::<Vec<_>>(), 6, vec![])
        );
    }
}
