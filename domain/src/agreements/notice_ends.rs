//! Agreements whose last day comes from a notice under a former rule. The counterparty was notified
//! of these days, so they stay until the office decides otherwise.

use ::entity::{
    agreement::{self, Column, Model},
    kind::Form,
};
use chrono::{Days, NaiveDate};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    former_notice_ends::{NoticeEnd, deviation},
    loading::notice_change,
};
use crate::{
    audit::{
        Action,
        past::{self, PastChange},
    },
    auth::viewer::Permission,
    context::Context,
    error::Result,
};

/// Returns the last day of an agreement that needs a decision; `None` if there is none.
pub(super) async fn of(
    db: &impl ConnectionTrait,
    row: &Model,
    today: NaiveDate,
) -> Result<Option<NoticeEnd>> {
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
