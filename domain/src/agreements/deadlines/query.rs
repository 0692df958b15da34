//! Deadlines for reports and calendars: each agreement with the names of its parties and the reason
//! for its deadline.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    activity,
    agreement::{self, Column, Model},
    audit_entry,
    kind::AgreementKind,
    member, organisation,
};
use documents::calendar;
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{CaseStatement, Expr, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{
    expiring,
    expiring_agreement::{Changes, Expiring, Names},
    is_not_acknowledgement,
    rules::Window,
};
use crate::agreements::{
    Filter, deadlines,
    visibility::{self, visible},
};
use crate::{
    activities,
    audit::Action,
    context::Context,
    database::among,
    error::{Result, ValidationErrors},
    members, organisations,
    page::{self, PageRequest},
    query::column,
    term_sql,
};

/// Returns every agreement that the viewer can read and whose deadline is in the window, as
/// [`deadlines::list`] selects them.
pub async fn all(ctx: Context<'_>, window: Window, filter: &Filter) -> Result<Vec<Expiring>> {
    let mut columns = term_sql::COLUMNS.to_vec();
    columns.extend([
        Column::Id,
        Column::Number,
        Column::Kind,
        Column::ActivityId,
        Column::MemberId,
        Column::OrganisationId,
    ]);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let args = page::Args {
            first: i64::try_from(page::MAX_PAGE).ok(),
            after,
            ..page::Args::default()
        };
        let (order, errors) =
            (deadlines::soonest_first(ctx.db.backend(), window), ValidationErrors::default());
        let page = PageRequest::check("Agreement", order, &args, columns.clone(), errors)?;
        let page = deadlines::list(ctx, window, filter, &page).await?;
        after = page.rows.last().map(|(position, _)| position.encode());
        found.extend(page.rows.into_iter().map(|(_, row)| row));
        if !page.has_next {
            break;
        }
    }
    with_names(ctx, window, found).await
}

/// Adds the names of its parties and its activity to each agreement.
async fn with_names(ctx: Context<'_>, window: Window, found: Vec<Model>) -> Result<Vec<Expiring>> {
    let ids: Vec<_> = found.iter().filter_map(|row| row.member_id).collect();
    let members = members::by_ids(ctx, &ids, &[member::Column::Id, member::Column::Name]).await?;
    let ids: Vec<_> = found.iter().filter_map(|row| row.organisation_id).collect();
    let organisations =
        organisations::by_ids(ctx, &ids, &[organisation::Column::Id, organisation::Column::Name])
            .await?;
    let mut parties: HashMap<Uuid, String> =
        members.into_iter().map(|member| (member.id.into(), member.name)).collect();
    parties.extend(
        organisations.into_iter().map(|organisation| (organisation.id.into(), organisation.name)),
    );
    let ids: Vec<_> = found.iter().filter_map(|row| row.activity_id).collect();
    let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
    let named = activities::by_ids(ctx, &ids, &columns).await?;
    let activities: HashMap<_, _> =
        named.into_iter().map(|activity| (activity.id, (activity.slug, activity.name))).collect();

    let names = Names { parties, activities };
    Ok(found.into_iter().filter_map(|row| Expiring::of(row, window, &names)).collect())
}

/// Renders these deadlines as a calendar (iCalendar), in Swedish.
///
/// A client that reads the calendar again moves its events and duplicates none. Each agreement has
/// a stable UID, and its sequence number grows with every change of the agreement, every new name
/// of its counterparty or its activity, and every renewal.
pub async fn calendar(ctx: Context<'_>, found: &[Expiring]) -> Result<String> {
    let mut changes = changes_of(ctx, found).await?;
    changes
        .extend(renames_of(ctx, found.iter().flat_map(|row| &row.named).copied().collect()).await?);
    Ok(calendar::render(
        "Avtal som löper ut",
        &found.iter().map(|row| row.event(&changes)).collect::<Vec<_>>(),
        ctx.clock.now(),
    ))
}

/// Returns the number of changes of each of these agreements and the time of the last one.
/// Acknowledgements count for viewers who can read them.
async fn changes_of(ctx: Context<'_>, found: &[Expiring]) -> Result<Changes> {
    use audit_entry::{Column, Entity};
    let subject = Expr::col((Entity, Column::SubjectId));
    let readable = visible(ctx.with_viewer(&visibility::without_member(ctx)));
    let acknowledgements = Query::select()
        .column((agreement::Entity, agreement::Column::Id))
        .from(agreement::Entity)
        .cond_where(readable)
        .take();
    let counts = Condition::any()
        .add(is_not_acknowledgement(ctx.db.backend()))
        .add(subject.clone().in_subquery(acknowledgements));
    let select = Query::select()
        .from(Entity)
        .expr(subject.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::col((Entity, Column::At)).max())
        .and_where(among(ctx.db.backend(), subject.clone(), found.iter().map(|row| row.id)))
        .and_where(Expr::col((Entity, Column::Action)).is_not_in(Action::TrailMigrate.words()))
        .cond_where(counts)
        .add_group_by([subject])
        .take();
    let found = ctx.db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}

/// Returns the number of new names of each of these objects and the time of the last one. Other
/// audit entries about them, for example on allocations, billing details and costs, do not count: a
/// reader of the calendar may not know about them.
async fn renames_of(ctx: Context<'_>, things: BTreeSet<Uuid>) -> Result<Changes> {
    use audit_entry::{Column, Entity};
    let is_new = if ctx.db.backend() == DbBackend::Postgres {
        r#"CAST("before" AS json) ->> 'name' IS DISTINCT FROM CAST("after" AS json) ->> 'name'"#
    } else {
        r#"json_extract("before", '$.name') IS NOT json_extract("after", '$.name')"#
    };
    let subject = Expr::col((Entity, Column::SubjectId));
    let select = Query::select()
        .from(Entity)
        .expr(subject.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::col((Entity, Column::At)).max())
        .and_where(among(ctx.db.backend(), subject.clone(), things))
        .and_where(Expr::col((Entity, Column::Action)).is_not_in(Action::TrailMigrate.words()))
        .and_where(Expr::cust(is_new))
        .add_group_by([subject])
        .take();
    let found = ctx.db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}

/// The number of agreements of a kind and an activity that expire within each of several periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The activity's slug; null: no activity.
    pub activity: Option<String>,
    /// Kind of agreement.
    pub kind: AgreementKind,
    /// One count for each period, in the order of the periods.
    pub counts: Vec<i64>,
}

/// Counts the agreements that expire within these numbers of days from today, by activity and kind,
/// in one statement. It selects them as [`deadlines::list`] does, and omits groups without any.
pub async fn tally(ctx: Context<'_>, within: &[i64]) -> Result<Vec<Tally>> {
    let mut errors = ValidationErrors::default();
    let mut windows = within
        .iter()
        .map(|days| Window::check(ctx, *days, None, "within", &mut errors))
        .collect::<Vec<_>>();
    windows.sort_by_key(|window| window.to);
    errors.finish()?;
    let Some(widest) = windows.last().copied() else { return Ok(Vec::new()) };
    let (slug, kind) =
        (Expr::col((activity::Entity, activity::Column::Slug)), column(Column::Kind));
    let mut select = expiring(ctx, widest, &Filter::default());
    let about = Expr::col((activity::Entity, activity::Column::Id))
        .equals((::entity::agreement::Entity, Column::ActivityId));
    select.left_join(activity::Entity, about).expr(slug.clone()).expr(kind.clone());
    for window in &windows {
        let falls_within = term_sql::next_deadline(ctx.db.backend(), window.from).lte(window.to);
        let one: SimpleExpr = CaseStatement::new().case(falls_within, 1).into();
        select.expr(one.count());
    }
    select.add_group_by([slug, kind]);
    let found = ctx.db.read().query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let counts = (0..windows.len())
            .map(|position| row.try_get_by_index(position + 2))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Tally { activity: row.try_get_by_index(0)?, kind: row.try_get_by_index(1)?, counts })
    };
    found.iter().map(row).collect()
}
