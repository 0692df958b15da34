//! Forecast of a year's revenue from today's agreements.

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
    assumptions::{self, Assumed},
    grouping::{Group, Range},
    report::Report,
    report_filter::Scope,
    sums::{Groups, Sums},
};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::{among, rows},
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    fees::{
        self,
        amounts::{Fee, amount_for},
    },
    term_sql,
};

/// Number of agreements that are calculated together, so that a forecast of any size needs little
/// memory.
const CHUNK: u64 = 1000;

/// A year's forecast.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The days of the year.
    pub days: Range,
    /// The revenue by activity; without a total if anything is withheld.
    pub report: Report,
    /// Activities that are in no row and no sum, because they have per-mille fees on allocations
    /// that the viewer may not read: the sum would reveal them.
    pub withheld: Vec<ActivityId>,
    /// Assumptions, one sentence each.
    pub assumptions: Vec<String>,
    /// Assumptions in Swedish, for workbooks.
    pub assumptions_in_swedish: Vec<String>,
}

impl Assumed {
    /// Returns the sentences, always in this order and with these words. Sentences with a count are
    /// omitted if it is zero.
    fn sentences(&self, year: i32, today: NaiveDate) -> Vec<String> {
        let mut sentences = vec![
            format!("Agreements with income that are signed by {today} are included; drafts and offers are not"),
            format!(
                "Agreements that renew continue, unless notice was given by {today}; those with notice end accordingly"
            ),
            "A year that an agreement covers partly is prorated by the months on whose first day it is in force".to_owned(),
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

/// Describes the assumption about members whose allocation was taken from another year, the latest
/// year first.
pub(super) fn assumed_years(years: &BTreeMap<i32, usize>, year: i32) -> Vec<String> {
    let sentence = |(other, members): (&i32, &usize)| {
        let members = count(*members, "member");
        format!(
            "Fees per mille are of the allocation of {other} for {members} whose allocation of {year} is not known"
        )
    };
    years.iter().rev().map(sentence).collect()
}

/// Forecasts a year's revenue by activity, without costs and grants. It includes the agreements
/// with income that are signed and not ended as known today.
///
/// A per-mille fee on an allocation that is not yet known uses the latest known one. An activity
/// with a per-mille fee on an allocation that the viewer may not read is withheld completely.
/// `invoices` is the number of agreements with revenue.
///
/// # Errors
/// INVALID for an unsupported year.
pub async fn forecast(ctx: Context<'_>, year: i32) -> Result<Forecast> {
    let range = Range::year(year).filter(|_| (1900..=2999).contains(&year)).ok_or_else(|| {
        Error::invalid(
            "year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        )
    })?;
    let scope = Scope::requested(ctx, None, None, &mut ValidationErrors::default()).await?;
    let tx = ctx.db.snapshot().await?;
    let affairs = ctx.viewer.visibility(Resource::MemberAffairs);
    let (mut groups, mut last, mut assumed) = (Groups::default(), None, Assumed::default());
    while !scope.is_empty() {
        let chunk = chunk(&tx, ctx.clock.today(), &scope, range, last).await?;
        let Some(end) = chunk.last() else { break };
        last = Some(end.id);
        let [all, share] = [AllocationBasis::AllParties, AllocationBasis::StateShare];
        let of_all = allocations(&tx, on_allocations(&chunk, all), year, all).await?;
        let of_state = allocations(&tx, on_allocations(&chunk, share), year, share).await?;
        for row in &chunk {
            let Some(fee) = Fee::of(row) else { continue };
            // Without an allocation, there is an amount only if it does not depend on one.
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
    let mut report = super::report::finish(&tx, groups, total).await?;
    tx.rollback().await?;
    if scope.reads_nothing() || !assumed.withheld.is_empty() {
        report.total = None;
    }
    let today = ctx.clock.today();
    let (assumptions, assumptions_in_swedish) =
        (assumed.sentences(year, today), assumptions::in_swedish(&assumed, year, today));
    let withheld = assumed.withheld.into_iter().flatten().collect();
    Ok(Forecast { days: range, report, withheld, assumptions, assumptions_in_swedish })
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns the next agreements after `last` that may have revenue in the days of `year`.
async fn chunk(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    year: Range,
    last: Option<AgreementId>,
) -> Result<Vec<Model>> {
    let columns: Vec<Column> =
        [Column::ActivityId, Column::VatRate].into_iter().chain(fees::columns()).collect();
    // The fee decides exactly which days count. This condition only omits agreements that ended
    // before the year.
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
        // An agreement that has ended has no further revenue, also in the current year.
        .cond_where(term_sql::outlives(today.pred_opt().unwrap_or(today)))
        .cond_where(scope.of_agreements(tx.get_database_backend()))
        .and_where_option(last.map(|last| column(Column::Id).gt(last)))
        .order_by_expr(column(Column::Id), Order::Asc)
        .limit(CHUNK)
        .take();
    rows(tx, &select, &columns).await
}

/// Returns the members with a fee per mille of their allocation of this basis.
fn on_allocations(agreements: &[Model], basis: AllocationBasis) -> Vec<MemberId> {
    let is_of = |row: &&Model| row.fee_allocation_basis.unwrap_or_default() == basis;
    let per_mille =
        agreements.iter().filter(|row| row.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    per_mille.filter(is_of).filter_map(|row| row.member_id).collect()
}

/// Allocations, each with its year.
pub(super) type Allocations = HashMap<MemberId, (i32, Money)>;

/// Returns the allocation of a basis for each of these members: that of the year, or else the
/// latest one before it. A member without one has no entry.
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
    // Later years come later, and replace earlier ones.
    let found = tx.query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}
