//! The date rules of a term as SQL conditions on the agreement table. Must agree with
//! `entity::term` (property-tested).

use ::entity::{
    activity,
    agreement::{Column, Entity},
    kind::AgreementKind,
    member,
    term::{Status, Term, notice_deadline},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Func, Query, SimpleExpr, SubQueryStatement},
};

use crate::{
    clock::{self, day_of},
    database::fixed_day,
    error::{ConflictReason, Error, Result},
    query::column,
};

/// Returns the term of an agreement; its row must have every date and month column.
#[must_use]
pub fn of(row: &::entity::agreement::Model) -> Term {
    Term {
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        notice_months: row.notice_months,
        renewal_months: row.renewal_months,
        offered_on: row.offered_at.map(day_of),
        signed_on: row.signed_on,
        withdrawn_on: row.withdrawn_on,
        notice_given_on: row.notice_given_on,
        replaced_from: row.replaced_from,
    }
}

/// The columns that a term is read from.
pub const COLUMNS: [Column; 9] = [
    Column::StartsOn,
    Column::EndsOn,
    Column::NoticeMonths,
    Column::RenewalMonths,
    Column::OfferedAt,
    Column::SignedOn,
    Column::WithdrawnOn,
    Column::NoticeGivenOn,
    Column::ReplacedFrom,
];

/// Returns the values of `agreement.deadline_on` and `agreement.deadline_month` for a term. They
/// are stored in every row, so that an index finds expiring agreements.
#[must_use]
pub fn deadline_columns(term: &Term) -> (Option<NaiveDate>, Option<i32>) {
    let Some(ends_on) = term.ends_on else { return (None, None) };
    match term.renewal_months {
        Some(renewal) if term.notice_given_on.is_none() => {
            let first = notice_deadline(ends_on, term.notice_months);
            (Some(first), Some((month_index(ends_on) - term.notice_months).rem_euclid(renewal)))
        }
        _ => (Some(ends_on), None),
    }
}

/// Returns the number of months from the year 0 to the month of a day.
pub(crate) fn month_index(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

/// Returns the condition that the agreement has one of these statuses on `on`.
#[must_use]
pub fn has_status(statuses: &[Status], on: NaiveDate) -> Condition {
    statuses.iter().fold(Condition::any(), |any, status| any.add(is(*status, on)))
}

/// Returns a condition that is true of every agreement with one of these statuses, if they are rare
/// in any register; else `None`. It makes SQLite, which has no statistics, use an index of days
/// rather than scan the register in the list's order.
#[must_use]
pub fn is_rare(backend: DbBackend, statuses: &[Status], on: NaiveDate) -> Option<SimpleExpr> {
    let is_it = backend == DbBackend::Sqlite && statuses == [Status::Signed];
    is_it.then(|| Func::cust("unlikely").arg(column(Column::StartsOn).gt(fixed_day(on))).into())
}

fn by(fact: Column, on: NaiveDate) -> SimpleExpr {
    column(fact).lte(fixed_day(on))
}

fn not_by(fact: Column, on: NaiveDate) -> Condition {
    Condition::any().add(column(fact).is_null()).add(column(fact).gt(fixed_day(on)))
}

fn offered_by(on: NaiveDate) -> SimpleExpr {
    // Offered before the next day begins in Stockholm.
    column(Column::OfferedAt).lt(clock::start_of(on.succ_opt().unwrap_or(on)))
}

fn does_not_renew() -> Condition {
    Condition::any()
        .add(column(Column::RenewalMonths).is_null())
        .add(column(Column::NoticeGivenOn).is_not_null())
}

fn ended_by(on: NaiveDate) -> Condition {
    Condition::any()
        .add(by(Column::ReplacedFrom, on))
        .add(Condition::all().add(column(Column::EndsOn).lt(fixed_day(on))).add(does_not_renew()))
}

fn not_ended_by(on: NaiveDate) -> Condition {
    let renews = Condition::all()
        .add(column(Column::RenewalMonths).is_not_null())
        .add(column(Column::NoticeGivenOn).is_null());
    let end_is_ahead = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(fixed_day(on)))
        .add(renews);
    Condition::all().add(not_by(Column::ReplacedFrom, on)).add(end_is_ahead)
}

/// Returns the SQL of the last day in force unless notice is given: [`Term::final_day`].
#[must_use]
pub fn final_day(backend: DbBackend) -> String {
    let own = "CASE WHEN \"agreement\".\"renewal_months\" IS NULL \
        OR \"agreement\".\"notice_given_on\" IS NOT NULL THEN \"agreement\".\"ends_on\" END";
    let before_successor = if backend == DbBackend::Postgres {
        "(\"agreement\".\"replaced_from\" - 1)"
    } else {
        "date(\"agreement\".\"replaced_from\", '-1 day')"
    };
    format!(
        "CASE WHEN ({own}) < {before_successor} THEN ({own}) \
         ELSE COALESCE({before_successor}, ({own})) END"
    )
}

/// Returns the condition that the agreement was withdrawn by `on`, or its last day was before,
/// whether it was signed or not.
#[must_use]
pub fn is_over(backend: DbBackend, on: NaiveDate) -> Condition {
    let has_ended = Expr::cust(final_day(backend)).lt(fixed_day(on));
    Condition::any()
        .add(by(Column::WithdrawnOn, on))
        .add(Condition::all().add(column(Column::WithdrawnOn).is_null()).add(has_ended))
}

fn is(status: Status, on: NaiveDate) -> Condition {
    let alive = Condition::all().add(not_by(Column::WithdrawnOn, on));
    let signed = alive.clone().add(by(Column::SignedOn, on));
    let unsigned = alive.add(not_by(Column::SignedOn, on));
    let started = signed.clone().add(by(Column::StartsOn, on));
    match status {
        Status::Withdrawn => Condition::all().add(by(Column::WithdrawnOn, on)),
        Status::Draft => unsigned.add(
            Condition::any().add(column(Column::OfferedAt).is_null()).add(offered_by(on).not()),
        ),
        Status::Offered => unsigned.add(offered_by(on)),
        Status::Signed => signed.add(column(Column::StartsOn).gt(fixed_day(on))),
        Status::Ended => started.add(ended_by(on)),
        Status::NoticeGiven => started.add(not_ended_by(on)).add(by(Column::NoticeGivenOn, on)),
        Status::Active => started.add(not_ended_by(on)).add(not_by(Column::NoticeGivenOn, on)),
    }
}

/// Returns the condition that the agreement is in force on `on`: ACTIVE or NOTICE_GIVEN, in a
/// shorter form.
#[must_use]
pub fn in_force(on: NaiveDate) -> Condition {
    Condition::all()
        .add(not_by(Column::WithdrawnOn, on))
        .add(by(Column::SignedOn, on))
        .add(by(Column::StartsOn, on))
        .add(not_ended_by(on))
}

/// Returns a condition that is true of every agreement that is in force on one of two days and not
/// on the other: that one of its days is between them. It takes fewer comparisons than the two
/// conditions of [`in_force`], which must agree with it.
#[must_use]
pub fn may_change(from: NaiveDate, to: NaiveDate) -> Condition {
    let counts_from =
        |fact: Column| column(fact).gt(fixed_day(from)).and(column(fact).lte(fixed_day(to)));
    let last_day =
        column(Column::EndsOn).gte(fixed_day(from)).and(column(Column::EndsOn).lt(fixed_day(to)));
    Condition::any()
        .add(Condition::all().add(last_day).add(does_not_renew()))
        .add(counts_from(Column::StartsOn))
        .add(counts_from(Column::SignedOn))
        .add(counts_from(Column::ReplacedFrom))
        .add(counts_from(Column::WithdrawnOn))
}

/// Returns the condition on the member table that a member has a participation agreement in force
/// on `on` in the activity with this slug. Each member is looked up separately, so that a page of
/// members costs the same in a register of any size.
#[must_use]
pub fn takes_part(slug: &str, on: NaiveDate) -> SimpleExpr {
    let own = Query::select()
        .expr(Expr::cust("1"))
        .from(Entity)
        .and_where(column(Column::MemberId).eq(Expr::col((member::Entity, member::Column::Id))))
        .and_where(column(Column::ActivityId).eq(activity_named(slug)))
        .and_where(is_participation())
        .cond_where(in_force(on))
        .take();
    Expr::exists(own)
}

/// Returns the id of the activity with this slug, as one value: an index then returns rows in
/// order, where a list of values would require sorting.
#[must_use]
pub fn activity_named(slug: &str) -> SimpleExpr {
    let found = Query::select()
        .column((activity::Entity, activity::Column::Id))
        .from(activity::Entity)
        .and_where(Expr::col((activity::Entity, activity::Column::Slug)).eq(slug))
        .take();
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(found)))
}

/// Returns the condition that the agreement lets a member take part in an activity. The kind is
/// part of the statement's text, so that a partial index on such agreements can be used.
#[must_use]
pub fn is_participation() -> SimpleExpr {
    Expr::cust(format!("\"agreement\".\"kind\" = '{}'", AgreementKind::Participation))
}

/// Returns the months from the month of `day` to the next one in which an automatically renewed
/// term has a deadline: 0 to its renewal months less one.
fn months_ahead(day: NaiveDate) -> String {
    let months = format!(
        "(\"agreement\".\"deadline_month\" - {}) % \"agreement\".\"renewal_months\"",
        month_index(day)
    );
    format!("((({months}) + \"agreement\".\"renewal_months\") % \"agreement\".\"renewal_months\")")
}

/// Returns the day of the next deadline on or after `on`, whatever the status. Valid for rows that
/// [`deadline_within`] selects.
#[must_use]
pub fn next_deadline(backend: DbBackend, on: NaiveDate) -> SimpleExpr {
    // The deadline {ahead} months after the month of `on`: of the term that ends {round} months
    // after the month of the first end, as in `entity::term`. If that term ends at a month's end,
    // notice may be given until the end of the deadline's month.
    let falls = if backend == DbBackend::Postgres {
        "CASE WHEN EXTRACT(DAY FROM {e} + 1) = 1 OR EXTRACT(DAY FROM ({e} + make_interval(months => {round}))::date + 1) = 1 \
         THEN (date_trunc('month', {e}::timestamp) + make_interval(months => {round} - {n} + 1))::date - 1 \
         ELSE ({e} + make_interval(months => {round} - {n}))::date END"
    } else {
        "CASE WHEN substr(date({e}, '+1 day'), 9) = '01' OR substr(date({e}, ({round}) || ' months', 'floor', '+1 day'), 9) = '01' \
         THEN date({e}, 'start of month', ({round} - {n} + 1) || ' months', '-1 day') \
         ELSE date({e}, ({round} - {n}) || ' months', 'floor') END"
    };
    let first_end = if backend == DbBackend::Postgres {
        "(EXTRACT(YEAR FROM {e})::int * 12 + EXTRACT(MONTH FROM {e})::int - 1)"
    } else {
        "(CAST(substr({e}, 1, 4) AS INTEGER) * 12 + CAST(substr({e}, 6, 2) AS INTEGER) - 1)"
    };
    let fill = |ahead: &str| {
        format!("({falls})")
            .replace("{round}", &format!("({} + {ahead} + {{n}} - {first_end})", month_index(on)))
            .replace("{e}", "\"agreement\".\"ends_on\"")
            .replace("{n}", "\"agreement\".\"notice_months\"")
    };
    let ahead = months_ahead(on);
    let (this, next) = (fill(&ahead), fill(&format!("{ahead} + \"agreement\".\"renewal_months\"")));
    let cast = if backend == DbBackend::Postgres { "::date" } else { "" };
    Expr::cust(format!(
        "CASE WHEN \"agreement\".\"deadline_month\" IS NULL OR \"agreement\".\"deadline_on\" >= '{on}'{cast} THEN \"agreement\".\"deadline_on\" \
         WHEN {ahead} > 0 OR {this} >= '{on}'{cast} THEN {this} ELSE {next} END"
    ))
}

/// Returns the condition that the agreement's deadline month is within `months` of the month of
/// `from`: pairs of two indexed columns, its renewal months and deadline month. There are few
/// distinct renewal months, and the query skips from one to the next in their index.
fn deadline_month_within(from: NaiveDate, months: i32) -> SimpleExpr {
    Expr::cust(format!(
        "(\"agreement\".\"renewal_months\", \"agreement\".\"deadline_month\") IN (WITH RECURSIVE \
         \"round\" (\"length\") AS (SELECT MIN(\"renewal_months\") FROM \"agreement\" UNION ALL \
         SELECT (SELECT MIN(\"renewal_months\") FROM \"agreement\" WHERE \"renewal_months\" > \"length\") FROM \"round\" WHERE \"length\" IS NOT NULL), \
         \"step\" (\"ahead\") AS (SELECT 0 UNION ALL SELECT \"ahead\" + 1 FROM \"step\" WHERE \"ahead\" < {months}) \
         SELECT \"length\", ({} + \"ahead\") % \"length\" FROM \"round\" JOIN \"step\" ON \"ahead\" < \"length\" WHERE \"length\" IS NOT NULL)",
        month_index(from)
    ))
}

/// Returns the condition that the agreement has a deadline, and the next one on or after `from` is
/// on `to` at the latest.
#[must_use]
pub fn deadline_within(backend: DbBackend, from: NaiveDate, to: NaiveDate) -> Condition {
    let fixed = Condition::all()
        .add(column(Column::DeadlineMonth).is_null())
        .add(column(Column::DeadlineOn).between(fixed_day(from), fixed_day(to)));
    // A deadline in a month between the first and the last is certainly within the period; the
    // others must be calculated.
    let (ahead, months) = (Expr::cust(months_ahead(from)), month_index(to) - month_index(from));
    let falls_within = Condition::any()
        .add(column(Column::DeadlineOn).gte(fixed_day(from)))
        .add(Condition::all().add(ahead.clone().gt(0)).add(ahead.lt(months)))
        .add(next_deadline(backend, from).lte(fixed_day(to)));
    let recurring = Condition::all()
        .add(column(Column::DeadlineMonth).is_not_null())
        .add(by(Column::DeadlineOn, to))
        .add(deadline_month_within(from, months))
        .add(falls_within);
    is_pending(from).add(Condition::any().add(fixed).add(recurring))
}

/// Returns the condition that the agreement is signed on `on`, not withdrawn, and has no signed
/// successor.
#[must_use]
pub fn is_pending(on: NaiveDate) -> Condition {
    Condition::all()
        .add(not_by(Column::WithdrawnOn, on))
        .add(by(Column::SignedOn, on))
        .add(column(Column::ReplacedFrom).is_null())
}

/// Refuses a change that conflicts with agreements, with their numbers in the message from `words`.
///
/// # Errors
/// CONFLICT `AGREEMENTS_IN_FORCE` if any agreement meets the condition.
pub async fn refuse_agreements(
    db: &impl ConnectionTrait,
    condition: Condition,
    words: impl FnOnce(&str) -> String,
) -> Result<()> {
    let select = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(condition)
        .order_by_asc(Column::NumberKey);
    let numbers: Vec<Option<String>> = select.into_tuple().all(db).await?;
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Vec<String> = numbers.into_iter().flatten().collect();
    let message = words(&numbers.join(", "));
    Err(Error::conflict_of(ConflictReason::AgreementsInForce, message, numbers))
}

/// Returns the condition that the agreement is signed, on any day, and continues after `last` or
/// begins only then. A status as of a day does not express this: an end as of last year must also
/// consider later signatures.
#[must_use]
pub fn outlives(last: NaiveDate) -> Condition {
    Condition::all()
        .add(column(Column::SignedOn).is_not_null())
        .add(column(Column::WithdrawnOn).is_null())
        .add(not_ended_by(last.succ_opt().unwrap_or(last)))
}

/// Returns the condition that the agreement is signed, on any day, and comes into force before
/// `first`.
#[must_use]
pub fn begins_before(first: NaiveDate) -> Condition {
    let is_replaced_before = column(Column::ReplacedFrom).lte(column(Column::StartsOn));
    Condition::all()
        .add(column(Column::SignedOn).is_not_null())
        .add(column(Column::WithdrawnOn).is_null())
        .add(column(Column::StartsOn).lt(fixed_day(first)))
        .add(
            Condition::any()
                .add(column(Column::ReplacedFrom).is_null())
                .add(is_replaced_before.not()),
        )
}
