//! Change of the stored totals that documents and payments make: by month and activity, and by year
//! and member.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::{
    id::{ActivityId, MemberId},
    invoice_line,
    kind::InvoiceKind,
    money::Money,
};
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

/// Returns the first day of a day's year.
#[must_use]
pub fn year_of(day: NaiveDate) -> NaiveDate {
    day.with_ordinal(1).unwrap_or(day)
}

/// Sums of a row of the stored totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TotalSums {
    /// Invoiced net sum before credit notes.
    pub invoiced_net: Money,
    /// Invoiced VAT before credit notes.
    pub invoiced_vat: Money,
    /// Credited net sum.
    pub credited_net: Money,
    /// Credited VAT.
    pub credited_vat: Money,
    /// Number of invoices and credit notes.
    pub invoices: i64,
    /// Paid net sum.
    pub paid_net: Money,
    /// Paid VAT.
    pub paid_vat: Money,
    /// Received sums that pay no line.
    pub unattributed: Money,
    /// Net sum of invoice lines, spread by day over the period that each covers.
    pub accrued_net: Money,
    /// VAT of invoice lines, spread likewise.
    pub accrued_vat: Money,
    /// Net sum of the lines of credit notes, spread likewise.
    pub accrued_credited_net: Money,
    /// VAT of the lines of credit notes, spread likewise.
    pub accrued_credited_vat: Money,
}

impl TotalSums {
    /// Number of sums.
    pub(super) const COUNT: usize = 12;

    /// Returns the sums in öre, and the number of documents, in the order of the fields.
    pub(super) fn amounts(&self) -> [i64; Self::COUNT] {
        [
            self.invoiced_net.0,
            self.invoiced_vat.0,
            self.credited_net.0,
            self.credited_vat.0,
            self.invoices,
            self.paid_net.0,
            self.paid_vat.0,
            self.unattributed.0,
            self.accrued_net.0,
            self.accrued_vat.0,
            self.accrued_credited_net.0,
            self.accrued_credited_vat.0,
        ]
    }

    /// Returns the sums of [`Self::amounts`].
    pub(super) fn from_amounts(amounts: [i64; Self::COUNT]) -> Self {
        let [
            invoiced_net,
            invoiced_vat,
            credited_net,
            credited_vat,
            invoices,
            paid_net,
            paid_vat,
            unattributed,
            accrued_net,
            accrued_vat,
            accrued_credited_net,
            accrued_credited_vat,
        ] = amounts;
        Self {
            invoiced_net: Money(invoiced_net),
            invoiced_vat: Money(invoiced_vat),
            credited_net: Money(credited_net),
            credited_vat: Money(credited_vat),
            invoices,
            paid_net: Money(paid_net),
            paid_vat: Money(paid_vat),
            unattributed: Money(unattributed),
            accrued_net: Money(accrued_net),
            accrued_vat: Money(accrued_vat),
            accrued_credited_net: Money(accrued_credited_net),
            accrued_credited_vat: Money(accrued_credited_vat),
        }
    }
}

/// Sums by the first day of a month or year, and the activity or member; nil for none.
pub type TotalRows = BTreeMap<(NaiveDate, Uuid), TotalSums>;

/// Change of the totals.
#[derive(Debug, Default)]
pub struct TotalsDelta {
    /// By month and activity.
    pub(super) activities: TotalRows,
    /// By year and member.
    pub(super) members: TotalRows,
}

impl TotalsDelta {
    fn of_activity(&mut self, day: NaiveDate, activity: Option<ActivityId>) -> &mut TotalSums {
        let key = (month_of(day), activity.map_or(Uuid::nil(), |activity| activity.0));
        self.activities.entry(key).or_default()
    }

    fn of_member(&mut self, day: NaiveDate, member: Option<MemberId>) -> &mut TotalSums {
        let key = (year_of(day), member.map_or(Uuid::nil(), |member| member.0));
        self.members.entry(key).or_default()
    }

    /// Adds to the sums of the month and activity, and to those of the year and member.
    fn add(
        &mut self,
        day: NaiveDate,
        (activity, member): (Option<ActivityId>, Option<MemberId>),
        add: impl Fn(&mut TotalSums),
    ) {
        add(self.of_activity(day, activity));
        add(self.of_member(day, member));
    }

    /// Adds an issued invoice or credit note to this member; `None` if the buyer is no member.
    pub fn issue(
        &mut self,
        (kind, issued_on): (InvoiceKind, NaiveDate),
        member: Option<MemberId>,
        lines: &[invoice_line::Model],
    ) {
        for line in lines {
            self.add(issued_on, (line.activity_id, member), |row| {
                let (net, vat) = match kind {
                    InvoiceKind::Invoice => (&mut row.invoiced_net, &mut row.invoiced_vat),
                    InvoiceKind::CreditNote => (&mut row.credited_net, &mut row.credited_vat),
                };
                *net += line.net;
                *vat += line.vat;
            });
            self.accrue((kind, issued_on), member, line);
        }
        for activity in lines.iter().map(|line| line.activity_id).collect::<BTreeSet<_>>() {
            self.of_activity(issued_on, activity).invoices += 1;
        }
        self.of_member(issued_on, member).invoices += 1;
    }

    /// Spreads a line over the months that it covers.
    fn accrue(
        &mut self,
        (kind, issued_on): (InvoiceKind, NaiveDate),
        member: Option<MemberId>,
        line: &invoice_line::Model,
    ) {
        let covers = covered_days(line, issued_on);
        for days in months(covers) {
            let parts = (part(line.net, covers, days), part(line.vat, covers, days));
            self.add(days.0, (line.activity_id, member), |row| {
                let (net, vat) = match kind {
                    InvoiceKind::Invoice => (&mut row.accrued_net, &mut row.accrued_vat),
                    InvoiceKind::CreditNote => {
                        (&mut row.accrued_credited_net, &mut row.accrued_credited_vat)
                    }
                };
                *net += parts.0;
                *vat += parts.1;
            });
        }
    }

    /// Adds a sum that is allocated on a day to the line at an index of an invoice to this member
    /// with these lines, or to no line.
    pub fn attribute(
        &mut self,
        (day, position): (NaiveDate, i32),
        member: Option<MemberId>,
        lines: &[invoice_line::Model],
        share: Share,
    ) {
        // Lines are sorted by index.
        let Ok(index) = lines.binary_search_by_key(&position, |line| line.position) else {
            self.add(day, (None, member), |row| row.unattributed += share.gross());
            return;
        };
        self.add(day, (lines[index].activity_id, member), |row| {
            row.paid_net += share.net;
            row.paid_vat += share.vat;
        });
    }

    /// Returns the first days of the months that it changes.
    pub fn months(&self) -> impl Iterator<Item = NaiveDate> {
        self.activities.keys().map(|(month, _)| *month)
    }
}

#[cfg(test)]
mod tests {
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
        let member = MemberId::new();
        delta.issue((InvoiceKind::Invoice, day("2026-11-20")), Some(member), &lines);
        delta.issue((InvoiceKind::CreditNote, day("2026-12-01")), Some(member), &lines[..1]);
        let row = |month: &str, activity: Uuid| delta.activities[&(day(month), activity)].clone();
        let own = row("2026-11-01", bip.0);
        assert_eq!((own.invoiced_net, own.invoiced_vat, own.invoices), (Money(600), Money(150), 1));
        let other = row("2026-11-01", Uuid::nil());
        assert_eq!((other.invoiced_net, other.invoices), (Money(100), 1));
        let credited = row("2026-12-01", bip.0);
        assert_eq!((credited.credited_net, credited.invoiced_net), (Money(400), Money::ZERO));
        assert_eq!(delta.months().collect::<BTreeSet<_>>().len(), 2);
        let year = &delta.members[&(day("2026-01-01"), member.0)];
        assert_eq!(
            (year.invoiced_net, year.credited_net, year.invoices),
            (Money(700), Money(400), 2)
        );
        assert_eq!((year.accrued_net, year.accrued_credited_vat), (Money(700), Money(100)));
        assert_eq!(delta.members.len(), 1);
    }

    #[test]
    fn a_paid_sum_belongs_to_the_activity_of_its_line_or_to_none() {
        let bip = ActivityId::new();
        let lines = lines(&[(Some(bip), 400), (None, 100)]);
        let share = |net: i64, vat: i64| Share { net: Money(net), vat: Money(vat) };
        let mut delta = TotalsDelta::default();
        delta.attribute((day("2026-11-30"), 1), None, &lines, share(200, 50));
        delta.attribute((day("2026-11-01"), 1), None, &lines, share(-80, -20));
        delta.attribute((day("2026-11-02"), 0), None, &lines, share(30, 0));
        let own = &delta.activities[&(day("2026-11-01"), bip.0)];
        assert_eq!((own.paid_net, own.paid_vat), (Money(120), Money(30)));
        let none = &delta.activities[&(day("2026-11-01"), Uuid::nil())];
        assert_eq!((none.unattributed, none.paid_net), (Money(30), Money::ZERO));
        let others = &delta.members[&(day("2026-01-01"), Uuid::nil())];
        assert_eq!((others.unattributed, others.paid_net), (Money(30), Money(120)));
    }

    #[test]
    fn a_line_is_spread_over_the_years_of_its_member() {
        let mut lines = lines(&[(None, 3_650)]);
        lines[0].period_from = Some(day("2026-12-31"));
        lines[0].period_to = Some(day("2027-12-30"));
        let (mut delta, member) = (TotalsDelta::default(), MemberId::new());
        delta.issue((InvoiceKind::Invoice, day("2027-03-01")), Some(member), &lines);
        let year = |year: &str| &delta.members[&(day(year), member.0)];
        assert_eq!(year("2026-01-01").accrued_net, Money(10));
        assert_eq!(year("2027-01-01").accrued_net, Money(3_640));
        assert_eq!((year("2026-01-01").invoices, year("2027-01-01").invoices), (0, 1));
        assert_eq!(delta.activities.len(), 13);
    }
}
