//! Last days from notices under a former rule, by which renewed terms of short months ended early.
//! The counterparty was notified of these days, so they stay until the office decides otherwise.

use ::entity::{
    agreement::{self, Column, Model},
    id::AgreementId,
    kind::Form,
    term::{Term, add_months},
};
use chrono::{Datelike, Days, NaiveDate};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    eligibility,
    lifecycle::{self, name, snapshot},
    overlaps,
    withdraw_notice::notice_change,
};
use crate::{
    audit::{
        self, Action,
        past::{self, PastChange},
    },
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// An agreement whose last day by notice differs under the present rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeEnd {
    /// The agreement.
    pub agreement: AgreementId,
    /// Its number.
    pub number: String,
    /// Day of the notice.
    pub given_on: NaiveDate,
    /// Last day in force, as the counterparty was notified.
    pub ends_on: NaiveDate,
    /// Last day in force by the present rule.
    pub rule_ends_on: NaiveDate,
}

/// Returns the last day in force by the former rule, which added months to the inclusive last day
/// and subtracted them from it, each time clamped to the end of the month.
fn former_end(ends_on: NaiveDate, renewal: i32, notice: i32, given_on: NaiveDate) -> NaiveDate {
    let month = |day: NaiveDate| day.year() * 12 + day.month0().cast_signed();
    let last = |k: i32| add_months(ends_on, k * renewal);
    let k = (month(given_on) + notice - month(ends_on)).div_euclid(renewal.max(1)).max(0);
    if add_months(last(k), -notice) >= given_on { last(k) } else { last(k + 1) }
}

/// Returns the last day by the present rule, if the stored one follows the former rule and differs.
fn deviation(row: &Model, agreed: NaiveDate) -> Option<NoticeEnd> {
    let (given_on, ends_on, renewal) = (row.notice_given_on?, row.ends_on?, row.renewal_months?);
    let from = given_on.max(row.starts_on);
    let agreed_term = Term { ends_on: Some(agreed), notice_given_on: None, ..term_sql::of(row) };
    let rule_ends_on = agreed_term.ends_by_notice(from);
    let is_former =
        ends_on == former_end(agreed, renewal, row.notice_months, from) && ends_on != rule_ends_on;
    let number = row.number.clone().unwrap_or_default();
    is_former.then_some(NoticeEnd { agreement: row.id, number, given_on, ends_on, rule_ends_on })
}

/// Returns the last day of an agreement that needs a decision; `None` if there is none.
async fn of(db: &impl ConnectionTrait, row: &Model, today: NaiveDate) -> Result<Option<NoticeEnd>> {
    if row.notice_end_decided_on.is_some() {
        return Ok(None);
    }
    let Some(past) = notice_change(db, row).await? else { return Ok(None) };
    let found = past.day_before("ends_on").and_then(|agreed| deviation(row, agreed));
    let Some(found) = found.filter(|found| found.ends_on.max(found.rule_ends_on) >= today) else {
        return Ok(None);
    };
    Ok(if is_decided(db, &past).await? { None } else { Some(found) })
}

/// `true` if the office has decided after the notice, under a version that stored decisions only in
/// the audit trail.
async fn is_decided(db: &impl ConnectionTrait, notice: &PastChange) -> Result<bool> {
    let changes = past::changes_of(db, Form::Agreement, notice.record_id).await?;
    let decides = |past: &PastChange| Action::AgreementNoticeEndDecide.is_stored_as(&past.action);
    Ok(changes.iter().any(|past| decides(past) && past.revision > notice.revision))
}

/// Returns the agreements with a notice that ends on another day by the present rule and that the
/// office has not decided on, ordered by number. Agreements for which both days have passed are
/// omitted.
pub async fn undecided(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<NoticeEnd>> {
    let rows = agreement::Entity::find()
        .filter(Column::NoticeGivenOn.is_not_null())
        .filter(Column::RenewalMonths.is_not_null())
        .filter(Column::WithdrawnOn.is_null())
        // Under the present rule it ends at most three days later.
        .filter(Column::EndsOn.gte(today - Days::new(3)))
        .order_by_asc(Column::NumberKey)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(of(db, &row, today).await?);
    }
    Ok(found)
}

/// Returns the same agreements as [`undecided`], with a check of the permission.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`.
pub async fn list(ctx: Context<'_>) -> Result<Vec<NoticeEnd>> {
    ctx.require(Permission::ManageAgreements)?;
    undecided(ctx.db.read(), ctx.clock.today()).await
}

/// Describes each agreement to decide on in one sentence, for `verify`.
pub async fn notes(db: &impl ConnectionTrait, today: NaiveDate) -> Result<Vec<String>> {
    let sentence = |end: NoticeEnd| {
        format!(
            "agreement {} ends on {} by the notice given on {}, and by the present rule on {}: decide which of the two days holds",
            end.number, end.ends_on, end.given_on, end.rule_ends_on
        )
    };
    Ok(undecided(db, today).await?.into_iter().map(sentence).collect())
}

/// Decides the last day of an agreement: the day that the counterparty was notified of, or the day
/// by the present rule.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID unless it is one of the two
/// days, CONFLICT `NOTHING_TO_DECIDE`, `NOT_A_MEMBER`, `ACTIVITY_ENDED` or `OVERLAPS`.
pub async fn decide(
    ctx: Context<'_>,
    id: AgreementId,
    ends_on: NaiveDate,
    errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementNoticeEndDecide).await?;
    let row = lifecycle::find(change.tx(), id).await?;
    let Some(end) = of(change.tx(), &row, day_of(change.at())).await? else {
        let message = format!("{} has no end by notice to decide on", name(&row));
        return Err(Error::conflict(ConflictReason::NothingToDecide, message));
    };
    if ![end.ends_on, end.rule_ends_on].contains(&ends_on) {
        let message = format!(
            "must be {}, as the counterparty was notified, or {}, by the present rule",
            end.ends_on, end.rule_ends_on
        );
        return Err(Error::invalid("ends_on", FieldErrorCode::Mismatch.problem(message)));
    }
    let before = snapshot(change.tx(), row.clone()).await?;
    let mut row =
        Model { ends_on: Some(ends_on), notice_end_decided_on: Some(day_of(change.at())), ..row };
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    if row.ends_on != before.row.ends_on {
        eligibility::require_days_for_extension(change.tx(), &row).await?;
        overlaps::refuse(change.tx(), &row).await?;
    }
    audit::replace(&change, row.clone()).await.map_err(overlaps::describe)?;
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlaps::describe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn ends_of_the_former_rule_are_recognized() {
        for (agreed, renewal, notice, given_on, notified, present) in [
            ("2026-06-30", 6, 3, "2026-09-30", "2026-12-30", Some("2026-12-31")),
            // In time only by the present rule: one term less.
            ("2027-02-28", 12, 3, "2026-11-30", "2028-02-28", Some("2027-02-28")),
            ("2026-12-31", 12, 3, "2026-09-30", "2026-12-31", None),
            // The day follows neither rule, as with an early end by the contract.
            ("2026-06-30", 6, 3, "2026-09-30", "2026-11-30", None),
            ("2026-06-29", 6, 3, "2026-09-29", "2026-12-29", None),
        ] {
            let row = Model {
                starts_on: day("2026-01-01"),
                ends_on: Some(day(notified)),
                renewal_months: Some(renewal),
                notice_months: notice,
                notice_given_on: Some(day(given_on)),
                signed_on: Some(day("2025-12-01")),
                ..Model::default()
            };
            assert_eq!(
                deviation(&row, day(agreed)).map(|end| end.rule_ends_on),
                present.map(day),
                "{agreed} {given_on}"
            );
        }
    }
}
