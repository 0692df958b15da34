//! What the agreements of today will bring in a year.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    agreement::{Column, Entity, Model},
    allocation,
    id::{ActivityId, AgreementId, MemberId},
    kind::{AllocationBasis, Direction, FeeBasis},
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, ExprTrait, Order,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use super::{
    Groups, Report, Sums,
    assumptions::{self, Assumed},
    ledger::{Group, Range},
    report_filter::Scope,
};
use crate::{
    auth::viewer::{Resource, Viewer},
    database::{Database, among, rows},
    error::{Error, Result, ValidationErrors},
    fees::{
        self,
        amounts::{Fee, amount_for},
    },
    term_sql,
};

/// Agreements that are reckoned together, so that a forecast of any size needs little memory.
const CHUNK: u64 = 1000;

/// A year's forecast.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The days of the year.
    pub days: Range,
    /// What it brings, by activity; without a total if anything is withheld.
    pub report: Report,
    /// Activities that are in no row and no sum, since they have fees per mille of allocations that
    /// the viewer may not see: the sum would reveal them.
    pub withheld: Vec<ActivityId>,
    /// What it rests on, a sentence each.
    pub assumptions: Vec<String>,
    /// The same in Swedish, for workbooks.
    pub assumptions_in_swedish: Vec<String>,
}

impl Assumed {
    /// The sentences, always in this order and these words; those that count something are left out
    /// when it is nought.
    fn sentences(&self, year: i32, today: NaiveDate) -> Vec<String> {
        let mut sentences = vec![
            format!("Agreements count that bring money and are signed by {today}; drafts and offers do not"),
            format!(
                "Agreements that are prolonged by themselves go on, unless notice was given by {today}; those with notice end as it says"
            ),
            "A year that an agreement covers in part is prorated by the months on whose first day it is in force".to_owned(),
        ];
        sentences.extend(assumed_years(
            &self.years.iter().map(|(other, members)| (*other, members.len())).collect(),
            year,
        ));
        if self.unknown > 0 {
            let agreements = count(self.unknown, "agreement");
            sentences.push(format!("{agreements} per mille of an allocation that is not known for any year until {year}: counted as zero"));
        }
        if self.per_participant > 0 {
            sentences.push(format!(
                "{} with a fee per participant: counted as zero",
                count(self.per_participant, "agreement")
            ));
        }
        if !self.withheld.is_empty() {
            let activities = match self.withheld.len() {
                1 => "1 activity".to_owned(),
                many => format!("{many} activities"),
            };
            sentences.push(format!(
                "Left out: {activities} with fees per mille of allocations that you may not see, so that no total can be given"
            ));
        }
        sentences.push("Service and membership fees, costs and grants are left out".to_owned());
        sentences
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What is assumed of so many members whose allocation was taken from these other years, the latest
/// first.
pub(super) fn assumed_years(years: &BTreeMap<i32, usize>, year: i32) -> Vec<String> {
    let sentence = |(other, members): (&i32, &usize)| {
        let members = count(*members, "member");
        format!(
            "Fees per mille are of the allocation of {other} for {members} whose allocation of {year} is not known"
        )
    };
    years.iter().rev().map(sentence).collect()
}

/// What the agreements that bring money, and are signed and not ended as known today, will bring in
/// a year, by activity and without costs and grants. A fee per mille of an allocation that is not
/// known yet is of the latest one that is; an activity with a fee per mille of an allocation that
/// the viewer may not see is withheld as a whole. `invoices` is the number of agreements that bring
/// something.
///
/// # Errors
/// INVALID for a year that is none.
pub async fn forecast(db: &Database, viewer: &Viewer, year: i32) -> Result<Forecast> {
    let range = Range::year(year)
        .filter(|_| (1900..=2999).contains(&year))
        .ok_or_else(|| Error::invalid("year", "must be 1900 to 2999"))?;
    let scope = Scope::asked(db, viewer, None, None, &mut ValidationErrors::default()).await?;
    let tx = db.snapshot().await?;
    let affairs = viewer.visibility(Resource::MemberAffairs);
    let (mut groups, mut last, mut assumed) = (Groups::default(), None, Assumed::default());
    while !scope.is_empty() {
        let chunk = chunk(&tx, db.clock.today(), &scope, range, last).await?;
        let Some(end) = chunk.last() else { break };
        last = Some(end.id);
        let [all, share] = [AllocationBasis::AllParties, AllocationBasis::StateShare];
        let of_all = allocations(&tx, on_allocations(&chunk, all), year, all).await?;
        let of_state = allocations(&tx, on_allocations(&chunk, share), year, share).await?;
        for row in &chunk {
            let Some(fee) = Fee::of(row) else { continue };
            // Without an allocation there is an amount unless it depends on one.
            let is_hidden =
                row.member_id.is_some_and(|member| !affairs.all && affairs.member != Some(member));
            if is_hidden && amount_for(&fee, None, &term_sql::of(row), year).is_none() {
                assumed.withheld.insert(row.activity_id);
                continue;
            }
            let allocations =
                if row.fee_allocation_basis == Some(share) { &of_state } else { &of_all };
            let known = row.member_id.and_then(|member| Some((member, allocations.get(&member)?)));
            let amount =
                amount_for(&fee, known.map(|(_, (_, amount))| *amount), &term_sql::of(row), year);
            assumed.unknown += usize::from(amount.is_none() && known.is_none());
            assumed.per_participant += usize::from(fee.basis == FeeBasis::PerParticipant);
            let net = amount.unwrap_or_default();
            if net != Money::ZERO {
                if let Some((member, (other, _))) = known.filter(|(_, (other, _))| {
                    fee.basis == FeeBasis::PerMilleOfAllocation && *other != year
                }) {
                    assumed.years.entry(*other).or_default().insert(member);
                }
                let vat = row
                    .vat_rate
                    .and_then(|rate| net.times(rate.percent(), 100))
                    .unwrap_or_default();
                let group = Group { activity: row.activity_id, ..Group::default() };
                groups.of(group)?.add(&Sums {
                    net: net.into(),
                    vat: vat.into(),
                    invoices: 1,
                    ..Sums::default()
                });
            }
        }
    }
    groups.0.retain(|group, _| !assumed.withheld.contains(&group.activity));
    let total =
        Sums { invoices: groups.0.values().map(|sums| sums.invoices).sum(), ..Sums::default() };
    let mut report = super::finish(&tx, groups, total).await?;
    tx.rollback().await?;
    if !assumed.withheld.is_empty() {
        report.total = None;
    }
    let today = db.clock.today();
    let (assumptions, assumptions_in_swedish) =
        (assumed.sentences(year, today), assumptions::in_swedish(&assumed, year, today));
    let withheld = assumed.withheld.into_iter().flatten().collect();
    Ok(Forecast { days: range, report, withheld, assumptions, assumptions_in_swedish })
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The next agreements after `last` that may bring something in the days of `year`.
async fn chunk(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    year: Range,
    last: Option<AgreementId>,
) -> Result<Vec<Model>> {
    let columns: Vec<Column> =
        [Column::ActivityId, Column::VatRate].into_iter().chain(fees::columns()).collect();
    // What the term covers exactly is for the fee to say; here only what ended for good before the
    // year is left out.
    let continues = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(year.from))
        .add(
            column(Column::RenewalMonths)
                .is_not_null()
                .and(column(Column::NoticeGivenOn).is_null()),
        );
    let select: SelectStatement = Query::select()
        .columns(columns.iter().map(|column| (Entity, *column)))
        .from(Entity)
        .and_where(Column::Direction.eq(Direction::Income))
        .and_where(column(Column::FeeBasis).is_not_null())
        .and_where(column(Column::SignedOn).lte(today))
        .and_where(column(Column::WithdrawnOn).is_null())
        .and_where(column(Column::StartsOn).lte(year.to))
        .cond_where(
            Condition::any()
                .add(column(Column::ReplacedFrom).is_null())
                .add(column(Column::ReplacedFrom).gt(year.from)),
        )
        .cond_where(continues)
        // What has ended by now brings nothing any more, in the running year either.
        .cond_where(term_sql::outlives(today.pred_opt().unwrap_or(today)))
        .cond_where(scope.of_agreements(tx.get_database_backend()))
        .and_where_option(last.map(|last| column(Column::Id).gt(last)))
        .order_by_expr(column(Column::Id), Order::Asc)
        .limit(CHUNK)
        .take();
    rows(tx, &select, &columns).await
}

/// The members whose fee is per mille of their allocation of this basis.
fn on_allocations(agreements: &[Model], basis: AllocationBasis) -> Vec<MemberId> {
    let is_of = |row: &&Model| row.fee_allocation_basis.unwrap_or_default() == basis;
    let per_mille =
        agreements.iter().filter(|row| row.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    per_mille.filter(is_of).filter_map(|row| row.member_id).collect()
}

/// Allocations with the years that they are of.
pub(super) type Allocations = HashMap<MemberId, (i32, Money)>;

/// The allocation of a basis of each of these members: the year's own, else the latest before it;
/// none for whom none is known.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn allocations(
    tx: &DatabaseTransaction,
    members: Vec<MemberId>,
    year: i32,
    basis: AllocationBasis,
) -> Result<Allocations> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let column = |column: allocation::Column| Expr::col((allocation::Entity, column));
    let select = Query::select()
        .exprs(
            [allocation::Column::MemberId, allocation::Column::Year, allocation::Column::Amount]
                .map(column),
        )
        .from(allocation::Entity)
        .and_where(among(tx.get_database_backend(), column(allocation::Column::MemberId), members))
        .and_where(allocation::Column::Basis.eq(basis))
        .and_where(column(allocation::Column::Year).lte(year))
        .order_by_expr(column(allocation::Column::Year), Order::Asc)
        .take();
    // Later years come later, and take the place of those before.
    let found = tx.query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}
