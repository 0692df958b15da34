//! Months of yearly fees that issued invoices have billed already. A run never bills them again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    agreement,
    id::{ActivityId, AgreementId, InvoiceId},
    invoice, invoice_line,
    kind::{FeeBasis, InvoiceKind},
    money::Money,
    term::Term,
};
use chrono::{Months, NaiveDate};
use sea_orm::{
    ConnectionTrait, ExprTrait, JoinType, Order,
    sea_query::{Alias, Expr, Query, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use super::Buyer;
use crate::{
    database::{rows, sum},
    error::Result,
    fees::{amounts, billed_months::BilledLine},
    term_sql,
};

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
    pub fn periods(&self) -> Vec<((NaiveDate, NaiveDate), i64)> {
        let mut found: Vec<((NaiveDate, NaiveDate), i64)> = Vec::new();
        for month in &self.months {
            let Some(last) =
                month.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt())
            else {
                continue;
            };
            match found.last_mut() {
                Some(((_, to), count)) if to.succ_opt() == Some(*month) => {
                    (*to, *count) = (last, *count + 1)
                }
                _ => found.push(((*month, last), 1)),
            }
        }
        found
    }
}

/// An agreement of the activity with a yearly fee.
struct Contract {
    buyer: Buyer,
    term: Term,
}

/// A line of an issued invoice for such an agreement.
struct Line {
    agreement: AgreementId,
    invoice: InvoiceId,
    billed: BilledLine,
}

/// The lines that have billed months of a year, for the agreements of an activity with yearly fees.
pub(super) struct BilledMonths {
    year: i32,
    contracts: HashMap<AgreementId, Contract>,
    lines: Vec<Line>,
}

impl BilledMonths {
    /// Loads the lines, in order of invoice number, by two statements.
    pub async fn load(db: &impl ConnectionTrait, activity: ActivityId, year: i32) -> Result<Self> {
        use agreement::Column as C;
        let mut columns = vec![C::Id, C::MemberId, C::OrganisationId, C::FeeBasis];
        columns.extend(term_sql::COLUMNS);
        let select = Query::select()
            .columns(columns.iter().map(|column| (agreement::Entity, *column)))
            .from(agreement::Entity)
            .and_where(Expr::col(C::ActivityId).eq(activity))
            .take();
        let found: Vec<agreement::Model> = rows(db, &select, &columns).await?;
        let contract = |row: agreement::Model| {
            let buyer = row
                .member_id
                .map(Buyer::Member)
                .or(row.organisation_id.map(Buyer::Organisation))?;
            let is_yearly = matches!(
                row.fee_basis,
                Some(FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation)
            );
            is_yearly.then(|| (row.id, Contract { buyer, term: term_sql::of(&row) }))
        };
        let contracts: HashMap<_, _> = found.into_iter().filter_map(contract).collect();
        let lines = match amounts::year(year) {
            Some(days) => lines(db, activity, days).await?,
            None => Vec::new(),
        };
        let lines =
            lines.into_iter().filter(|line| contracts.contains_key(&line.agreement)).collect();
        Ok(Self { year, contracts, lines })
    }

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
        amounts::year(self.year).is_some_and(|(first, last)| (first..=last).contains(&day))
    }
}

/// Loads the lines of issued invoices for the agreements of an activity, with a period that has a
/// day of the year.
async fn lines(
    db: &impl ConnectionTrait,
    activity: ActivityId,
    days: (NaiveDate, NaiveDate),
) -> Result<Vec<Line>> {
    let mut found = Vec::new();
    // Credited sums of an agreement's lines on an invoice, for credit notes that name no line, such
    // as imported ones.
    let mut unnamed: HashMap<(InvoiceId, AgreementId), Money> = HashMap::new();
    for row in db.query_all(&select(activity, days)).await? {
        let (agreement, invoice): (AgreementId, InvoiceId) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let net: Money = row.try_get_by_index(4)?;
        let named: Money = row.try_get_by_index(5)?;
        let left = net - named;
        let rest = unnamed.entry((invoice, agreement)).or_insert(row.try_get_by_index(6)?);
        let taken = Ord::max(Ord::min(*rest, left), Money::ZERO);
        *rest = *rest - taken;
        let billed = BilledLine {
            period: (row.try_get_by_index(2)?, row.try_get_by_index(3)?),
            net,
            left: left - taken,
        };
        found.push(Line { agreement, invoice, billed });
    }
    Ok(found)
}

fn select(activity: ActivityId, (first, last): (NaiveDate, NaiveDate)) -> SelectStatement {
    use invoice_line::Column as C;
    let line = |column: C| -> SimpleExpr { Expr::col((invoice_line::Entity, column)) };
    let document = |column: invoice::Column| -> SimpleExpr { Expr::col((invoice::Entity, column)) };
    let (credit, note) = (Alias::new("credit"), Alias::new("note"));
    let of_credit = |column: C| -> SimpleExpr { Expr::col((credit.clone(), column)) };
    let of_note = |column: invoice::Column| -> SimpleExpr { Expr::col((note.clone(), column)) };
    let named = Query::select()
        .expr(sum(of_credit(C::Net)))
        .from_as(invoice_line::Entity, credit.clone())
        .and_where(of_credit(C::CreditsLineId).eq(line(C::Id)))
        .take();
    let unnamed = Query::select()
        .expr(sum(of_credit(C::Net)))
        .from_as(invoice_line::Entity, credit.clone())
        .join_as(
            JoinType::InnerJoin,
            invoice::Entity,
            note.clone(),
            of_note(invoice::Column::Id).eq(of_credit(C::InvoiceId)),
        )
        .and_where(of_note(invoice::Column::CreditsId).eq(line(C::InvoiceId)))
        .and_where(of_credit(C::AgreementId).eq(line(C::AgreementId)))
        .and_where(of_credit(C::CreditsLineId).is_null())
        .take();
    let theirs = Query::select()
        .column(agreement::Column::Id)
        .from(agreement::Entity)
        .and_where(Expr::col(agreement::Column::ActivityId).eq(activity))
        .take();
    Query::select()
        .exprs([C::AgreementId, C::InvoiceId, C::PeriodFrom, C::PeriodTo, C::Net].map(line))
        .exprs([SimpleExpr::from(named), SimpleExpr::from(unnamed)])
        .from(invoice_line::Entity)
        .inner_join(invoice::Entity, document(invoice::Column::Id).eq(line(C::InvoiceId)))
        .and_where(document(invoice::Column::Kind).eq(InvoiceKind::Invoice))
        .and_where(document(invoice::Column::IssuedOn).is_not_null())
        .and_where(line(C::AgreementId).in_subquery(theirs))
        .and_where(line(C::Net).gt(0))
        .and_where(line(C::PeriodFrom).lte(last))
        .and_where(line(C::PeriodTo).gte(first))
        .order_by_expr(document(invoice::Column::NumberKey), Order::Asc)
        .order_by_expr(line(C::InvoiceId), Order::Asc)
        .order_by_expr(line(C::Position), Order::Asc)
        .take()
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
                ((day("2026-01-01"), day("2026-02-28")), 2),
                ((day("2026-05-01"), day("2026-05-31")), 1)
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
            period: (day("2026-01-01"), day("2026-12-31")),
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
            period: (day("2026-01-01"), day("2026-06-30")),
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
