//! Revenue: what came in over a period, by activity, member and time, with what it cost and what is
//! left.

pub mod accrual;
mod assumptions;
pub mod booking_list;
pub mod bookings;
pub mod break_even;
pub mod integrity;
pub mod committed;
pub mod forecast;
pub mod report_table;
pub mod ledger;
pub mod result;
pub mod report_filter;

use std::collections::HashMap;

use ::entity::{activity, id::MemberId, member, term::add_months, total::Total};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

pub use self::{
    break_even::{BreakEven, ByFee, break_even_of},
    forecast::{Forecast, forecast},
    integrity::{findings, of_months, of_months_with, violations},
    result::{ActivityResult, result_of},
};
use self::{
    ledger::{Group, Grouping, Range},
    report_filter::Scope,
};
use crate::{
    auth::viewer::Viewer,
    database::{Database, among},
    error::{Error, Result, ValidationErrors},
};

/// What counts, and on which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Invoices and credit notes, on their day of issue.
    Invoiced,
    /// Payments, on the day that they came in, as they lie on lines (see
    /// [`crate::invoices::payment_allocation`]).
    Paid,
    /// Lines, spread by day over the period that they cover.
    Accrued,
}

/// A stretch of the calendar that sums are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// `2026`.
    Year,
    /// `2026-Q2`.
    Quarter,
    /// `2026-04`.
    Month,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What counts.
    pub basis: Basis,
    /// What each row is for.
    pub group_by: Grouping,
    /// Only these activities, by slug; null: all, and what belongs to none.
    pub activities: Option<Vec<String>>,
    /// Only what these members were invoiced; null: all buyers.
    pub members: Option<Vec<MemberId>>,
    /// Whether somebody wants the number of invoices of each row, and of the total.
    pub counts: (bool, bool),
    /// `true` if committed cost is counted too, with rows for what has nothing else.
    pub committed: bool,
}

/// The longest period, in months.
const LONGEST: i32 = 1200;

impl Ask {
    /// Notes what is wrong with its period.
    fn check(&self, errors: &mut ValidationErrors) {
        errors.expect(self.from <= self.to, "input.to", "must not be before from");
        errors.expect(
            self.to < add_months(self.from, LONGEST),
            "input.to",
            "must be less than 100 years after from",
        );
    }
}

/// Sums of a row, öre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Without VAT, after credit notes.
    pub net: Total,
    /// VAT, after credit notes.
    pub vat: Total,
    /// Net sum of the credit notes that are deducted in `net`.
    pub credited: Total,
    /// Costs.
    pub cost: Total,
    /// Grants.
    pub grants: Total,
    /// What came in and pays no line: overpayments, and the rounding to whole kronor. No revenue,
    /// and in none of the others.
    pub unattributed: Total,
    /// Invoices and credit notes behind it, each once.
    pub invoices: i64,
    /// Costs that agreements in force commit the network to; null unless asked for.
    pub committed: Option<Committed>,
}

/// Costs that agreements in force commit the network to, öre without VAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// All of them, by the months that the agreements pay for.
    pub cost: Total,
    /// Costs that were booked for such agreements, whenever they were owed.
    pub booked: Total,
}

impl Committed {
    /// Returns what is committed and not booked; negative if more is booked.
    #[must_use]
    pub fn left(&self) -> Total {
        self.cost - self.booked
    }

    fn add(&mut self, other: &Self) {
        self.cost += other.cost;
        self.booked += other.booked;
    }
}

impl Sums {
    /// With VAT.
    #[must_use]
    pub fn gross(&self) -> Total {
        self.net + self.vat
    }

    /// What is left: net and grants without cost.
    #[must_use]
    pub fn result(&self) -> Total {
        self.net + self.grants - self.cost
    }

    fn add(&mut self, other: &Self) {
        self.net += other.net;
        self.vat += other.vat;
        self.credited += other.credited;
        self.cost += other.cost;
        self.grants += other.grants;
        self.unattributed += other.unattributed;
        self.invoices += other.invoices;
        if let Some(committed) = &other.committed {
            self.committed.get_or_insert_default().add(committed);
        }
    }

    fn has_money(&self) -> bool {
        let Committed { cost, booked } = self.committed.unwrap_or_default();
        let sums = [
            self.net,
            self.vat,
            self.credited,
            self.cost,
            self.grants,
            self.unattributed,
            cost,
            booked,
        ];
        sums.iter().any(|sum| *sum != Total::ZERO)
    }
}

/// A row of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What it is for.
    pub group: Group,
    /// Its sums.
    pub sums: Sums,
}

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its rows by period, name of activity and name of member, those without one last.
    pub rows: Vec<Row>,
    /// The sum of the rows; an invoice that is behind several of them is counted once. `None` if
    /// something is withheld from the viewer, of which a sum would not be true.
    pub total: Option<Sums>,
}

/// Rows that a report has at most: more would be nobody's reading, and take the server's memory.
const MAX_GROUPS: usize = 100_000;

fn too_many() -> Error {
    Error::invalid(
        "input.groupBy",
        format!(
            "makes more than {MOST} rows; ask for a shorter period, for fewer activities or members, or for longer lengths of time"
        ),
    )
}

/// The sums of groups in the making.
#[derive(Debug, Default)]
struct Groups(HashMap<Group, Sums>);

impl Groups {
    /// The sums of a group.
    fn of(&mut self, group: Group) -> Result<&mut Sums> {
        if self.0.len() >= MAX_GROUPS && !self.0.contains_key(&group) {
            return Err(too_many());
        }
        Ok(self.0.entry(group).or_default())
    }
}

/// The revenue that the viewer sees. A member sees what it was invoiced, and no costs and grants,
/// which belong to no member; a lead sees its activities.
///
/// `errors` are those that reading the question has found already.
///
/// # Errors
/// INVALID for a bad period, an activity or a member that is not there, naming every one, and for
/// more than 100 000 rows.
pub async fn report(
    db: &Database,
    viewer: &Viewer,
    ask: &Ask,
    errors: ValidationErrors,
) -> Result<Report> {
    let mut reports = reports(db, viewer, ask, &[(ask.group_by, ask.counts)], errors).await?;
    Ok(reports.pop().unwrap_or_default())
}

/// The same with rows and counts of several kinds, all of one moment.
async fn reports(
    db: &Database,
    viewer: &Viewer,
    ask: &Ask,
    kinds: &[(Grouping, (bool, bool))],
    mut errors: ValidationErrors,
) -> Result<Vec<Report>> {
    ask.check(&mut errors);
    if !errors.is_empty() {
        // What can't be read can't be looked up.
        return Err(Error::Invalid(errors.into_inner()));
    }
    let scope =
        Scope::asked(db, viewer, ask.activities.as_deref(), ask.members.as_deref(), &mut errors)
            .await?;
    errors.finish()?;
    // A report takes several statements, which must fit together whatever is written meanwhile.
    let tx = db.snapshot().await?;
    let mut reports = Vec::new();
    for &(group_by, counts) in kinds {
        reports.push(
            one(&tx, db.clock.today(), &scope, &Ask { group_by, counts, ..ask.clone() }).await?,
        );
    }
    tx.rollback().await?;
    Ok(reports)
}

async fn one(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    ask: &Ask,
) -> Result<Report> {
    let range = Range { from: ask.from, to: ask.to };
    let mut total = Sums::default();
    let mut groups = Groups::default();
    if !scope.is_empty() {
        if ask.basis == Basis::Accrued {
            total.invoices = accrual::sums(tx, scope, ask.group_by, range, &mut groups).await?;
        } else {
            plain(tx, scope, ask, &mut groups).await?;
            if ask.counts.1 {
                total.invoices = ledger::count(tx, scope, ask.basis, range).await?;
            }
        }
        ledger::costs(tx, scope, ask.group_by, range, &mut groups).await?;
        if ask.committed {
            committed::sums(tx, today, scope, ask.group_by, range, &mut groups).await?;
        }
    }
    if ask.committed {
        // A row without any has none, which is another answer than not asked for.
        total.committed = Some(Committed::default());
        for sums in groups.0.values_mut() {
            sums.committed.get_or_insert_default();
        }
    }
    finish(tx, groups, total).await
}

/// The sums of what was invoiced or paid.
async fn plain(
    tx: &DatabaseTransaction,
    scope: &Scope,
    ask: &Ask,
    groups: &mut Groups,
) -> Result<()> {
    let range = Range { from: ask.from, to: ask.to };
    let counted = sums(tx, scope, ask.basis, ask.group_by, range, groups).await?;
    match counted {
        _ if !ask.counts.0 => {}
        // An invoice is issued in one month, so the counts of months add up; those of activities
        // don't, nor those of payments.
        Some(stored) if ask.basis == Basis::Invoiced && ask.group_by.activity => {
            for range in range.without(stored) {
                ledger::counts(tx, scope, ask.basis, ask.group_by, range, groups).await?;
            }
        }
        _ => {
            groups.0.values_mut().for_each(|sums| sums.invoices = 0);
            ledger::counts(tx, scope, ask.basis, ask.group_by, range, groups).await?;
        }
    }
    Ok(())
}

/// Adds what was invoiced or paid over a range: its whole months from the stored totals, when these
/// tell it, and the rest from the ledger. Answers the range that came from the stored totals.
async fn sums(
    tx: &DatabaseTransaction,
    scope: &Scope,
    basis: Basis,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<Option<Range>> {
    let stored = if group_by.member || scope.is_by_member() { None } else { range.whole_months() };
    let rest = match stored {
        Some(stored) => {
            ledger::stored(tx, scope, basis, group_by, stored, groups).await?;
            range.without(stored)
        }
        None => vec![range],
    };
    for range in rest {
        ledger::sums(tx, scope, basis, group_by, range, groups).await?;
    }
    Ok(stored)
}

/// Puts the rows in order and sums them up. Rows without any money are left out.
async fn finish(tx: &DatabaseTransaction, groups: Groups, mut total: Sums) -> Result<Report> {
    let mut rows: Vec<Row> = groups
        .0
        .into_iter()
        .filter(|(_, sums)| sums.has_money())
        .map(|(group, sums)| Row { group, sums })
        .collect();
    for row in &rows {
        total.add(&Sums { invoices: 0, ..row.sums });
    }
    let activities =
        names(tx, rows.iter().filter_map(|row| row.group.activity), activity::Entity).await?;
    let members = names(tx, rows.iter().filter_map(|row| row.group.member), member::Entity).await?;
    // Folded names hold no character this late, so what has no name comes last.
    let name = |names: &HashMap<Uuid, String>, id: Option<Uuid>| {
        id.map_or_else(|| "\u{10ffff}".to_owned(), |id| names.get(&id).cloned().unwrap_or_default())
    };
    rows.sort_by_cached_key(|row| {
        let (activity, member) =
            (row.group.activity.map(Uuid::from), row.group.member.map(Uuid::from));
        (
            row.group.period.clone(),
            name(&activities, activity),
            name(&members, member),
            activity,
            member,
        )
    });
    Ok(Report { rows, total: Some(total) })
}

/// The folded names that rows of a table are put in order by; a table of those that have `id` and
/// `name_key`.
async fn names<I: Into<Uuid>>(
    tx: &DatabaseTransaction,
    ids: impl Iterator<Item = I>,
    table: impl sea_orm::sea_query::IntoTableRef,
) -> Result<HashMap<Uuid, String>> {
    let ids: std::collections::HashSet<Uuid> = ids.map(Into::into).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = Query::select()
        .column(member::Column::Id)
        .column(member::Column::NameKey)
        .from(table)
        .and_where(among(tx.get_database_backend(), Expr::col(member::Column::Id), ids))
        .take();
    let found = tx.query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
