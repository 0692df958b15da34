//! The date rules of a term as SQL conditions on the agreement table: the second telling of
//! `entity::term`, held against the first by a property test.

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
    error::{Error, Result},
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The term of an agreement; its row must have every date and month column.
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

/// The columns that a term is made of.
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

/// What `agreement.deadline_on` and `agreement.deadline_month` must be for these facts: written
/// with every row, so that an index finds what expires.
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

fn month_index(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

/// The agreement has one of these statuses on `on`.
#[must_use]
pub fn has_status(statuses: &[Status], on: NaiveDate) -> Condition {
    statuses.iter().fold(Condition::any(), |any, status| any.add(is(*status, on)))
}

/// True of whatever has one of these statuses, when those are few in any register: tells SQLite,
/// which keeps no statistics, to find them by an index of days rather than to walk through the
/// register in the list's order. Null: nothing to tell.
#[must_use]
pub fn is_rare(backend: DbBackend, statuses: &[Status], on: NaiveDate) -> Option<SimpleExpr> {
    let is_it = backend == DbBackend::Sqlite && statuses == [Status::Signed];
    is_it.then(|| Func::cust("unlikely").arg(column(Column::StartsOn).gt(on)).into())
}

fn by(fact: Column, on: NaiveDate) -> SimpleExpr {
    column(fact).lte(on)
}

fn not_by(fact: Column, on: NaiveDate) -> Condition {
    Condition::any().add(column(fact).is_null()).add(column(fact).gt(on))
}

fn offered_by(on: NaiveDate) -> SimpleExpr {
    // Offered before the day after begins, in Stockholm.
    column(Column::OfferedAt).lt(clock::start_of(on.succ_opt().unwrap_or(on)))
}

fn ended_by(on: NaiveDate) -> Condition {
    let does_not_renew = Condition::any()
        .add(column(Column::RenewalMonths).is_null())
        .add(column(Column::NoticeGivenOn).is_not_null());
    Condition::any()
        .add(by(Column::ReplacedFrom, on))
        .add(Condition::all().add(column(Column::EndsOn).lt(on)).add(does_not_renew))
}

fn not_ended_by(on: NaiveDate) -> Condition {
    let renews = Condition::all()
        .add(column(Column::RenewalMonths).is_not_null())
        .add(column(Column::NoticeGivenOn).is_null());
    let end_is_ahead = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(on))
        .add(renews);
    Condition::all().add(not_by(Column::ReplacedFrom, on)).add(end_is_ahead)
}

fn is(status: Status, on: NaiveDate) -> Condition {
    let alive = Condition::all().add(not_by(Column::WithdrawnOn, on));
    let signed = alive.clone().add(by(Column::SignedOn, on));
    let unsigned = alive.add(not_by(Column::SignedOn, on));
    let started = signed.clone().add(column(Column::StartsOn).lte(on));
    match status {
        Status::Withdrawn => Condition::all().add(by(Column::WithdrawnOn, on)),
        Status::Draft => unsigned.add(
            Condition::any().add(column(Column::OfferedAt).is_null()).add(offered_by(on).not()),
        ),
        Status::Offered => unsigned.add(offered_by(on)),
        Status::Signed => signed.add(column(Column::StartsOn).gt(on)),
        Status::Ended => started.add(ended_by(on)),
        Status::NoticeGiven => started.add(not_ended_by(on)).add(by(Column::NoticeGivenOn, on)),
        Status::Active => started.add(not_ended_by(on)).add(not_by(Column::NoticeGivenOn, on)),
    }
}

/// The agreement is in force on `on`: ACTIVE or NOTICE_GIVEN, said more shortly.
#[must_use]
pub fn in_force(on: NaiveDate) -> Condition {
    Condition::all()
        .add(not_by(Column::WithdrawnOn, on))
        .add(by(Column::SignedOn, on))
        .add(column(Column::StartsOn).lte(on))
        .add(not_ended_by(on))
}

/// A member has a participation agreement in force on `on` in the activity with this slug; a
/// condition on the member table. Each member is looked up by itself, so that a page of members
/// costs the same whatever the register's size.
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

/// The identifier of the activity with this slug, as one value: compared with it, an index gives
/// rows in their order, where several would have to be sorted.
#[must_use]
pub fn activity_named(slug: &str) -> SimpleExpr {
    let found = Query::select()
        .column((activity::Entity, activity::Column::Id))
        .from(activity::Entity)
        .and_where(Expr::col((activity::Entity, activity::Column::Slug)).eq(slug))
        .take();
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(found)))
}

/// The agreement lets a member take part in an activity, said so that an index on such agreements
/// alone can be used: it must stand in the statement's text.
#[must_use]
pub fn is_participation() -> SimpleExpr {
    Expr::cust(format!("\"agreement\".\"kind\" = '{}'", AgreementKind::Participation))
}

/// Months from the month of `day` to the next one in which a term that is prolonged by itself has a
/// deadline: 0 to its renewal months less one.
fn months_ahead(day: NaiveDate) -> String {
    let months = format!(
        "(\"agreement\".\"deadline_month\" - {}) % \"agreement\".\"renewal_months\"",
        month_index(day)
    );
    format!("((({months}) + \"agreement\".\"renewal_months\") % \"agreement\".\"renewal_months\")")
}

/// The day of the next deadline on or after `on`, whatever the status; meaningful for rows that
/// [`deadline_within`] lets through.
#[must_use]
pub fn next_deadline(backend: DbBackend, on: NaiveDate) -> SimpleExpr {
    // The deadline that falls {turn} months after the month of `on`: of the term that ends {round}
    // months after the month of the first end, as `entity::term` has it. Where that term ends with
    // its month, notice may be given until the end of the deadline's month.
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
    let fill = |permit: &str| {
        format!("({falls})")
            .replace("{round}", &format!("({} + {permit} + {{n}} - {first_end})", month_index(on)))
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

/// The renewal months that agreements have, each with the months of its round that fall within
/// `months` of the month of `from`: two indexed columns of whatever expires. The renewal months in
/// use are few and are leapt through in their index.
fn turns_within(from: NaiveDate, months: i32) -> SimpleExpr {
    Expr::cust(format!(
        "(\"agreement\".\"renewal_months\", \"agreement\".\"deadline_month\") IN (WITH RECURSIVE \
         \"round\" (\"length\") AS (SELECT MIN(\"renewal_months\") FROM \"agreement\" UNION ALL \
         SELECT (SELECT MIN(\"renewal_months\") FROM \"agreement\" WHERE \"renewal_months\" > \"length\") FROM \"round\" WHERE \"length\" IS NOT NULL), \
         \"turn\" (\"ahead\") AS (SELECT 0 UNION ALL SELECT \"ahead\" + 1 FROM \"turn\" WHERE \"ahead\" < {months}) \
         SELECT \"length\", ({} + \"ahead\") % \"length\" FROM \"round\" JOIN \"turn\" ON \"ahead\" < \"length\" WHERE \"length\" IS NOT NULL)",
        month_index(from)
    ))
}

/// The agreement has a deadline, and the next one on or after `from` falls on `to` at the latest.
#[must_use]
pub fn deadline_within(backend: DbBackend, from: NaiveDate, to: NaiveDate) -> Condition {
    let pending = Condition::all()
        .add(not_by(Column::WithdrawnOn, from))
        .add(by(Column::SignedOn, from))
        .add(column(Column::ReplacedFrom).is_null());
    let fixed = Condition::all()
        .add(column(Column::DeadlineMonth).is_null())
        .add(column(Column::DeadlineOn).between(from, to));
    // A deadline in a month between the first and the last falls within for sure; the others must
    // be reckoned.
    let (ahead, months) = (Expr::cust(months_ahead(from)), month_index(to) - month_index(from));
    let falls_within = Condition::any()
        .add(column(Column::DeadlineOn).gte(from))
        .add(Condition::all().add(ahead.clone().gt(0)).add(ahead.lt(months)))
        .add(next_deadline(backend, from).lte(to));
    let recurring = Condition::all()
        .add(column(Column::DeadlineMonth).is_not_null())
        .add(column(Column::DeadlineOn).lte(to))
        .add(turns_within(from, months))
        .add(falls_within);
    pending.add(Condition::any().add(fixed).add(recurring))
}

/// Refuses a change that agreements stand against, with their numbers in the words of the error.
///
/// # Errors
/// CONFLICT `AGREEMENTS_IN_FORCE` when the condition lets any agreement through, INTERNAL when the
/// database fails.
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
    Err(Error::conflict("AGREEMENTS_IN_FORCE", words(&numbers.join(", "))))
}

/// The agreement is signed, whenever that was, and goes on after `last` or begins only then. No
/// status as of a day says this: what ends as of last year must also see what was signed since.
#[must_use]
pub fn outlives(last: NaiveDate) -> Condition {
    Condition::all()
        .add(column(Column::SignedOn).is_not_null())
        .add(column(Column::WithdrawnOn).is_null())
        .add(not_ended_by(last.succ_opt().unwrap_or(last)))
}

/// The agreement is signed, whenever that was, and comes into force before `first`.
#[must_use]
pub fn begins_before(first: NaiveDate) -> Condition {
    let is_replaced_before = column(Column::ReplacedFrom).lte(column(Column::StartsOn));
    Condition::all()
        .add(column(Column::SignedOn).is_not_null())
        .add(column(Column::WithdrawnOn).is_null())
        .add(column(Column::StartsOn).lt(first))
        .add(
            Condition::any()
                .add(column(Column::ReplacedFrom).is_null())
                .add(is_replaced_before.not()),
        )
}
