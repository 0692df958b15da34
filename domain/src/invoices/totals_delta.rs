//! Change of the totals by month and activity that documents and payments make.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::{id::ActivityId, invoice_line, kind::InvoiceKind, revenue_month::Model};
use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::{
    accrual::{covered_days, months, part},
    amounts::Share,
};

/// Returns the first day of a day's month.
#[must_use]
pub fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// Change of the totals.
#[derive(Debug, Default)]
pub struct TotalsDelta(pub(super) BTreeMap<(NaiveDate, Uuid), Model>);

impl TotalsDelta {
    fn of(&mut self, day: NaiveDate, activity: Option<ActivityId>) -> &mut Model {
        let (month, activity_id) =
            (month_of(day), activity.map_or(Uuid::nil(), |activity| activity.0));
        self.0.entry((month, activity_id)).or_insert_with(|| Model {
            month,
            activity_id,
            ..Model::default()
        })
    }

    /// Adds an issued invoice or credit note.
    pub fn issue(
        &mut self,
        kind: InvoiceKind,
        issued_on: NaiveDate,
        lines: &[invoice_line::Model],
    ) {
        for line in lines {
            let row = self.of(issued_on, line.activity_id);
            let (net, vat) = match kind {
                InvoiceKind::Invoice => (&mut row.invoiced_net, &mut row.invoiced_vat),
                InvoiceKind::CreditNote => (&mut row.credited_net, &mut row.credited_vat),
            };
            *net += line.net;
            *vat += line.vat;
            self.accrue(kind, issued_on, line);
        }
        for activity in lines.iter().map(|line| line.activity_id).collect::<BTreeSet<_>>() {
            self.of(issued_on, activity).invoices += 1;
        }
    }

    /// Spreads a line over the months that it covers.
    fn accrue(&mut self, kind: InvoiceKind, issued_on: NaiveDate, line: &invoice_line::Model) {
        let covers = covered_days(line, issued_on);
        for days in months(covers) {
            let row = self.of(days.0, line.activity_id);
            let (net, vat) = match kind {
                InvoiceKind::Invoice => (&mut row.accrued_net, &mut row.accrued_vat),
                InvoiceKind::CreditNote => {
                    (&mut row.accrued_credited_net, &mut row.accrued_credited_vat)
                }
            };
            *net += part(line.net, covers, days);
            *vat += part(line.vat, covers, days);
        }
    }

    /// Adds a sum that is allocated on a day to the line at an index of an invoice with these
    /// lines, or to no line.
    pub fn attribute(
        &mut self,
        (day, position): (NaiveDate, i32),
        lines: &[invoice_line::Model],
        share: Share,
    ) {
        // Lines are sorted by index.
        let Ok(index) = lines.binary_search_by_key(&position, |line| line.position) else {
            self.of(day, None).unattributed += share.gross();
            return;
        };
        let row = self.of(day, lines[index].activity_id);
        row.paid_net += share.net;
        row.paid_vat += share.vat;
    }

    /// Returns the first days of the months that it changes.
    pub fn months(&self) -> impl Iterator<Item = NaiveDate> {
        self.0.keys().map(|(month, _)| *month)
    }
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn lines(activities: &[(Option<ActivityId>, i64)]) -> Vec<invoice_line::Model> {
        let line = |(position, (activity_id, net)): (i32, &(Option<ActivityId>, i64))| {
            invoice_line::Model {
                position,
                activity_id: *activity_id,
                net: Money(*net),
                vat: Money(net / 4),
                ..invoice_line::Model::default()
            }
        };
        (1..).zip(activities).map(line).collect()
    }

    #[test]
    fn a_document_counts_once_for_each_of_its_activities() {
        let bip = ActivityId::new();
        let lines = lines(&[(Some(bip), 400), (None, 100), (Some(bip), 200)]);
        let mut delta = TotalsDelta::default();
        delta.issue(InvoiceKind::Invoice, day("2026-11-20"), &lines);
        delta.issue(InvoiceKind::CreditNote, day("2026-12-01"), &lines[..1]);
        let row = |month: &str, activity: Uuid| delta.0[&(day(month), activity)].clone();
        let own = row("2026-11-01", bip.0);
        assert_eq!((own.invoiced_net, own.invoiced_vat, own.invoices), (Money(600), Money(150), 1));
        let other = row("2026-11-01", Uuid::nil());
        assert_eq!((other.invoiced_net, other.invoices), (Money(100), 1));
        let credited = row("2026-12-01", bip.0);
        assert_eq!((credited.credited_net, credited.invoiced_net), (Money(400), Money::ZERO));
        assert_eq!(delta.months().collect::<BTreeSet<_>>().len(), 2);
    }

    #[test]
    fn a_paid_sum_belongs_to_the_activity_of_its_line_or_to_none() {
        let bip = ActivityId::new();
        let lines = lines(&[(Some(bip), 400), (None, 100)]);
        let share = |net: i64, vat: i64| Share { net: Money(net), vat: Money(vat) };
        let mut delta = TotalsDelta::default();
        delta.attribute((day("2026-11-30"), 1), &lines, share(200, 50));
        delta.attribute((day("2026-11-01"), 1), &lines, share(-80, -20));
        delta.attribute((day("2026-11-02"), 0), &lines, share(30, 0));
        let own = &delta.0[&(day("2026-11-01"), bip.0)];
        assert_eq!((own.paid_net, own.paid_vat), (Money(120), Money(30)));
        let none = &delta.0[&(day("2026-11-01"), Uuid::nil())];
        assert_eq!((none.unattributed, none.paid_net), (Money(30), Money::ZERO));
    }
}
