//! Claims on a buyer that pays late: first day of interest, reminder fee and compensation for the
//! delay.
//!
//! Interest runs from the last day to pay if that was agreed before the debt arose, by an agreement
//! or by the statutes (räntelagen 3 §), else from the 30th day after the invoice was sent (4 §). A
//! fee for a written reminder is owed if it was agreed (lag 1981:739 2 §). Compensation for the
//! delay (förseningsersättning, 4 a § of that act) is owed between businesses, and by public bodies
//! to businesses, without agreement; it replaces the fee. The statutes bind members only. Sources:
//! `docs/laws.md`.

use std::{
    cmp::{max, min},
    collections::HashMap,
};

use ::entity::{
    banking_day,
    id::AgreementId,
    invoice::Model,
    invoice_line,
    kind::{InvoiceKind, VatRate},
    money::Money,
};
use chrono::{Days, NaiveDate};

use crate::{agreements::payment_terms::PaymentTerms, config::Invoicing};

/// Compensation for the delay (lag 1981:739 4 a §), öre.
pub const LATE_COMPENSATION: Money = Money(45_000);

/// Maximum fee of a reminder (lag 1981:739 4 §), öre.
pub const MAX_REMINDER_FEE: Money = Money(6000);

/// Days after the dispatch of an invoice from which interest runs without an agreement (räntelagen
/// 4 §).
const DAYS_WITHOUT_AGREEMENT: u64 = 30;

/// Terms agreed with the buyer of an invoice when it was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimTerms {
    /// Days from issue to the last day to pay.
    pub days: u16,
    /// `true` if interest runs from the last day to pay.
    pub interest_is_agreed: bool,
    /// Fee of a written reminder, öre; zero: none.
    pub reminder_fee: Money,
    /// Compensation for the delay, öre; zero: none. Replaces the reminder fee.
    pub late_compensation: Money,
}

/// Returns the terms of an invoice whose lines are of these agreements, `None` for a line without
/// one. The days to pay are the longest of its agreements, so that no buyer must pay sooner than
/// agreed. Interest and fee are claimed only if the terms of every line allow it.
#[must_use]
pub fn claim_terms(
    invoicing: &Invoicing,
    is_member: bool,
    is_taxed: bool,
    lines: &[Option<PaymentTerms>],
) -> ClaimTerms {
    let statutes = (
        is_member && invoicing.interest_from_due_date,
        if is_member { invoicing.reminder_fee } else { Money::ZERO },
    );
    let agreed = |line: &Option<PaymentTerms>| {
        let own = line.unwrap_or_default();
        (own.interest_from_due_date.unwrap_or(statutes.0), own.reminder_fee.unwrap_or(statutes.1))
    };
    let all = lines.iter().map(agreed).reduce(|one, other| (one.0 && other.0, min(one.1, other.1)));
    let (interest_is_agreed, reminder_fee) = all.unwrap_or(statutes);
    // Lines outside the scope of VAT pay for neither goods nor services.
    let late_compensation =
        if invoicing.late_compensation && is_taxed { LATE_COMPENSATION } else { Money::ZERO };
    ClaimTerms {
        days: lines
            .iter()
            .flatten()
            .filter_map(|line| line.days)
            .max()
            .unwrap_or(invoicing.due_days),
        interest_is_agreed,
        reminder_fee: if late_compensation > Money::ZERO {
            Money::ZERO
        } else {
            reminder_fee.clamp(Money::ZERO, MAX_REMINDER_FEE)
        },
        late_compensation,
    }
}

/// Terms of payment of the agreements of some lines.
#[derive(Debug, Default)]
pub(super) struct Agreed(pub(super) HashMap<AgreementId, PaymentTerms>);

impl Agreed {
    /// Returns the terms of an invoice with these lines.
    pub(super) fn terms(
        &self,
        invoicing: &Invoicing,
        is_member: bool,
        lines: &[invoice_line::Model],
    ) -> ClaimTerms {
        let is_taxed = lines.iter().any(|line| line.vat_rate != VatRate::OutsideScope);
        let lines: Vec<_> = lines
            .iter()
            .map(|line| line.agreement_id.and_then(|id| self.0.get(&id).copied()))
            .collect();
        claim_terms(invoicing, is_member, is_taxed, &lines)
    }
}

/// Returns the last day to pay: this many days after the day of issue.
pub(crate) fn due_on(issued_on: NaiveDate, days: u16) -> NaiveDate {
    issued_on.checked_add_days(Days::new(days.into())).unwrap_or(issued_on)
}

/// Returns the day by which an invoice must be paid: its last day to pay or, when banks are closed
/// on it, the next banking day (skuldebrevslagen 5 §, by analogy). `None` for a draft and a credit
/// note.
#[must_use]
pub fn payable_until(row: &Model) -> Option<NaiveDate> {
    row.due_on.filter(|_| row.kind == InvoiceKind::Invoice).map(banking_day::on_or_after)
}

/// Returns the day after which each day bears interest, for an invoice that is not paid; `None` for
/// a draft and a credit note.
#[must_use]
pub fn interest_from(row: &Model, is_agreed: bool) -> Option<NaiveDate> {
    let until = payable_until(row)?;
    let sent_on = row.issued_on.filter(|_| row.kind == InvoiceKind::Invoice && !is_agreed);
    let earliest =
        sent_on.and_then(|sent_on| sent_on.checked_add_days(Days::new(DAYS_WITHOUT_AGREEMENT)));
    Some(earliest.map_or(until, |earliest| max(until, earliest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn terms(days: u16, is_agreed: bool, fee: i64) -> Option<PaymentTerms> {
        Some(PaymentTerms {
            days: Some(days),
            interest_from_due_date: Some(is_agreed),
            reminder_fee: Some(Money(fee)),
        })
    }

    #[test]
    fn interest_runs_from_the_due_date_where_agreed_and_else_from_the_thirtieth_day() {
        let row = |issued: &str, due: &str| Model {
            issued_on: Some(day(issued)),
            due_on: Some(day(due)),
            ..Model::default()
        };
        for (issued, due, agreed, not_agreed) in [
            ("2026-11-02", "2026-11-02", "2026-11-02", "2026-12-02"),
            ("2026-11-02", "2026-11-16", "2026-11-16", "2026-12-02"),
            ("2026-11-02", "2026-12-02", "2026-12-02", "2026-12-02"),
            // Due on a Sunday, so on the Monday.
            ("2026-10-30", "2026-11-29", "2026-11-30", "2026-11-30"),
            ("2026-11-02", "2027-01-15", "2027-01-15", "2027-01-15"),
        ] {
            let row = row(issued, due);
            assert_eq!(
                (interest_from(&row, true), interest_from(&row, false)),
                (Some(day(agreed)), Some(day(not_agreed))),
                "{issued} {due}"
            );
        }
        assert_eq!(interest_from(&Model::default(), true), None);
        let note = Model { kind: InvoiceKind::CreditNote, ..row("2026-11-02", "2026-11-02") };
        assert_eq!(interest_from(&note, true), None);
    }

    #[test]
    fn an_agreement_decides_for_its_lines_and_the_statutes_for_the_others() {
        let settings = Invoicing::default();
        let silent = ClaimTerms { days: 30, ..ClaimTerms::default() };
        assert_eq!(claim_terms(&settings, true, true, &[None]), silent);
        let agreed = ClaimTerms {
            days: 14,
            interest_is_agreed: true,
            reminder_fee: Money(6000),
            ..ClaimTerms::default()
        };
        assert_eq!(claim_terms(&settings, true, true, &[terms(14, true, 6000)]), agreed);
        assert_eq!(claim_terms(&settings, false, true, &[terms(14, true, 6000)]), agreed);
        // A line without agreement removes both; the longest days hold for all.
        assert_eq!(
            claim_terms(&settings, true, true, &[terms(14, true, 6000), None]),
            ClaimTerms { days: 14, ..ClaimTerms::default() }
        );
        let two = [terms(14, true, 6000), terms(20, true, 5000)];
        assert_eq!(
            claim_terms(&settings, true, true, &two),
            ClaimTerms { days: 20, reminder_fee: Money(5000), ..agreed }
        );
    }

    #[test]
    fn statutes_bind_members_without_agreed_terms() {
        let settings = Invoicing {
            interest_from_due_date: true,
            reminder_fee: Money(6000),
            due_days: 20,
            ..Invoicing::default()
        };
        let by_statutes = ClaimTerms {
            days: 20,
            interest_is_agreed: true,
            reminder_fee: Money(6000),
            ..ClaimTerms::default()
        };
        assert_eq!(claim_terms(&settings, true, true, &[None]), by_statutes);
        assert_eq!(
            claim_terms(&settings, true, true, &[Some(PaymentTerms::default())]),
            by_statutes
        );
        assert_eq!(
            claim_terms(&settings, false, true, &[None]),
            ClaimTerms { days: 20, ..ClaimTerms::default() }
        );
        // An agreement takes precedence over the statutes.
        assert_eq!(
            claim_terms(&settings, true, true, &[terms(30, false, 0)]),
            ClaimTerms { days: 30, ..ClaimTerms::default() }
        );
    }

    #[test]
    fn compensation_for_the_delay_replaces_the_fee() {
        let settings = Invoicing {
            late_compensation: true,
            reminder_fee: Money(6000),
            ..Invoicing::default()
        };
        let compensated = claim_terms(&settings, true, true, &[terms(30, true, 6000)]);
        assert_eq!(
            (compensated.reminder_fee, compensated.late_compensation),
            (Money::ZERO, Money(45_000))
        );
        // A membership fee is paid for neither goods nor services.
        let outside = claim_terms(&settings, true, false, &[None]);
        assert_eq!((outside.reminder_fee, outside.late_compensation), (Money(6000), Money::ZERO));
    }
}
